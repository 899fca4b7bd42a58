//! The packets of a few attempts of each set, so that a verdict can show what it rests on.

use std::collections::VecDeque;
use std::time::Duration;

use arrayvec::ArrayVec;

use crate::handshake::{Event, FailureReason, Side};
use crate::packet::{Address, Endpoint, IcmpCode, Packet, Segment};
use crate::time::Timestamp;

/// One attempt and its packets, in the order they were met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AttemptTimeline {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    isn: u32,
    pub(super) began: Timestamp,
    pub(super) marks: Vec<TimelineEntry>,
    pub(super) end: TimelineOutcome,
}

/// One packet of an attempt: so long after the attempt began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TimelineEntry {
    pub(super) after: Duration,
    pub(super) packet: TimelinePacket,
}

/// What was met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimelinePacket {
    Syn { ttl: u8, ecn: bool },
    SynAck { ttl: u8 },
    Rst { ttl: u8, by: Side },
    Icmp { code: IcmpCode, reporter: Address },
}

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimelineOutcome {
    Waiting,
    Answered,
    Failed(FailureReason),
}

/// How the SYNs of an attempt that was answered stood to ECN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ecn {
    Answered,
    AnsweredWithout,
    NeverAsked,
}

/// Attempts that wait, as many as there is room for, and the last ones that failed or took long.
#[derive(Clone, Debug)]
pub(super) struct TimelineRing {
    timeout: Duration,
    waiting: Vec<AttemptTimeline>,
    kept: VecDeque<AttemptTimeline>,
    /// Room for the marks of the next one.
    spare: Vec<TimelineEntry>,
    /// The ISNs of both, close together: nearly all packets are about other attempts.
    isns: ArrayVec<u32, { WAITING + KEPT }>,
}

impl TimelineRing {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            waiting: Vec::new(),
            kept: VecDeque::new(),
            spare: Vec::new(),
            isns: ArrayVec::new(),
        }
    }

    /// The last attempts that failed or took long, newest first.
    pub(super) fn kept(&self) -> Vec<AttemptTimeline> {
        self.kept.iter().rev().cloned().collect()
    }

    /// An attempt begins. It is followed where there is room; in a flood that is a sample.
    pub(super) fn begin(&mut self, at: Timestamp, packet: Option<&Packet>) {
        if self.waiting.len() >= WAITING {
            return;
        }
        let Some(packet) = packet else { return };
        let mut marks = std::mem::take(&mut self.spare);
        let isn = match packet {
            Packet::Segment(syn) => {
                marks.push(TimelineEntry {
                    after: Duration::ZERO,
                    packet: TimelinePacket::syn(syn),
                });
                syn.sequence
            }
            Packet::IcmpError(error) => error.quote.sequence,
        };
        let (&client, &server) = packet.ends();
        self.isns.push(isn);
        self.waiting.push(AttemptTimeline {
            client,
            server,
            isn,
            began: at,
            marks,
            end: TimelineOutcome::Waiting,
        });
    }

    /// A packet of an attempt was met, and perhaps decided it. Of an answer it says how the attempt stood to ECN, if it
    /// was followed.
    pub(super) fn note(&mut self, at: Timestamp, event: &Event, packet: &Packet) -> Option<Ecn> {
        let met = met(event, packet);
        let is_end = matches!(event, Event::Answered(..) | Event::Failed(..));
        if (met.is_none() && !is_end) || !self.may_follow(packet) {
            return None;
        }
        if let (Some(met), Some(trail)) = (met, self.trail_of(packet))
            && trail.marks.len() < MARKS
        {
            trail.marks.push(TimelineEntry {
                after: at.since(trail.began),
                packet: met,
            });
        }
        match *event {
            Event::Answered(..) => self.answer(packet),
            Event::Failed(_, reason) => {
                let trail = self.take(packet)?;
                self.keep(AttemptTimeline {
                    end: TimelineOutcome::Failed(reason),
                    ..trail
                });
                None
            }
            _ => None,
        }
    }

    fn answer(&mut self, packet: &Packet) -> Option<Ecn> {
        let mut trail = self.take(packet)?;
        trail.end = TimelineOutcome::Answered;
        let syns = || {
            trail.marks.iter().filter_map(|mark| match mark.packet {
                TimelinePacket::Syn { ecn, .. } => Some(ecn),
                _ => None,
            })
        };
        let (asked, last_asked, repeated) = (syns().next(), syns().next_back(), syns().count() > 1);
        if repeated {
            self.keep(trail);
        } else {
            self.drop_isn(trail.isn);
            trail.marks.clear();
            self.spare = trail.marks;
        }
        Some(match (asked?, last_asked?) {
            (false, _) => Ecn::NeverAsked,
            (true, false) => Ecn::AnsweredWithout,
            (true, true) => Ecn::Answered,
        })
    }

    /// The time of some attempt is up: those whose time that is, are unanswered.
    pub(super) fn time_up(&mut self, now: Timestamp) {
        while let Some(place) = self
            .waiting
            .iter()
            .position(|trail| now >= trail.began + self.timeout)
        {
            let trail = self.waiting.swap_remove(place);
            self.keep(AttemptTimeline {
                end: TimelineOutcome::Failed(FailureReason::Unanswered),
                ..trail
            });
        }
    }

    fn keep(&mut self, trail: AttemptTimeline) {
        if self.kept.len() >= KEPT
            && let Some(oldest) = self.kept.pop_front()
        {
            self.drop_isn(oldest.isn);
        }
        self.kept.push_back(trail);
    }

    /// The attempt that waits and that the packet is about, which waits no more.
    fn take(&mut self, packet: &Packet) -> Option<AttemptTimeline> {
        let place = self.waiting.iter().position(|trail| trail.has(packet))?;
        Some(self.waiting.swap_remove(place))
    }

    fn drop_isn(&mut self, isn: u32) {
        if let Some(place) = self.isns.iter().position(|known| *known == isn) {
            self.isns.swap_remove(place);
        }
    }

    /// Whether the packet's numbers are those of an attempt that is followed.
    fn may_follow(&self, packet: &Packet) -> bool {
        let (sequence, acknowledgment) = match packet {
            Packet::IcmpError(error) => (error.quote.sequence, error.quote.sequence),
            Packet::Segment(segment) => (segment.sequence, segment.acknowledgment),
        };
        // Without branches, so that several are compared at once.
        self.isns.iter().fold(false, |found, isn| {
            found
                | (sequence.wrapping_sub(*isn) <= 1)
                | (acknowledgment.wrapping_sub(*isn) <= MAX_SYN_DATA)
        })
    }

    fn trail_of(&mut self, packet: &Packet) -> Option<&mut AttemptTimeline> {
        self.waiting
            .iter_mut()
            .chain(self.kept.iter_mut().rev())
            .find(|trail| trail.has(packet))
    }
}

