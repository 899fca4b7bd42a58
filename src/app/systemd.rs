//! The service manager: told when the program is ready and when it stops, and fed while the capture goes round.

use std::time::Duration;

use sd_notify::NotifyState::{self, Ready, Status, Stopping, Watchdog};

use crate::pipeline::Heartbeat;

/// Everything is open, and from now on packets count. Nobody is told where no service manager asked (`NOTIFY_SOCKET`).
pub(super) fn notify_ready(status: &str) {
    notify(&[Ready, Status(status)]);
}

/// No packet counts any more.
pub(super) fn notify_stopping() {
    notify(&[Stopping]);
}

/// Feeds the watchdog (`WATCHDOG_USEC`) for as long as the pulse goes on, three times as often as it is due. A reader of
/// capture files may wait for a slow pipe as long as it likes: it has no pulse, and it is enough that this runs.
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
