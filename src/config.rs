//! The typed configuration, from the command line, the environment and the configuration file.
//!
//! `cli` creates it; `pipeline` and `app` read their settings from here.
//!
//! Invariant: no other module reads raw arguments.

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

/// The command to run.
#[derive(Debug)]
pub enum Task {
    /// Capture packets or read capture files, and serve /metrics.
    Serve(Box<ServeConfig>),
    /// Check the configuration of `Serve`, and exit.
    Check(Box<ServeConfig>),
    /// Read capture files or capture for a limited time, report problems, and exit.
    Diagnose(Box<DiagnoseConfig>),
    /// Read two simultaneous captures, report where each attempt was lost, and exit.
    Compare(CompareConfig),
    /// List the interfaces that can be captured on, and exit.
    Interfaces,
}

/// The configuration of the exporter: the command without a subcommand.
#[derive(Debug)]
pub struct ServeConfig {
    /// The source of packets.
    pub source: CaptureSource,
    /// How attempts are classified, labeled and counted.
    pub counting: CountingConfig,
    /// The sockets to listen on.
    pub listen: ListenConfig,
    /// The web configuration file. `None` for plain HTTP without authentication.
    pub web_config: Option<PathBuf>,
    /// The path of the metrics endpoint.
    pub telemetry_path: String,
    /// Maximum number of concurrent requests. Unlimited if zero.
    pub max_requests: usize,
    /// `true` if the configuration can be reloaded over HTTP.
    pub enable_lifecycle: bool,
    /// `true` if metrics about the exporter itself are excluded.
    pub disable_exporter_metrics: bool,
    /// The user to switch to after captures and listeners are open: a name or number, resolved at that time. `None` to
    /// keep the current user.
    pub user: Option<String>,
    /// The log settings.
    pub log: LogConfig,
    /// The configuration file, which can be reloaded. `None` if there is none.
    pub config: Option<PathBuf>,
    /// The values of all flags as text.
    pub settings: Settings,
}

/// The sockets to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenConfig {
    /// Sockets bound to these addresses.
    Addresses(Vec<ListenAddress>),
    /// Sockets passed by systemd (socket activation).
    Systemd,
}

/// The source of packets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CaptureSource {
    /// Live interfaces, and the size of each ring buffer in bytes.
    Interfaces(Vec<String>, i32),
    /// Capture files.
    Files(Vec<String>),
}

/// How attempts are classified, labeled and counted.
#[derive(Clone, Debug)]
pub struct CountingConfig {
    /// The packets that are captured.
    pub filter: Filter,
    /// The server ports to count attempts to. All ports if empty.
    pub ports: Vec<PortRange>,
    /// Prefixes configured as local.
    pub local: Vec<IpNet>,
    /// The limits of tracked attempts.
    pub limits: AttemptLimits,
    /// Maximum number of label sets, not counting overflow sets.
    pub max_sets: usize,
    /// A label set without activity for this time is removed.
    pub idle_timeout: Duration,
    /// The rules that map an address to a peer.
    pub peers: Peers,
    /// The upper bounds of the latency buckets.
    pub bounds: Bounds,
    /// `true` if native histograms are kept beside the buckets.
    pub native_histograms: bool,
    /// The configured peer groups as text, for the configuration metrics.
    pub peer_groups: String,
    /// The configured IPv4 and IPv6 prefix lengths, for the configuration metrics.
    pub peer_prefixes: (u8, u8),
}

/// The log settings. Log lines go to standard error.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// The minimum level that is logged.
    pub level: tracing::level_filters::LevelFilter,
    /// The format of log lines.
    pub format: LogFormat,
}

/// The format of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LogFormat {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// A port or an inclusive range of ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortRange {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl PortRange {
    /// Returns `true` if the range contains the port.
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

/// The configuration of `diagnose`.
#[derive(Debug)]
pub struct DiagnoseConfig {
    /// The source of packets.
    pub source: CaptureSource,
    /// The duration of a live capture.
    pub duration: Duration,
    /// The output format.
    pub output: Output,
    /// How attempts are classified, labeled and counted.
    pub counting: CountingConfig,
    /// The log settings.
    pub log: LogConfig,
}

/// The output format of `diagnose`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Output {
    /// A text report, worst first
    Text,
    /// A JSON report (docs/diagnosis.md)
    Json,
    /// The metrics as /metrics exposes them
    Metrics,
}

/// The configuration of `compare`.
#[derive(Debug)]
pub struct CompareConfig {
    /// The capture file from the client.
    pub client: String,
    /// The capture file from the server.
    pub server: String,
    /// The server ports of the compared attempts, as seen by the client. All ports if empty.
    pub ports: Vec<PortRange>,
    /// The output format.
    pub output: ReportFormat,
    /// The log settings.
    pub log: LogConfig,
}

/// The output format of `compare`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReportFormat {
    /// A text report, worst first
    Text,
    /// A JSON report (docs/diagnosis.md)
    Json,
}

/// The values of all flags as text, by the flag's name, to compare two configurations.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Settings(pub(crate) BTreeMap<String, Vec<String>>);

impl Settings {
    /// Returns the flags with other values than in `other`, with the values of this configuration.
    pub fn differences<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a str, String)> {
        let changed = self
            .0
            .iter()
            .filter(|(flag, values)| other.0.get(*flag) != Some(values));
        changed.map(|(flag, values)| (flag.as_str(), values.join(",")))
    }

    /// Copies the values of these flags from `other`.
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
