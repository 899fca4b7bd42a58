//! Counters and answer latencies of the attempts of one label set.
//!
//! `history` records events in the counts of the current time slice, and `window` adds slices up.
//! `rules`, `summary` and `advice` read the sums, and `report` writes them as JSON.

use std::sync::LazyLock;
use std::time::Duration;

use serde::Serialize;

use crate::handshake::{FailureReason, Side, SynKind};
use crate::record::RecordKind;

/// An answer that takes at least this long came after a retransmission of the SYN was due: the
/// initial retransmission timeout is one second (RFC 6298), less some tolerance.
const SYN_RETRANSMISSION_DUE: Duration = Duration::from_millis(950);
/// Number of latency buckets. The last one holds all latencies above 14 s.
const LATENCY_BUCKETS: usize = 32;
/// Upper bound of the first latency bucket.
const FIRST_BUCKET_SECONDS: f64 = 50e-6;
/// Ratio of the upper bounds of two neighboring buckets.
const BUCKET_GROWTH: f64 = 1.5;

/// Upper bounds of all latency buckets but the last.
static BUCKET_BOUNDS_MICROS: LazyLock<[u32; LATENCY_BUCKETS - 1]> = LazyLock::new(|| {
    std::array::from_fn(|bucket| {
        let bound = Duration::from_secs_f64(bucket_bound_seconds(bucket));
        u32::try_from(bound.as_micros()).unwrap_or(u32::MAX)
    })
});

