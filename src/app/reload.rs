//! Reload of the configuration file at runtime.
//!
//! Invariants: a file with an error changes nothing. A flag that cannot change at runtime is
//! logged. Label sets that exist keep their labels.

use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;

use super::logging::SetLevel;
use crate::capture::now;
use crate::cli;
use crate::config::{ServeConfig, Settings};
use crate::metrics::Reload;
use crate::pipeline::{ConfigUpdate, SharedAggregator};

/// Flags that can change at runtime.
const RELOADABLE: [&str; 8] = [
    "capture.local",
    "capture.port",
    "labels.idle-timeout",
    "labels.max-sets",
    "labels.peer-group",
    "labels.peer-prefix-v4",
    "labels.peer-prefix-v6",
    "log.level",
];
/// How long a reload waits for the capture thread, which applies updates at least four times a
/// second.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Reloads the configuration, and passes it to the capture thread.
pub(super) struct Reloader {
    /// The settings in force. The lock keeps two reloads apart.
    settings: Mutex<Settings>,
    has_file: bool,
    aggregator: SharedAggregator,
    updates: mpsc::Sender<ConfigUpdate>,
    set_level: SetLevel,
}

impl Reloader {
    /// Creates a reloader for the configuration the program started with, and the receiver of its
    /// updates.
    pub(super) fn new(
        config: &ServeConfig,
        aggregator: SharedAggregator,
        set_level: SetLevel,
    ) -> (Self, mpsc::Receiver<ConfigUpdate>) {
        let (updates, received) = mpsc::channel();
        let has_file = config.config.is_some();
        if has_file {
            aggregator.lock().metrics.exporter.reload = Some(Reload {
                successful: true,
                succeeded_at: now(),
            });
        }
        let reloader = Self {
            settings: Mutex::new(config.settings.clone()),
            has_file,
            aggregator,
            updates,
            set_level,
        };
        (reloader, received)
    }

    /// Reads the configuration again and applies it.
    ///
    /// # Errors
    ///
    /// Returns the error of the configuration file, which is logged and shown in the metrics, too.
    pub(super) fn reload(&self) -> Result<(), String> {
        let mut settings = self.settings.lock();
        if !self.has_file {
            tracing::warn!("nothing to reload: there is no --config.file");
            return Ok(());
        }
        let read = cli::reload().map_err(|error| error.to_string());
        let outcome = read.map(|new| self.apply(&mut settings, new));
        let mut aggregator = self.aggregator.lock();
        let state = aggregator.metrics.exporter.reload.get_or_insert_default();
        state.successful = outcome.is_ok();
        match &outcome {
            Ok(()) => {
                state.succeeded_at = now();
                tracing::info!("configuration reloaded");
            }
            Err(reason) => {
                tracing::error!(
                    reason,
                    "reload failed: the previous configuration stays in force"
                );
            }
        }
        outcome
    }

    fn apply(&self, settings: &mut Settings, new: ServeConfig) {
        let is_fixed = |flag: &str| !RELOADABLE.contains(&flag);
        for (flag, wanted) in new
            .settings
            .differences(settings)
            .filter(|(flag, _)| is_fixed(flag))
        {
            tracing::warn!(
                flag,
                wanted,
                "flag cannot change at runtime: restart to apply it"
            );
        }
        let (applied, confirmation) = mpsc::sync_channel(1);
        let update = ConfigUpdate {
            counting: new.counting,
            applied,
        };
        match self.updates.send(update) {
            Ok(()) => {
                let confirmed = confirmation.recv_timeout(RELOAD_TIMEOUT);
                if confirmed == Err(mpsc::RecvTimeoutError::Timeout) {
                    tracing::warn!("the change takes effect when the capture thread goes on");
                }
            }
            Err(_) => {
                tracing::warn!("all capture files are read: their results do not change");
            }
        }
        (self.set_level)(new.log.level);
        settings.adopt(&new.settings, &RELOADABLE);
    }
}
