//! The counters of one label set.
//!
//! `store` applies each fact of a label set to its counters; `series` writes the counters of a
//! copy.
//!
//! Invariants:
//! - All counters of a label set are created together at zero.
//! - A clone shares histograms, ICMP counts and exemplars until the next write to them.

use std::sync::Arc;
use std::time::Duration;

use super::exemplar::{Connection, ExemplarKey, Exemplars};
use super::histogram::{Histogram, HistogramOptions};
use crate::handshake::{Answer, FailureReason, Side, SynKind};
use crate::labels::Reporter;
use crate::packet::IcmpCode;

/// The latency above which an answer becomes an exemplar: most paths without a detour take less.
pub const EXEMPLAR_THRESHOLD: Duration = Duration::from_millis(100);

/// Maximum number of (code, reporter) pairs that a label set counts separately. The network decides
/// how many occur.
const MAX_ICMP_PAIRS: usize = 4;

/// The failure reasons in the order of their counters, with their label values.
pub(super) const FAILURE_REASONS: [(FailureReason, &str); 4] = [
    (FailureReason::Unanswered, "unanswered"),
    (FailureReason::Refused, "refused"),
    (FailureReason::Unreachable, "unreachable"),
    (FailureReason::Prohibited, "prohibited"),
];

/// One fact that a label set counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetEvent {
    /// Attempts were opened, each by its first SYN or by an ICMP error that quotes a SYN that was
    /// not captured.
    Opened {
        /// Number of attempts.
        attempts: u32,
        /// `true` if the SYN was captured.
        by_syn: bool,
    },
    /// A SYN of an attempt that is already open.
    Syn(SynKind),
    /// A SYN that does not open an attempt.
    InvalidSyn,
    /// A retransmitted SYN/ACK.
    SynAck,
    /// A RST that does not decide an attempt.
    Rst(Side),
    /// An ICMP error.
    IcmpError(IcmpCode, Reporter),
    /// An answer: an acceptable SYN/ACK.
    Answered(Answer),
    /// A failure. A refusal is also a RST sent by the server.
    Failed(FailureReason),
    /// The final ACK of the three-way handshake, with the time since the SYN/ACK.
    Completed(Duration),
    /// This number of attempts was evicted while pending.
    Evicted(u32),
}

/// All counters of one (vantage, local address, port, peer).
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct LabelSetCounts {
    pub(super) syns: u64,
    pub(super) syn_retransmissions: u64,
    pub(super) synacks: u64,
    pub(super) synack_retransmissions: u64,
    pub(super) rsts_by_client: u64,
    pub(super) rsts_by_server: u64,
    pub(super) attempts: u64,
    pub(super) answered: u64,
    /// One counter for each of [`FAILURE_REASONS`].
    pub(super) failures: [u64; FAILURE_REASONS.len()],
    pub(super) late_answers: u64,
    pub(super) evicted: u64,
    pub(super) completed: u64,
    /// Copied on write while a scrape still reads it.
    pub(super) details: Arc<Details>,
}

/// The counts that need memory on the heap, which their first value allocates.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Details {
    pub(super) latency: Histogram,
    pub(super) ack_latency: Histogram,
    pub(super) icmp_errors: Vec<IcmpCount>,
    pub(super) exemplars: Exemplars,
}

/// ICMP errors with one code from one kind of reporter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IcmpCount {
    /// `None` for all codes that exceed [`MAX_ICMP_PAIRS`].
    pub(super) code: Option<IcmpCode>,
    pub(super) reporter: Reporter,
    pub(super) count: u64,
}

impl LabelSetCounts {
    /// Counts one fact. If `connection` is known, it becomes the exemplar of a failure or a slow
    /// answer.
    pub(super) fn count(
        &mut self,
        options: &HistogramOptions,
        event: &SetEvent,
        connection: Option<Connection>,
    ) {
        match *event {
            SetEvent::Opened { attempts, by_syn } => {
                self.attempts += u64::from(attempts);
                self.syns += u64::from(if by_syn { attempts } else { 0 });
            }
            SetEvent::Syn(kind) => {
                self.syns += 1;
                self.syn_retransmissions += u64::from(kind == SynKind::Retransmission);
            }
            SetEvent::InvalidSyn => self.syns += 1,
            SetEvent::SynAck => {
                self.synacks += 1;
                self.synack_retransmissions += 1;
            }
            SetEvent::Rst(Side::Client) => self.rsts_by_client += 1,
            SetEvent::Rst(Side::Server) => self.rsts_by_server += 1,
            SetEvent::IcmpError(code, reporter) => self.count_icmp_error(code, reporter),
            SetEvent::Answered(answer) => self.count_answer(options, answer, connection),
            SetEvent::Failed(reason) => self.count_failure(reason, connection),
            SetEvent::Completed(latency) => {
                self.completed += 1;
                let details = Arc::make_mut(&mut self.details);
                details.ack_latency.observe(options, latency);
            }
            SetEvent::Evicted(attempts) => self.evicted += u64::from(attempts),
        }
    }

    fn count_answer(
        &mut self,
        options: &HistogramOptions,
        answer: Answer,
        connection: Option<Connection>,
    ) {
        let Answer { latency, late } = answer;
        self.synacks += 1;
        if late {
            self.late_answers += 1;
        } else {
            self.answered += 1;
        }
        let details = Arc::make_mut(&mut self.details);
        let bucket = details.latency.observe(options, latency);
        if latency > EXEMPLAR_THRESHOLD
            && let Some(connection) = connection
        {
            let key = ExemplarKey::LatencyBucket(bucket);
            details
                .exemplars
                .insert(key, connection, latency.as_secs_f64());
        }
    }

    fn count_failure(&mut self, reason: FailureReason, connection: Option<Connection>) {
        self.rsts_by_server += u64::from(reason == FailureReason::Refused);
        for (count, (counted, _)) in self.failures.iter_mut().zip(FAILURE_REASONS) {
            *count += u64::from(counted == reason);
        }
        if let Some(connection) = connection {
            let details = Arc::make_mut(&mut self.details);
            details
                .exemplars
                .insert(ExemplarKey::Failure(reason), connection, 1.0);
        }
    }

    fn count_icmp_error(&mut self, code: IcmpCode, reporter: Reporter) {
        let matches = |count: &IcmpCount, code| count.code == code && count.reporter == reporter;
        let counts = &mut Arc::make_mut(&mut self.details).icmp_errors;
        let exists = counts.iter().any(|count| matches(count, Some(code)));
        let pairs = counts.iter().filter(|count| count.code.is_some()).count();
        let code = (exists || pairs < MAX_ICMP_PAIRS).then_some(code);
        match counts.iter_mut().find(|count| matches(count, code)) {
            Some(found) => found.count += 1,
            None => counts.push(IcmpCount {
                code,
                reporter,
                count: 1,
            }),
        }
    }
}

impl IcmpCount {
    /// Returns the value of the label `code`.
    pub(super) const fn code_label(&self) -> &'static str {
        match self.code {
            Some(code) => code.as_str(),
            None => "other",
        }
    }
}
