//! The groups of flags, converted into parts of the configuration. The `///` comments of the fields are the help texts.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;

use super::value_parsers::{
    bounds, buffer_size, idle_timeout, max_attempts, max_sets, port_range, telemetry_path, timeout,
};
use crate::capture::{ANY, Filter};
use crate::config::{CaptureSource, CountingConfig, LogConfig, LogFormat, PortRange};
use crate::handshake::AttemptLimits;
use crate::http::ListenAddress;
use crate::labels::{PeerGroup, Peers, network};
use crate::metrics::Bounds;

/// A label set without activity for this time is removed, if the source is a live interface.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Args)]
#[command(next_help_heading = "Capture")]
pub(super) struct CaptureFlags {
    /// Interface to capture on; repeatable [default: any]
    #[arg(
        short = 'i',
        long = "capture.interface",
        env = "TCP_HANDSHAKE_EXPORTER_CAPTURE_INTERFACE",
        value_name = "NAME",
        value_delimiter = ','
    )]
    interface: Vec<String>,
    /// Capture file to read instead (pcap, pcapng, "-" for standard input); serving continues after its end; repeatable
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
    /// Additional local addresses besides those of the interfaces; for capture files the only local addresses; repeatable
    #[arg(long = "capture.local", env = "TCP_HANDSHAKE_EXPORTER_CAPTURE_LOCAL", value_name = "CIDR", value_parser = network, value_delimiter = ',')]
    local: Vec<IpNet>,
    /// Also capture ACKs without data, to track the final ACK of the three-way handshake
    #[arg(long = "capture.acks", env = "TCP_HANDSHAKE_EXPORTER_CAPTURE_ACKS")]
    acks: bool,
    /// Time after its first SYN at which an attempt without an answer counts as unanswered
    #[arg(long = "handshake.timeout", env = "TCP_HANDSHAKE_EXPORTER_HANDSHAKE_TIMEOUT", value_name = "DURATION", default_value = "5s", value_parser = timeout)]
    timeout: Duration,
    /// Maximum number of attempts tracked at once
    #[arg(long = "handshake.max-attempts", env = "TCP_HANDSHAKE_EXPORTER_HANDSHAKE_MAX_ATTEMPTS", value_name = "COUNT", default_value = "131072", value_parser = max_attempts)]
    max_attempts: usize,
    /// Maximum number of label sets; attempts beyond the limit are counted under peer="other"
    #[arg(long = "labels.max-sets", env = "TCP_HANDSHAKE_EXPORTER_LABELS_MAX_SETS", value_name = "COUNT", default_value = "500", value_parser = max_sets)]
    max_sets: usize,
    /// Remove a label set after this time without activity [default: 24h; never for capture files]
    #[arg(long = "labels.idle-timeout", env = "TCP_HANDSHAKE_EXPORTER_LABELS_IDLE_TIMEOUT", value_name = "DURATION", value_parser = idle_timeout)]
    idle_timeout: Option<Duration>,
    /// Count all peers in these networks as one peer with this name; repeatable
    #[arg(
        long = "labels.peer-group",
        env = "TCP_HANDSHAKE_EXPORTER_LABELS_PEER_GROUP",
        value_name = "NAME=CIDR[,CIDR...]",
        value_delimiter = ';'
    )]
    peer_group: Vec<PeerGroup>,
    /// Truncate IPv4 peers to networks of this prefix length
    #[arg(long = "labels.peer-prefix-v4", env = "TCP_HANDSHAKE_EXPORTER_LABELS_PEER_PREFIX_V4", value_name = "BITS", default_value = "32", value_parser = clap::value_parser!(u8).range(0..=32))]
    peer_prefix_v4: u8,
    /// Truncate IPv6 peers to networks of this prefix length
    #[arg(long = "labels.peer-prefix-v6", env = "TCP_HANDSHAKE_EXPORTER_LABELS_PEER_PREFIX_V6", value_name = "BITS", default_value = "128", value_parser = clap::value_parser!(u8).range(0..=128))]
    peer_prefix_v6: u8,
    /// Upper bounds of the latency buckets in seconds, comma-separated; empty for sum and count only
    #[arg(long = "metrics.latency-buckets", env = "TCP_HANDSHAKE_EXPORTER_METRICS_LATENCY_BUCKETS", value_name = "LIST", value_parser = bounds)]
    latency_buckets: Option<Bounds>,
    /// Also keep native histograms; exposed only in protobuf, which Prometheus requests if native histograms are enabled
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
    pub(super) listen_address: Vec<ListenAddress>,
    /// Listen on the sockets passed by systemd (socket activation), and on no address
    #[arg(
        long = "web.systemd-socket",
        env = "TCP_HANDSHAKE_EXPORTER_WEB_SYSTEMD_SOCKET"
    )]
    pub(super) systemd_socket: bool,
    /// Path of the metrics endpoint
    #[arg(long = "web.telemetry-path", env = "TCP_HANDSHAKE_EXPORTER_WEB_TELEMETRY_PATH", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path)]
    pub(super) telemetry_path: String,
    /// Maximum number of concurrent requests, 0 for no limit
    #[arg(
        long = "web.max-requests",
        env = "TCP_HANDSHAKE_EXPORTER_WEB_MAX_REQUESTS",
        value_name = "COUNT",
        default_value = "40"
    )]
    pub(super) max_requests: usize,
    /// Web configuration file, in the format of all Prometheus exporters: TLS, users, headers, rate limit
    #[arg(
        long = "web.config.file",
        env = "TCP_HANDSHAKE_EXPORTER_WEB_CONFIG_FILE",
        value_name = "FILE"
    )]
    pub(super) config_file: Option<PathBuf>,
    /// Reload the configuration file on POST /-/reload
    #[arg(
        long = "web.enable-lifecycle",
        env = "TCP_HANDSHAKE_EXPORTER_WEB_ENABLE_LIFECYCLE"
    )]
    pub(super) enable_lifecycle: bool,
    /// Exclude metrics about the exporter itself
    #[arg(
        long = "web.disable-exporter-metrics",
        env = "TCP_HANDSHAKE_EXPORTER_WEB_DISABLE_EXPORTER_METRICS"
    )]
    pub(super) disable_exporter_metrics: bool,
}

