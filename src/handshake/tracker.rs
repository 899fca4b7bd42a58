//! The tracker: packets and timeouts in, events out.
//
// Inlining attributes: see `table/mod.rs`.

use std::hash::Hash;
use std::time::Duration;

use super::dedup::{Distinctness, DuplicateFilter};
use super::event::{Event, FailureReason, PacketKind, Side};
use super::flow::{FlowHasher, FlowKey};
use super::monotonic::MonotonicClock;
use super::nat::NatTable;
use super::reorder::EarlySynAcks;
use super::sink::{EventSink, Opening, PeerHistory};
use super::table::{AttemptTable, Candidate, Candidates, NewAttempt, SlotRef};
use crate::packet::{Endpoint, Flags, IcmpError, Packet, Segment};
use crate::time::Timestamp;

/// Maximum number of expired attempts that are released with a packet: twice what a packet can
/// open, so that a backlog shrinks.
const EXPIRE_PER_PACKET: usize = 2;
/// Maximum number of expired attempts that are released with a timeout.
const EXPIRE_PER_TIMEOUT: usize = 10_000;
/// Set in a fingerprint, above the bits of a port, if the packet belongs to no attempt.
const NO_ATTEMPT: u32 = 1 << 16;

/// Follows every attempt to its outcome.
///
/// It has two inputs, [`handle_packet`](Self::handle_packet) and
/// [`handle_timeout`](Self::handle_timeout), and one output, the [`EventSink`] that both take.
/// Deadlines that lie before a packet fire before it. The other methods only read, or prefetch.
pub struct Tracker {
    pub(super) clock: MonotonicClock,
    pub(super) table: AttemptTable,
    pub(super) nat: NatTable,
    pub(super) duplicates: DuplicateFilter,
    pub(super) early_synacks: EarlySynAcks,
}

/// The bounds of a [`Tracker`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttemptLimits {
    /// An attempt without an answer this long after its first SYN is unanswered.
    pub timeout: Duration,
    /// Attempts that are tracked at once.
    pub max_attempts: usize,
}

impl Tracker {
    /// Creates a tracker without attempts.
    pub fn new(limits: AttemptLimits) -> Self {
        Self {
            clock: MonotonicClock::default(),
            table: AttemptTable::new(limits.max_attempts, limits.timeout),
            nat: NatTable::new(limits.max_attempts),
            duplicates: DuplicateFilter::new(limits.max_attempts),
            early_synacks: EarlySynAcks::default(),
        }
    }

    /// Returns the hasher that makes the keys of this tracker's packets.
    pub fn flow_hasher(&self) -> FlowHasher {
        self.table.flow_hasher().clone()
    }

