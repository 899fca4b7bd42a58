//! What is kept about one set: counts over a window, a few attempts, ICMP reports, TTLs of refusals.

use std::time::Duration;

use super::exam::Evidence;
use super::trail::{Ecn, TimelineRing};
use super::window::{Span, Window};
use crate::handshake::{Event, FailureReason, PacketKind};
use crate::labels::{LabelSet, Reporter, Vantage};
use crate::packet::{Address, CapturePoint, Direction, IcmpCode, Packet, Segment};
use crate::time::Timestamp;

/// A fact of a set as it is heard: when, what, and the packet that told, if one did.
#[derive(Clone, Copy, Debug)]
pub struct ObservedEvent<'a> {
    /// Packet time.
    pub at: Timestamp,
    /// What happened.
    pub event: &'a Event,
    /// The packet at hand. Deadlines fire beside it and are not about it.
    pub packet: Option<&'a Packet>,
    /// Who reported an ICMP error, seen from this set.
    pub reporter: Option<Reporter>,
}

/// Attempts of a set that are heard of at once, for there are too many to hear of each.
#[derive(Clone, Copy, Debug)]
pub struct ObservedBurst<'a> {
    /// Packet time of the first of them.
    pub at: Timestamp,
    /// How many were forgotten while they waited.
    pub evicted: u32,
    /// How many began, each with a SYN.
    pub began: u32,
    /// How many of these SYNs came in.
    pub entering: u32,
    /// Of these SYNs the first ones.
    pub syns: &'a [&'a Packet],
}

/// One set.
#[derive(Debug)]
pub(super) struct LabelSetHistory {
    name: LabelSet,
    window: Window,
    trails: TimelineRing,
    reports: Vec<Report>,
    refusals: Ttls,
    refused_by: Option<Address>,
    last_seen: Timestamp,
    first_seen: Option<Timestamp>,
}

/// ICMP errors of one code from one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Report {
    pub(super) code: IcmpCode,
    pub(super) by: Address,
    pub(super) reporter: Reporter,
    pub(super) count: u32,
    at: Timestamp,
}

/// With which TTLs packets came in, the first few different ones.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Ttls([Option<(u8, u32)>; 4]);

