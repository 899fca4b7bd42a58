//! Diagnosis: the events of each set turned into a sentence, with its numbers, its doubts and the next command to run.
//!
//! It hears what the metrics hear and keeps what a verdict rests on: counts over a recent window, the last attempts
//! that failed, TTLs and ICMP reports. All of it is bounded. The verdicts are a closed set, decided by the one table
//! in `rules.rs`.

mod capture;
mod case;
mod exam;
mod one_sided;
mod report;
mod rules;
mod step;
mod tally;
mod text;
mod trail;
mod verdict;
mod window;
mod words;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hashbrown::HashMap;

pub use capture::CaptureQuality;
pub use case::{ObservedBurst, ObservedEvent};
pub use one_sided::{OneSided, OneSidedDetector};
pub use report::{Report, VERSION};
pub use rules::rules;
pub use text::{ColorMode, text};
pub use verdict::{Confidence, Verdict};
pub use window::Span;

use crate::handshake::{Event, PacketKind, Side};
use crate::labels::{LabelSet, LabelSetId};
use crate::packet::{Address, Direction, Flags, Packet, Segment};
use crate::time::Timestamp;
use capture::CaptureHistory;
use case::{LabelSetHistory, Ttls};
use exam::Evidence;

/// What is known about every set, to judge it by.
#[derive(Debug)]
pub struct Diagnosis {
    span: Span,
    timeout: Duration,
    cases: Vec<Option<(LabelSetId, LabelSetHistory)>>,
    /// With which TTLs the SYN/ACKs of a server come in.
    answers_of: HashMap<Address, Ttls, foldhash::fast::RandomState>,
    /// The first and the latest time it heard of.
    heard: Option<(Timestamp, Timestamp)>,
    capture: CaptureHistory,
    /// Which set an ISN was met for last: a packet that passes through is met again under another address.
    passing: Vec<Option<ForwardedSyn>>,
}

/// An attempt by its ISN.
#[derive(Clone, Copy, Debug)]
struct ForwardedSyn {
    isn: u32,
    set: LabelSetId,
    began: Timestamp,
    given_up: bool,
}

/// A copy of all that a report is made from, so that it can be made at leisure.
#[derive(Debug)]
pub struct Findings {
    exams: Vec<Evidence>,
    span: Span,
    heard: Option<(Timestamp, Timestamp)>,
    capture: CaptureQuality,
}

impl Diagnosis {
    /// Nothing was heard yet. Attempts are unanswered after `timeout`; verdicts are about what happened within `span`.
    pub fn new(span: Span, timeout: Duration) -> Self {
        Self {
            span,
            timeout,
            cases: Vec::new(),
            answers_of: HashMap::default(),
            heard: None,
            capture: CaptureHistory::default(),
            passing: vec![None; PASSING],
        }
    }

    /// A set begins.
    pub fn create(&mut self, set: LabelSetId, name: &LabelSet) {
        let place = set.index();
        if self.cases.len() <= place {
            self.cases.resize_with(place + 1, || None);
        }
        if let Some(case) = self.cases.get_mut(place) {
            *case = Some((
                set,
                LabelSetHistory::new(name.clone(), self.span, self.timeout),
            ));
        }
    }

    /// A set ends.
    pub fn remove(&mut self, set: LabelSetId) {
        if let Some(case) = self
            .cases
            .get_mut(set.index())
            .filter(|case| case.as_ref().is_some_and(|(of, _)| *of == set))
        {
            *case = None;
        }
    }

    /// Hears a fact of a set.
    pub fn hear(&mut self, set: LabelSetId, heard: &ObservedEvent<'_>) {
        self.pass_time(heard.at);
        match (heard.event, heard.packet) {
            (Event::SynAck(_) | Event::Answered(..), Some(Packet::Segment(synack))) => {
                self.note_answer(synack.from.address, synack.hop_limit);
            }
            (Event::Opened(_), Some(Packet::Segment(syn))) => {
                self.note_passing(set, heard.at, syn.sequence);
            }
            (Event::Rst(_, Side::Client), Some(Packet::Segment(rst))) => {
                self.note_given_up(set, heard.at, rst);
            }
            _ => {}
        }
        if let Some(case) = self.case_of(set) {
            case.hear(heard);
        }
    }

