//! The flags as they are written, and what they come to.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;

use super::compare::CompareFlags;
use super::diagnose::DiagnoseFlags;
use super::values::{
    bounds, buffer_size, idle_timeout, max_attempts, max_sets, port_range, telemetry_path, timeout,
};
use crate::capture::Filter;
use crate::config::{
    CaptureSource, CountingConfig, ListenConfig, LogConfig, LogFormat, PortRange, ServeConfig,
    Settings, Task,
};
use crate::handshake::AttemptLimits;
use crate::http::ListenAddress;
use crate::labels::{PeerGroup, Peers, network};
use crate::metrics::Bounds;

#[derive(Parser)]
#[command(
    name = "tcp_handshake_exporter",
    version,
    about,
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
pub(super) struct Flags {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    capture: CaptureFlags,
    #[command(flatten)]
    counting: CountingFlags,
    #[command(flatten)]
    web: WebFlags,
    #[command(flatten)]
    log: LogFlags,
    #[command(flatten)]
    pub(super) config: ConfigFlags,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Read capture files, or sniff for a while, say in words what is wrong, and end: with status 3 if something is
    Diagnose(Box<DiagnoseFlags>),
    /// Compare two captures of the same time, from the client and from the server: where was each attempt lost?
    Compare(CompareFlags),
    /// List what can be sniffed: name, addresses, state, link type
    Interfaces,
}

#[derive(Args)]
#[command(next_help_heading = "Capture")]
pub(super) struct CaptureFlags {
    /// Interface to sniff; repeatable [default: any]
    #[arg(
        short = 'i',
        long = "capture.interface",
        env = "TCP_HANDSHAKE_EXPORTER_CAPTURE_INTERFACE",
        value_name = "NAME",
        value_delimiter = ','
    )]
    interface: Vec<String>,
    /// Capture file (pcap, pcapng, "-" for standard input) to read instead, then go on serving; repeatable
    #[arg(
        short = 'r',
        long = "capture.file",
        env = "TCP_HANDSHAKE_EXPORTER_CAPTURE_FILE",
        value_name = "FILE",
        conflicts_with = "interface"
    )]
    file: Vec<String>,
    /// Size of each interface's ring buffer
    #[arg(long = "capture.buffer-size", env = "TCP_HANDSHAKE_EXPORTER_CAPTURE_BUFFER_SIZE", value_name = "SIZE", default_value = "16MiB", value_parser = buffer_size)]
    buffer_size: i32,
}

