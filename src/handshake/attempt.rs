//! One attempt: what must be remembered to judge the packets that belong to it, in 128 bytes.

use std::time::Duration;

use super::event::{Owner, Side};
use super::sequence::acknowledges;
use crate::packet::{Direction, Endpoint, Segment, Via};
use crate::time::Timestamp;

/// A try to open a connection, from its first SYN until no further SYN of it can be due.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    /// The name that counts: the four-tuple of its first SYN.
    pub(super) name: Name,
    pub(super) first_syn: Timestamp,
    /// When the first acceptable SYN/ACK was met; meaningful once `is_answered`.
    answered: Timestamp,
    /// The last four different SYNs, newest first.
    syns: [SynPrint; REMEMBERED_SYNS as usize],
    pub(super) isn: u32,
    /// The server's initial sequence number; meaningful once `SERVER_ISN` is marked.
    server_isn: u32,
    pub(super) owner: Owner,
    /// Milliseconds after `first_syn`.
    known_until: u32,
    /// Links of the one list that the attempt is in.
    pub(super) older: u32,
    pub(super) newer: u32,
    pub(super) syn_data: u16,
    syn_count: u8,
    marks: u8,
}

/// A four-tuple with its roles.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Name {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
}

impl Name {
    /// Which side `from` is where it talks to `to`, if these are the two ends.
    pub(super) fn side_of(&self, from: Endpoint, to: Endpoint) -> Option<Side> {
        if self.client == from && self.server == to {
            Some(Side::Client)
        } else if self.server == from && self.client == to {
            Some(Side::Server)
        } else {
            None
        }
    }

    /// Whether that end of both is the same.
    pub(super) fn shares(&self, side: Side, other: &Self) -> bool {
        match side {
            Side::Client => self.client == other.client,
            Side::Server => self.server == other.server,
        }
    }
}

/// Where an attempt stands. What is known beyond that (an answer after a failure) is asked of the attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Waiting,
    Answered,
    Failed,
}

/// Where the store keeps an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shelf {
    Waiting,
    Answered,
    Failed,
    /// Answered, and known for longer than attempts mostly are.
    AnsweredLong,
    /// Failed, and known for longer than attempts mostly are.
    FailedLong,
}

impl Shelf {
    pub(super) const COUNT: usize = 5;

    /// Where an attempt from here goes when it is still known after the usual time.
    pub(super) const fn for_long(self) -> Self {
        match self {
            Self::Waiting => Self::Waiting,
            Self::Answered | Self::AnsweredLong => Self::AnsweredLong,
            Self::Failed | Self::FailedLong => Self::FailedLong,
        }
    }
}

impl Attempt {
    /// An attempt that begins with this SYN, or with the rejection of a SYN that was never seen (`first` is none).
    pub(super) fn new(name: Name, at: Timestamp, isn: u32, first: Option<&Segment>) -> Self {
        let mut attempt = Self {
            name,
            first_syn: at,
            answered: at,
            syns: [SynPrint::default(); REMEMBERED_SYNS as usize],
            isn,
            server_isn: 0,
            owner: Owner::default(),
            known_until: 0,
            older: NOBODY,
            newer: NOBODY,
            syn_data: first.map_or(0, |syn| syn.payload_length),
            syn_count: 0,
            marks: 0,
        };
        attempt.keep_known(at, Duration::ZERO);
        if let Some(syn) = first {
            attempt.remember_syn(at, syn);
        }
        attempt
    }

    pub(super) const fn state(&self) -> State {
        if self.marks & FAILED != 0 {
            State::Failed
        } else if self.marks & ANSWERED != 0 {
            State::Answered
        } else {
            State::Waiting
        }
    }

    /// Whether a SYN/ACK answered it, in time or late.
    pub(super) const fn is_answered(&self) -> bool {
        self.marks & ANSWERED != 0
    }

    pub(super) const fn fail(&mut self) {
        self.marks |= FAILED;
    }

    /// An acceptable SYN/ACK came, the first one.
    pub(super) fn answer(&mut self, at: Timestamp) {
        self.marks |= ANSWERED;
        self.answered = at;
        self.keep_known(at, Duration::ZERO);
    }

    /// Another SYN/ACK came. The server goes on repeating it for as long as it doubles its pause.
    pub(super) fn answer_again(&mut self, at: Timestamp) {
        self.keep_known(at, at.since(self.answered));
    }

