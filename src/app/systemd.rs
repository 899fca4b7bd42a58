//! Notifications to the service manager: ready, stopping, and the watchdog (sd_notify(3)).

use std::time::Duration;

use sd_notify::NotifyState::{self, Ready, Status, Stopping, Watchdog};

use crate::pipeline::Heartbeat;

/// Notifies that the program is ready. Does nothing without `NOTIFY_SOCKET`.
pub(super) fn notify_ready(status: &str) {
    notify(&[Ready, Status(status)]);
}

/// Notifies that the program stops.
pub(super) fn notify_stopping() {
    notify(&[Stopping]);
}

/// Feeds the watchdog (`WATCHDOG_USEC`) while the heartbeat goes on, three times as often as it is
/// due. Without a heartbeat, for capture files, it is always fed: a read from a pipe may take any
/// time.
pub(super) async fn feed_watchdog(heartbeat: Option<Heartbeat>) {
    let Some(timeout) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut interval = tokio::time::interval((timeout / 3).max(Duration::from_millis(1)));
    let mut last = None;
    loop {
        interval.tick().await;
        let ticks = heartbeat.as_ref().map(Heartbeat::ticks);
        if ticks.is_none() || ticks != last {
            notify(&[Watchdog]);
        }
        last = ticks;
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot reach the service manager: see NotifyAccess= of the unit");
    }
}
