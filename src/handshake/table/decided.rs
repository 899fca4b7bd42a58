//! Decided attempts in the order they were decided, until they expire.
//
// Inlining attributes: see `pending`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use super::index::SlotRef;
use super::pending::NEVER;
use crate::time::Timestamp;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Entries of a heap that are examined for attempts that expired: the first ones are near its top.
const HEAP_PREFIX: usize = 63;

const _: () = assert!(
    size_of::<DecidedEntry>() == 20,
    "one entry for each decided attempt"
);

/// A queue of decided attempts, and apart from it those that are tracked for longer than was
/// expected when they were decided.
#[derive(Default)]
pub(super) struct DecidedQueue {
    queue: VecDeque<DecidedEntry>,
    extended: ExpiryBuckets,
    /// No attempt expires earlier. Read for every packet, so that the queue is not.
    next_due: Timestamp,
}

/// Aligned to four bytes, which saves four bytes an attempt.
#[derive(Clone, Copy)]
#[repr(C, packed(4))]
struct DecidedEntry {
    at: Timestamp,
    attempt: SlotRef,
    tracked_millis: u32,
}

/// A calendar queue: attempts in buckets by the second in which they expire. The first bucket is a
/// heap. Until its second comes, an attempt is one entry at the end of a bucket, so that even many
/// attempts with the same second cost little each.
#[derive(Default)]
struct ExpiryBuckets {
    first: BinaryHeap<Reverse<Expiry>>,
    /// Attempts that expire before this time belong to the first bucket.
    first_until: Timestamp,
    later: BTreeMap<u64, Vec<Reverse<Expiry>>>,
}

/// When an attempt expires, and which.
type Expiry = (Timestamp, SlotRef);

impl DecidedEntry {
    fn expires_at(&self) -> Timestamp {
        self.at
            .plus_nanos(u64::from(self.tracked_millis) * 1_000_000)
    }

    fn is_older(&self, age: Duration, now: Timestamp) -> bool {
        self.at + age < now
    }
}

impl DecidedQueue {
    /// Adds an attempt that was decided now.
    pub(super) fn push(&mut self, now: Timestamp, attempt: SlotRef, expires_at: Timestamp) {
        let millis = expires_at.nanos_since(now) / 1_000_000;
        self.queue.push_back(DecidedEntry {
            at: now,
            attempt,
            tracked_millis: u32::try_from(millis).unwrap_or(u32::MAX),
        });
        if self.queue.len() == 1 {
            self.next_due = Timestamp::default();
        }
    }

    /// Adds an expired attempt again, because it is tracked for longer.
    pub(super) fn extend(&mut self, attempt: SlotRef, expires_at: Timestamp) {
        self.extended.push(expires_at, attempt);
        self.next_due = self.next_due.min(expires_at);
    }

    /// Returns `false` if no attempt expired.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.next_due
    }

    /// Removes and returns an attempt that expired.
    #[inline]
    pub(super) fn pop_expired(&mut self, now: Timestamp) -> Option<SlotRef> {
        if self.is_due(now) {
            self.pop_first_expired(now)
        } else {
            None
        }
    }

    fn pop_first_expired(&mut self, now: Timestamp) -> Option<SlotRef> {
        let first = self.queue.front().map_or(NEVER, DecidedEntry::expires_at);
        if first <= now {
            return self.pop_first();
        }
        let extended = self.extended.first_expiry().unwrap_or(NEVER);
        if extended <= now {
            return self.extended.pop();
        }
        self.next_due = first.min(extended);
        None
    }

    /// Returns the attempts that [`pop_expired`](Self::pop_expired) returns next.
    pub(super) fn next_expired(&self, now: Timestamp) -> impl Iterator<Item = SlotRef> {
        let limit = if self.is_due(now) { usize::MAX } else { 0 };
        let expired = self
            .queue
            .iter()
            .take_while(move |first| first.expires_at() <= now)
            .map(|first| first.attempt);
        expired.chain(self.extended.expired(now)).take(limit)
    }

    /// Returns the attempts that [`pop`](Self::pop) returns next.
    pub(super) fn next(&self) -> impl Iterator<Item = SlotRef> {
        self.extended
            .iter()
            .chain(self.queue.iter().map(|first| first.attempt))
    }

    /// Returns the attempts that [`pop_older`](Self::pop_older) returns next.
    pub(super) fn next_older(
        &self,
        age: Duration,
        now: Timestamp,
    ) -> impl Iterator<Item = SlotRef> {
        let older = self
            .queue
            .iter()
            .take_while(move |first| first.is_older(age, now))
            .map(|first| first.attempt);
        self.extended.iter().chain(older)
    }

    /// Removes and returns an attempt that was decided longer than `age` ago.
    pub(super) fn pop_older(&mut self, age: Duration, now: Timestamp) -> Option<SlotRef> {
        if let Some(attempt) = self.extended.pop() {
            return Some(attempt);
        }
        self.queue
            .front()
            .filter(|first| first.is_older(age, now))?;
        self.pop_first()
    }

    /// Removes and returns any attempt, oldest decision first.
    pub(super) fn pop(&mut self) -> Option<SlotRef> {
        self.extended.pop().or_else(|| self.pop_first())
    }

    /// The next entry may expire earlier than the one that is removed.
    fn pop_first(&mut self) -> Option<SlotRef> {
        let first = self.queue.pop_front()?;
        self.next_due = Timestamp::default();
        Some(first.attempt)
    }
}

