//! The table of tracked attempts: a slab of bounded size, an index by endpoints, and queues by
//! state.
//!
//! Invariants: at most `capacity` attempts are tracked. Pending attempts are queued in the order of
//! their first SYN, which is the order of their deadlines; decided ones in the order they were
//! decided. A change of state adds one entry to the end of a queue, and touches no other attempt.
//
// Inlining attributes here and in `tracker` and `syn`: without them the mix takes 4 % and the flood
// 4 % more instructions (`make bench ONLY=counted`).

mod attempt;
mod decided;
mod index;
mod pending;
mod prefetch;

use std::time::Duration;

use hashbrown::HashMap;

use super::event::{OwnerId, Side};
use super::flow::{FlowHash, FlowHasher, FlowKey, FourTuple, Ipv6Remainder, is_ipv6};
use crate::packet::Endpoint;
use crate::time::Timestamp;
pub(super) use attempt::{Attempt, AttemptDetails, State};
use decided::DecidedQueue;
pub(super) use index::{Candidate, Candidates, SlotRef};
use index::{Index, MAX_PER_FOUR_TUPLE};
use pending::PendingQueue;
pub use prefetch::PREFETCH_BATCH;

/// Slots are 32-bit numbers; more attempts than this do not fit into the memory of any host.
const MAX_CAPACITY: usize = 1 << 30;
/// The slab is reserved at the start up to this many attempts, and grows beyond: a reservation is
/// used page by page, while growth copies. This much is harmless where memory is not overcommitted.
const RESERVED_ATTEMPTS: usize = 1 << 18;
/// Four-tuples of an attempt besides the first one.
const MAX_ALIASES: usize = 2;
/// How long an answered attempt is kept for its retransmissions even if the table is full.
const RECENT_ANSWER: Duration = Duration::from_secs(1);

/// Holds at most a fixed number of attempts.
pub(super) struct AttemptTable {
    slab: Vec<Attempt>,
    /// The details of the attempts in the same slots.
    details: Vec<AttemptDetails>,
    capacity: usize,
    free: Vec<u32>,
    index: Index,
    flow_hasher: FlowHasher,
    aliases: HashMap<u32, Vec<FourTuple>, foldhash::fast::RandomState>,
    pending: PendingQueue,
    answered: DecidedQueue,
    failed: DecidedQueue,
}

/// Where and when an attempt begins.
#[derive(Clone, Copy)]
pub(super) struct NewAttempt<'a> {
    pub(super) key: &'a FlowKey,
    pub(super) client: &'a Endpoint,
    pub(super) server: &'a Endpoint,
    pub(super) first_syn: Timestamp,
    pub(super) isn: u32,
    /// `false` if no attempt with the same endpoints is in the table.
    pub(super) may_have_others: bool,
}

/// An attempt of the table, as the sink of an event sees it.
#[derive(Clone, Copy)]
pub struct AttemptRef<'a> {
    table: &'a AttemptTable,
    slot: u32,
}

impl AttemptRef<'_> {
    /// Returns the four-tuple of its first SYN.
    pub fn four_tuple(&self) -> FourTuple {
        self.table.four_tuple(self.slot)
    }
}

impl AttemptTable {
    /// Creates an empty table of at most `capacity` attempts, which are due `timeout` after their
    /// first SYN.
    pub(super) fn new(capacity: usize, timeout: Duration) -> Self {
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        let reserved = capacity.min(RESERVED_ATTEMPTS);
        Self {
            slab: Vec::with_capacity(reserved),
            details: Vec::with_capacity(reserved),
            capacity,
            free: Vec::new(),
            index: Index::new(capacity),
            flow_hasher: FlowHasher::default(),
            aliases: HashMap::default(),
            pending: PendingQueue::new(timeout),
            answered: DecidedQueue::default(),
            failed: DecidedQueue::default(),
        }
    }

    pub(super) const fn pending_count(&self) -> usize {
        self.pending.count()
    }

