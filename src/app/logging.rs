//! Log lines on standard error.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};

/// Sets the least severe level that is logged.
pub(super) type SetLevel = Box<dyn Fn(LevelFilter) + Send + Sync>;

/// Starts logging. Returns what changes the level.
pub(super) fn init(log: LogConfig) -> SetLevel {
    let (level, handle) = tracing_subscriber::reload::Layer::new(log.level);
    let registry = tracing_subscriber::registry().with(level);
    let stderr = std::io::stderr;
    // A log line that cannot be written must not end the program.
    match log.format {
        LogFormat::Logfmt => {
            let logfmt = tracing_logfmt::builder()
                .with_target(false)
                .layer()
                .with_writer(stderr)
                .log_internal_errors(false);
            registry.with(logfmt).init();
        }
        LogFormat::Json => {
            let json = tracing_subscriber::fmt::layer()
                .json()
                .with_writer(stderr)
                .log_internal_errors(false);
            registry.with(json).init();
        }
    }
    // An error means that the subscriber is gone; it lives as long as the program.
    Box::new(move |level| drop(handle.reload(level)))
}

/// Logs each capture file that is corrupt or truncated, with the reason.
pub(super) fn warn_truncated_files(files: &[(String, String)]) {
    for (file, reason) in files {
        tracing::warn!(
            file,
            reason,
            "capture file is corrupt or truncated: the packets before that are counted"
        );
    }
}
