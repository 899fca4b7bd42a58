//! Records: facts about packets and attempts, attributed to a label set if they belong to one.
//!
//! The pipeline makes them, in order; metrics, diagnosis and the one-sided detector each apply
//! them. A record refers to the packet and the four-tuple that it is about by their index in its
//! batch.
//!
//! Invariants: `LabelSetCreated` is the first record of a label set. Records after its
//! `LabelSetRemoved`, of attempts that outlived it, are ignored. Every attempt has exactly one
//! `Opened`, or is counted in one `Burst`.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::handshake::{Answer, Event, FailureReason, FourTuple, PacketKind, Side, SynKind};
use crate::labels::{LabelSet, LabelSetId, Reporter, Vantage};
use crate::packet::{Address, Direction, IcmpCode, Segment};
use crate::time::Timestamp;

/// Overflowed attempts per label set and [`BURST_WINDOW`] that get a record each: the sample of a
/// flood for the diagnosis.
const BURST_SAMPLES: u32 = 16;
/// The time that a burst covers.
const BURST_WINDOW: Duration = Duration::from_millis(1);

const _: () = assert!(
    size_of::<Record>() <= 48,
    "most packets write a record: keep it small"
);

/// One record.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// The time on the tracker's clock; of a label set's creation, the time as captured.
    pub at: Timestamp,
    /// The index of the packet in the batch of frames. `None` for deadlines, bursts and label sets.
    pub packet: Option<u32>,
    /// What happened.
    pub kind: RecordKind,
}

/// The kind of a record, with its data.
#[derive(Clone, PartialEq, Debug)]
pub enum RecordKind {
    /// A label set begins: its counters are zero.
    LabelSetCreated(LabelSetId, Box<LabelSet>),
    /// A label set ends.
    LabelSetRemoved(LabelSetId),
    /// An attempt begins.
    Opened(LabelSetId, NewAttemptRecord),
    /// Attempts begin or are evicted, in a flood too many for a record each.
    Burst(LabelSetId, Burst),
    /// A SYN of an attempt that is open.
    Syn(LabelSetId, SynKind),
    /// A retransmitted SYN/ACK of an attempt.
    SynAckRetransmission(LabelSetId),
    /// A RST that decides nothing.
    Rst(LabelSetId, RstRecord),
    /// A SYN with FIN or RST, which opens nothing.
    InvalidSyn(LabelSetId),
    /// An ICMP error about the SYN of an attempt.
    IcmpError(LabelSetId, IcmpRecord),
    /// The first acceptable SYN/ACK of an attempt.
    Answered(LabelSetId, AnswerRecord),
    /// An attempt failed.
    Failed(LabelSetId, FailureRecord),
    /// The final ACK of the handshake: the time since the first SYN/ACK.
    Completed(LabelSetId, Duration),
    /// A packet that was counted before.
    Duplicate(PacketKind),
    /// A SYN/ACK or RST that the client's kernel ignores.
    Unacceptable(PacketKind),
    /// A packet that belongs to no attempt and no label set.
    Unmatched(PacketKind),
    /// Packet time stepped back by a second or more.
    ClockStep,
}

/// Where an event counts, and what the pipeline adds to it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Attribution {
    /// The label set that it counts in, if any.
    pub label_set: Option<LabelSetId>,
    /// What the reporter of an ICMP error is to the label set.
    pub reporter: Option<Reporter>,
    /// The attempt's four-tuple, if the event is worth an exemplar.
    pub four_tuple: Option<FourTupleId>,
}

/// How an attempt begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewAttemptRecord {
    /// The position of this host relative to the attempt.
    pub vantage: Vantage,
    /// `true` if it begins with its SYN, `false` if with a local ICMP rejection.
    pub by_syn: bool,
    /// `true` if it counts in an overflow set, because the limit on label sets is reached.
    pub overflowed: bool,
}

/// Attempts of one label set within [`BURST_WINDOW`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Burst {
    /// Attempts that begin with a SYN and overflowed, without those that have a record of their
    /// own.
    pub opened: u32,
    /// How many of these SYNs entered this host.
    pub entering: u32,
    /// Pending attempts that were evicted.
    pub evicted: u32,
}

/// A RST that decides nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RstRecord {
    /// The side that sent it.
    pub sender: Side,
    /// `false` if it belongs to the label set, but to no known attempt.
    pub in_attempt: bool,
}

