//! The command line: flags, each also an environment variable, made into a typed configuration at once.

mod compare;
mod diagnose;
mod document;
mod flags;
mod layers;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, ValueEnum};
use ipnet::IpNet;

use crate::capture::Filter;
use crate::handshake::AttemptLimits;
use crate::http::ListenAddress;
use crate::labels::Peers;
use crate::metrics::Bounds;
pub use compare::{CompareConfig, ReportFormat};
pub use diagnose::{DiagnoseConfig, Output};
pub use document::ConfigError;
use flags::{CountingFlags, Flags, LogFlags};
pub use layers::Settings;

/// What the program is to do.
#[derive(Debug)]
pub enum Task {
    /// Sniff, or read captures, and serve /metrics.
    Serve(Box<ServeConfig>),
    /// Say whether that could be done, and end.
    Check(Box<ServeConfig>),
    /// Read captures, or sniff for a while, say what is wrong, and end.
    Diagnose(Box<DiagnoseConfig>),
    /// Read two captures of the same time, say where each attempt was lost, and end.
    Compare(CompareConfig),
    /// List what can be sniffed.
    Interfaces,
}

/// The main job.
#[derive(Debug)]
pub struct ServeConfig {
    /// What to watch.
    pub source: CaptureSource,
    /// How to judge and name attempts.
    pub counting: CountingConfig,
    /// Where to listen.
    pub listen: ListenConfig,
    /// The web configuration.
    pub web_config: Option<PathBuf>,
    /// Path of the metrics page.
    pub telemetry_path: String,
    /// Requests served at once; no bound if zero.
    pub max_requests: usize,
    /// Whether the configuration can be read again over HTTP.
    pub enable_lifecycle: bool,
    /// Whether the exporter's own metrics are left out.
    pub disable_exporter_metrics: bool,
    /// Who to be once captures and listeners are open: a name or number, which is looked up only then.
    pub user: Option<String>,
    /// How to log.
    pub log: LogConfig,
    /// The configuration file, which can be read again.
    pub config: Option<PathBuf>,
    /// All of this as it was written.
    pub settings: Settings,
}

/// Where to listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenConfig {
    /// On these addresses.
    Addresses(Vec<ListenAddress>),
    /// On the sockets that systemd hands over.
    Systemd,
}

/// Where packets come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CaptureSource {
    /// Live interfaces, with rings of so many bytes.
    Interfaces(Vec<String>, i32),
    /// Capture files.
    Files(Vec<String>),
}

/// How packets become numbers.
#[derive(Clone, Debug)]
pub struct CountingConfig {
    /// What passes the capture.
    pub filter: Filter,
    /// Server ports that count; all if empty.
    pub ports: Vec<PortRange>,
    /// Networks declared to be this host's.
    pub local: Vec<IpNet>,
    /// Bounds on attempts.
    pub limits: AttemptLimits,
    /// Most sets of series.
    pub max_sets: usize,
    /// After how long without a packet a set is removed.
    pub idle_timeout: Duration,
    /// How addresses become peers.
    pub peers: Peers,
    /// Bounds of the latency buckets.
    pub bounds: Bounds,
    /// Whether native histograms are kept beside these.
    pub native_histograms: bool,
    /// The peer groups as given, for the record.
    pub peer_groups: String,
    /// The prefix lengths as given, for the record.
    pub peer_prefixes: (u8, u8),
}

/// Where log lines go: standard error, in this form, from this level on.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// The least level that is logged.
    pub level: tracing::level_filters::LevelFilter,
    /// The form.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LogFormat {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// A port, or a range of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Whether the port is in it.
    pub const fn contains(&self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

impl std::fmt::Display for PortRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// Reads the command line, the environment and the configuration file. On a wrong command line it says what is wrong
/// and ends the program with status 2; asked for help or the version, with 0.
///
/// # Errors
///
/// The configuration file cannot be used.
pub fn task() -> Result<Task, ConfigError> {
    let arguments: Vec<_> = std::env::args_os().collect();
    match layers::read(&arguments) {
        Err(layers::Fault::Usage(error)) => error.exit(),
        read => read.map_err(ConfigError::from),
    }
}

/// Reads all of it again, for the main job: the file may have changed.
///
/// # Errors
///
/// The configuration file cannot be used.
pub fn serve_again() -> Result<ServeConfig, ConfigError> {
    let arguments: Vec<_> = std::env::args_os().collect();
    match layers::read(&arguments)? {
        Task::Serve(serve) | Task::Check(serve) => Ok(*serve),
        _ => Err(ConfigError::Together(
            "only the main job has a configuration file".to_owned(),
        )),
    }
}

/// The command line as such: what manual and completions are made from.
pub fn command() -> clap::Command {
    Flags::command()
}