/// Declares [`AttemptCounts`], one line per counter.
///
/// The `reported` counters are the fields of `counts` in the JSON report, in this order. The
/// `internal` counters are evidence for the rules and do not appear in the report.
macro_rules! attempt_counts {
    (
        reported { $($(#[$reported_doc:meta])* $reported:ident,)+ }
        internal { $($(#[$internal_doc:meta])* $internal:ident,)+ }
    ) => {
        /// Counts of one time slice, or the sum of several slices.
        #[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
        pub(super) struct AttemptCounts {
            $($(#[$reported_doc])* pub(super) $reported: u32,)+
            $($(#[$internal_doc])* #[serde(skip)] pub(super) $internal: u32,)+
            /// Number of answers in each latency bucket.
            #[serde(skip)]
            pub(super) latency_buckets: [u32; LATENCY_BUCKETS],
            /// Latency of the slowest answer.
            #[serde(skip)]
            pub(super) longest_latency_micros: u32,
        }

        impl AttemptCounts {
            /// Adds the counters of `other`, without its latencies.
            const fn add_counters(&mut self, other: &Self) {
                $(self.$reported = self.$reported.saturating_add(other.$reported);)+
                $(self.$internal = self.$internal.saturating_add(other.$internal);)+
            }
        }
    };
}

attempt_counts! {
    reported {
        /// Attempts that began.
        attempts,
        /// Attempts answered within the handshake timeout.
        answered,
        /// Answers within the handshake timeout that came after a retransmission of the SYN was
        /// due.
        answered_after_repeat,
        /// Answers after the handshake timeout.
        late,
        /// Attempts without an answer within the handshake timeout.
        unanswered,
        /// Attempts that a RST ended.
        refused,
        /// Attempts that an ICMP error ended: no route to the server.
        unreachable,
        /// Attempts that an ICMP error ended: forbidden by a firewall.
        prohibited,
        /// Attempts removed while they were pending, because the attempt table was full.
        evicted,
        /// Attempts completed by the final ACK of the three-way handshake.
        completed,
        /// SYNs, including retransmissions.
        syns,
        /// Retransmitted SYNs.
        syn_retransmissions,
        /// Acceptable SYN/ACKs, including retransmissions.
        synacks,
        /// Retransmitted SYN/ACKs.
        synack_retransmissions,
        /// RSTs that the client sent.
        rsts_by_client,
        /// RSTs that the server sent.
        rsts_by_server,
    }
    internal {
        /// Attempts that began with an ECN-setup SYN (RFC 3168 section 6.1.1).
        ecn_attempts,
        /// Attempts with an ECN-setup SYN as the last SYN before the answer.
        ecn_answered,
        /// Attempts that began with an ECN-setup SYN and were answered after a SYN without ECN.
        ecn_answered_without,
        /// Attempts that began without ECN and were answered.
        plain_answered,
        /// SYNs that entered this host.
        syns_received,
        /// SYNs that left this host again.
        syns_forwarded,
        /// SYN/ACKs that entered this host.
        synacks_received,
        /// SYN/ACKs that left this host again.
        synacks_forwarded,
        /// Refused attempts in transit with a RST that was first captured on its way out of this host.
        refused_by_this_host,
        /// Answers to a client that had closed its socket: it sent a RST and no ACK.
        client_aborts,
    }
}

impl AttemptCounts {
    /// Counts one record.
    pub(super) fn record(&mut self, kind: &RecordKind) {
        match *kind {
            RecordKind::Opened(_, opened) => {
                self.attempts += 1;
                self.syns += u32::from(opened.by_syn);
            }
            RecordKind::Burst(_, burst) => {
                self.attempts += burst.opened;
                self.syns += burst.opened;
                self.syns_received += burst.entering;
                self.evicted += burst.evicted;
            }
            RecordKind::Syn(_, kind) => {
                self.syns += 1;
                self.syn_retransmissions += u32::from(kind == SynKind::Retransmission);
            }
            RecordKind::SynAckRetransmission(_) => {
                self.synacks += 1;
                self.synack_retransmissions += 1;
            }
            RecordKind::Rst(_, rst) => match rst.sender {
                Side::Client => self.rsts_by_client += 1,
                Side::Server => self.rsts_by_server += 1,
            },
            RecordKind::Answered(_, answer) => self.record_answer(answer.latency, answer.late),
            RecordKind::Failed(_, failure) => match failure.reason {
                FailureReason::Unanswered => self.unanswered += 1,
                FailureReason::Refused => {
                    self.rsts_by_server += 1;
                    self.refused += 1;
                }
                FailureReason::Unreachable => self.unreachable += 1,
                FailureReason::Prohibited => self.prohibited += 1,
            },
            RecordKind::Completed(..) => self.completed += 1,
            _ => {}
        }
    }

    fn record_answer(&mut self, latency: Duration, late: bool) {
        self.synacks += 1;
        if late {
            self.late += 1;
        } else {
            self.answered += 1;
            self.answered_after_repeat += u32::from(latency >= SYN_RETRANSMISSION_DUE);
        }
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        self.longest_latency_micros = self.longest_latency_micros.max(micros);
        if let Some(count) = self.latency_buckets.get_mut(bucket_of(micros)) {
            *count += 1;
        }
    }

    /// Adds the counts of another period.
    pub(super) fn add(&mut self, other: &Self) {
        self.add_counters(other);
        for (count, added) in self.latency_buckets.iter_mut().zip(other.latency_buckets) {
            *count = count.saturating_add(added);
        }
        self.longest_latency_micros = self
            .longest_latency_micros
            .max(other.longest_latency_micros);
    }

    /// Returns the number of attempts that failed, for any reason.
    pub(super) const fn failed(&self) -> u32 {
        self.unanswered
            .saturating_add(self.refused)
            .saturating_add(self.rejected())
    }

    /// Returns the number of attempts that an ICMP error ended.
    pub(super) const fn rejected(&self) -> u32 {
        self.unreachable.saturating_add(self.prohibited)
    }

    /// Returns the number of attempts with a known result: answered in time, or failed.
    pub(super) const fn decided(&self) -> u32 {
        self.answered.saturating_add(self.failed())
    }

    /// Returns an upper bound of the latency of the given share of answers: the bound of a bucket,
    /// and at most the longest latency. `None` if there are no answers.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let answers: u32 = self.latency_buckets.iter().sum();
        let rank = (f64::from(answers) * share).ceil().max(1.0);
        let mut cumulative = 0;
        let bucket = self.latency_buckets.iter().position(|count| {
            cumulative += count;
            f64::from(cumulative) >= rank
        })?;
        let bound = Duration::from_secs_f64(bucket_bound_seconds(bucket));
        Some(bound.min(self.longest_latency()))
    }

    /// Returns the latency of the slowest answer.
    pub(super) const fn longest_latency(&self) -> Duration {
        Duration::from_micros(self.longest_latency_micros as u64)
    }
}

/// Returns the index of the bucket for this latency.
fn bucket_of(micros: u32) -> usize {
    BUCKET_BOUNDS_MICROS.partition_point(|bound| *bound < micros)
}

fn bucket_bound_seconds(bucket: usize) -> f64 {
    FIRST_BUCKET_SECONDS * BUCKET_GROWTH.powi(i32::try_from(bucket).unwrap_or(0))
}