#[derive(Args)]
#[command(next_help_heading = "Counting")]
pub(super) struct CountingFlags {
    /// Count only attempts to these server ports; repeatable
    #[arg(short = 'p', long = "capture.port", env = "TCP_HANDSHAKE_EXPORTER_CAPTURE_PORT", value_name = "PORT|A-B", value_parser = port_range, value_delimiter = ',')]
    port: Vec<PortRange>,
    /// pcap-filter(7) expression that TCP segments must match; ICMP errors always pass
    #[arg(
        long = "capture.filter",
        env = "TCP_HANDSHAKE_EXPORTER_CAPTURE_FILTER",
        value_name = "EXPR"
    )]
    filter: Option<String>,
    /// Addresses to count as this host's, beside those of its interfaces; for capture files the only ones; repeatable
    #[arg(long = "capture.local", env = "TCP_HANDSHAKE_EXPORTER_CAPTURE_LOCAL", value_name = "CIDR", value_parser = network, value_delimiter = ',')]
    local: Vec<IpNet>,
    /// Capture ACKs without data too, for the third leg of the handshake
    #[arg(long = "capture.acks", env = "TCP_HANDSHAKE_EXPORTER_CAPTURE_ACKS")]
    acks: bool,
    /// An attempt without an answer so long after its first SYN is unanswered
    #[arg(long = "handshake.timeout", env = "TCP_HANDSHAKE_EXPORTER_HANDSHAKE_TIMEOUT", value_name = "DURATION", default_value = "5s", value_parser = timeout)]
    timeout: Duration,
    /// Most attempts remembered at once
    #[arg(long = "handshake.max-attempts", env = "TCP_HANDSHAKE_EXPORTER_HANDSHAKE_MAX_ATTEMPTS", value_name = "COUNT", default_value = "131072", value_parser = max_attempts)]
    max_attempts: usize,
    /// Most sets of series; what does not fit is counted under peer="other"
    #[arg(long = "labels.max-sets", env = "TCP_HANDSHAKE_EXPORTER_LABELS_MAX_SETS", value_name = "COUNT", default_value = "500", value_parser = max_sets)]
    max_sets: usize,
    /// Remove a set of series when nothing was seen of it for so long [default: 24h; never for capture files]
    #[arg(long = "labels.idle-timeout", env = "TCP_HANDSHAKE_EXPORTER_LABELS_IDLE_TIMEOUT", value_name = "DURATION", value_parser = idle_timeout)]
    idle_timeout: Option<Duration>,
    /// Count the peers of these networks as one, under this name; repeatable
    #[arg(
        long = "labels.peer-group",
        env = "TCP_HANDSHAKE_EXPORTER_LABELS_PEER_GROUP",
        value_name = "NAME=CIDR[,CIDR...]",
        value_delimiter = ';'
    )]
    peer_group: Vec<PeerGroup>,
    /// Cut IPv4 peers to networks of this prefix length
    #[arg(long = "labels.peer-prefix-v4", env = "TCP_HANDSHAKE_EXPORTER_LABELS_PEER_PREFIX_V4", value_name = "BITS", default_value = "32", value_parser = clap::value_parser!(u8).range(0..=32))]
    peer_prefix_v4: u8,
    /// Cut IPv6 peers to networks of this prefix length
    #[arg(long = "labels.peer-prefix-v6", env = "TCP_HANDSHAKE_EXPORTER_LABELS_PEER_PREFIX_V6", value_name = "BITS", default_value = "128", value_parser = clap::value_parser!(u8).range(0..=128))]
    peer_prefix_v6: u8,
    /// Upper bounds of the latency buckets in seconds, comma-separated; empty for sum and count only
    #[arg(long = "metrics.latency-buckets", env = "TCP_HANDSHAKE_EXPORTER_METRICS_LATENCY_BUCKETS", value_name = "LIST", value_parser = bounds)]
    latency_buckets: Option<Bounds>,
    /// Keep native histograms, too: shown to who asks for protobuf, as Prometheus does where they are enabled
    #[arg(
        long = "metrics.native-histograms",
        env = "TCP_HANDSHAKE_EXPORTER_METRICS_NATIVE_HISTOGRAMS"
    )]
    native_histograms: bool,
}

#[derive(Args)]
#[command(next_help_heading = "Web")]
pub(super) struct WebFlags {
    /// Address to listen on; repeatable
    #[arg(
        long = "web.listen-address",
        env = "TCP_HANDSHAKE_EXPORTER_WEB_LISTEN_ADDRESS",
        value_name = "ADDRESS",
        default_value = ":10077",
        value_delimiter = ','
    )]
    listen_address: Vec<ListenAddress>,
    /// Listen where systemd says (socket activation), and on no address
    #[arg(
        long = "web.systemd-socket",
        env = "TCP_HANDSHAKE_EXPORTER_WEB_SYSTEMD_SOCKET"
    )]
    systemd_socket: bool,
    /// Path of the metrics page
    #[arg(long = "web.telemetry-path", env = "TCP_HANDSHAKE_EXPORTER_WEB_TELEMETRY_PATH", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path)]
    telemetry_path: String,
    /// Most requests served at once, 0 for no bound
    #[arg(
        long = "web.max-requests",
        env = "TCP_HANDSHAKE_EXPORTER_WEB_MAX_REQUESTS",
        value_name = "COUNT",
        default_value = "40"
    )]
    max_requests: usize,
    /// File with TLS, users, headers and rate limit, as all Prometheus exporters take it
    #[arg(
        long = "web.config.file",
        env = "TCP_HANDSHAKE_EXPORTER_WEB_CONFIG_FILE",
        value_name = "FILE"
    )]
    config_file: Option<PathBuf>,
    /// Read the configuration file again when somebody posts to /-/reload
    #[arg(
        long = "web.enable-lifecycle",
        env = "TCP_HANDSHAKE_EXPORTER_WEB_ENABLE_LIFECYCLE"
    )]
    enable_lifecycle: bool,
    /// Leave the metrics about the exporter itself out
    #[arg(
        long = "web.disable-exporter-metrics",
        env = "TCP_HANDSHAKE_EXPORTER_WEB_DISABLE_EXPORTER_METRICS"
    )]
    disable_exporter_metrics: bool,
}

