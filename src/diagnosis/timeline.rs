//! The packets of a few attempts of one label set, as evidence that a report can show.
//!
//! `history` records packets here, and `report` lists the timelines. At most [`MAX_PENDING`]
//! pending attempts and [`MAX_FINISHED`] finished ones are kept, with at most [`MAX_ENTRIES`]
//! packets each.

use std::collections::VecDeque;
use std::time::Duration;

use arrayvec::ArrayVec;

use crate::handshake::{FailureReason, Side};
use crate::packet::{Address, Endpoint, IcmpCode, Packet, Segment};
use crate::record::RecordKind;
use crate::time::Timestamp;

/// Maximum number of pending attempts that are followed.
const MAX_PENDING: usize = 8;
/// Maximum number of finished attempts that are kept.
const MAX_FINISHED: usize = 5;
/// Maximum number of packets in a timeline.
const MAX_ENTRIES: usize = 16;
/// Largest distance from the ISN of a SYN to an acknowledgment that matches it: the SYN and 1460
/// bytes of data.
const MAX_SYN_LENGTH: u32 = 1461;

/// One attempt and its packets, in capture order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AttemptTimeline {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    isn: u32,
    pub(super) began: Timestamp,
    pub(super) entries: Vec<TimelineEntry>,
    pub(super) outcome: TimelineOutcome,
}

/// One packet of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TimelineEntry {
    /// Time since the attempt began.
    pub(super) after: Duration,
    pub(super) packet: TimelinePacket,
}

/// The properties of a packet that a timeline keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimelinePacket {
    Syn { ttl: u8, ecn: bool },
    SynAck { ttl: u8 },
    Rst { ttl: u8, by: Side },
    Icmp { code: IcmpCode, reporter: Address },
}

/// The result of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimelineOutcome {
    Pending,
    Answered,
    Failed(FailureReason),
}

/// How the SYNs of an answered attempt used ECN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EcnOutcome {
    /// The last SYN before the answer was an ECN-setup SYN.
    AnsweredWithEcn,
    /// The first SYN was an ECN-setup SYN, and the last one before the answer was not.
    AnsweredWithoutEcn,
    /// The first SYN was not an ECN-setup SYN.
    NotRequested,
}

/// A sample of pending attempts, and the last attempts that failed or needed a SYN retransmission.
#[derive(Clone, Debug)]
pub(super) struct TimelineRing {
    timeout: Duration,
    pending: Vec<AttemptTimeline>,
    finished: VecDeque<AttemptTimeline>,
    /// Empty buffer for the entries of the next attempt, to save an allocation.
    spare_entries: Vec<TimelineEntry>,
    /// ISNs of all pending and finished attempts in one place, because almost all packets belong to
    /// other attempts.
    isns: ArrayVec<u32, { MAX_PENDING + MAX_FINISHED }>,
}