    pub(super) const fn answered_at(&self) -> Timestamp {
        self.answered
    }

    /// The client's ACK came; whether it is the first.
    pub(super) const fn complete(&mut self) -> bool {
        let first = self.marks & COMPLETED == 0;
        self.marks |= COMPLETED;
        first
    }

    pub(super) const fn note_server_isn(&mut self, isn: u32) {
        self.server_isn = isn;
        self.marks |= SERVER_ISN;
    }

    /// The server sent a SYN of its own, with this sequence number.
    pub(super) const fn note_asked_back(&mut self, isn: u32) {
        self.note_server_isn(isn);
        self.marks |= ASKED_BACK;
    }

    /// The sequence number of the SYN that the server sent of its own.
    pub(super) fn asked_back_with(&self) -> Option<u32> {
        (self.marks & ASKED_BACK != 0).then_some(self.server_isn)
    }

    pub(super) fn server_isn(&self) -> Option<u32> {
        (self.marks & SERVER_ISN != 0).then_some(self.server_isn)
    }

    pub(super) const fn is_regular(&self) -> bool {
        self.marks & REGULAR != 0
    }

    pub(super) const fn mark_regular(&mut self) {
        self.marks |= REGULAR;
    }

    /// It is known for longer than attempts mostly are.
    pub(super) const fn keep_long(&mut self) {
        self.marks |= LONG;
    }

    /// Where the store keeps it.
    pub(super) const fn shelf(&self) -> Shelf {
        match (self.state(), self.marks & LONG != 0) {
            (State::Waiting, _) => Shelf::Waiting,
            (State::Answered, false) => Shelf::Answered,
            (State::Failed, false) => Shelf::Failed,
            (State::Answered, true) => Shelf::AnsweredLong,
            (State::Failed, true) => Shelf::FailedLong,
        }
    }

    /// Whether its last SYN was met on its way in and not yet on its way out again.
    pub(super) const fn is_inside(&self) -> bool {
        self.marks & INSIDE != 0
    }

    pub(super) const fn note_direction(&mut self, direction: Direction) {
        match direction {
            Direction::Entering => self.marks |= INSIDE,
            Direction::Leaving => self.marks &= !INSIDE,
            Direction::Unknown => {}
        }
    }

    /// How many of its SYNs were met, up to four.
    pub(super) const fn syn_count(&self) -> u8 {
        self.syn_count
    }

    /// Whether an answer or a refusal with this acknowledgment number is one to its SYN.
    pub(super) const fn accepts(&self, acknowledgment: u32) -> bool {
        acknowledges(acknowledgment, self.isn, self.syn_data)
    }

    /// Whether this repeat of its SYN is a packet that was met before, and not one more that the client sent.
    pub(super) fn has_met(&self, at: Timestamp, syn: &Segment) -> bool {
        let print = SynPrint::of(syn, self.offset(at));
        self.known_syns().iter().any(|known| known.same_packet(&print, syn))
    }

    /// Whether one of its SYNs carries what `syn` carries, however it is addressed: NAT changes none of it.
    pub(super) fn looks_like(&self, syn: &Segment) -> bool {
        let print = SynPrint::of(syn, 0);
        self.isn == syn.sequence && self.known_syns().iter().any(|known| known.same_marks(&print))
    }

    /// One more SYN of it: later by `gap` than the one before.
    pub(super) fn remember_syn(&mut self, at: Timestamp, syn: &Segment) {
        let print = SynPrint::of(syn, self.offset(at));
        let gap = self
            .known_syns()
            .first()
            .map_or(0, |last| print.at.wrapping_sub(last.at).min(last.at.wrapping_sub(print.at)));
        self.keep_known(at, Duration::from_micros(gap.into()));
        self.syn_data = self.syn_data.max(syn.payload_length);
        self.syns.rotate_right(1);
        if let Some(newest) = self.syns.first_mut() {
            *newest = print;
        }
        self.syn_count = REMEMBERED_SYNS.min(self.syn_count + 1);
    }

    /// Whether it may still matter: a decided attempt is forgotten when no further SYN of it can be due.
    pub(super) fn is_known_at(&self, now: Timestamp) -> bool {
        self.state() == State::Waiting || now < self.known_until()
    }

    pub(super) fn known_until(&self) -> Timestamp {
        self.first_syn + Duration::from_millis(u64::from(self.known_until))
    }

