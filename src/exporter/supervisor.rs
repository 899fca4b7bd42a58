//! The service manager: told when the program is ready and when it stops, and fed while the capture goes round.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState::{self, Ready, Status, Stopping, Watchdog};

/// How often the capture thread came round. Whoever reads it learns that the thread is neither dead nor stuck.
#[derive(Clone, Default)]
pub(super) struct Heartbeat(Arc<AtomicU64>);

impl Heartbeat {
    /// Once more.
    pub(super) fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn beats(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything is open, and from now on packets count. Nobody is told where no service manager asked (`NOTIFY_SOCKET`).
pub(super) fn say_ready(status: &str) {
    tell(&[Ready, Status(status)]);
}

/// No packet counts any more.
pub(super) fn say_stopping() {
    tell(&[Stopping]);
}

/// Feeds the watchdog (`WATCHDOG_USEC`) for as long as the pulse goes on, three times as often as it is due. A reader of
/// capture files may wait for a slow pipe as long as it likes: it has no pulse, and it is enough that this runs.
pub(super) async fn feed(pulse: Option<Heartbeat>) {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut rounds = tokio::time::interval((patience / 3).max(Duration::from_millis(1)));
    let mut heard = None;
    loop {
        rounds.tick().await;
        let beats = pulse.as_ref().map(Heartbeat::beats);
        if beats.is_none() || beats != heard {
            tell(&[Watchdog]);
        }
        heard = beats;
    }
}

fn tell(news: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(news) {
        tracing::warn!(%error, "cannot reach the service manager: see NotifyAccess= of the unit");
    }
}