    /// Hears of many attempts of a set at once.
    pub fn hear_many(&mut self, set: LabelSetId, many: &ObservedBurst<'_>) {
        self.pass_time(many.at);
        for syn in many.syns {
            if let Packet::Segment(syn) = syn {
                self.note_passing(set, many.at, syn.sequence);
            }
        }
        if let Some(case) = self.case_of(set) {
            case.hear_many(many);
        }
    }

    /// Hears that a packet was met again on its way through this host.
    pub fn hear_copy(&mut self, at: Timestamp, kind: PacketKind, packet: Option<&Packet>) {
        let Some(Packet::Segment(segment)) = packet else {
            return;
        };
        let isn = match kind {
            PacketKind::Syn => segment.sequence,
            PacketKind::SynAck => segment.acknowledgment.wrapping_sub(1),
            PacketKind::Rst | PacketKind::Icmp => return,
        };
        let passing = self
            .passing
            .get(place_of(isn))
            .copied()
            .flatten()
            .filter(|known| known.isn == isn);
        let case = passing.and_then(|known| self.case_of(known.set));
        if let (Some(case), Direction::Leaving) = (case, segment.via.direction) {
            case.pass_on(at, kind);
        }
    }

    /// Nothing else happened up to now.
    pub fn pass_time(&mut self, now: Timestamp) {
        let (since, latest) = self.heard.unwrap_or((now, now));
        self.heard = Some((since, latest.max(now)));
    }

    /// How the capture is, in numbers that only grow.
    pub fn note_capture(&mut self, facts: CaptureQuality) {
        let now = self.heard.map(|(_, now)| now).unwrap_or_default();
        self.capture.note(now, facts, self.span);
    }

    /// Copies what a report is made from.
    pub fn examine(&self) -> Findings {
        let now = self.heard.map(|(_, now)| now).unwrap_or_default();
        let exam = |(_, case): &(LabelSetId, LabelSetHistory)| {
            case.examine(
                now,
                case.refused_by()
                    .and_then(|server| self.answers_of.get(&server)),
            )
        };
        let exams = self.cases.iter().flatten().map(exam).collect();
        Findings {
            exams,
            span: self.span,
            heard: self.heard,
            capture: self.capture.lately(),
        }
    }

    /// The case of a set, unless its place was given to another.
    fn case_of(&mut self, set: LabelSetId) -> Option<&mut LabelSetHistory> {
        let (of, case) = self.cases.get_mut(set.index())?.as_mut()?;
        (*of == set).then_some(case)
    }

    fn note_passing(&mut self, set: LabelSetId, began: Timestamp, isn: u32) {
        if let Some(place) = self.passing.get_mut(place_of(isn)) {
            *place = Some(ForwardedSyn {
                isn,
                set,
                began,
                given_up: false,
            });
        }
    }

    /// A RST that takes its number from a SYN/ACK and acknowledges nothing is the word of a kernel that knows of no such
    /// connection (RFC 9293 3.10.7.1): the client closed its socket before the answer came, or never had one.
    fn note_given_up(&mut self, set: LabelSetId, at: Timestamp, rst: &Segment) {
        let isn = rst.sequence.wrapping_sub(1);
        let known = self.passing.get_mut(place_of(isn)).and_then(Option::as_mut);
        let Some(known) =
            known.filter(|known| known.isn == isn && known.set == set && !known.given_up)
        else {
            return;
        };
        if !rst.flags.has(Flags::ACK) && at.since(known.began) >= GIVES_UP {
            known.given_up = true;
            if let Some(case) = self.case_of(set) {
                case.give_up(at);
            }
        }
    }

    /// The table begins anew where it is full: what matters comes again.
    fn note_answer(&mut self, server: Address, ttl: u8) {
        if self.answers_of.len() >= MAX_SERVERS && !self.answers_of.contains_key(&server) {
            self.answers_of.clear();
        }
        self.answers_of.entry(server).or_default().note(ttl);
    }
}

const fn place_of(isn: u32) -> usize {
    isn as usize % PASSING
}

const MAX_SERVERS: usize = 4096;
const PASSING: usize = 4096;
/// No client gives up sooner; a RST that comes sooner is that of a scanner or a health check, which wants no more.
const GIVES_UP: Duration = Duration::from_millis(200);