impl TimelineRing {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            pending: Vec::new(),
            finished: VecDeque::new(),
            spare_entries: Vec::new(),
            isns: ArrayVec::new(),
        }
    }

    /// Returns the last attempts that failed or needed a SYN retransmission, newest first.
    pub(super) fn finished(&self) -> Vec<AttemptTimeline> {
        self.finished.iter().rev().cloned().collect()
    }

    /// Follows an attempt that begins with this packet, unless [`MAX_PENDING`] attempts are
    /// followed already. In a flood the followed attempts are a sample.
    pub(super) fn begin(&mut self, at: Timestamp, packet: Option<&Packet>) {
        if self.pending.len() >= MAX_PENDING {
            return;
        }
        let Some(packet) = packet else { return };
        let mut entries = std::mem::take(&mut self.spare_entries);
        let isn = match packet {
            Packet::Segment(syn) => {
                entries.push(TimelineEntry {
                    after: Duration::ZERO,
                    packet: TimelinePacket::syn(syn),
                });
                syn.sequence
            }
            Packet::IcmpError(error) => error.quote.sequence,
        };
        let (&client, &server) = packet.endpoints();
        self.isns.push(isn);
        self.pending.push(AttemptTimeline {
            client,
            server,
            isn,
            began: at,
            entries,
            outcome: TimelineOutcome::Pending,
        });
    }

    /// Records a packet, and the result of its attempt if the packet decided it. If the packet
    /// answers a followed attempt, returns how the attempt used ECN.
    pub(super) fn record(
        &mut self,
        at: Timestamp,
        kind: &RecordKind,
        packet: &Packet,
    ) -> Option<EcnOutcome> {
        let recorded = timeline_packet(kind, packet);
        let is_decided = matches!(kind, RecordKind::Answered(..) | RecordKind::Failed(..));
        if (recorded.is_none() && !is_decided) || !self.may_match(packet) {
            return None;
        }
        if let (Some(recorded), Some(timeline)) = (recorded, self.find_mut(packet))
            && timeline.entries.len() < MAX_ENTRIES
        {
            timeline.entries.push(TimelineEntry {
                after: at.since(timeline.began),
                packet: recorded,
            });
        }
        match *kind {
            RecordKind::Answered(..) => self.record_answer(packet),
            RecordKind::Failed(_, failure) => {
                let timeline = self.take_pending(packet)?;
                self.keep(AttemptTimeline {
                    outcome: TimelineOutcome::Failed(failure.reason),
                    ..timeline
                });
                None
            }
            _ => None,
        }
    }

    fn record_answer(&mut self, packet: &Packet) -> Option<EcnOutcome> {
        let mut timeline = self.take_pending(packet)?;
        timeline.outcome = TimelineOutcome::Answered;
        let syns_use_ecn = || {
            timeline
                .entries
                .iter()
                .filter_map(|entry| match entry.packet {
                    TimelinePacket::Syn { ecn, .. } => Some(ecn),
                    _ => None,
                })
        };
        let first_ecn = syns_use_ecn().next();
        let last_ecn = syns_use_ecn().next_back();
        let is_retransmitted = syns_use_ecn().count() > 1;
        if is_retransmitted {
            self.keep(timeline);
        } else {
            self.remove_isn(timeline.isn);
            timeline.entries.clear();
            self.spare_entries = timeline.entries;
        }
        Some(match (first_ecn?, last_ecn?) {
            (false, _) => EcnOutcome::NotRequested,
            (true, false) => EcnOutcome::AnsweredWithoutEcn,
            (true, true) => EcnOutcome::AnsweredWithEcn,
        })
    }

    /// Marks all pending attempts as unanswered after their handshake timeout.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some(index) = self
            .pending
            .iter()
            .position(|timeline| now >= timeline.began + self.timeout)
        {
            let timeline = self.pending.swap_remove(index);
            self.keep(AttemptTimeline {
                outcome: TimelineOutcome::Failed(FailureReason::Unanswered),
                ..timeline
            });
        }
    }

    fn keep(&mut self, timeline: AttemptTimeline) {
        if self.finished.len() >= MAX_FINISHED
            && let Some(oldest) = self.finished.pop_front()
        {
            self.remove_isn(oldest.isn);
        }
        self.finished.push_back(timeline);
    }

    /// Removes and returns the pending attempt that the packet belongs to.
    fn take_pending(&mut self, packet: &Packet) -> Option<AttemptTimeline> {
        let index = self
            .pending
            .iter()
            .position(|timeline| timeline.matches(packet))?;
        Some(self.pending.swap_remove(index))
    }

    fn remove_isn(&mut self, isn: u32) {
        if let Some(index) = self.isns.iter().position(|followed| *followed == isn) {
            self.isns.swap_remove(index);
        }
    }

    /// Returns `true` if the packet's sequence numbers may be those of a followed attempt.
    fn may_match(&self, packet: &Packet) -> bool {
        let (sequence, acknowledgment) = match packet {
            Packet::IcmpError(error) => (error.quote.sequence, error.quote.sequence),
            Packet::Segment(segment) => (segment.sequence, segment.acknowledgment),
        };
        // Without branches, so that the compiler can compare several ISNs at once.
        self.isns.iter().fold(false, |found, isn| {
            found
                | (sequence.wrapping_sub(*isn) <= 1)
                | (acknowledgment.wrapping_sub(*isn) <= MAX_SYN_LENGTH)
        })
    }

    fn find_mut(&mut self, packet: &Packet) -> Option<&mut AttemptTimeline> {
        self.pending
            .iter_mut()
            .chain(self.finished.iter_mut().rev())
            .find(|timeline| timeline.matches(packet))
    }
}

impl AttemptTimeline {
    /// Returns `true` if the packet belongs to this attempt. A segment of the client is matched by
    /// endpoint and sequence number; other packets by their numbers only, because NAT mostly leaves
    /// those unchanged.
    fn matches(&self, packet: &Packet) -> bool {
        match packet {
            Packet::Segment(segment) if segment.from == self.client => {
                segment.sequence == self.isn || segment.sequence == self.isn.wrapping_add(1)
            }
            Packet::Segment(_) | Packet::IcmpError(_) => matches_isn(self.isn, packet),
        }
    }
}

/// Returns `true` if the packet's sequence numbers are those of an attempt with this ISN, for any
/// sender.
fn matches_isn(isn: u32, packet: &Packet) -> bool {
    match packet {
        Packet::IcmpError(error) => error.quote.sequence == isn,
        Packet::Segment(segment) => {
            let acknowledged = segment.acknowledgment.wrapping_sub(isn);
            segment.sequence.wrapping_sub(isn) <= 1 || (1..=MAX_SYN_LENGTH).contains(&acknowledged)
        }
    }
}

impl TimelinePacket {
    const fn syn(syn: &Segment) -> Self {
        Self::Syn {
            ttl: syn.hop_limit,
            ecn: syn.ecn_setup,
        }
    }
}

fn timeline_packet(kind: &RecordKind, packet: &Packet) -> Option<TimelinePacket> {
    let rst = |rst: &Segment, by| TimelinePacket::Rst {
        ttl: rst.hop_limit,
        by,
    };
    match (kind, packet) {
        (RecordKind::Syn(..), Packet::Segment(syn)) => Some(TimelinePacket::syn(syn)),
        (
            RecordKind::SynAckRetransmission(_) | RecordKind::Answered(..),
            Packet::Segment(synack),
        ) => Some(TimelinePacket::SynAck {
            ttl: synack.hop_limit,
        }),
        (RecordKind::Rst(_, record), Packet::Segment(segment)) => Some(rst(segment, record.sender)),
        (RecordKind::Failed(_, failure), Packet::Segment(segment))
            if failure.reason == FailureReason::Refused =>
        {
            Some(rst(segment, Side::Server))
        }
        (RecordKind::IcmpError(_, error), _) => Some(TimelinePacket::Icmp {
            code: error.code,
            reporter: error.address,
        }),
        _ => None,
    }
}
