//! Log lines on standard error.

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};

/// Sets the least level that is logged.
pub(super) type SetLevel = Box<dyn Fn(tracing::level_filters::LevelFilter) + Send + Sync>;

/// Begins to log; from then on the level can be set.
pub(super) fn init(log: LogConfig) -> SetLevel {
    let (level, handle) = tracing_subscriber::reload::Layer::new(log.level);
    // A log that cannot be written is no reason to panic.
    let registry = tracing_subscriber::registry().with(level);
    let stderr = std::io::stderr;
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
    // It fails only where the subscriber is gone, which it never is.
    Box::new(move |level| drop(handle.reload(level)))
}

pub(super) fn warn_truncated_files(broken: &[(String, String)]) {
    for (file, reason) in broken {
        tracing::warn!(
            file,
            reason,
            "capture file is broken: what was whole is counted"
        );
    }
}
