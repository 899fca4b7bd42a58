//! The configuration read again while the program runs: what can change does, what cannot says so, and a broken file
//! changes nothing.

use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;

use super::logging::SetLevel;
use crate::capture::now;
use crate::cli;
use crate::config::{ServeConfig, Settings};
use crate::metrics::Reload;
use crate::pipeline::{ConfigUpdate, SharedAggregator};

/// Changes how attempts are logged, named and bounded.
pub(super) struct Reloader {
    /// What is in force. Two reloads at once would mix.
    settings: Mutex<Settings>,
    has_file: bool,
    aggregator: SharedAggregator,
    updates: mpsc::Sender<ConfigUpdate>,
    set_level: SetLevel,
}

impl Reloader {
    /// For what was begun with `task`. The updates go to the capture thread.
    pub(super) fn new(
        task: &ServeConfig,
        aggregator: SharedAggregator,
        set_level: SetLevel,
    ) -> (Self, mpsc::Receiver<ConfigUpdate>) {
        let (updates, received) = mpsc::channel();
        let has_file = task.config.is_some();
        if has_file {
            aggregator.lock().ledger.exporter.reload = Some(Reload {
                successful: true,
                succeeded_at: now(),
            });
        }
        (
            Self {
                settings: Mutex::new(task.settings.clone()),
                has_file,
                aggregator,
                updates,
                set_level,
            },
            received,
        )
    }

    /// Reads the configuration again. What is wrong is logged, shown in the metrics, and returned.
    pub(super) fn reload(&self) -> Result<(), String> {
        let mut settings = self.settings.lock();
        if !self.has_file {
            tracing::warn!("there is no --config.file to read again");
            return Ok(());
        }
        let read = cli::reload().map_err(|error| error.to_string());
        let outcome = read.and_then(|new| self.change(&mut settings, new));
        let mut aggregator = self.aggregator.lock();
        let state = aggregator.ledger.exporter.reload.get_or_insert_default();
        state.successful = outcome.is_ok();
        match &outcome {
            Ok(()) => {
                state.succeeded_at = now();
                tracing::info!("configuration is read again");
            }
            Err(reason) => tracing::error!(reason, "configuration stays as it was"),
        }
        outcome
    }

    fn change(&self, settings: &mut Settings, new: ServeConfig) -> Result<(), String> {
        let fixed = |flag: &str| !CHANGEABLE.contains(&flag);
        for (flag, wanted) in new
            .settings
            .differences(settings)
            .filter(|(flag, _)| fixed(flag))
        {
            tracing::warn!(
                flag,
                wanted,
                "this cannot change while the program runs: it stays as it was"
            );
        }
        let (done, changed) = mpsc::sync_channel(1);
        match self.updates.send(ConfigUpdate {
            counting: new.counting,
            done,
        }) {
            Ok(())
                if changed.recv_timeout(RELOAD_TIMEOUT) == Err(mpsc::RecvTimeoutError::Timeout) =>
            {
                tracing::warn!("the change takes effect when the capture goes on");
            }
            Ok(()) => {}
            Err(_) => {
                tracing::warn!("capture files are read: what they held stays as it was counted");
            }
        }
        (self.set_level)(new.log.level);
        settings.adopt(&new.settings, &CHANGEABLE);
        Ok(())
    }
}

/// What can change while the program runs.
const CHANGEABLE: [&str; 8] = [
    "capture.local",
    "capture.port",
    "labels.idle-timeout",
    "labels.max-sets",
    "labels.peer-group",
    "labels.peer-prefix-v4",
    "labels.peer-prefix-v6",
    "log.level",
];
/// A live capture looks for updates ten times a second.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(5);
