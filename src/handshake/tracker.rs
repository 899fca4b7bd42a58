//! The tracker: packets in, events out, deadlines in between.

use std::hash::Hash;
use std::time::Duration;

use super::early::Early;
use super::ends::{FlowHasher, FlowKey};
use super::event::{AttemptId, Event, FailureReason, OwnerId, PacketKind, Side, Told};
use super::inside::Inside;
use super::matches::{Known, Match, Matches};
use super::name::FourTuple;
use super::recent::{Marks, Recent};
use super::store::{Company, Store};
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
    /// The attempt that was answered or failed last.
    pub(super) decided: Option<u32>,
}

/// A packet that deadlines may come before.
struct Incoming {
    packet: Packet,
    at: Timestamp,
    ends: FlowKey,
}

/// What bounds an attempt, and how many of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttemptLimits {
    /// An attempt with no answer so long after its first SYN is unanswered.
    pub timeout: Duration,
    /// How many attempts are known at once.
    pub max_attempts: usize,
}

/// Whether the peer of an attempt was there before. A stranger's attempt goes first where room is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerHistory {
    /// It came with this attempt.
    New,
    /// It was known.
    Known,
}

impl Tracker {
    /// A tracker that knows of no attempt yet.
    pub fn new(limits: AttemptLimits) -> Self {
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

    /// What makes the ends that attempts are looked up by, for whoever decodes packets.
    pub fn flow_hasher(&self) -> FlowHasher {
        self.store.flow_hasher().clone()
    }

    /// A packet with these ends, as this tracker's [`flow_hasher`](Self::flow_hasher) makes them, comes soon: where its attempts may be
    /// found is fetched, and nothing changes.
    #[inline]
    pub fn look_far_ahead(&self, ends: &FlowKey) {
        self.store.fetch_index(ends);
    }

    /// This packet comes sooner: its attempts are fetched. Nothing changes.
    #[inline]
    pub fn look_ahead(&self, packet: &Packet, ends: &FlowKey) {
        self.store.fetch_attempts(packet, ends);
    }

    /// So many packets come next, up to [`LOOK_AHEAD`](super::LOOK_AHEAD) of them: the attempts are fetched whose time is up
    /// by `until`, or that will make room. Nothing else changes.
    pub fn look_ahead_in_time(&mut self, count: usize, until: Timestamp) {
        self.store.fetch_due(count, until);
    }

    /// A packet was met at this time. Poll until nothing is left before the next one.
    pub fn observe(&mut self, at: Timestamp, packet: &Packet) {
        self.observe_sighted(at, packet, &self.store.flow_hasher().ends(packet));
    }

    /// The same for a packet whose ends were seen by this tracker's [`flow_hasher`](Self::flow_hasher).
    pub fn observe_sighted(&mut self, at: Timestamp, packet: &Packet, ends: &FlowKey) {
        debug_assert!(self.incoming.is_none(), "events were left unpolled");
        let at = self.place(at);
        self.tidy_at_most = TIDY_WITH_A_PACKET;
        if self.fail_overdue() {
            self.incoming = Some(Incoming {
                packet: *packet,
                at,
                ends: *ends,
            });
        } else {
            self.judge(at, packet, ends);
        }
    }

    /// Nothing arrived up to now. Poll afterwards: deadlines may have passed.
    pub fn advance(&mut self, now: Timestamp) {
        self.place(now);
        self.tidy_at_most = TIDY_IN_SILENCE;
    }

    /// The same, but what it tells is kept, to be [taken](Self::take_told).
    pub fn keeping_what_it_tells(mut self) -> Self {
        self.events.are_kept = true;
        self
    }

    /// Takes the events that were told since this was asked last, in their order; all of them must have been polled. What it
    /// is given is the room for the next ones.
    pub fn take_told(&mut self, room: Vec<Event>) -> Vec<Event> {
        self.events.take(room)
    }

    /// Whose attempt was just forgotten while it waited, for want of room. Where what is told is kept this is to be asked for
    /// after each [turn](Self::turn), for no event tells it then: in a flood each packet would have one more.
    #[inline]
    pub fn take_evicted(&mut self) -> Option<OwnerId> {
        self.events.take_evicted()
    }

    /// The next event, or none if all is told.
    pub fn poll(&mut self) -> Option<Event> {
        if self.turn() {
            self.event().copied()
        } else {
            None
        }
    }

    /// Goes on to the next event, if there is one, which [`event`](Self::event) then shows where it stands. A copy, as
    /// [`poll`](Self::poll) gives it, is read as a whole just after it was written in parts: the processor waits for all
    /// that was written before, even to memory far away.
    #[inline]
    pub fn turn(&mut self) -> bool {
        self.events.turn() || (self.has_more() && self.tell_more())
    }

    /// Whether a packet or a deadline is still to be judged, or an attempt to be forgotten: mostly not.
    #[inline]
    fn has_more(&self) -> bool {
        self.incoming.is_some() || self.store.is_due(self.timeline.now())
    }

    /// Lets deadlines pass, and judges the packet that they came before, until there is an event to tell.
    fn tell_more(&mut self) -> bool {
        loop {
            if !self.fail_overdue() {
                let Some(Incoming { packet, at, ends }) = self.incoming.take() else {
                    break;
                };
                self.judge(at, &packet, &ends);
            }
            if self.events.turn() {
                return true;
            }
        }
        self.store.tidy(self.timeline.now(), self.tidy_at_most);
        false
    }

    /// Whether the event that was gone on to is the last one of what was judged.
    pub fn is_last(&self) -> bool {
        self.events.is_last()
    }

    /// The event that was gone on to, the [last](Self::is_last) one, is told otherwise: it is not to be taken with the others.
    pub fn withdraw(&mut self) {
        self.events.withdraw();
    }

    /// The event that was gone on to.
    pub fn event(&self) -> Option<&Event> {
        self.events.current()
    }

    /// The next attempt whose time is up fails, if there is one.
    fn fail_overdue(&mut self) -> bool {
        let overdue = self.store.overdue(self.timeline.now());
        if let Some(known) = overdue {
            self.fail(known, FailureReason::Unanswered);
        }
        overdue.is_some()
    }

    fn judge(&mut self, at: Timestamp, packet: &Packet, ends: &FlowKey) {
        match packet {
            Packet::Segment(segment) => self.on_segment(at, segment, ends),
            Packet::IcmpError(error) => self.on_icmp_error(at, error, ends),
        }
    }

    /// Says whose the attempt is that was just opened, for this and all its later events.
    pub fn claim(&mut self, attempt: AttemptId, owner: OwnerId, standing: PeerHistory) {
        let attempt = self.store.get_mut(attempt.0);
        attempt.owner = owner;
        if standing == PeerHistory::Known {
            attempt.mark_regular();
        }
        self.events.claim(owner);
    }

    /// An unmatched ICMP error turned out to be this host's own word about a SYN of its own that never reached a
    /// capture (nobody has that address, or the local firewall rejects it): an attempt begins and is rejected.
    pub fn open_rejected(&mut self, at: Timestamp, error: &IcmpError) {
        let at = self.place(at);
        let (client, server) = (&error.quote.from, &error.quote.to);
        let ends = self.store.flow_hasher().between(client, server);
        let slot = self.open(
            &ends,
            (client, server),
            (at, error.quote.sequence),
            Company::MayBe,
        );
        self.reject((slot, ends.tag), error.code, error.reporter);
    }

    /// The latest packet time, on a line that never steps back by a second or more.
    pub const fn now(&self) -> Timestamp {
        self.timeline.now()
    }

    /// Client and server, by its first name, of the attempt that the `Answered` or `Failed` at hand is about.
    pub fn decided(&self) -> Option<(Endpoint, Endpoint)> {
        let FourTuple { client, server } = self.store.name(self.decided?);
        Some((client, server))
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
    #[inline]
    pub(super) fn open(
        &mut self,
        ends: &FlowKey,
        name: (&Endpoint, &Endpoint),
        began: (Timestamp, u32),
        company: Company,
    ) -> u32 {
        let (slot, evicted) = self.store.insert(ends, name, began, company);
        if let Some(owner) = evicted {
            self.events.evict(owner);
        }
        self.events.push(Event::Opened(AttemptId(slot)));
        slot
    }

    /// What a segment's copies are known by, beside its kind: whom it is about and its numbers, packed. NAT changes its
    /// addresses on its way, but not its attempt.
    pub(super) fn print(
        &self,
        known: Option<Match>,
        segment: &Segment,
        ends: &FlowKey,
    ) -> impl Hash + use<> {
        let (whose, side) = match known {
            Some(known) => (known.tag, u32::from(known.side == Side::Server)),
            None => (ends.tag, STRAY | u32::from(segment.from.port)),
        };
        let numbers = u64::from(segment.sequence) << 32 | u64::from(segment.acknowledgment);
        let marks = u64::from(segment.timestamp.unwrap_or(0)) << 32
            | u64::from(segment.identification.unwrap_or(0));
        let has_marks = u32::from(segment.timestamp.is_some()) << 1
            | u32::from(segment.identification.is_some());
        (whose, side | has_marks << 20, numbers, marks)
    }

    /// The attempts still known between these two ends, newest first.
    pub(super) fn between(&self, ends: &FlowKey, from: &Endpoint, to: &Endpoint) -> Matches {
        self.store.between(ends, from, to, self.timeline.now())
    }

    /// The attempt failed: its one failure.
    pub(super) fn fail(&mut self, known: Known, reason: FailureReason) {
        let (slot, _) = known;
        let attempt = self.store.get_mut(slot);
        attempt.fail();
        let owner = attempt.owner;
        self.decided = Some(slot);
        self.store.decided(known, self.timeline.now());
        self.events.push(Event::Failed(owner, reason));
    }

    /// What kind of segment it is, by masks: other control bits may stand beside these.
    fn on_segment(&mut self, at: Timestamp, segment: &Segment, ends: &FlowKey) {
        let flags = segment.flags;
        let (syn, ack, rst) = (
            flags.has(Flags::SYN),
            flags.has(Flags::ACK),
            flags.has(Flags::RST),
        );
        match (syn, ack, rst) {
            (true, false, false) if flags.has(Flags::FIN) => self.on_odd_syn(at, segment),
            (true, false, true) => self.on_odd_syn(at, segment),
            (true, false, false) => self.on_syn(at, segment, ends),
            (true, true, false) => self.on_synack(at, segment, ends),
            (_, _, true) => self.on_rst(at, segment, ends),
            (false, true, false) => self.on_ack(at, segment, ends),
            (false, false, false) => {}
        }
    }

    /// Opens nothing, and is not counted twice.
    fn on_odd_syn(&mut self, at: Timestamp, segment: &Segment) {
        let ends = (segment.from, segment.to, segment.flags);
        let print = (
            PacketKind::Syn,
            ends,
            segment.sequence,
            segment.timestamp,
            segment.identification,
        );
        let copy = self
            .recent
            .has_met(print, at, segment.via, marks_of(segment));
        self.events.push(if copy {
            Event::Duplicate(PacketKind::Syn)
        } else {
            Event::InvalidSyn
        });
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
    if segment
        .identification
        .is_some_and(|identification| identification != 0)
    {
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