impl AttemptTimeline {
    /// Whether the packet is about this attempt: by the client's port and sequence number, which NAT mostly leaves.
    fn has(&self, packet: &Packet) -> bool {
        match packet {
            Packet::Segment(segment) if segment.from == self.client => {
                segment.sequence == self.isn || segment.sequence == self.isn.wrapping_add(1)
            }
            Packet::Segment(_) | Packet::IcmpError(_) => fits(self.isn, packet),
        }
    }
}

/// Whether the packet's numbers are those of an attempt with this ISN, whoever sent it.
fn fits(isn: u32, packet: &Packet) -> bool {
    match packet {
        Packet::IcmpError(error) => error.quote.sequence == isn,
        Packet::Segment(segment) => {
            let beyond = segment.acknowledgment.wrapping_sub(isn);
            segment.sequence.wrapping_sub(isn) <= 1 || (1..=MAX_SYN_DATA).contains(&beyond)
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

fn met(event: &Event, packet: &Packet) -> Option<TimelinePacket> {
    match (*event, packet) {
        (Event::Syn(..), Packet::Segment(syn)) => Some(TimelinePacket::syn(syn)),
        (Event::SynAck(_) | Event::Answered(..), Packet::Segment(synack)) => {
            Some(TimelinePacket::SynAck {
                ttl: synack.hop_limit,
            })
        }
        (Event::Rst(_, by), Packet::Segment(rst)) => Some(TimelinePacket::Rst {
            ttl: rst.hop_limit,
            by,
        }),
        (Event::Failed(_, FailureReason::Refused), Packet::Segment(rst)) => {
            Some(TimelinePacket::Rst {
                ttl: rst.hop_limit,
                by: Side::Server,
            })
        }
        (Event::IcmpError(_, code, reporter), _) => Some(TimelinePacket::Icmp { code, reporter }),
        _ => None,
    }
}

const WAITING: usize = 8;
const KEPT: usize = 5;
const MARKS: usize = 16;
/// The most data that a SYN may carry and still have its answer found here.
const MAX_SYN_DATA: u32 = 1461;