impl ExpiryBuckets {
    fn push(&mut self, expires_at: Timestamp, attempt: SlotRef) {
        let expiry = Reverse((expires_at, attempt));
        if expires_at < self.first_until {
            self.first.push(expiry);
        } else {
            self.later
                .entry(expires_at.as_nanos() / NANOS_PER_SECOND)
                .or_default()
                .push(expiry);
        }
    }

    /// Returns when the first attempt expires.
    fn first_expiry(&mut self) -> Option<Timestamp> {
        self.fill_first();
        self.first
            .peek()
            .map(|Reverse((expires_at, _))| *expires_at)
    }

    /// Removes and returns the attempt that expires first.
    #[inline]
    fn pop(&mut self) -> Option<SlotRef> {
        // In a flood it is empty, and called for every packet.
        if self.first.is_empty() && self.later.is_empty() {
            None
        } else {
            self.pop_first()
        }
    }

    fn pop_first(&mut self) -> Option<SlotRef> {
        self.fill_first();
        self.first.pop().map(|Reverse((_, attempt))| attempt)
    }

    /// Returns all attempts, roughly in the order in which they expire.
    fn iter(&self) -> impl Iterator<Item = SlotRef> {
        self.first
            .iter()
            .chain(self.later.values().flatten())
            .map(|Reverse((_, attempt))| *attempt)
    }

    /// Returns attempts that expired, as far as they are near the top of the heap.
    fn expired(&self, now: Timestamp) -> impl Iterator<Item = SlotRef> {
        self.first
            .iter()
            .take(HEAP_PREFIX)
            .filter(move |Reverse((expires_at, _))| *expires_at <= now)
            .map(|Reverse((_, attempt))| *attempt)
    }

    /// Moves the next bucket to the first one if that is empty.
    fn fill_first(&mut self) {
        if self.first.is_empty()
            && let Some((second, bucket)) = self.later.pop_first()
        {
            self.first = bucket.into();
            self.first_until =
                Timestamp::from_nanos(second.saturating_add(1).saturating_mul(NANOS_PER_SECOND));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::flow::FlowHash;
    use super::*;

    fn attempt(slot: u32) -> SlotRef {
        SlotRef {
            slot,
            hash: FlowHash::default(),
        }
    }

    proptest! {
        /// In any order of insertion, also of attempts that expire before the first.
        #[test]
        fn buckets_pop_attempts_in_expiry_order(steps in prop::collection::vec((0..4_000_000_000_u64, any::<bool>()), 0..300)) {
            let mut buckets = ExpiryBuckets::default();
            let mut model = std::collections::BTreeSet::new();
            for (slot, (expires_at, pops)) in (0..).zip(steps) {
                let expires_at = Timestamp::from_nanos(expires_at);
                buckets.push(expires_at, attempt(slot));
                model.insert((expires_at, attempt(slot)));
                if pops {
                    prop_assert_eq!(buckets.first_expiry(), model.first().map(|(expires_at, _)| *expires_at));
                    prop_assert_eq!(buckets.pop(), model.pop_first().map(|(_, attempt)| attempt));
                }
            }
            let mut held: Vec<SlotRef> = buckets.iter().collect();
            held.sort_unstable();
            let mut expected: Vec<SlotRef> = model.iter().map(|(_, attempt)| *attempt).collect();
            expected.sort_unstable();
            prop_assert_eq!(held, expected);
            while let Some((_, attempt)) = model.pop_first() {
                prop_assert_eq!(buckets.pop(), Some(attempt));
            }
            prop_assert_eq!(buckets.pop(), None);
            prop_assert!(buckets.first_expiry().is_none());
        }
    }

    /// All expire in the current second, each later than those before: the cost of a hostile burst
    /// must not be quadratic.
    #[test]
    fn attempts_sharing_the_first_second_cost_little_each() {
        let mut buckets = ExpiryBuckets::default();
        let start = Duration::from_secs(7);
        for slot in 0..500_000 {
            let expires_at = Timestamp::default() + start + Duration::from_micros(u64::from(slot));
            buckets.push(expires_at, attempt(slot));
            assert!(buckets.first_expiry().is_some());
        }
        assert!((0..500_000).all(|slot| buckets.pop() == Some(attempt(slot))));
    }
}
