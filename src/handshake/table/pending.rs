//! Pending attempts in start order, which is also deadline order.
//
// Inlining attributes here, in `decided`, `prefetch`, `monotonic` and `event`: without them the
// flood takes 3 % more instructions (`make bench ONLY=counted`).

use std::collections::VecDeque;
use std::time::Duration;

use super::attempt::{Attempt, State};
use super::index::SlotRef;
use crate::time::Timestamp;

/// Later than any packet.
pub(super) const NEVER: Timestamp = Timestamp::from_nanos(u64::MAX);
/// Entries that an out-of-order attempt is moved forward over, at most.
const MAX_REORDERING: usize = 1024;
/// A queue up to this length is not swept.
const MIN_SWEEP: usize = 1024;
/// The tag of a slot without a pending attempt.
const VACANT: u8 = 0;
/// Set in the tag of a slot with a pending attempt.
const OCCUPIED: u8 = 0x80;

/// A queue of pending attempts. Decided attempts are removed lazily: their entries are skipped when
/// they reach the front. An entry holds what deadlines need, so that attempts are read only when
/// they are due.
pub(super) struct PendingQueue {
    timeout: Duration,
    queue: VecDeque<PendingEntry>,
    /// No deadline is earlier. Read for every packet, so that the queue is not.
    next_due: Timestamp,
    /// For each slot [`VACANT`], or some bits of the hash of its pending attempt. One byte a slot
    /// stays in the cache, so that most entries of decided attempts are skipped without reading the
    /// attempt.
    tags: Vec<u8>,
    /// Entries of the queue with an attempt that is still pending.
    count: usize,
    /// Entries at the front that cannot be unproven: their SYN was repeated, their peer was known,
    /// or they are decided.
    proven: usize,
    /// Entries at the front that [`prefetch_overdue`](Self::prefetch_overdue) returned before.
    prefetched: usize,
}

#[derive(Clone, Copy)]
struct PendingEntry {
    first_syn: Timestamp,
    attempt: SlotRef,
}

impl PendingQueue {
    /// Creates an empty queue of attempts that are due `timeout` after their first SYN.
    pub(super) const fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            queue: VecDeque::new(),
            next_due: NEVER,
            tags: Vec::new(),
            count: 0,
            proven: 0,
            prefetched: 0,
        }
    }

    /// Returns the number of pending attempts.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Adds an attempt. Packets may be out of order; the queue is in order nevertheless.
    pub(super) fn push(&mut self, attempt: SlotRef, first_syn: Timestamp, slab: &[Attempt]) {
        let limit = (slab.len() + slab.len() / 2).max(MIN_SWEEP);
        if self.queue.len() >= limit {
            self.sweep(slab);
        }
        if self.queue.len() == self.queue.capacity() {
            // The queue doubles, but not beyond its limit.
            let additional = self.queue.len().max(MIN_SWEEP);
            self.queue
                .reserve_exact(additional.min(limit - self.queue.len()));
        }
        self.count += 1;
        let entry = PendingEntry { first_syn, attempt };
        self.set_tag(attempt.slot, entry.tag());
        if self
            .queue
            .back()
            .is_some_and(|last| last.first_syn <= first_syn)
        {
            return self.queue.push_back(entry);
        }
        let later = self
            .queue
            .iter()
            .rev()
            .take(MAX_REORDERING)
            .take_while(|entry| entry.first_syn > first_syn)
            .count();
        let position = self.queue.len() - later;
        self.queue.insert(position, entry);
        if position == 0 {
            self.next_due = self.next_due.min(first_syn + self.timeout);
        }
        self.proven = self.proven.min(position);
    }

    /// Records that an attempt is no longer pending.
    pub(super) fn remove(&mut self, slot: u32) {
        self.count -= 1;
        self.set_tag(slot, VACANT);
    }

    /// Returns `false` if no attempt is due.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.next_due
    }

    /// Removes and returns the oldest attempt if it is due.
    #[inline]
    pub(super) fn pop_overdue(&mut self, now: Timestamp, slab: &[Attempt]) -> Option<SlotRef> {
        if self.is_due(now) {
            self.pop_first_overdue(now, slab)
        } else {
            None
        }
    }

    fn pop_first_overdue(&mut self, now: Timestamp, slab: &[Attempt]) -> Option<SlotRef> {
        while let Some(first) = self.queue.front().copied() {
            let deadline = first.first_syn + self.timeout;
            if deadline > now {
                self.next_due = deadline;
                return None;
            }
            self.drop_first();
            if self.is_pending(&first, slab) {
                return Some(first.attempt);
            }
        }
        self.next_due = NEVER;
        None
    }

    /// Removes and returns the oldest attempt.
    pub(super) fn pop_oldest(&mut self, slab: &[Attempt]) -> Option<SlotRef> {
        while let Some(first) = self.queue.front().copied() {
            self.drop_first();
            if self.is_pending(&first, slab) {
                return Some(first.attempt);
            }
        }
        None
    }

    /// Removes and returns the oldest unproven attempt: one with a single SYN from a new peer. An
    /// attempt never becomes unproven again, so each entry is skipped at most once.
    pub(super) fn pop_unproven(&mut self, slab: &[Attempt]) -> Option<SlotRef> {
        while let Some(entry) = self.queue.get(self.proven).copied() {
            let pending = self.is_pending(&entry, slab);
            let found = pending && entry.is_unproven(slab);
            if self.proven == 0 && (found || !pending) {
                self.drop_first();
            } else {
                self.proven += 1;
            }
            if found {
                return Some(entry.attempt);
            }
        }
        None
    }

    /// Returns the slots that are due by `now`, among the next `limit` entries that were not
    /// returned before.
    pub(super) fn prefetch_overdue(
        &mut self,
        now: Timestamp,
        limit: usize,
    ) -> impl Iterator<Item = u32> {
        let prefetched = &mut self.prefetched;
        let timeout = self.timeout;
        let tags = &self.tags;
        let limit = if now < self.next_due { 0 } else { limit };
        let rest = self
            .queue
            .range((*prefetched).min(self.queue.len())..)
            .take(limit);
        let due = rest
            .take_while(move |entry| entry.first_syn + timeout <= now)
            .inspect(move |_| *prefetched += 1);
        due.filter(|entry| entry.may_be_pending(tags))
            .map(|entry| entry.attempt.slot)
    }

    /// Returns the attempts that [`pop_unproven`](Self::pop_unproven) may return next.
    pub(super) fn next_unproven(&self) -> impl Iterator<Item = SlotRef> {
        self.queue
            .range(self.proven.min(self.queue.len())..)
            .map(|entry| entry.attempt)
    }

    /// Returns the attempts that [`pop_oldest`](Self::pop_oldest) may return next.
    pub(super) fn next_oldest(&self) -> impl Iterator<Item = SlotRef> {
        self.queue
            .iter()
            .filter(|entry| entry.may_be_pending(&self.tags))
            .map(|entry| entry.attempt)
    }

    fn is_pending(&self, entry: &PendingEntry, slab: &[Attempt]) -> bool {
        entry.may_be_pending(&self.tags) && entry.is_pending(slab)
    }

    fn set_tag(&mut self, slot: u32, tag: u8) {
        let slot = slot as usize;
        if slot >= self.tags.len() {
            self.tags.resize(slot + 1, VACANT);
        }
        if let Some(known) = self.tags.get_mut(slot) {
            *known = tag;
        }
    }

    fn drop_first(&mut self) {
        self.queue.pop_front();
        self.proven = self.proven.saturating_sub(1);
        self.prefetched = self.prefetched.saturating_sub(1);
    }

    /// Drops the entries of decided attempts. A pending attempt keeps one entry: an entry of an
    /// earlier attempt in its slot may be equal to its own.
    fn sweep(&mut self, slab: &[Attempt]) {
        let mut position = 0;
        let mut kept = 0;
        let proven = self.proven;
        let tags = &mut self.tags;
        self.queue.retain(|entry| {
            let pending = entry.may_be_pending(tags) && entry.is_pending(slab);
            kept += usize::from(pending && position < proven);
            position += 1;
            if let (true, Some(tag)) = (pending, tags.get_mut(entry.attempt.slot as usize)) {
                *tag = VACANT;
            }
            pending
        });
        for entry in &self.queue {
            if let Some(tag) = tags.get_mut(entry.attempt.slot as usize) {
                *tag = entry.tag();
            }
        }
        self.proven = kept;
        self.prefetched = 0;
    }
}

