//! Detects a capture that contains one direction only: an asymmetric path, or half of a mirror
//! port.
//!
//! The aggregator applies records here and exports the result as a metric and to the diagnosis.
//!
//! Hosts with dead peers, port scans and floods resemble half of a capture: SYNs, and no packet
//! back. The next packet of the client shows the difference. A client with an answer that the
//! capture misses sends no further SYN; a client without an answer retransmits its SYN. A scan
//! sends one or two SYNs per server and port, and a flood sends SYNs to few servers. A host
//! captures both directions of its own traffic. The capture is therefore one-sided only if all of
//! these hold:
//!
//! - clients on other hosts open connections to several servers, several times each;
//! - they almost never retransmit a SYN;
//! - not one packet comes back.
//!
//! In the other direction, SYN/ACKs match no attempt. If the hosts they are sent to almost never
//! reject them with a RST, the SYNs are missing from the capture.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::handshake::{FailureReason, PacketKind, Side, SynKind};
use crate::labels::{LabelSetId, Vantage};
use crate::packet::{Flags, Packet};
use crate::record::{Record, RecordKind, RstRecord};
use crate::time::Timestamp;

/// Length of an observation period. The result covers the current and the previous period.
const PERIOD: Duration = Duration::from_secs(300);
/// Maximum number of label sets observed per period. Others are no evidence.
const MAX_LABEL_SETS: usize = 64;
/// Minimum number of unanswered attempts, or of unmatched SYN/ACKs, for a result.
const MIN_SAMPLES: u32 = 10;
/// Minimum number of label sets with at least [`RECURRING_ATTEMPTS`] unanswered attempts.
const MIN_RECURRING_SETS: usize = 3;
/// Number of unanswered attempts that a scan or a flood does not reach for one server and port.
const RECURRING_ATTEMPTS: u32 = 3;
/// Number of cases for each negligible exception: one exception in ten cases is negligible.
const CASES_PER_EXCEPTION: u32 = 10;

/// The direction that a capture misses, if any.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OneSided {
    /// `true` if the answers of servers are missing.
    pub answers_missing: bool,
    /// `true` if the SYNs of clients are missing.
    pub syns_missing: bool,
}

/// Evidence of the last five to ten minutes.
#[derive(Default)]
pub struct OneSidedDetector {
    current: ObservationPeriod,
    previous: ObservationPeriod,
    /// End of the current period.
    current_ends_at: Timestamp,
}

/// Evidence of five minutes.
#[derive(Default)]
struct ObservationPeriod {
    /// Number of unanswered attempts by label set, for a sample of the label sets in transit.
    unanswered: BTreeMap<u32, u32>,
    /// SYN retransmissions.
    syn_retransmissions: u32,
    /// Packets of servers that match an attempt or a label set, and ICMP errors.
    replies: u32,
    /// SYN/ACKs without a SYN.
    unmatched_synacks: u32,
    /// RSTs without ACK, which a host sends in response to a SYN/ACK without a SYN of its own (RFC
    /// 9293 3.10.7.1).
    rejected_synacks: u32,
}

impl OneSidedDetector {
    /// Applies a record with its packet. After the first reply of a period no other record is
    /// evidence.
    pub fn apply(&mut self, record: &Record, packet: Option<&Packet>) {
        match record.kind {
            // Nearly all records of a flood.
            RecordKind::Burst(..)
            | RecordKind::LabelSetCreated(..)
            | RecordKind::LabelSetRemoved(_) => {}
            RecordKind::Opened(label_set, opened) => {
                self.advance_period(record.at);
                self.observe_attempt(label_set, opened.vantage);
            }
            _ => {
                self.advance_period(record.at);
                if self.current.replies == 0 {
                    self.observe(&record.kind, packet);
                }
            }
        }
    }

    fn observe_attempt(&mut self, label_set: LabelSetId, vantage: Vantage) {
        let unanswered = &mut self.current.unanswered;
        if vantage == Vantage::Transit && unanswered.len() < MAX_LABEL_SETS {
            unanswered.entry(label_set.number()).or_default();
        }
    }