#[derive(Args)]
#[command(next_help_heading = "Log")]
pub(super) struct LogFlags {
    /// Minimum level that is logged: error, warn, info, debug, trace
    #[arg(
        long = "log.level",
        env = "TCP_HANDSHAKE_EXPORTER_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info"
    )]
    level: tracing::level_filters::LevelFilter,
    /// Format of log lines
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
    /// Configuration file with values for these flags; command line and environment take precedence
    #[arg(
        id = "config.file",
        long = "config.file",
        env = "TCP_HANDSHAKE_EXPORTER_CONFIG_FILE",
        value_name = "FILE"
    )]
    pub(super) file: Option<PathBuf>,
    /// Check command line, environment and files, then exit
    #[arg(id = "config.check", long = "config.check")]
    pub(super) check: bool,
    /// Switch to this user after captures and listeners are open; CAP_NET_RAW is kept
    #[arg(
        long = "user",
        env = "TCP_HANDSHAKE_EXPORTER_USER",
        value_name = "NAME|UID[:GROUP]"
    )]
    pub(super) user: Option<String>,
}

impl From<CaptureFlags> for CaptureSource {
    fn from(flags: CaptureFlags) -> Self {
        if !flags.file.is_empty() {
            Self::Files(flags.file)
        } else if flags.interface.is_empty() {
            Self::Interfaces(vec![ANY.to_owned()], flags.buffer_size)
        } else {
            Self::Interfaces(flags.interface, flags.buffer_size)
        }
    }
}

impl CountingFlags {
    /// Converts the flags for this source. The default idle timeout never expires for capture files: a file may span
    /// days, and its metrics are read after its end.
    pub(super) fn into_config(self, source: &CaptureSource) -> CountingConfig {
        let flags = self;
        let default_idle_timeout = if matches!(source, CaptureSource::Files(_)) {
            Duration::MAX
        } else {
            DEFAULT_IDLE_TIMEOUT
        };
        let peer_groups: Vec<String> = flags.peer_group.iter().map(ToString::to_string).collect();
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
            idle_timeout: flags.idle_timeout.unwrap_or(default_idle_timeout),
            peers: Peers::new(flags.peer_group, flags.peer_prefix_v4, flags.peer_prefix_v6),
            bounds: flags.latency_buckets.unwrap_or_default(),
            native_histograms: flags.native_histograms,
            peer_groups: peer_groups.join(";"),
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
