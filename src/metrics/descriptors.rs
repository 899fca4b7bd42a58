//! Descriptors: name, kind, labels and help of every metric that the exporter exposes.
//!
//! The writers (`series`, `exporter_metrics`, `process`) take their metrics from here; the encoders
//! read the descriptors. The README's table is generated from [`rows`].
//!
//! Invariants:
//! - A metric that is not listed here cannot be exposed.
//! - The number of labels is part of a metric's type, so a series with a wrong number of label
//!   values does not compile.

/// Units that a metric's name may end in.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// A metric with `N` labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric<const N: usize> {
    pub(super) descriptor: Descriptor,
}

/// The properties that all series of a metric share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    pub(super) name: &'static str,
    pub(super) kind: MetricKind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

/// The kind of a metric, which Prometheus calls its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

/// A descriptor for documentation.
#[derive(Clone, Debug)]
pub struct DescriptorRow {
    /// The metric's full name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Names of the metric's labels.
    pub labels: Vec<&'static str>,
    /// What the metric counts or measures.
    pub help: &'static str,
}

impl Descriptor {
    /// Returns the unit that the name ends in; `None` if it has none.
    pub(super) fn unit(&self) -> Option<&'static str> {
        let name = self.base_name();
        UNITS.into_iter().find(|unit| name.ends_with(unit))
    }

    /// Returns the name without the suffix `_total` of a counter.
    pub(super) fn base_name(&self) -> &'static str {
        self.name
            .strip_suffix("_total")
            .filter(|_| self.kind == MetricKind::Counter)
            .unwrap_or(self.name)
    }
}

impl MetricKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Defines one static [`Metric`] for each entry, and [`rows`].
macro_rules! descriptors {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) static $constant: Metric<{ <[&str]>::len(&[$($label),*]) }> = Metric {
            descriptor: Descriptor {
                name: $name,
                kind: MetricKind::$kind,
                labels: &[$($label),*],
                help: $help,
            },
        };)*

        /// Returns the descriptors of all metrics, in the order of their definition.
        pub fn rows() -> Vec<DescriptorRow> {
            vec![$(DescriptorRow {
                name: $constant.descriptor.name,
                kind: $constant.descriptor.kind.as_str(),
                labels: $constant.descriptor.labels.to_vec(),
                help: $constant.descriptor.help,
            }),*]
        }
    };
}

