//! One attempt: what must be remembered to judge the packets that belong to it, in one cache line.

use super::ends::{FlowHash, FlowKey};
use super::event::OwnerId;
use super::evidence::{Evidence, REMEMBERED_SYNS};
use super::name::CompactTuple;
use super::print::SynPrint;
use super::sequence::acknowledges;
use crate::packet::{Direction, Segment};
use crate::time::Timestamp;

/// A try to open a connection, from its first SYN until no further SYN of it can be due.
///
/// It has all that most packets and deadlines ask for. What else is known of it is its [`Evidence`].
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Attempt {
    /// The name that counts: the four-tuple of its first SYN.
    pub(super) name: CompactTuple,
    pub(super) isn: u32,
    pub(super) first_syn: Timestamp,
    /// When the first acceptable SYN/ACK was met; meaningful once `is_answered`.
    answered: Timestamp,
    pub(super) owner: OwnerId,
    /// Under which it is in the index by that name.
    pub(super) tag: FlowHash,
    /// Milliseconds after `first_syn`.
    known_until: u32,
    /// The server's initial sequence number; meaningful once `SERVER_ISN` is marked.
    server_isn: u32,
    /// The last of its SYNs, once one was met.
    newest: SynPrint,
    syn_data: u16,
    syn_count: u8,
    marks: u8,
}

/// Where an attempt stands. What is known beyond that (an answer after a failure) is asked of the attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Waiting,
    Answered,
    Failed,
}

impl Attempt {
    /// An attempt that begins with a SYN, or with the rejection of one that was never seen. Its SYN is still to be
    /// remembered.
    pub(super) fn new(ends: &FlowKey, first_syn: Timestamp, isn: u32) -> Self {
        Self {
            name: ends.name,
            isn,
            first_syn,
            answered: first_syn,
            owner: OwnerId::default(),
            tag: ends.tag,
            known_until: AT_LEAST_KNOWN_FOR,
            server_isn: 0,
            newest: SynPrint::default(),
            syn_data: 0,
            syn_count: 0,
            marks: 0,
        }
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

    /// Its addresses are IPv6: the rest of its name is in evidence.
    pub(super) const fn mark_long_name(&mut self) {
        self.marks |= LONG_NAME;
    }

    pub(super) const fn has_long_name(&self) -> bool {
        self.marks & LONG_NAME != 0
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
    pub(super) fn has_met(&self, evidence: &Evidence, at: Timestamp, syn: &Segment) -> bool {
        let print = SynPrint::of(syn, self.offset(at));
        self.has_syn(evidence, |known| known.same_packet(&print))
    }

    /// Whether one of its SYNs carries what `syn` carries, however it is addressed: NAT changes none of it.
    pub(super) fn looks_like(&self, evidence: &Evidence, syn: &Segment) -> bool {
        let print = SynPrint::of(syn, 0);
        self.isn == syn.sequence && self.has_syn(evidence, |known| known.same_marks(&print))
    }

    fn has_syn(&self, evidence: &Evidence, is_it: impl Fn(&SynPrint) -> bool) -> bool {
        self.syn_count > 0
            && (is_it(&self.newest) || evidence.older(self.syn_count).iter().any(is_it))
    }

    /// Its first SYN.
    pub(super) fn remember_first_syn(&mut self, syn: &Segment) {
        self.newest = SynPrint::of(syn, 0);
        self.syn_data = syn.payload_length;
        self.syn_count = 1;
    }

    /// One more SYN of it. The next one is due after a pause of at most twice the last.
    pub(super) fn remember_syn(&mut self, evidence: &mut Evidence, at: Timestamp, syn: &Segment) {
        let print = SynPrint::of(syn, self.offset(at));
        if at != self.first_syn {
            let gap = if self.syn_count > 0 {
                print.apart(&self.newest)
            } else {
                0
            };
            self.keep_known(at, u64::from(gap) * NANOS_PER_MICRO);
        }
        if self.syn_count > 0 {
            evidence.note_older(self.newest);
        }
        self.newest = print;
        self.syn_data = self.syn_data.max(syn.payload_length);
        self.syn_count = REMEMBERED_SYNS.min(self.syn_count + 1);
    }

    /// Whether it may still matter: a decided attempt is forgotten when no further SYN of it can be due.
    pub(super) fn is_known_at(&self, now: Timestamp) -> bool {
        self.state() == State::Waiting || now < self.known_until()
    }

    pub(super) const fn known_until(&self) -> Timestamp {
        self.first_syn
            .plus_nanos(self.known_until as u64 * NANOS_PER_MILLI)
    }

    /// Retransmission pauses at most double (RFC 6298 section 5.5); 2.25 and a second leave room for jitter. The gap is
    /// in nanoseconds.
    fn keep_known(&mut self, at: Timestamp, gap: u64) {
        let pause = (gap.saturating_mul(9) / 4)
            .saturating_add(NANOS_PER_SECOND)
            .clamp(KNOWN_AT_LEAST, KNOWN_AT_MOST);
        let until = at
            .plus_nanos(pause)
            .nanos_since(self.first_syn)
            .div_ceil(NANOS_PER_MILLI);
        self.known_until = self
            .known_until
            .max(u32::try_from(until).unwrap_or(u32::MAX));
    }

    /// Microseconds since the first SYN; begins anew every 71 minutes.
    fn offset(&self, at: Timestamp) -> u32 {
        u32::try_from(at.nanos_since(self.first_syn) / NANOS_PER_MICRO % (1 << 32)).unwrap_or(0)
    }
}

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
const LONG_NAME: u8 = 1 << 7;

const _: () = assert!(
    size_of::<Attempt>() == 64,
    "an attempt takes one cache line"
);