/// An ICMP error about an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpRecord {
    /// Type and code.
    pub code: IcmpCode,
    /// What the reporter is to the label set.
    pub reporter: Reporter,
    /// The reporter's address.
    pub address: Address,
}

/// The answer to an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnswerRecord {
    /// The time since the first SYN.
    pub latency: Duration,
    /// `true` if the attempt was counted as failed before.
    pub late: bool,
    /// The attempt's four-tuple, if the latency is worth an exemplar.
    pub four_tuple: Option<FourTupleId>,
}

/// Refers to a four-tuple of a batch. One more than its index, so that an option takes no more
/// memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FourTupleId(NonZeroU32);

/// The failure of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FailureRecord {
    /// Why it failed.
    pub reason: FailureReason,
    /// The attempt's four-tuple.
    pub four_tuple: Option<FourTupleId>,
}

/// Records in order, with the four-tuples that they refer to.
#[derive(Default, Debug)]
pub struct RecordBatch {
    records: Vec<Record>,
    four_tuples: Vec<FourTuple>,
    burst: Option<OpenBurst>,
}

/// The burst that further attempts of its label set join.
#[derive(Clone, Copy, Debug)]
struct OpenBurst {
    label_set: LabelSetId,
    since: Timestamp,
    /// Overflowed attempts that got a record of their own.
    samples: u32,
    /// The index of its record, once it has one.
    record: Option<usize>,
}

impl RecordKind {
    /// Returns the label set that the record belongs to, if any.
    pub const fn label_set(&self) -> Option<LabelSetId> {
        match *self {
            Self::LabelSetCreated(label_set, _)
            | Self::LabelSetRemoved(label_set)
            | Self::Opened(label_set, _)
            | Self::Burst(label_set, _)
            | Self::Syn(label_set, _)
            | Self::SynAckRetransmission(label_set)
            | Self::Rst(label_set, _)
            | Self::InvalidSyn(label_set)
            | Self::IcmpError(label_set, _)
            | Self::Answered(label_set, _)
            | Self::Failed(label_set, _)
            | Self::Completed(label_set, _) => Some(label_set),
            Self::Duplicate(_) | Self::Unacceptable(_) | Self::Unmatched(_) | Self::ClockStep => {
                None
            }
        }
    }

    /// Returns the number of attempts that overflow with this record.
    pub fn overflowed_attempts(&self) -> u64 {
        match self {
            Self::Opened(_, opened) => u64::from(opened.overflowed),
            Self::Burst(_, burst) => u64::from(burst.opened),
            _ => 0,
        }
    }

    /// Returns the four-tuple of an outcome that is worth an exemplar.
    pub const fn four_tuple(&self) -> Option<FourTupleId> {
        match self {
            Self::Answered(_, answer) => answer.four_tuple,
            Self::Failed(_, failure) => failure.four_tuple,
            _ => None,
        }
    }

    /// Returns the record of an event with this attribution. `None` for evictions, which
    /// [`RecordBatch::record_eviction`] records, and for events without the label set that they
    /// need.
    pub fn from_event(event: Event, attribution: Attribution) -> Option<Self> {
        let Attribution {
            label_set,
            reporter,
            four_tuple,
        } = attribution;
        Some(match event {
            Event::Syn(_, kind) => Self::Syn(label_set?, kind),
            Event::SynAckRetransmission(_) => Self::SynAckRetransmission(label_set?),
            Event::Rst(_, sender) => {
                let rst = RstRecord {
                    sender,
                    in_attempt: true,
                };
                Self::Rst(label_set?, rst)
            }
            Event::IcmpError(_, code, address) => {
                let error = IcmpRecord {
                    code,
                    reporter: reporter?,
                    address,
                };
                Self::IcmpError(label_set?, error)
            }
            Event::Answered(_, Answer { latency, late }) => {
                let answer = AnswerRecord {
                    latency,
                    late,
                    four_tuple,
                };
                Self::Answered(label_set?, answer)
            }
            Event::Failed(_, reason) => {
                Self::Failed(label_set?, FailureRecord { reason, four_tuple })
            }
            Event::Completed(_, latency) => Self::Completed(label_set?, latency),
            // `RecordBatch::record_eviction` adds it to a burst.
            Event::Evicted(_) => return None,
            Event::InvalidSyn => Self::InvalidSyn(label_set?),
            Event::Duplicate(kind) => Self::Duplicate(kind),
            Event::Unacceptable(kind) => Self::Unacceptable(kind),
            Event::Unmatched(kind) => Self::Unmatched(kind),
            Event::ClockStep => Self::ClockStep,
        })
    }
}

