//! Prefetches the memory that the next packets need. With a full table most reads miss the cache,
//! and one miss costs about a third of the time spent on a packet. Nothing changes here but what is
//! in the cache.
//
// Inlining attributes: see `pending`.

use prefetch_index::prefetch_index;

use super::super::flow::FlowKey;
use super::index::SlotRef;
use super::{AttemptTable, RECENT_ANSWER};
use crate::packet::Packet;
use crate::time::Timestamp;

/// Packets for which memory is prefetched at once. That asks for about as many cache lines as a
/// processor can have in flight; it drops prefetches beyond that.
pub const PREFETCH_BATCH: usize = 16;

impl AttemptTable {
    /// Prefetches the index bucket of a packet.
    #[inline]
    pub(in super::super) fn prefetch_index(&self, key: &FlowKey) {
        self.index.prefetch(key.hash);
    }

    /// Prefetches the attempts of a packet. Its index bucket was prefetched before.
    #[inline]
    pub(in super::super) fn prefetch_attempts(&self, packet: &Packet, key: &FlowKey) {
        for slot in self.index.slots(key.hash) {
            self.prefetch_attempt(slot);
            if packet.is_syn() || !packet.is_v4() {
                prefetch_index(&self.details, slot as usize);
            }
        }
    }

    /// Prefetches the attempts that expire, fall due or are evicted while `count` packets up to the
    /// time `until` come, and the index buckets of those that leave the table.
    pub(in super::super) fn prefetch_expiring(&mut self, count: usize, until: Timestamp) {
        let slab = &self.slab;
        self.pending
            .prefetch_overdue(until, 4 * count)
            .for_each(|slot| prefetch_index(slab, slot as usize));
        if self.tracked_count() + 2 * count > self.capacity {
            self.prefetch_evicted(count, until);
        }
        let expired = self
            .answered
            .next_expired(until)
            .chain(self.failed.next_expired(until));
        expired
            .take(2 * count)
            .for_each(|attempt| self.prefetch_slot(attempt));
    }

    /// Prefetches the next `count` attempts that [`evict_one`](Self::evict_one) removes, in its
    /// order.
    fn prefetch_evicted(&self, count: usize, now: Timestamp) {
        let mut left =
            count - self.prefetch_slots(self.answered.next_older(RECENT_ANSWER, now), count);
        if left > 0 {
            left -= self.prefetch_pending(self.pending.next_unproven(), left);
        }
        if left > 0 {
            let decided = self.failed.next().chain(self.answered.next());
            left -= self.prefetch_slots(decided, left);
        }
        if left > 0 {
            self.prefetch_pending(self.pending.next_oldest(), left);
        }
    }

    /// Prefetches at most `limit` attempts. Returns how many there were.
    fn prefetch_slots(&self, attempts: impl Iterator<Item = SlotRef>, limit: usize) -> usize {
        attempts
            .take(limit)
            .inspect(|attempt| self.prefetch_slot(*attempt))
            .count()
    }

    /// As [`prefetch_slots`](Self::prefetch_slots), for pending attempts: the attempts of the batch
    /// after this one, and the index buckets of this batch, whose attempts were prefetched with the
    /// batch before. Both at once would be too many prefetches in flight.
    fn prefetch_pending(&self, attempts: impl Iterator<Item = SlotRef>, limit: usize) -> usize {
        let prefetch = |(position, attempt): (usize, SlotRef)| {
            if position < limit {
                self.index.prefetch(attempt.hash);
            } else {
                self.prefetch_attempt(attempt.slot);
            }
        };
        attempts
            .take(2 * limit)
            .enumerate()
            .map(prefetch)
            .count()
            .min(limit)
    }

    fn prefetch_slot(&self, attempt: SlotRef) {
        self.index.prefetch(attempt.hash);
        self.prefetch_attempt(attempt.slot);
    }

    fn prefetch_attempt(&self, slot: u32) {
        prefetch_index(&self.slab, slot as usize);
    }
}
