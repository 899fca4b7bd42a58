//! The typed configuration: what the command line, the environment and the configuration file ask for.
//!
//! `cli` makes it, and every module below takes its settings from here; raw arguments never travel further.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use ipnet::IpNet;

use crate::capture::Filter;
use crate::handshake::AttemptLimits;
use crate::http::ListenAddress;
use crate::labels::Peers;
use crate::metrics::Bounds;

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
    pub(crate) first: u16,
    pub(crate) last: u16,
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

/// The same once: what is wrong?
#[derive(Debug)]
pub struct DiagnoseConfig {
    /// What to read, or to watch.
    pub source: CaptureSource,
    /// For how long to watch.
    pub duration: Duration,
    /// What to print.
    pub output: Output,
    /// How to judge and name attempts.
    pub counting: CountingConfig,
    /// How to log.
    pub log: LogConfig,
}

/// What is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Output {
    /// A report for people, worst first
    Text,
    /// The same for programs (docs/diagnosis.md)
    Json,
    /// What /metrics would show
    Metrics,
}

/// Two captures of the same time: where was each attempt lost?
#[derive(Debug)]
pub struct CompareConfig {
    /// The capture made at the client.
    pub client: String,
    /// The capture made at the server.
    pub server: String,
    /// Server ports that count, as the client names them; all if empty.
    pub ports: Vec<PortRange>,
    /// What to print.
    pub output: ReportFormat,
    /// How to log.
    pub log: LogConfig,
}

/// How it is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReportFormat {
    /// For people, worst first
    Text,
    /// The same for programs (docs/diagnosis.md)
    Json,
}

/// What every flag was set to, as text by the flag's name: so two configurations can be compared.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Settings(pub(crate) BTreeMap<String, Vec<String>>);

impl Settings {
    /// The flags that are set otherwise in the other one, with the values here.
    pub fn differences<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a str, String)> {
        let changed = self
            .0
            .iter()
            .filter(|(flag, values)| other.0.get(*flag) != Some(values));
        changed.map(|(flag, values)| (flag.as_str(), values.join(",")))
    }

    /// Takes over what the other one says of these flags.
    pub fn adopt(&mut self, other: &Self, flags: &[&str]) {
        for (flag, values) in self
            .0
            .iter_mut()
            .filter(|(flag, _)| flags.contains(&flag.as_str()))
        {
            if let Some(new) = other.0.get(flag) {
                values.clone_from(new);
            }
        }
    }
}
