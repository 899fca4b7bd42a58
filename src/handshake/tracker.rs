//! The tracker: packets in, events out, deadlines in between.

use std::hash::Hash;
use std::time::Duration;

use arrayvec::ArrayVec;

use super::attempt::{Attempt, Name};
use super::early::Early;
use super::event::{AttemptId, Event, Kind, Owner, Reason, Side, Told};
use super::index::Tag;
use super::inside::Inside;
use super::recent::{Marks, Recent};
use super::store::{LOOK_AHEAD, Match, Matches, Store};
use super::timeline::Timeline;
use crate::packet::{Endpoint, Flags, IcmpError, Packet, Segment};
use crate::time::Timestamp;

/// Follows every attempt to its end.
///
/// Tell it of a packet with [`observe`](Self::observe), or that none came with [`advance`](Self::advance); then
/// [`poll`](Self::poll) until there is no more event. Deadlines that lie before a packet fire before it.
pub struct Tracker {
    pub(super) timeline: Timeline,
    pub(super) store: Store,
    pub(super) inside: Inside,
    pub(super) recent: Recent,
    pub(super) early: Early,
    pub(super) events: Told,
    incoming: Option<Incoming>,
    tidy_at_most: usize,
    /// Of the attempt that was answered or failed last.
    pub(super) decided: Option<Name>,
}

/// A packet that deadlines may come before.
struct Incoming {
    packet: Packet,
    at: Timestamp,
    tag: Tag,
}

/// What bounds an attempt, and how many of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// An attempt with no answer so long after its first SYN is unanswered.
    pub timeout: Duration,
    /// How many attempts are known at once.
    pub max_attempts: usize,
}

/// Whether the peer of an attempt was there before. A stranger's attempt goes first where room is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It came with this attempt.
    NeverSeen,
    /// It was known.
    Regular,
}