    pub(super) const fn tracked_count(&self) -> usize {
        self.slab.len() - self.free.len()
    }

    /// Returns the attempt in a slot that this table returned.
    #[allow(
        clippy::indexing_slicing,
        reason = "slots are made here, and only slots in use are returned"
    )]
    pub(super) fn get(&self, slot: u32) -> &Attempt {
        &self.slab[slot as usize]
    }

    /// As [`get`](Self::get), to change it.
    #[allow(
        clippy::indexing_slicing,
        reason = "slots are made here, and only slots in use are returned"
    )]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Attempt {
        &mut self.slab[slot as usize]
    }

    /// Returns the details of the attempt in a slot that this table returned.
    #[allow(
        clippy::indexing_slicing,
        reason = "slots are made here, and only slots in use are returned"
    )]
    pub(super) fn details(&self, slot: u32) -> &AttemptDetails {
        &self.details[slot as usize]
    }

    /// Returns an attempt and its details, to change them.
    #[allow(
        clippy::indexing_slicing,
        reason = "slots are made here, and only slots in use are returned"
    )]
    pub(super) fn with_details(&mut self, slot: u32) -> (&mut Attempt, &mut AttemptDetails) {
        (
            &mut self.slab[slot as usize],
            &mut self.details[slot as usize],
        )
    }

    /// Returns what makes the keys of this table.
    pub(super) const fn flow_hasher(&self) -> &FlowHasher {
        &self.flow_hasher
    }

    /// Returns a read-only view of an attempt.
    pub(super) const fn view(&self, slot: u32) -> AttemptRef<'_> {
        AttemptRef { table: self, slot }
    }

    /// Returns `false` if no attempt with the endpoints of this key is in the table.
    #[inline]
    pub(super) fn may_contain(&self, key: &FlowKey) -> bool {
        self.index.may_contain(key.hash)
    }

    /// Returns the tracked attempts between two endpoints, by any of their four-tuples, newest
    /// first.
    #[inline]
    pub(super) fn candidates(
        &self,
        key: &FlowKey,
        from: &Endpoint,
        to: &Endpoint,
        now: Timestamp,
    ) -> Candidates {
        let mut slots = self.index.slots(key.hash);
        // Most SYNs have no candidate, and most other packets have one.
        let first = slots
            .next()
            .and_then(|slot| self.candidate(slot, key, from, to, now));
        let mut candidates = Candidates::new(first);
        slots.for_each(|slot| {
            self.insert_candidate(&mut candidates, self.candidate(slot, key, from, to, now));
        });
        candidates
    }

    #[cold]
    fn insert_candidate(&self, candidates: &mut Candidates, found: Option<Candidate>) {
        let Some(found) = found else { return };
        // The slot decides between equal times, so that the result does not depend on the hash.
        let age = |candidate: &Candidate| {
            let slot = candidate.attempt.slot;
            (self.get(slot).first_syn, slot)
        };
        let age_of_found = age(&found);
        candidates.insert(found, |candidate| age(candidate) > age_of_found);
    }

    /// Returns the attempt in a slot if it is tracked and has these endpoints.
    #[inline(always)]
    fn candidate(
        &self,
        slot: u32,
        key: &FlowKey,
        from: &Endpoint,
        to: &Endpoint,
        now: Timestamp,
    ) -> Option<Candidate> {
        let attempt = self.get(slot);
        let candidate = |hash, side| Candidate {
            attempt: SlotRef { slot, hash },
            side,
        };
        if !attempt.is_tracked_at(now) {
            None
        } else if attempt.tuple == key.tuple && self.has_four_tuple(slot, from, to) {
            Some(candidate(key.hash, Side::Client))
        } else if attempt.tuple == key.tuple.reversed() && self.has_four_tuple(slot, to, from) {
            Some(candidate(key.hash, Side::Server))
        } else {
            let side = self.side_by_alias(slot, from, to)?;
            Some(candidate(attempt.hash, side))
        }
    }

    /// Inserts a pending attempt and returns its slot. If the table is full, an attempt is evicted;
    /// its owner is returned if it was pending.
    pub(super) fn insert(&mut self, new: &NewAttempt<'_>) -> (u32, Option<OwnerId>) {
        let NewAttempt {
            key,
            client,
            server,
            first_syn,
            isn,
            may_have_others,
        } = *new;
        let evicted = if self.tracked_count() >= self.capacity {
            self.evict_one(first_syn)
        } else {
            None
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                *self.get_mut(slot) = Attempt::new(key, first_syn, isn);
                slot
            }
            None => self.push_slot(Attempt::new(key, first_syn, isn)),
        };
        if is_ipv6(client, server) {
            let (attempt, details) = self.with_details(slot);
            attempt.set_ipv6();
            details.ipv6 = Ipv6Remainder::new(client, server);
        }
        self.add_to_index(key.hash, slot, may_have_others);
        let attempt = SlotRef {
            slot,
            hash: key.hash,
        };
        self.pending.push(attempt, first_syn, &self.slab);
        (slot, evicted)
    }

    #[inline(never)]
    fn push_slot(&mut self, attempt: Attempt) -> u32 {
        self.slab.push(attempt);
        self.details.push(AttemptDetails::default());
        u32::try_from(self.slab.len() - 1).unwrap_or(u32::MAX)
    }

    /// Returns the four-tuple of the first SYN of an attempt.
    pub(super) fn four_tuple(&self, slot: u32) -> FourTuple {
        let attempt = self.get(slot);
        if attempt.is_ipv6() {
            attempt.tuple.expand_ipv6(&self.details(slot).ipv6)
        } else {
            attempt.tuple.expand_ipv4()
        }
    }

    /// Returns `true` if an attempt with the same compact tuple has this four-tuple.
    fn has_four_tuple(&self, slot: u32, client: &Endpoint, server: &Endpoint) -> bool {
        let has_ipv6 = self.get(slot).is_ipv6();
        let same_remainder = || self.details(slot).ipv6 == Ipv6Remainder::new(client, server);
        has_ipv6 == is_ipv6(client, server) && (!has_ipv6 || same_remainder())
    }

    /// Returns `true` if the attempt may have one more alias.
    pub(super) fn can_add_alias(&self, slot: u32) -> bool {
        self.aliases
            .get(&slot)
            .is_none_or(|aliases| aliases.len() < MAX_ALIASES)
    }

    /// Returns `true` if one of the attempt's four-tuples has the same endpoint as `tuple` on this
    /// side.
    pub(super) fn shares_endpoint(&self, slot: u32, side: Side, tuple: &FourTuple) -> bool {
        let mut aliases = self.aliases.get(&slot).into_iter().flatten();
        self.four_tuple(slot).shares(side, tuple) || aliases.any(|alias| alias.shares(side, tuple))
    }

    /// Adds a four-tuple that NAT gave to an attempt.
    pub(super) fn add_alias(&mut self, slot: u32, alias: FourTuple) {
        self.aliases.entry(slot).or_default().push(alias);
        self.add_to_index(self.flow_hasher.hash_of(&alias), slot, true);
    }

    /// Moves an attempt that was decided now out of the pending queue.
    pub(super) fn move_to_decided(&mut self, attempt: SlotRef, now: Timestamp) {
        self.pending.remove(attempt.slot);
        let state = self.get(attempt.slot).state();
        let expires_at = self.get(attempt.slot).expires_at();
        self.decided_queue(state).push(now, attempt, expires_at);
    }

    /// Returns `false` if no deadline has passed and no attempt expired.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.pending.is_due(now) || self.answered.is_due(now) || self.failed.is_due(now)
    }

    /// Removes the pending attempt with the earliest deadline from its queue, and returns it if the
    /// deadline has passed.
    pub(super) fn pop_overdue(&mut self, now: Timestamp) -> Option<SlotRef> {
        self.pending.pop_overdue(now, &self.slab)
    }

    /// Releases decided attempts that no further packet can belong to: at most `limit` of them, so
    /// that no call takes long.
    pub(super) fn release_expired(&mut self, now: Timestamp, limit: usize) {
        for _ in 0..limit {
            let Some(expired) = self
                .answered
                .pop_expired(now)
                .or_else(|| self.failed.pop_expired(now))
            else {
                break;
            };
            let attempt = self.get(expired.slot);
            if attempt.is_tracked_at(now) {
                let state = attempt.state();
                let expires_at = attempt.expires_at();
                self.decided_queue(state).extend(expired, expires_at);
            } else {
                self.release(expired);
            }
        }
    }

    const fn decided_queue(&mut self, state: State) -> &mut DecidedQueue {
        match state {
            State::Answered => &mut self.answered,
            State::Failed | State::Pending => &mut self.failed,
        }
    }

    fn side_by_alias(&self, slot: u32, from: &Endpoint, to: &Endpoint) -> Option<Side> {
        self.aliases
            .get(&slot)?
            .iter()
            .find_map(|alias| alias.side_of(from, to))
    }

    /// Adds a slot to the index. If a four-tuple has too many attempts (a flood that reuses it),
    /// packets no longer find the oldest one: it runs into its deadline.
    #[inline]
    fn add_to_index(&mut self, hash: FlowHash, slot: u32, may_have_others: bool) {
        if may_have_others {
            self.unlink_oldest(hash);
        }
        self.index.insert(hash, slot);
    }

    #[inline(never)]
    fn unlink_oldest(&mut self, hash: FlowHash) {
        // Another flow may have a hash with the same bits. An attempt with aliases is in the index
        // under their hashes, too.
        let belongs = |slot: &u32| self.get(*slot).hash == hash || self.aliases.contains_key(slot);
        let slots = || self.index.slots(hash).filter(belongs);
        if slots().count() >= MAX_PER_FOUR_TUPLE
            && let Some(oldest) = slots().min_by_key(|slot| (self.get(*slot).first_syn, *slot))
        {
            self.index.remove(hash, oldest);
        }
    }

    /// Removes one attempt from a full table, in this order: answered more than [`RECENT_ANSWER`]
    /// ago; pending and unproven, oldest first; failed; answered; pending, oldest first. Returns
    /// its owner if it was pending.
    fn evict_one(&mut self, now: Timestamp) -> Option<OwnerId> {
        if let Some(answered) = self.answered.pop_older(RECENT_ANSWER, now) {
            self.release(answered);
            return None;
        }
        if let Some(unproven) = self.pending.pop_unproven(&self.slab) {
            return Some(self.evict_pending(unproven));
        }
        if let Some(decided) = self.failed.pop().or_else(|| self.answered.pop()) {
            self.release(decided);
            return None;
        }
        let oldest = self.pending.pop_oldest(&self.slab)?;
        Some(self.evict_pending(oldest))
    }

    #[inline]
    fn evict_pending(&mut self, evicted: SlotRef) -> OwnerId {
        let attempt = self.get_mut(evicted.slot);
        // Entries of queues and NAT candidates that still name the slot must not take it for
        // pending.
        attempt.set_failed();
        let owner = attempt.owner;
        self.pending.remove(evicted.slot);
        self.release(evicted);
        owner
    }

    #[inline]
    fn release(&mut self, released: SlotRef) {
        self.index.remove(released.hash, released.slot);
        if !self.aliases.is_empty() {
            self.remove_aliases(released.slot);
        }
        self.free.push(released.slot);
    }

    #[inline(never)]
    fn remove_aliases(&mut self, slot: u32) {
        for alias in self.aliases.remove(&slot).unwrap_or_default() {
            self.index.remove(self.flow_hasher.hash_of(&alias), slot);
        }
    }
}