    /// Starts a new period if the current one has ended.
    fn advance_period(&mut self, at: Timestamp) {
        if at >= self.current_ends_at {
            self.previous = std::mem::take(&mut self.current);
            self.current_ends_at = at + PERIOD;
        }
    }

    fn observe(&mut self, kind: &RecordKind, packet: Option<&Packet>) {
        let current = &mut self.current;
        let previous = &self.previous;
        let is_observed = |label_set| previous.observes(label_set) || current.observes(label_set);
        match kind {
            RecordKind::Syn(label_set, SynKind::Retransmission) if is_observed(*label_set) => {
                increment(&mut current.syn_retransmissions);
            }
            RecordKind::Failed(label_set, failure)
                if failure.reason == FailureReason::Unanswered && is_observed(*label_set) =>
            {
                increment(current.unanswered.entry(label_set.number()).or_default());
            }
            RecordKind::Failed(_, failure) if failure.reason == FailureReason::Refused => {
                increment(&mut current.replies);
            }
            RecordKind::Rst(_, rst) if rst.sender == Side::Server => {
                increment(&mut current.replies);
            }
            RecordKind::SynAckRetransmission(_)
            | RecordKind::Answered(..)
            | RecordKind::Syn(_, SynKind::Simultaneous)
            | RecordKind::IcmpError(..)
            | RecordKind::Unacceptable(_)
            | RecordKind::Unmatched(PacketKind::Icmp)
            | RecordKind::Duplicate(PacketKind::SynAck | PacketKind::Icmp) => {
                increment(&mut current.replies);
            }
            RecordKind::Unmatched(PacketKind::SynAck) => {
                increment(&mut current.unmatched_synacks);
            }
            RecordKind::Unmatched(PacketKind::Rst)
            | RecordKind::Rst(
                _,
                RstRecord {
                    in_attempt: false, ..
                },
            ) => {
                if matches!(packet, Some(Packet::Segment(rst)) if !rst.flags.has(Flags::ACK)) {
                    increment(&mut current.rejected_synacks);
                }
            }
            _ => {}
        }
    }

    /// Returns the direction that the capture misses, if any.
    pub fn missing_direction(&self) -> OneSided {
        let sum = |count: fn(&ObservationPeriod) -> u32| {
            count(&self.current).saturating_add(count(&self.previous))
        };
        let is_negligible =
            |exceptions: u32, of: u32| exceptions.saturating_mul(CASES_PER_EXCEPTION) <= of;
        let mut unanswered_by_set = self.previous.unanswered.clone();
        for (label_set, count) in &self.current.unanswered {
            let sum = unanswered_by_set.entry(*label_set).or_default();
            *sum = sum.saturating_add(*count);
        }
        let unanswered = unanswered_by_set
            .values()
            .fold(0, |sum: u32, count| sum.saturating_add(*count));
        let recurring_sets = unanswered_by_set
            .values()
            .filter(|count| **count >= RECURRING_ATTEMPTS)
            .count();
        let has_no_reply = sum(|period| period.replies) == 0;
        let unmatched_synacks = sum(|period| period.unmatched_synacks);
        OneSided {
            answers_missing: has_no_reply
                && unmatched_synacks == 0
                && unanswered >= MIN_SAMPLES
                && recurring_sets >= MIN_RECURRING_SETS
                && is_negligible(sum(|period| period.syn_retransmissions), unanswered),
            syns_missing: has_no_reply
                && unmatched_synacks >= MIN_SAMPLES
                && is_negligible(sum(|period| period.rejected_synacks), unmatched_synacks),
        }
    }
}

impl ObservationPeriod {
    fn observes(&self, label_set: LabelSetId) -> bool {
        self.unanswered.contains_key(&label_set.number())
    }
}

fn increment(count: &mut u32) {
    *count = count.saturating_add(1);
}
