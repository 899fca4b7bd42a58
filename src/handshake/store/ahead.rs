//! What the next packets will need, fetched before they are judged. Memory is mostly far away, and waiting for one piece after the
//! other is where the time goes. Nothing changes here.

use prefetch_index::prefetch_index;

use super::super::ends::FlowKey;
use super::super::matches::Known;
use super::{JUST_NOW, Store};
use crate::packet::Packet;
use crate::time::Timestamp;

impl Store {
    /// Has that part of the index fetched that a packet with these ends will need.
    #[inline]
    pub(in crate::handshake) fn fetch_index(&self, ends: &FlowKey) {
        self.index.fetch(ends.tag);
    }

    /// Has the attempts fetched that this packet will need.
    #[inline]
    pub(in crate::handshake) fn fetch_attempts(&self, packet: &Packet, ends: &FlowKey) {
        for slot in self.index.slots(ends.tag) {
            self.fetch_attempt(slot);
            if packet.is_syn() || !packet.is_v4() {
                prefetch_index(&self.evidence, slot as usize);
            }
        }
    }

    /// Has the attempts fetched that are about to leave or have their time up by then, while so many packets come, and what the
    /// index has of those that leave.
    pub(in crate::handshake) fn fetch_due(&mut self, count: usize, now: Timestamp) {
        let slab = &self.slab;
        self.waiting
            .soon_overdue(now, 4 * count)
            .for_each(|slot| prefetch_index(slab, slot as usize));
        if self.known() + 2 * count > self.capacity {
            self.fetch_who_leaves(count, now);
        }
        let done = self
            .answered
            .next_done(now)
            .chain(self.failed.next_done(now));
        done.take(2 * count)
            .for_each(|known| self.fetch_known(known));
    }

    /// The same of so many that [make room](Self::make_room) where there is none, in their order.
    fn fetch_who_leaves(&self, count: usize, now: Timestamp) {
        let mut left = count - self.fetch_all(self.answered.next_older(JUST_NOW, now), count);
        if left > 0 {
            left -= self.fetch_waiting(self.waiting.next_strangers(), left);
        }
        if left > 0 {
            left -= self.fetch_all(self.failed.next().chain(self.answered.next()), left);
        }
        if left > 0 {
            self.fetch_waiting(self.waiting.next_oldest(), left);
        }
    }

    /// Says how many there were, of so many.
    fn fetch_all(&self, those: impl Iterator<Item = Known>, most: usize) -> usize {
        those
            .take(most)
            .inspect(|known| self.fetch_known(*known))
            .count()
    }

    /// The same of those that wait, of which the first were fetched with the packets before: of these it is where they are in the
    /// index. More at once would be too many to be under way.
    fn fetch_waiting(&self, those: impl Iterator<Item = Known>, most: usize) -> usize {
        let fetch = |(nth, (slot, tag)): (usize, Known)| {
            if nth < most {
                self.index.fetch(tag);
            } else {
                self.fetch_attempt(slot);
            }
        };
        those
            .take(2 * most)
            .enumerate()
            .map(fetch)
            .count()
            .min(most)
    }

    fn fetch_known(&self, (slot, tag): Known) {
        self.index.fetch(tag);
        self.fetch_attempt(slot);
    }

    fn fetch_attempt(&self, slot: u32) {
        prefetch_index(&self.slab, slot as usize);
    }
}

/// For how many packets it is looked ahead at a time: about as many lines of memory as a processor has under way at once are asked
/// for each reason then; it drops what it is asked for beyond that.
pub const LOOK_AHEAD: usize = 16;