impl Tracker {
    /// A tracker that knows of no attempt yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            timeline: Timeline::default(),
            store: Store::new(limits.max_attempts, limits.timeout),
            inside: Inside::beside(limits.max_attempts),
            recent: Recent::beside(limits.max_attempts),
            early: Early::default(),
            events: Told::default(),
            incoming: None,
            tidy_at_most: TIDY_WITH_A_PACKET,
            decided: None,
        }
    }

    /// These packets come next, up to [`LOOK_AHEAD`] of them: their memory is fetched, and nothing changes. Gives for
    /// each what its attempts are looked up by.
    pub fn look_ahead<'a>(
        &self,
        packets: impl Iterator<Item = &'a Packet>,
        now: Timestamp,
    ) -> ArrayVec<Tag, LOOK_AHEAD> {
        let tags: ArrayVec<_, LOOK_AHEAD> = packets.map(|packet| self.tag(packet)).take(LOOK_AHEAD).collect();
        self.store.fetch(&tags, now);
        tags
    }

    /// A packet was met at this time. Poll until nothing is left before the next one.
    pub fn observe(&mut self, at: Timestamp, packet: &Packet) {
        self.observe_ahead(at, packet, self.tag(packet));
    }

    /// The same for a packet that was looked ahead to, with what this gave for it.
    pub fn observe_ahead(&mut self, at: Timestamp, packet: &Packet, tag: Tag) {
        debug_assert!(self.incoming.is_none(), "events were left unpolled");
        let at = self.place(at);
        match self.overdue() {
            None => self.judge(at, packet, tag),
            Some(verdict) => {
                self.events.push(verdict);
                self.incoming = Some(Incoming { packet: *packet, at, tag });
            }
        }
    }

    fn tag(&self, packet: &Packet) -> Tag {
        let (from, to) = packet.ends();
        self.store.tag(from, to)
    }

    /// Nothing arrived up to now. Poll afterwards: deadlines may have passed.
    pub fn advance(&mut self, now: Timestamp) {
        self.place(now);
        self.tidy_at_most = TIDY_IN_SILENCE;
    }

    /// The next event, or none if all is told.
    pub fn poll(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop() {
                return Some(event);
            }
            if let Some(verdict) = self.overdue() {
                return Some(verdict);
            }
            let Some(Incoming { packet, at, tag }) = self.incoming.take() else {
                self.store.tidy(self.timeline.now(), std::mem::replace(&mut self.tidy_at_most, TIDY_WITH_A_PACKET));
                return None;
            };
            self.judge(at, &packet, tag);
        }
    }

    /// The next attempt whose time is up fails.
    fn overdue(&mut self) -> Option<Event> {
        let slot = self.store.overdue(self.timeline.now())?;
        Some(self.fail(slot, Reason::Unanswered))
    }

    fn judge(&mut self, at: Timestamp, packet: &Packet, tag: Tag) {
        match packet {
            Packet::Segment(segment) => self.on_segment(at, segment, tag),
            Packet::IcmpError(error) => self.on_icmp_error(at, error, tag),
        }
    }

    /// Says whose the attempt is that was just opened, for this and all its later events.
    pub fn claim(&mut self, attempt: AttemptId, owner: Owner, standing: Standing) {
        let attempt = self.store.get_mut(attempt.0);
        attempt.owner = owner;
        if standing == Standing::Regular {
            attempt.mark_regular();
        }
        self.events.claim(owner);
    }

    /// An unmatched ICMP error turned out to be this host's own word about a SYN of its own that never reached a
    /// capture (nobody has that address, or the local firewall rejects it): an attempt begins and is rejected.
    pub fn open_rejected(&mut self, at: Timestamp, error: &IcmpError) {
        let at = self.place(at);
        let name = Name { client: error.quote.from, server: error.quote.to };
        let tag = self.store.tag(name.client, name.server);
        let slot = self.open(Attempt::new(name, tag, at, error.quote.sequence, None));
        self.reject(slot, error.code, error.reporter);
    }

    /// The latest packet time, on a line that never steps back by a second or more.
    pub const fn now(&self) -> Timestamp {
        self.timeline.now()
    }

    /// Client and server, by its first name, of the attempt that the last `Answered` or `Failed` is about.
    pub fn decided(&self) -> Option<(Endpoint, Endpoint)> {
        self.decided.map(|name| (name.client, name.server))
    }

    /// How many attempts wait for an answer.
    pub fn pending(&self) -> usize {
        self.store.waiting()
    }

    /// How many attempts are known, decided ones included.
    pub const fn tracked(&self) -> usize {
        self.store.known()
    }

    /// Takes an attempt in, telling of the one that had to go and of the one that came.
    pub(super) fn open(&mut self, attempt: Attempt) -> u32 {
        let (slot, evicted) = self.store.insert(attempt);
        if let Some(owner) = evicted {
            self.events.push(Event::Evicted(owner));
        }
        self.events.push(Event::Opened(AttemptId(slot)));
        slot
    }

    /// What a segment's copies are known by, beside its kind: whom it is about and its numbers, packed. NAT changes its
    /// addresses on its way, but not its attempt.
    pub(super) fn print(&self, known: Option<Match>, segment: &Segment, tag: Tag) -> impl Hash + use<> {
        let (whose, side) = match known {
            Some(known) => (self.store.get(known.slot).tag, u32::from(known.side == Side::Server)),
            None => (tag, STRAY | u32::from(segment.from.port)),
        };
        let numbers = u64::from(segment.sequence) << 32 | u64::from(segment.acknowledgment);
        let marks = u64::from(segment.timestamp.unwrap_or(0)) << 32 | u64::from(segment.identification.unwrap_or(0));
        let has_marks = u32::from(segment.timestamp.is_some()) << 1 | u32::from(segment.identification.is_some());
        (whose, side | has_marks << 20, numbers, marks)
    }

    /// The attempts still known between these two ends, newest first.
    pub(super) fn between(&self, tag: Tag, from: Endpoint, to: Endpoint) -> Matches {
        self.store.between(tag, from, to, self.timeline.now())
    }

    /// The attempt failed: its one failure.
    pub(super) fn fail(&mut self, slot: u32, reason: Reason) -> Event {
        let attempt = self.store.get_mut(slot);
        attempt.fail();
        let owner = attempt.owner;
        self.decided = Some(attempt.name);
        self.store.decided(slot, self.timeline.now());
        Event::Failed(owner, reason)
    }

    /// What kind of segment it is, by masks: other control bits may stand beside these.
    fn on_segment(&mut self, at: Timestamp, segment: &Segment, tag: Tag) {
        let flags = segment.flags;
        let (syn, ack, rst) = (flags.has(Flags::SYN), flags.has(Flags::ACK), flags.has(Flags::RST));
        match (syn, ack, rst) {
            (true, false, false) if flags.has(Flags::FIN) => self.on_odd_syn(at, segment),
            (true, false, true) => self.on_odd_syn(at, segment),
            (true, false, false) => self.on_syn(at, segment, tag),
            (true, true, false) => self.on_synack(at, segment, tag),
            (_, _, true) => self.on_rst(at, segment, tag),
            (false, true, false) => self.on_ack(at, segment, tag),
            (false, false, false) => {}
        }
    }

    /// Opens nothing, and is not counted twice.
    fn on_odd_syn(&mut self, at: Timestamp, segment: &Segment) {
        let ends = (segment.from, segment.to, segment.flags);
        let print = (Kind::Syn, ends, segment.sequence, segment.timestamp, segment.identification);
        let copy = self.recent.has_met(print, at, segment.via, marks_of(segment));
        self.events.push(if copy { Event::Copy(Kind::Syn) } else { Event::OddSyn });
    }

    fn place(&mut self, said: Timestamp) -> Timestamp {
        let (placed, stepped) = self.timeline.place(said);
        if stepped {
            self.events.push(Event::ClockStep);
        }
        placed
    }
}

/// An identification is a host's own for each packet, unless it is zero; a timestamp goes on with time.
pub(super) fn marks_of(segment: &Segment) -> Marks {
    if segment.identification.is_some_and(|identification| identification != 0) {
        Marks::Own
    } else if segment.timestamp.is_some() {
        Marks::Few
    } else {
        Marks::Nothing
    }
}

/// Beside a port: no side of an attempt.
const STRAY: u32 = 1 << 16;
const TIDY_WITH_A_PACKET: usize = 2;
const TIDY_IN_SILENCE: usize = 10_000;
