//! The counters of one label set.
//!
//! `store` applies each record of a label set to its counters; `series` writes the counters of a
//! copy.
//!
//! Invariants:
//! - All counters of a label set are created together at zero.
//! - A clone shares histograms, ICMP counts and exemplars until the next write to them.

use std::sync::Arc;
use std::time::Duration;

use super::descriptors::{self, Metric};
use super::exemplar::{Connection, ExemplarKey, Exemplars};
use super::histogram::{Histogram, HistogramOptions};
use crate::handshake::{FailureReason, Side, SynKind};
use crate::labels::Reporter;
use crate::packet::IcmpCode;
use crate::record::{AnswerRecord, RecordKind};

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

/// The counters that are one series of a label set: descriptor, value, and `true` if they are exposed
/// only if ACKs are captured.
pub(super) const COUNTERS: &[Counter] = &[
    (&descriptors::ANSWERED, |counts| counts.answered, false),
    (&descriptors::ATTEMPTS, |counts| counts.attempts, false),
    (&descriptors::COMPLETED, |counts| counts.completed, true),
    (&descriptors::EVICTED, |counts| counts.evicted, false),
    (
        &descriptors::LATE_ANSWERS,
        |counts| counts.late_answers,
        false,
    ),
    (
        &descriptors::SYN_RETRANSMISSIONS,
        |counts| counts.syn_retransmissions,
        false,
    ),
    (
        &descriptors::SYNACK_RETRANSMISSIONS,
        |counts| counts.synack_retransmissions,
        false,
    ),
    (&descriptors::SYNACKS, |counts| counts.synacks, false),
    (&descriptors::SYNS, |counts| counts.syns, false),
];

/// One row of [`COUNTERS`].
pub(super) type Counter = (&'static Metric<4>, fn(&LabelSetCounts) -> u64, bool);

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
    /// Counts one record. If `connection` is known, it becomes the exemplar of a failure or a slow
    /// answer.
    pub(super) fn apply(
        &mut self,
        options: &HistogramOptions,
        kind: &RecordKind,
        connection: Option<Connection>,
    ) {
        match *kind {
            RecordKind::Opened(_, opened) => {
                self.attempts += 1;
                self.syns += u64::from(opened.by_syn);
            }
            RecordKind::Burst(_, burst) => {
                self.attempts += u64::from(burst.opened);
                self.syns += u64::from(burst.opened);
                self.evicted += u64::from(burst.evicted);
            }
            RecordKind::Syn(_, kind) => {
                self.syns += 1;
                self.syn_retransmissions += u64::from(kind == SynKind::Retransmission);
            }
            RecordKind::InvalidSyn(_) => self.syns += 1,
            RecordKind::SynAckRetransmission(_) => {
                self.synacks += 1;
                self.synack_retransmissions += 1;
            }
            RecordKind::Rst(_, rst) => match rst.sender {
                Side::Client => self.rsts_by_client += 1,
                Side::Server => self.rsts_by_server += 1,
            },
            RecordKind::IcmpError(_, error) => self.count_icmp_error(error.code, error.reporter),
            RecordKind::Answered(_, answer) => self.count_answer(options, answer, connection),
            RecordKind::Failed(_, failure) => self.count_failure(failure.reason, connection),
            RecordKind::Completed(_, latency) => {
                self.completed += 1;
                let details = Arc::make_mut(&mut self.details);
                details.ack_latency.observe(options, latency);
            }
            // The store and the metrics about the exporter count these.
            RecordKind::LabelSetCreated(..)
            | RecordKind::LabelSetRemoved(_)
            | RecordKind::Duplicate(_)
            | RecordKind::Unacceptable(_)
            | RecordKind::Unmatched(_)
            | RecordKind::ClockStep => {}
        }
    }

    fn count_answer(
        &mut self,
        options: &HistogramOptions,
        answer: AnswerRecord,
        connection: Option<Connection>,
    ) {
        self.synacks += 1;
        if answer.late {
            self.late_answers += 1;
        } else {
            self.answered += 1;
        }
        let latency = answer.latency;
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