impl Ttls {
    pub(super) fn note(&mut self, ttl: u8) {
        for place in &mut self.0 {
            match place {
                Some((known, count)) if *known == ttl => return *count = count.saturating_add(1),
                Some(_) => {}
                None => return *place = Some((ttl, 1)),
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u8> {
        self.0.iter().flatten().map(|(ttl, _)| *ttl)
    }

    /// The one that most had.
    pub(super) fn most(&self) -> Option<u8> {
        self.0
            .iter()
            .flatten()
            .max_by_key(|(_, count)| *count)
            .map(|(ttl, _)| *ttl)
    }
}

impl LabelSetHistory {
    pub(super) fn new(name: LabelSet, span: Span, timeout: Duration) -> Self {
        Self {
            name,
            window: Window::new(span),
            trails: TimelineRing::new(timeout),
            reports: Vec::new(),
            refusals: Ttls::default(),
            refused_by: None,
            last_seen: Timestamp::default(),
            first_seen: None,
        }
    }

    pub(super) fn hear(&mut self, heard: &ObservedEvent<'_>) {
        let ObservedEvent {
            at,
            event,
            packet,
            reporter,
        } = *heard;
        self.see(at);
        let tally = self.window.at(at);
        tally.count(event);
        match *event {
            Event::Opened(_) => {
                self.trails.begin(at, packet);
                if let Some(Packet::Segment(syn)) = packet {
                    tally.syns += 1;
                    tally.ecn += u32::from(syn.ecn_setup);
                }
            }
            Event::IcmpError(_, code, by) => {
                let reporter = reporter.unwrap_or(Reporter::Router);
                note(
                    &mut self.reports,
                    Report {
                        code,
                        by,
                        reporter,
                        count: 1,
                        at,
                    },
                );
            }
            Event::Failed(_, FailureReason::Unanswered) => return self.trails.time_up(at),
            Event::Failed(_, FailureReason::Refused) => {
                if let Some(Packet::Segment(rst)) = packet {
                    let forged = self.name.vantage == Vantage::Transit
                        && rst.via.direction == Direction::Leaving;
                    tally.refused_from_here += u32::from(forged);
                    self.refusals.note(rst.hop_limit);
                    self.refused_by = Some(rst.from.address);
                }
            }
            _ => {}
        }
        let Some(packet) = packet else { return };
        if let Packet::Segment(Segment {
            via:
                CapturePoint {
                    direction: Direction::Entering,
                    ..
                },
            ..
        }) = packet
        {
            tally.syns_in += u32::from(matches!(event, Event::Opened(_) | Event::Syn(..)));
            tally.synacks_in += u32::from(matches!(event, Event::SynAck(_) | Event::Answered(..)));
        }
        match self.trails.note(at, event, packet) {
            Some(Ecn::Answered) => tally.ecn_answered += 1,
            Some(Ecn::AnsweredWithout) => tally.ecn_answered_plain += 1,
            Some(Ecn::NeverAsked) => tally.plain_answered += 1,
            None => {}
        }
    }

    /// In a flood the first of many attempts stand for the others.
    pub(super) fn hear_many(&mut self, many: &ObservedBurst<'_>) {
        let ObservedBurst {
            at,
            evicted,
            began,
            entering,
            syns,
        } = *many;
        self.see(at);
        let tally = self.window.at(at);
        tally.evicted += evicted;
        tally.attempts += began;
        tally.syns += began;
        tally.syns_in += entering;
        for syn in syns {
            // What became of ECN is known of those that are followed alone.
            tally.ecn += u32::from(matches!(
                syn,
                Packet::Segment(Segment {
                    ecn_setup: true,
                    ..
                })
            ));
            self.trails.begin(at, Some(syn));
        }
    }

    /// A packet that came in was met on its way out.
    pub(super) fn pass_on(&mut self, at: Timestamp, kind: PacketKind) {
        let tally = self.window.at(at);
        tally.syns_on += u32::from(kind == PacketKind::Syn);
        tally.synacks_on += u32::from(kind == PacketKind::SynAck);
    }

    /// The client of an attempt that was answered had given up.
    pub(super) fn give_up(&mut self, at: Timestamp) {
        self.window.at(at).given_up += 1;
    }

    fn see(&mut self, at: Timestamp) {
        self.first_seen.get_or_insert(at);
        self.last_seen = self.last_seen.max(at);
    }

    /// Who sent the RSTs that refused, if any did.
    pub(super) const fn refused_by(&self) -> Option<Address> {
        self.refused_by
    }

    /// Copies what a verdict is made from.
    pub(super) fn examine(&self, now: Timestamp, answers: Option<&Ttls>) -> Evidence {
        Evidence {
            name: self.name.clone(),
            sums: self.window.sums(now),
            trails: self.trails.kept(),
            reports: self.reports.clone(),
            refusals: self.refusals,
            answers: answers.copied().unwrap_or_default(),
            first_seen: self.first_seen.unwrap_or(now),
            last_seen: self.last_seen,
            ports_in_vain: 0,
            peers_in_vain: 0,
            some_peer_said_no: false,
            half_open_peers: 0,
            silence_means_nothing: false,
            one_interface: false,
        }
    }
}

/// The longest unheard one makes room.
fn note(reports: &mut Vec<Report>, report: Report) {
    let same = |known: &&mut Report| known.code == report.code && known.by == report.by;
    if let Some(known) = reports.iter_mut().find(same) {
        *known = Report {
            count: known.count.saturating_add(1),
            ..report
        };
    } else if reports.len() < REPORTS {
        reports.push(report);
    } else if let Some(oldest) = reports.iter_mut().min_by_key(|known| known.at) {
        *oldest = report;
    }
}

const REPORTS: usize = 4;