#[derive(Args)]
#[command(next_help_heading = "Log")]
pub(super) struct LogFlags {
    /// Least level that is logged: error, warn, info, debug, trace
    #[arg(
        long = "log.level",
        env = "TCP_HANDSHAKE_EXPORTER_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info"
    )]
    level: tracing::level_filters::LevelFilter,
    /// Form of log lines
    #[arg(
        long = "log.format",
        env = "TCP_HANDSHAKE_EXPORTER_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "logfmt"
    )]
    format: LogFormat,
}

#[derive(Args)]
#[command(next_help_heading = "Program")]
pub(super) struct ConfigFlags {
    /// File with values for these flags, for what neither the command line nor the environment says
    #[arg(
        id = "config.file",
        long = "config.file",
        env = "TCP_HANDSHAKE_EXPORTER_CONFIG_FILE",
        value_name = "FILE"
    )]
    pub(super) file: Option<PathBuf>,
    /// Say whether command line, environment and files are right, and end
    #[arg(id = "config.check", long = "config.check")]
    pub(super) check: bool,
    /// Become this user once captures and listeners are open; CAP_NET_RAW is kept
    #[arg(
        long = "user",
        env = "TCP_HANDSHAKE_EXPORTER_USER",
        value_name = "NAME|UID[:GROUP]"
    )]
    pub(super) user: Option<String>,
}

impl Flags {
    pub(super) fn into_task(self, settings: Settings) -> Task {
        let flags = self;
        match flags.command {
            None => {
                let check = flags.config.check;
                let source = flags.capture.into();
                let serve = Box::new(ServeConfig {
                    counting: flags.counting.of(&source),
                    source,
                    listen: match flags.web.systemd_socket {
                        true => ListenConfig::Systemd,
                        false => ListenConfig::Addresses(flags.web.listen_address),
                    },
                    web_config: flags.web.config_file,
                    telemetry_path: flags.web.telemetry_path,
                    max_requests: flags.web.max_requests,
                    enable_lifecycle: flags.web.enable_lifecycle,
                    disable_exporter_metrics: flags.web.disable_exporter_metrics,
                    user: flags.config.user,
                    log: flags.log.into(),
                    config: flags.config.file,
                    settings,
                });
                if check {
                    Task::Check(serve)
                } else {
                    Task::Serve(serve)
                }
            }
            Some(Command::Diagnose(flags)) => Task::Diagnose(Box::new((*flags).into())),
            Some(Command::Compare(flags)) => Task::Compare(flags.into()),
            Some(Command::Interfaces) => Task::Interfaces,
        }
    }
}

impl From<CaptureFlags> for CaptureSource {
    fn from(flags: CaptureFlags) -> Self {
        if !flags.file.is_empty() {
            Self::Files(flags.file)
        } else if flags.interface.is_empty() {
            Self::Interfaces(vec![crate::capture::ANY.to_owned()], flags.buffer_size)
        } else {
            Self::Interfaces(flags.interface, flags.buffer_size)
        }
    }
}

impl CountingFlags {
    /// What counts of a source. A capture file may span days, and is asked at its end: all of it stays.
    pub(super) fn of(self, source: &CaptureSource) -> CountingConfig {
        let flags = self;
        let idle = if matches!(source, CaptureSource::Files(_)) {
            Duration::MAX
        } else {
            IDLE
        };
        let peer_groups = flags
            .peer_group
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(";");
        CountingConfig {
            filter: Filter {
                expression: flags.filter,
                acks: flags.acks,
            },
            ports: flags.port,
            local: flags.local,
            limits: AttemptLimits {
                timeout: flags.timeout,
                max_attempts: flags.max_attempts,
            },
            max_sets: flags.max_sets,
            idle_timeout: flags.idle_timeout.unwrap_or(idle),
            peers: Peers::new(flags.peer_group, flags.peer_prefix_v4, flags.peer_prefix_v6),
            bounds: flags.latency_buckets.unwrap_or_default(),
            native_histograms: flags.native_histograms,
            peer_groups,
            peer_prefixes: (flags.peer_prefix_v4, flags.peer_prefix_v6),
        }
    }
}

impl From<LogFlags> for LogConfig {
    fn from(flags: LogFlags) -> Self {
        Self {
            level: flags.level,
            format: flags.format,
        }
    }
}

/// Of a set, on a live interface.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);
