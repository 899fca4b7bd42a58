//! Every metric there is, with its kind, labels and help: what is not here is not exposed.

use super::encode::Descriptor;

/// A metric whose series have `N` labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric<const N: usize> {
    pub(super) head: Descriptor,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A line of the table, as people read it.
#[derive(Clone, Debug)]
pub struct DescriptorRow {
    /// The metric's full name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Names of its labels.
    pub labels: Vec<&'static str>,
    /// What it counts.
    pub help: &'static str,
}

macro_rules! table {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) static $constant: Metric<{ <[&str]>::len(&[$($label),*]) }> =
            Metric { head: Descriptor { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help } };)*

        /// All metrics of the exporter, in the order of the table.
        pub fn rows() -> Vec<DescriptorRow> {
            vec![$(DescriptorRow {
                name: $constant.head.name,
                kind: $constant.head.kind.as_str(),
                labels: $constant.head.labels.to_vec(),
                help: $constant.head.help,
            }),*]
        }
    };
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

table! {
    SYNS = Counter "tcp_handshake_syns_total" ["vantage", "local_address", "port", "peer"]
        "SYN segments (SYN set, ACK not), retransmissions included, copies not.";
    SYN_RETRANSMISSIONS = Counter "tcp_handshake_syn_retransmissions_total" ["vantage", "local_address", "port", "peer"]
        "SYN segments that repeat the SYN of their attempt.";
    SYNACKS = Counter "tcp_handshake_synacks_total" ["vantage", "local_address", "port", "peer"]
        "Acceptable SYN/ACK segments of known attempts, retransmissions included, copies not.";
    SYNACK_RETRANSMISSIONS = Counter "tcp_handshake_synack_retransmissions_total"
        ["vantage", "local_address", "port", "peer"]
        "SYN/ACK segments for an attempt that was answered before.";
    RSTS = Counter "tcp_handshake_rsts_total" ["vantage", "local_address", "port", "peer", "sender"]
        "RST segments, in a handshake or later, by the side that sent them.";
    ATTEMPTS = Counter "tcp_handshake_attempts_total" ["vantage", "local_address", "port", "peer"]
        "Connection attempts begun.";
    ANSWERED = Counter "tcp_handshake_answered_total" ["vantage", "local_address", "port", "peer"]
        "Attempts answered by a SYN/ACK before any failure was counted.";
    FAILURES = Counter "tcp_handshake_failures_total" ["vantage", "local_address", "port", "peer", "reason"]
        "Attempts that failed, by reason; an attempt fails at most once.";
    LATE_ANSWERS = Counter "tcp_handshake_late_answers_total" ["vantage", "local_address", "port", "peer"]
        "Attempts answered after they were counted as failed.";
    EVICTED = Counter "tcp_handshake_evicted_total" ["vantage", "local_address", "port", "peer"]
        "Attempts forgotten while they still waited, for want of room.";
    LATENCY = Histogram "tcp_handshake_latency_seconds" ["vantage", "local_address", "port", "peer"]
        "Time from an attempt's first SYN to its first acceptable SYN/ACK, late ones included.";
    COMPLETED = Counter "tcp_handshake_completed_total" ["vantage", "local_address", "port", "peer"]
        "Attempts whose client acknowledged the answer; only where ACKs are captured.";
    ACK_LATENCY = Histogram "tcp_handshake_ack_latency_seconds" ["vantage", "local_address", "port", "peer"]
        "Time from an attempt's first SYN/ACK to the client's ACK; only where ACKs are captured.";
    ICMP_ERRORS = Counter "tcp_handshake_icmp_errors_total"
        ["vantage", "local_address", "port", "peer", "code", "reporter"]
        "ICMP errors that quote the SYN of an attempt, by code and by who reports them, copies not.";
    LOCAL_ADDRESS_INFO = Gauge "tcp_handshake_local_address_info" ["address", "interface"]
        "Addresses of the watched interfaces; always 1.";
    BUILD_INFO = Gauge "tcp_handshake_exporter_build_info" ["version"]
        "The program's version; always 1.";
    CONFIG_INFO = Gauge "tcp_handshake_exporter_config_info"
        ["ports", "filter", "peer_prefix_v4", "peer_prefix_v6", "peer_groups"]
        "What the program was told to count; always 1.";
    CAPTURE_UP = Gauge "tcp_handshake_exporter_capture_up" ["interface"]
        "Whether packets are being read from the interface or capture file.";
    CAPTURED_PACKETS = Counter "tcp_handshake_exporter_captured_packets_total" ["interface"]
        "Packets that passed the capture filter and were read.";
    DROPPED_PACKETS = Counter "tcp_handshake_exporter_dropped_packets_total" ["interface", "by"]
        "Packets lost before they could be read, by the kernel's buffer or by the interface.";
    LAST_PACKET = Gauge "tcp_handshake_exporter_last_packet_timestamp_seconds" ["interface"]
        "When the last packet was met, in Unix time; 0 before the first.";
    UNDECODABLE = Counter "tcp_handshake_exporter_undecodable_packets_total" ["reason"]
        "Packets that could not be read, by reason.";
    DUPLICATES = Counter "tcp_handshake_exporter_duplicate_packets_total" ["kind"]
        "Copies of packets that were counted already, met again on their way through this host.";
    UNMATCHED = Counter "tcp_handshake_exporter_unmatched_segments_total" ["kind"]
        "Segments and ICMP errors that belong to no known attempt and no existing set.";
    UNACCEPTABLE = Counter "tcp_handshake_exporter_unacceptable_answers_total" ["kind"]
        "SYN/ACKs and RSTs that do not acknowledge the SYN of the attempt they came for, and end nothing.";
    PENDING_ATTEMPTS = Gauge "tcp_handshake_exporter_pending_attempts" []
        "Attempts that wait for an answer.";
    TRACKED_ATTEMPTS = Gauge "tcp_handshake_exporter_tracked_attempts" []
        "Attempts that are remembered, decided ones included.";
    TRACKED_ATTEMPTS_LIMIT = Gauge "tcp_handshake_exporter_tracked_attempts_limit" []
        "How many attempts can be remembered at once.";
    SETS = Gauge "tcp_handshake_exporter_sets" []
        "Sets of series: one for each vantage, local address, port and peer.";
    SETS_LIMIT = Gauge "tcp_handshake_exporter_sets_limit" []
        "How many sets there may be, beside a few for what does not fit.";
    SETS_FOLDED = Counter "tcp_handshake_exporter_sets_folded_total" []
        "Attempts counted under peer=\"other\" because there was no room for a set of their own.";
    CLOCK_STEPS = Counter "tcp_handshake_exporter_clock_steps_total" []
        "How often packet time stepped back by a second or more.";
    ONE_SIDED = Gauge "tcp_handshake_exporter_one_sided" ["missing"]
        "Whether the capture seems to see one direction only: 1 where what is missing never came.";
    RELOAD_SUCCESSFUL = Gauge "tcp_handshake_exporter_config_last_reload_successful" []
        "Whether the configuration file was read when it was last asked for; only with --config.file.";
    RELOAD_SUCCEEDED_AT = Gauge "tcp_handshake_exporter_config_last_reload_success_timestamp_seconds" []
        "When the configuration file was last read, in Unix time; only with --config.file.";
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