descriptors! {
    SYNS = Counter "tcp_handshake_syns_total" ["vantage", "local_address", "port", "peer"]
        "SYN segments (SYN set, ACK not set), including retransmissions and excluding duplicates.";
    SYN_RETRANSMISSIONS = Counter "tcp_handshake_syn_retransmissions_total" ["vantage", "local_address", "port", "peer"]
        "SYN segments that repeat the SYN of their attempt.";
    SYNACKS = Counter "tcp_handshake_synacks_total" ["vantage", "local_address", "port", "peer"]
        "Acceptable SYN/ACK segments of tracked attempts, including retransmissions and excluding duplicates.";
    SYNACK_RETRANSMISSIONS = Counter "tcp_handshake_synack_retransmissions_total"
        ["vantage", "local_address", "port", "peer"]
        "SYN/ACK segments for an attempt that was already answered.";
    RSTS = Counter "tcp_handshake_rsts_total" ["vantage", "local_address", "port", "peer", "sender"]
        "RST segments, during a handshake or later, by sender.";
    ATTEMPTS = Counter "tcp_handshake_attempts_total" ["vantage", "local_address", "port", "peer"]
        "Connection attempts started.";
    ANSWERED = Counter "tcp_handshake_answered_total" ["vantage", "local_address", "port", "peer"]
        "Attempts answered by a SYN/ACK before any failure was counted.";
    FAILURES = Counter "tcp_handshake_failures_total" ["vantage", "local_address", "port", "peer", "reason"]
        "Attempts that failed, by reason; an attempt fails at most once.";
    LATE_ANSWERS = Counter "tcp_handshake_late_answers_total" ["vantage", "local_address", "port", "peer"]
        "Attempts answered after they were counted as failed.";
    EVICTED = Counter "tcp_handshake_evicted_total" ["vantage", "local_address", "port", "peer"]
        "Attempts evicted while pending, because the table was full.";
    LATENCY = Histogram "tcp_handshake_latency_seconds" ["vantage", "local_address", "port", "peer"]
        "Time from an attempt's first SYN to its first acceptable SYN/ACK, including late answers.";
    COMPLETED = Counter "tcp_handshake_completed_total" ["vantage", "local_address", "port", "peer"]
        "Attempts completed by the client's ACK of the SYN/ACK; exposed only if ACKs are captured.";
    ACK_LATENCY = Histogram "tcp_handshake_ack_latency_seconds" ["vantage", "local_address", "port", "peer"]
        "Time from an attempt's first SYN/ACK to the client's ACK; exposed only if ACKs are captured.";
    ICMP_ERRORS = Counter "tcp_handshake_icmp_errors_total"
        ["vantage", "local_address", "port", "peer", "code", "reporter"]
        "ICMP errors that quote the SYN of an attempt, by code and reporter, excluding duplicates.";
    LOCAL_ADDRESS_INFO = Gauge "tcp_handshake_local_address_info" ["address", "interface"]
        "Addresses of the watched interfaces; always 1.";
    BUILD_INFO = Gauge "tcp_handshake_exporter_build_info" ["version"]
        "Version of the exporter; always 1.";
    CONFIG_INFO = Gauge "tcp_handshake_exporter_config_info"
        ["ports", "filter", "peer_prefix_v4", "peer_prefix_v6", "peer_groups"]
        "Configured ports, capture filter, peer prefix lengths and peer groups; always 1.";
    CAPTURE_UP = Gauge "tcp_handshake_exporter_capture_up" ["interface"]
        "Whether packets are being read from the interface or capture file.";
    CAPTURED_PACKETS = Counter "tcp_handshake_exporter_captured_packets_total" ["interface"]
        "Packets that passed the capture filter and were read.";
    DROPPED_PACKETS = Counter "tcp_handshake_exporter_dropped_packets_total" ["interface", "by"]
        "Packets dropped before the exporter could read them, by the kernel's buffer or by the interface.";
    LAST_PACKET = Gauge "tcp_handshake_exporter_last_packet_timestamp_seconds" ["interface"]
        "Unix time of the last captured packet; 0 before the first.";
    UNDECODABLE = Counter "tcp_handshake_exporter_undecodable_packets_total" ["reason"]
        "Packets that could not be decoded, by reason.";
    DUPLICATES = Counter "tcp_handshake_exporter_duplicate_packets_total" ["kind"]
        "Duplicates of packets already counted, captured again on their way through this host.";
    UNMATCHED = Counter "tcp_handshake_exporter_unmatched_segments_total" ["kind"]
        "Segments and ICMP errors that match no tracked attempt and no existing label set.";
    UNACCEPTABLE = Counter "tcp_handshake_exporter_unacceptable_answers_total" ["kind"]
        "SYN/ACKs and RSTs that do not acknowledge the SYN of their attempt and therefore do not decide it.";
    PENDING_ATTEMPTS = Gauge "tcp_handshake_exporter_pending_attempts" []
        "Attempts waiting for an answer.";
    TRACKED_ATTEMPTS = Gauge "tcp_handshake_exporter_tracked_attempts" []
        "Attempts in the table, including decided ones.";
    TRACKED_ATTEMPTS_LIMIT = Gauge "tcp_handshake_exporter_tracked_attempts_limit" []
        "Maximum number of attempts in the table.";
    LABEL_SETS = Gauge "tcp_handshake_exporter_label_sets" []
        "Label sets that exist: one for each vantage, local address, port and peer.";
    LABEL_SETS_LIMIT = Gauge "tcp_handshake_exporter_label_sets_limit" []
        "Maximum number of label sets, not counting overflow sets.";
    OVERFLOWED_ATTEMPTS = Counter "tcp_handshake_exporter_overflowed_attempts_total" []
        "Attempts counted in an overflow set (peer=\"other\") because the limit on label sets was reached.";
    CLOCK_STEPS = Counter "tcp_handshake_exporter_clock_steps_total" []
        "Number of times that packet time stepped back by at least one second.";
    ONE_SIDED = Gauge "tcp_handshake_exporter_one_sided" ["missing"]
        "Whether the capture appears to contain only one direction of traffic; missing names the absent packets.";
    RELOAD_SUCCESSFUL = Gauge "tcp_handshake_exporter_config_last_reload_successful" []
        "Whether the last configuration load was successful; exposed only with --config.file.";
    RELOAD_SUCCEEDED_AT = Gauge "tcp_handshake_exporter_config_last_reload_success_timestamp_seconds" []
        "Unix time of the last successful configuration load; exposed only with --config.file.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" []
        "Total user and system CPU time spent in seconds.";
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" []
        "Resident memory size in bytes.";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" []
        "Virtual memory size in bytes.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds" []
        "Number of open file descriptors.";
    PROCESS_MAX_FDS = Gauge "process_max_fds" []
        "Maximum number of open file descriptors.";
    PROCESS_START_TIME = Gauge "process_start_time_seconds" []
        "Start time of the process since unix epoch in seconds.";
    PROCESS_THREADS = Gauge "process_threads" []
        "Number of OS threads in the process.";
}