    /// Retransmission pauses at most double (RFC 6298 section 5.5); 2.25 and a second leave room for jitter.
    fn keep_known(&mut self, at: Timestamp, gap: Duration) {
        let pause = (gap.mul_f64(2.25) + Duration::from_secs(1)).clamp(KNOWN_AT_LEAST, KNOWN_AT_MOST);
        let until = (at + pause).since(self.first_syn).as_micros().div_ceil(1000);
        self.known_until = self.known_until.max(u32::try_from(until).unwrap_or(u32::MAX));
    }

    fn known_syns(&self) -> &[SynPrint] {
        self.syns.get(..usize::from(self.syn_count)).unwrap_or_default()
    }

    /// Microseconds since the first SYN; begins anew every 71 minutes.
    fn offset(&self, at: Timestamp) -> u32 {
        u32::try_from(at.since(self.first_syn).as_micros() % (1 << 32)).unwrap_or(0)
    }
}

/// What tells one SYN from the next that the client sends with the same ISN, in 12 bytes.
#[derive(Clone, Copy, Default)]
struct SynPrint {
    timestamp: u32,
    at: u32,
    identification: u16,
    via: PackedVia,
}

impl SynPrint {
    fn of(syn: &Segment, at: u32) -> Self {
        Self {
            timestamp: syn.timestamp.unwrap_or(0),
            at,
            identification: syn.identification.unwrap_or(0),
            via: PackedVia::new(syn.via, syn.timestamp.is_some()),
        }
    }

    fn same_marks(&self, other: &Self) -> bool {
        self.timestamp == other.timestamp
            && self.identification == other.identification
            && self.via.has_timestamp() == other.via.has_timestamp()
    }

    /// The same packet has the same marks, and comes soon: through another interface or in the other direction it may
    /// have been held in a neighbour queue, through the same one a mirror port sent it twice. Without a timestamp an
    /// identification of zero says nothing, and only a very short time does.
    fn same_packet(&self, other: &Self, syn: &Segment) -> bool {
        let window = if self.via.same_place(other.via) { COPY_SAME_PLACE } else { COPY_OTHER_PLACE };
        let window = if syn.timestamp.is_none() && self.identification == 0 { COPY_UNMARKED } else { window };
        let apart = self.at.wrapping_sub(other.at).min(other.at.wrapping_sub(self.at));
        let apart = Duration::from_micros(u64::from(apart));
        self.same_marks(other) && apart <= window
    }
}

/// Interface and direction of a sighting in 15 bits, and whether the SYN had a timestamp. Interface numbers that agree
/// in their low 12 bits are taken for one: it would need two such interfaces on the path of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PackedVia(u16);

impl PackedVia {
    pub(super) fn new(via: Via, has_timestamp: bool) -> Self {
        let direction = match via.direction {
            Direction::Unknown => 0,
            Direction::Entering => 1,
            Direction::Leaving => 2,
        };
        let interface = (via.interface & 0x0fff) as u16;
        Self(interface << 3 | direction << 1 | u16::from(has_timestamp))
    }

    pub(super) const fn same_place(self, other: Self) -> bool {
        self.0 >> 1 == other.0 >> 1
    }

    const fn has_timestamp(self) -> bool {
        self.0 & 1 != 0
    }
}

/// Stands for "no attempt" in links.
pub(super) const NOBODY: u32 = u32::MAX;

/// How long after a packet its copy may come through another interface, or in the other direction.
pub(super) const COPY_OTHER_PLACE: Duration = Duration::from_secs(5);
/// How long after a packet its copy may come through the same interface.
pub(super) const COPY_SAME_PLACE: Duration = Duration::from_millis(50);
/// The same where nothing in the packet tells it from a retransmission.
pub(super) const COPY_UNMARKED: Duration = Duration::from_millis(5);

const REMEMBERED_SYNS: u8 = 4;
const KNOWN_AT_LEAST: Duration = Duration::from_secs(10);
const KNOWN_AT_MOST: Duration = Duration::from_secs(135);

const ANSWERED: u8 = 1;
const FAILED: u8 = 1 << 1;
const REGULAR: u8 = 1 << 2;
const INSIDE: u8 = 1 << 3;
const LONG: u8 = 1 << 4;
const COMPLETED: u8 = 1 << 5;
const SERVER_ISN: u8 = 1 << 6;
const ASKED_BACK: u8 = 1 << 7;

const _: () = assert!(size_of::<Attempt>() <= 128, "an attempt takes at most 128 bytes");