impl PendingEntry {
    /// Returns the tag of its slot while the attempt is pending.
    const fn tag(&self) -> u8 {
        (self.attempt.hash.0 & 0x7f) as u8 | OCCUPIED
    }

    /// Returns `false` if the attempt is not pending. A later attempt in its slot seldom has the
    /// same tag.
    fn may_be_pending(&self, tags: &[u8]) -> bool {
        tags.get(self.attempt.slot as usize)
            .is_some_and(|tag| *tag == self.tag())
    }

    /// Returns `true` if the attempt of this entry is pending, or a later one in its slot between
    /// the same endpoints with the same first SYN time, which has the same deadline.
    fn is_pending(&self, slab: &[Attempt]) -> bool {
        let attempt = slab.get(self.attempt.slot as usize);
        attempt.is_some_and(|attempt| {
            attempt.first_syn == self.first_syn
                && attempt.hash == self.attempt.hash
                && attempt.state() == State::Pending
        })
    }

    fn is_unproven(&self, slab: &[Attempt]) -> bool {
        slab.get(self.attempt.slot as usize)
            .is_some_and(|attempt| !attempt.has_known_peer() && attempt.syn_count() < 2)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::flow::FlowHasher;
    use super::*;
    use crate::packet::Endpoint;

    /// A slot can be reused many times between the same endpoints at the same time. A sweep removes
    /// the entries that this leaves in the queue; else every further attempt would sweep the whole
    /// queue.
    #[test]
    fn sweep_leaves_one_entry_per_pending_attempt() {
        let first_syn = Timestamp::from_nanos(1_000);
        let mut pending = PendingQueue::new(Duration::from_secs(5));
        let mut slab = Vec::new();
        for slot in 0..2_000_u16 {
            let endpoint = |port| Endpoint {
                address: std::net::Ipv4Addr::LOCALHOST.into(),
                port,
            };
            let key = FlowHasher::default().key(&endpoint(slot), &endpoint(80));
            slab.push(Attempt::new(&key, first_syn, 7));
            let attempt = SlotRef {
                slot: u32::from(slot),
                hash: key.hash,
            };
            pending.push(attempt, first_syn, &slab);
        }
        for (slot, attempt) in (0..900).zip(&slab) {
            pending.remove(slot);
            let hash = attempt.hash;
            pending.push(SlotRef { slot, hash }, first_syn, &slab);
        }
        assert_eq!((pending.queue.len(), pending.count()), (2_900, 2_000));
        pending.sweep(&slab);
        assert_eq!((pending.queue.len(), pending.count()), (2_000, 2_000));
        let mut due = Vec::new();
        while let Some(attempt) = pending.pop_overdue(first_syn + Duration::from_secs(5), &slab) {
            due.push(attempt.slot);
            pending.remove(attempt.slot);
        }
        due.sort_unstable();
        assert_eq!(due, (0..2_000).collect::<Vec<_>>(), "each is due once");
    }
}
