//! Whether the capture sees one direction only: an asymmetric path, half of a mirror port.
//!
//! A host with dead peers, a port scan and a flood look much the same: SYNs, and nothing back. They differ in what the
//! client does next. Whoever gets an answer that the capture does not see sends no SYN again; whoever gets none does. A
//! scan asks each server and port once or twice, a flood asks few of them, and a host sees both directions of its own
//! traffic. So one direction only is what is said where clients elsewhere ask several servers again and again, are
//! content each time, and not one packet comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::handshake::{Event, FailureReason, PacketKind, Side, SynKind};
use crate::labels::{LabelSetId, Vantage};
use crate::packet::{Flags, Packet};
use crate::time::Timestamp;

/// Which direction a capture misses, if one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OneSided {
    /// `true` if the answers of servers are missing.
    pub answers_missing: bool,
    /// `true` if the SYNs of clients are missing.
    pub syns_missing: bool,
}

/// The evidence of the last five to ten minutes.
#[derive(Default)]
pub struct OneSidedDetector {
    now: Epoch,
    before: Epoch,
    /// When `now` is over.
    until: Timestamp,
}

/// What was heard in five minutes.
#[derive(Default)]
struct Epoch {
    /// Sets in transit, and how many of their attempts found no answer. Few are enough.
    unanswered: BTreeMap<u32, u32>,
    /// SYNs that were sent again.
    repeated: u32,
    /// Packets of the server's side that fit an attempt or a set, and ICMP errors.
    back: u32,
    /// SYN/ACKs without their SYN.
    stray_answers: u32,
    /// RSTs as a host sends them that gets a SYN/ACK it did not ask for.
    declined: u32,
}

impl OneSidedDetector {
    /// An attempt was opened in this set.
    pub fn opened(&mut self, at: Timestamp, set: LabelSetId, vantage: Vantage) {
        self.pass_time(at);
        let known = &mut self.now.unanswered;
        if vantage == Vantage::Transit && known.len() < MOST_SETS {
            known.entry(set.number()).or_default();
        }
    }

    /// What the tracker tells beside a packet, about an attempt of this set where it has one. As soon as one packet came
    /// back, all else is no evidence.
    #[inline]
    pub fn hear(
        &mut self,
        at: Timestamp,
        set: Option<LabelSetId>,
        told: (&Event, Option<&Packet>),
    ) {
        self.pass_time(at);
        if self.now.back == 0 && is_evidence(told.0) {
            self.weigh(set, told);
        }
    }

    fn pass_time(&mut self, at: Timestamp) {
        if at >= self.until {
            self.before = std::mem::take(&mut self.now);
            self.until = at + EPOCH;
        }
    }

    fn weigh(&mut self, set: Option<LabelSetId>, (event, packet): (&Event, Option<&Packet>)) {
        let (now, before) = (&mut self.now, &self.before);
        match event {
            Event::Syn(_, SynKind::Retransmission) if before.watches(set) || now.watches(set) => {
                more(&mut now.repeated);
            }
            Event::Failed(_, FailureReason::Unanswered)
                if before.watches(set) || now.watches(set) =>
            {
                set.into_iter()
                    .for_each(|set| more(now.unanswered.entry(set.number()).or_default()));
            }
            Event::SynAck(_)
            | Event::Answered(..)
            | Event::Syn(_, SynKind::Simultaneous)
            | Event::Rst(_, Side::Server)
            | Event::Failed(_, FailureReason::Refused)
            | Event::IcmpError(..)
            | Event::Unacceptable(_)
            | Event::Unmatched(PacketKind::Icmp)
            | Event::Duplicate(PacketKind::SynAck | PacketKind::Icmp) => more(&mut now.back),
            Event::Unmatched(PacketKind::SynAck) => more(&mut now.stray_answers),
            Event::Unmatched(PacketKind::Rst) => {
                let declines = |packet: &&Packet| matches!(packet, Packet::Segment(rst) if !rst.flags.has(Flags::ACK));
                packet
                    .filter(declines)
                    .into_iter()
                    .for_each(|_| more(&mut now.declined));
            }
            _ => {}
        }
    }

    /// A RST of the server's side belongs to a set, if to no attempt.
    pub fn hear_server(&mut self) {
        more(&mut self.now.back);
    }

    /// What it comes to.
    pub fn verdict(&self) -> OneSided {
        let sum = |count: fn(&Epoch) -> u32| count(&self.now).saturating_add(count(&self.before));
        let seldom = |few: u32, of: u32| few.saturating_mul(10) <= of;
        let mut sets = self.before.unanswered.clone();
        for (set, count) in &self.now.unanswered {
            let sum = sets.entry(*set).or_default();
            *sum = sum.saturating_add(*count);
        }
        let unanswered = sets
            .values()
            .fold(0, |sum: u32, count| sum.saturating_add(*count));
        let again_and_again = sets.values().filter(|count| **count >= AGAIN).count();
        let nothing_back = sum(|epoch| epoch.back) == 0;
        let strays = sum(|epoch| epoch.stray_answers);
        OneSided {
            answers_missing: nothing_back
                && strays == 0
                && unanswered >= MANY
                && again_and_again >= SEVERAL
                && seldom(sum(|epoch| epoch.repeated), unanswered),
            syns_missing: nothing_back
                && strays >= MANY
                && seldom(sum(|epoch| epoch.declined), strays),
        }
    }
}

impl Epoch {
    fn watches(&self, set: Option<LabelSetId>) -> bool {
        set.is_some_and(|set| self.unanswered.contains_key(&set.number()))
    }
}

/// Whether it may be: the others are nearly all that a flood tells.
const fn is_evidence(event: &Event) -> bool {
    !matches!(event, Event::Opened(_) | Event::Evicted(_))
}

fn more(count: &mut u32) {
    *count = count.saturating_add(1);
}

const EPOCH: Duration = Duration::from_secs(300);
const MOST_SETS: usize = 64;
const MANY: u32 = 10;
const SEVERAL: usize = 3;
const AGAIN: u32 = 3;