    /// Prefetches what [`prefetch`](Self::prefetch) reads of these packets: to be called for the
    /// first batch, before `prefetch`.
    pub fn prefetch_index<'a>(&self, batch: impl Iterator<Item = &'a (Packet, FlowKey)>) {
        for (_, key) in batch {
            self.table.prefetch_index(key);
        }
    }

    /// Prefetches the memory that the next packets need: `batch` is handled next, at most
    /// [`PREFETCH_BATCH`](super::PREFETCH_BATCH) packets, and `next_batch` after it, up to the time
    /// `until`. Changes nothing else.
    pub fn prefetch<'a>(
        &mut self,
        batch: impl Iterator<Item = &'a (Packet, FlowKey)>,
        next_batch: impl Iterator<Item = &'a (Packet, FlowKey)>,
        until: Timestamp,
    ) {
        self.prefetch_index(next_batch);
        for (packet, key) in batch {
            self.table.prefetch_attempts(packet, key);
        }
        self.table.prefetch_expiring(super::PREFETCH_BATCH, until);
    }

    /// Handles a packet that was captured at `at`, after the deadlines before it. `key` is the
    /// packet's, from [`flow_hasher`](Self::flow_hasher).
    #[inline]
    pub fn handle_packet(
        &mut self,
        at: Timestamp,
        packet: &Packet,
        key: &FlowKey,
        sink: &mut impl EventSink,
    ) {
        let at = self.advance_clock(at, sink);
        if self.table.is_due(self.clock.now()) {
            self.fail_overdue(usize::MAX, sink);
        }
        match packet {
            Packet::Segment(segment) => self.on_segment(at, segment, key, sink),
            Packet::IcmpError(error) => self.on_icmp_error(at, error, key, sink),
        }
        // A reordered packet may open an attempt that is overdue at once.
        if self.table.is_due(self.clock.now()) {
            self.fail_overdue(usize::MAX, sink);
            self.table
                .release_expired(self.clock.now(), EXPIRE_PER_PACKET);
        }
    }

    /// Handles the deadlines up to `now`, because no packet arrived since: at most `budget` of
    /// them. Returns `true` if more are due.
    pub fn handle_timeout(
        &mut self,
        now: Timestamp,
        budget: usize,
        sink: &mut impl EventSink,
    ) -> bool {
        self.advance_clock(now, sink);
        if self.fail_overdue(budget, sink) {
            return true;
        }
        self.table
            .release_expired(self.clock.now(), EXPIRE_PER_TIMEOUT);
        false
    }

    /// Returns the latest packet time, on a clock that never steps back.
    pub const fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the number of attempts without an outcome.
    pub const fn pending(&self) -> usize {
        self.table.pending_count()
    }

    /// Returns the number of attempts in the table, decided ones included.
    pub const fn tracked(&self) -> usize {
        self.table.tracked_count()
    }

    /// Opens an attempt, after an eviction if the table is full.
    #[inline]
    pub(super) fn open(
        &mut self,
        new: &NewAttempt<'_>,
        opening: Opening<'_>,
        sink: &mut impl EventSink,
    ) -> u32 {
        let now = self.clock.now();
        let (slot, evicted) = self.table.insert(new);
        if let Some(owner) = evicted {
            sink.event(now, Event::Evicted(owner), None);
        }
        let assignment = sink.opened(now, opening);
        let attempt = self.table.get_mut(slot);
        attempt.owner = assignment.owner;
        if assignment.history == PeerHistory::Known {
            attempt.set_known_peer();
        }
        slot
    }

    /// Returns the fields that are equal in all duplicates of a segment, besides its kind: attempt,
    /// side, sequence and acknowledgment number, timestamp value and identification. NAT changes
    /// the addresses of a segment, but not its attempt.
    pub(super) fn fingerprint(
        &self,
        attempt: Option<Candidate>,
        segment: &Segment,
        key: &FlowKey,
    ) -> impl Hash + use<> {
        let (hash, side) = match attempt {
            Some(known) => (known.attempt.hash, u32::from(known.side == Side::Server)),
            None => (key.hash, NO_ATTEMPT | u32::from(segment.from.port)),
        };
        let numbers = u64::from(segment.sequence) << 32 | u64::from(segment.acknowledgment);
        let fields = u64::from(segment.timestamp.unwrap_or(0)) << 32
            | u64::from(segment.identification.unwrap_or(0));
        let present = u32::from(segment.timestamp.is_some()) << 1
            | u32::from(segment.identification.is_some());
        (hash, side | present << 20, numbers, fields)
    }

    /// Returns the tracked attempts between the endpoints of a packet, newest first.
    pub(super) fn candidates(&self, key: &FlowKey, from: &Endpoint, to: &Endpoint) -> Candidates {
        self.table.candidates(key, from, to, self.clock.now())
    }

    /// Fails a pending attempt. That happens at most once for each attempt.
    pub(super) fn fail(
        &mut self,
        failed: SlotRef,
        reason: FailureReason,
        sink: &mut impl EventSink,
    ) {
        let now = self.clock.now();
        let attempt = self.table.get_mut(failed.slot);
        attempt.set_failed();
        let event = Event::Failed(attempt.owner, reason);
        self.table.move_to_decided(failed, now);
        sink.event(now, event, Some(self.table.view(failed.slot)));
    }

    /// Opens an attempt with a SYN that no capture saw, and rejects it.
    pub(super) fn open_and_reject(
        &mut self,
        at: Timestamp,
        error: &IcmpError,
        key: &FlowKey,
        sink: &mut impl EventSink,
    ) {
        let new = NewAttempt {
            key,
            client: &error.quote.from,
            server: &error.quote.to,
            first_syn: at,
            isn: error.quote.sequence,
            may_have_others: true,
        };
        let slot = self.open(&new, Opening::LocalRejection(error), sink);
        let attempt = SlotRef {
            slot,
            hash: key.hash,
        };
        self.reject(attempt, error.code, error.reporter, sink);
    }

    /// Fails at most `budget` attempts after their deadline. Returns `true` if the budget is
    /// used up.
    fn fail_overdue(&mut self, budget: usize, sink: &mut impl EventSink) -> bool {
        for _ in 0..budget {
            let Some(overdue) = self.table.pop_overdue(self.clock.now()) else {
                return false;
            };
            self.fail(overdue, FailureReason::Unanswered, sink);
        }
        true
    }

    /// Dispatches a segment by its control bits. Other bits than those tested may be set.
    fn on_segment(
        &mut self,
        at: Timestamp,
        segment: &Segment,
        key: &FlowKey,
        sink: &mut impl EventSink,
    ) {
        let flags = segment.flags;
        let control = (
            flags.has(Flags::SYN),
            flags.has(Flags::ACK),
            flags.has(Flags::RST),
        );
        match control {
            (true, false, false) if flags.has(Flags::FIN) => {
                self.on_invalid_syn(at, segment, sink);
            }
            (true, false, true) => self.on_invalid_syn(at, segment, sink),
            (true, false, false) => self.on_syn(at, segment, key, sink),
            (true, true, false) => self.on_synack(at, segment, key, sink),
            (_, _, true) => self.on_rst(at, segment, key, sink),
            (false, true, false) => self.on_ack(at, segment, key, sink),
            (false, false, false) => {}
        }
    }

    /// A SYN with FIN or RST opens nothing; its duplicates are recognized all the same.
    fn on_invalid_syn(&mut self, at: Timestamp, segment: &Segment, sink: &mut impl EventSink) {
        let fingerprint = (
            PacketKind::Syn,
            (segment.from, segment.to, segment.flags),
            segment.sequence,
            segment.timestamp,
            segment.identification,
        );
        let distinctness = Distinctness::of(segment);
        let is_duplicate =
            self.duplicates
                .check_and_insert(fingerprint, at, segment.via, distinctness);
        let event = if is_duplicate {
            Event::Duplicate(PacketKind::Syn)
        } else {
            Event::InvalidSyn
        };
        self.emit(event, sink);
    }

    /// Emits an event that decides no attempt.
    #[inline]
    pub(super) fn emit(&self, event: Event, sink: &mut impl EventSink) {
        sink.event(self.clock.now(), event, None);
    }

    /// Returns a packet's time on the tracker's clock.
    #[inline]
    fn advance_clock(&mut self, at: Timestamp, sink: &mut impl EventSink) -> Timestamp {
        let (normalized, stepped_back) = self.clock.normalize(at);
        if stepped_back {
            self.emit(Event::ClockStep, sink);
        }
        normalized
    }
}