impl RecordBatch {
    /// Returns the records, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Returns the four-tuple that a record refers to.
    pub fn four_tuple(&self, id: FourTupleId) -> Option<&FourTuple> {
        self.four_tuples.get(id.0.get() as usize - 1)
    }

    /// Returns the number of records.
    pub const fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns `true` if there is no record.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Removes all records, and keeps their memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.four_tuples.clear();
        self.burst = None;
    }

    /// Appends a record.
    pub fn push(&mut self, at: Timestamp, packet: Option<u32>, kind: RecordKind) {
        self.records.push(Record { at, packet, kind });
    }

    /// Stores a four-tuple that a record can refer to. `None` if the batch has too many.
    pub fn add_four_tuple(&mut self, four_tuple: FourTuple) -> Option<FourTupleId> {
        self.four_tuples.push(four_tuple);
        let count = u32::try_from(self.four_tuples.len()).ok()?;
        NonZeroU32::new(count).map(FourTupleId)
    }

    /// Records the creation of a label set, and closes the current burst.
    pub fn create_label_set(&mut self, at: Timestamp, id: LabelSetId, label_set: LabelSet) {
        self.burst = None;
        let kind = RecordKind::LabelSetCreated(id, Box::new(label_set));
        self.push(at, None, kind);
    }

    /// Records the removal of a label set, and closes the current burst.
    pub fn remove_label_set(&mut self, at: Timestamp, id: LabelSetId) {
        self.burst = None;
        self.push(at, None, RecordKind::LabelSetRemoved(id));
    }

    /// Records the eviction of a pending attempt.
    pub fn record_eviction(&mut self, at: Timestamp, label_set: LabelSetId) {
        self.update_burst(at, label_set, |burst| burst.evicted += 1);
    }

    /// Records an attempt that begins with a SYN and overflowed: by a record of its own if it is
    /// one of the first of its burst.
    pub fn record_overflow(
        &mut self,
        at: Timestamp,
        packet: Option<u32>,
        label_set: LabelSetId,
        vantage: Vantage,
        syn: &Segment,
    ) {
        let burst = self.open_burst(at, label_set);
        if burst.samples < BURST_SAMPLES {
            burst.samples += 1;
            let opened = NewAttemptRecord {
                vantage,
                by_syn: true,
                overflowed: true,
            };
            self.push(at, packet, RecordKind::Opened(label_set, opened));
        } else {
            let entering = u32::from(syn.via.direction == Direction::Entering);
            self.update_burst(at, label_set, |burst| {
                burst.opened += 1;
                burst.entering += entering;
            });
        }
    }

    /// Returns the burst of a label set at this time, which may be a new one.
    fn open_burst(&mut self, at: Timestamp, label_set: LabelSetId) -> &mut OpenBurst {
        let current = self
            .burst
            .filter(|burst| burst.label_set == label_set && at.since(burst.since) < BURST_WINDOW);
        self.burst.insert(current.unwrap_or(OpenBurst {
            label_set,
            since: at,
            samples: 0,
            record: None,
        }))
    }

    /// Changes the record of the burst of a label set, or appends one.
    fn update_burst(
        &mut self,
        at: Timestamp,
        label_set: LabelSetId,
        update: impl FnOnce(&mut Burst),
    ) {
        let next = self.records.len();
        let index = *self.open_burst(at, label_set).record.get_or_insert(next);
        if index == next {
            self.push(at, None, RecordKind::Burst(label_set, Burst::default()));
        }
        if let Some(Record {
            kind: RecordKind::Burst(_, burst),
            ..
        }) = self.records.get_mut(index)
        {
            update(burst);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::ops::Range;

    use super::*;
    use crate::packet::{CapturePoint, Endpoint, Flags};

    const ONE: LabelSetId = LabelSetId::from_number(1);
    const OTHER: LabelSetId = LabelSetId::from_number(2);

    fn at(nanos: u64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    fn syn(direction: Direction) -> Segment {
        let endpoint = |port| Endpoint {
            address: Ipv4Addr::new(10, 0, 0, 1).into(),
            port,
        };
        Segment {
            via: CapturePoint {
                interface: 1,
                direction,
                loopback: false,
            },
            from: endpoint(1000),
            to: endpoint(80),
            sequence: 7,
            acknowledgment: 0,
            flags: Flags::SYN,
            timestamp: None,
            identification: None,
            hop_limit: 64,
            payload_length: 0,
            ecn_setup: false,
        }
    }

    fn overflow(
        batch: &mut RecordBatch,
        label_set: LabelSetId,
        packets: Range<u32>,
        direction: Direction,
    ) {
        for packet in packets {
            let now = at(u64::from(packet));
            batch.record_overflow(
                now,
                Some(packet),
                label_set,
                Vantage::Server,
                &syn(direction),
            );
        }
    }

    /// Returns label set, time and counts of each burst.
    fn bursts(batch: &RecordBatch) -> Vec<(LabelSetId, u64, Burst)> {
        let bursts = batch
            .records()
            .iter()
            .filter_map(|record| match record.kind {
                RecordKind::Burst(label_set, burst) => {
                    Some((label_set, record.at.as_nanos(), burst))
                }
                _ => None,
            });
        bursts.collect()
    }

    /// Returns the packets of the attempts with a record of their own.
    fn samples(batch: &RecordBatch) -> Vec<u32> {
        let opened = |record: &Record| {
            let is_opened = matches!(record.kind, RecordKind::Opened(..));
            record.packet.filter(|_| is_opened)
        };
        batch.records().iter().filter_map(opened).collect()
    }

    #[test]
    fn evictions_share_a_burst_within_its_window() {
        let mut batch = RecordBatch::default();
        for nanos in [0, 10, 999_999, 1_000_000] {
            batch.record_eviction(at(nanos), ONE);
        }
        batch.record_eviction(at(1_000_001), OTHER);
        batch.record_eviction(at(1_000_002), ONE);
        batch.remove_label_set(at(1_000_002), ONE);
        batch.record_eviction(at(1_000_003), ONE);
        let evicted = |evicted| Burst {
            evicted,
            ..Burst::default()
        };
        assert_eq!(
            bursts(&batch),
            [
                (ONE, 0, evicted(3)),
                (ONE, 1_000_000, evicted(1)),
                (OTHER, 1_000_001, evicted(1)),
                (ONE, 1_000_002, evicted(1)),
                (ONE, 1_000_003, evicted(1))
            ]
        );
    }

    #[test]
    fn other_records_do_not_end_a_burst() {
        let mut batch = RecordBatch::default();
        batch.record_eviction(at(0), ONE);
        batch.push(at(1), Some(0), RecordKind::SynAckRetransmission(OTHER));
        batch.record_eviction(at(2), ONE);
        assert_eq!(batch.len(), 2);
        assert_eq!(
            bursts(&batch).first().map(|(_, _, burst)| burst.evicted),
            Some(2)
        );
    }

    #[test]
    fn overflow_and_eviction_share_a_burst() {
        let mut batch = RecordBatch::default();
        overflow(&mut batch, ONE, 0..16, Direction::Entering);
        assert!(bursts(&batch).is_empty());
        overflow(&mut batch, ONE, 16..18, Direction::Entering);
        batch.record_eviction(at(18), ONE);
        overflow(&mut batch, ONE, 19..20, Direction::Unknown);
        batch.record_eviction(at(20), ONE);
        let burst = Burst {
            opened: 3,
            entering: 2,
            evicted: 2,
        };
        assert_eq!(bursts(&batch), [(ONE, 16, burst)]);
    }

    #[test]
    fn flood_samples_first_attempts_and_counts_all() {
        let mut batch = RecordBatch::default();
        overflow(&mut batch, ONE, 0..1000, Direction::Entering);
        overflow(&mut batch, OTHER, 1000..1003, Direction::Entering);
        let burst = Burst {
            opened: 984,
            entering: 984,
            evicted: 0,
        };
        assert_eq!(bursts(&batch), [(ONE, 16, burst)]);
        let expected: Vec<u32> = (0..16).chain(1000..1003).collect();
        assert_eq!(samples(&batch), expected);
    }
}
