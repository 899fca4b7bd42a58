//! One attempt: what must be remembered to judge the packets that belong to it, in 128 bytes.

use super::event::{Owner, Side};
use super::index::Tag;
use super::print::SynPrint;
use super::sequence::acknowledges;
use crate::packet::{Direction, Endpoint, Segment};
use crate::time::Timestamp;

/// A try to open a connection, from its first SYN until no further SYN of it can be due.
///
/// Two cache lines: the first is what most packets ask for, the second what a repeat or an answer needs.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Attempt {
    /// The name that counts: the four-tuple of its first SYN.
    pub(super) name: Name,
    pub(super) isn: u32,
    pub(super) first_syn: Timestamp,
    pub(super) owner: Owner,
    /// Tells it from other attempts in the same slot.
    pub(super) serial: u32,
    /// Milliseconds after `first_syn`.
    known_until: u32,
    pub(super) syn_data: u16,
    syn_count: u8,
    marks: u8,
    /// The last four different SYNs, newest first.
    syns: [SynPrint; REMEMBERED_SYNS as usize],
    /// When the first acceptable SYN/ACK was met; meaningful once `is_answered`.
    answered: Timestamp,
    /// The server's initial sequence number; meaningful once `SERVER_ISN` is marked.
    server_isn: u32,
    /// Under which its name is in the index.
    pub(super) tag: Tag,
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

impl Attempt {
    /// An attempt that begins with this SYN, or with the rejection of a SYN that was never seen (`first` is none).
    pub(super) fn new(name: Name, tag: Tag, at: Timestamp, isn: u32, first: Option<&Segment>) -> Self {
        let mut attempt = Self {
            name,
            isn,
            first_syn: at,
            owner: Owner::default(),
            serial: 0,
            known_until: AT_LEAST_KNOWN_FOR,
            syn_data: first.map_or(0, |syn| syn.payload_length),
            syn_count: 0,
            marks: 0,
            syns: [SynPrint::default(); REMEMBERED_SYNS as usize],
            answered: at,
            server_isn: 0,
            tag,
        };
        if let Some(syn) = first {
            attempt.remember_syn(at, syn);
        }
        attempt
    }

    /// Reads from both its cache lines. What it gives means nothing.
    pub(super) const fn touch(&self) -> u64 {
        self.first_syn.as_nanos() ^ self.answered.as_nanos()
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
        self.keep_known(at, 0);
    }

    /// Another SYN/ACK came. The server goes on repeating it for as long as it doubles its pause.
    pub(super) fn answer_again(&mut self, at: Timestamp) {
        self.keep_known(at, at.nanos_since(self.answered));
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
        self.known_syns().iter().any(|known| known.same_packet(&print))
    }

    /// Whether one of its SYNs carries what `syn` carries, however it is addressed: NAT changes none of it.
    pub(super) fn looks_like(&self, syn: &Segment) -> bool {
        let print = SynPrint::of(syn, 0);
        self.isn == syn.sequence && self.known_syns().iter().any(|known| known.same_marks(&print))
    }

    /// One more SYN of it. The next one is due after a pause of at most twice the last.
    pub(super) fn remember_syn(&mut self, at: Timestamp, syn: &Segment) {
        let print = SynPrint::of(syn, self.offset(at));
        if at != self.first_syn {
            let gap = self.known_syns().first().map_or(0, |last| print.apart(last));
            self.keep_known(at, u64::from(gap) * NANOS_PER_MICRO);
        }
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

    pub(super) const fn known_until(&self) -> Timestamp {
        self.first_syn.plus_nanos(self.known_until as u64 * NANOS_PER_MILLI)
    }

    /// Retransmission pauses at most double (RFC 6298 section 5.5); 2.25 and a second leave room for jitter. The gap is
    /// in nanoseconds.
    fn keep_known(&mut self, at: Timestamp, gap: u64) {
        let pause = (gap.saturating_mul(9) / 4).saturating_add(NANOS_PER_SECOND).clamp(KNOWN_AT_LEAST, KNOWN_AT_MOST);
        let until = at.plus_nanos(pause).nanos_since(self.first_syn).div_ceil(NANOS_PER_MILLI);
        self.known_until = self.known_until.max(u32::try_from(until).unwrap_or(u32::MAX));
    }

    fn known_syns(&self) -> &[SynPrint] {
        self.syns.get(..usize::from(self.syn_count)).unwrap_or_default()
    }

    /// Microseconds since the first SYN; begins anew every 71 minutes.
    fn offset(&self, at: Timestamp) -> u32 {
        u32::try_from(at.nanos_since(self.first_syn) / NANOS_PER_MICRO % (1 << 32)).unwrap_or(0)
    }
}

const REMEMBERED_SYNS: u8 = 4;
const KNOWN_AT_LEAST: u64 = 10 * NANOS_PER_SECOND;
const KNOWN_AT_MOST: u64 = 135 * NANOS_PER_SECOND;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_MICRO: u64 = 1_000;
/// The least, in milliseconds.
const AT_LEAST_KNOWN_FOR: u32 = 10_000;

const ANSWERED: u8 = 1;
const FAILED: u8 = 1 << 1;
const REGULAR: u8 = 1 << 2;
const INSIDE: u8 = 1 << 3;
const COMPLETED: u8 = 1 << 4;
const SERVER_ISN: u8 = 1 << 5;
const ASKED_BACK: u8 = 1 << 6;

const _: () = assert!(size_of::<Attempt>() == 128, "an attempt takes two cache lines");
