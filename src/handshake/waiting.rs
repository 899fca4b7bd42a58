//! The attempts that wait, in the order they began. An entry says who and since when, and is struck out where somebody
//! waits no more: so attempts are read only when their turn has come.

use std::collections::VecDeque;
use std::time::Duration;

use super::attempt::Attempt;
use crate::time::Timestamp;

/// Who waits, in the order they began.
pub(super) struct Waiting {
    timeout: Duration,
    queue: VecDeque<Entry>,
    /// The number of the first entry. They are numbered as they come, wrapping.
    first: u32,
    /// By slot, the number of its entry.
    numbers: Vec<u32>,
    /// Nobody's time is up before that. Asked for every packet, so that the queue is not.
    none_before: Timestamp,
    /// How many of the queue do wait.
    count: usize,
    /// So many at the front have repeated their SYN, or belong to regular peers, or wait no more.
    no_strangers: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    since: Timestamp,
    /// Or [`NOBODY`].
    slot: u32,
}

impl Waiting {
    /// Nobody waits; whoever does, waits for so long at most.
    pub(super) const fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            queue: VecDeque::new(),
            first: 0,
            numbers: Vec::new(),
            none_before: LAST,
            count: 0,
            no_strangers: 0,
        }
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// An attempt began. Packets may come a little out of order, deadlines do not.
    pub(super) fn push(&mut self, slot: u32, since: Timestamp) {
        if self.queue.len() >= (self.numbers.len() * 2).max(FEW) {
            self.sweep();
        }
        self.count += 1;
        if self.numbers.len() <= slot as usize {
            self.numbers.resize(slot as usize + 1, 0);
        }
        let entry = Entry { since, slot };
        if self.queue.back().is_some_and(|last| last.since <= since) {
            self.queue.push_back(entry);
            return self.number(self.queue.len() - 1);
        }
        let later = self.queue.iter().rev().take(MAX_REORDERING).take_while(|entry| entry.since > since).count();
        let place = self.queue.len() - later;
        self.queue.insert(place, entry);
        self.number(place);
        if place == 0 {
            self.none_before = self.none_before.min(since + self.timeout);
        }
        self.no_strangers = self.no_strangers.min(place);
    }

    /// One that waited was decided, or forgotten.
    pub(super) fn leave(&mut self, slot: u32) {
        self.count -= 1;
        let number = self.numbers.get(slot as usize).copied().unwrap_or_default();
        let place = number.wrapping_sub(self.first) as usize;
        // Who was taken has no entry any more.
        if let Some(entry) = self.queue.get_mut(place).filter(|entry| entry.slot == slot) {
            entry.slot = NOBODY;
        }
    }

    /// Whose time is up by now.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Option<u32> {
        if now < self.none_before {
            return None;
        }
        while let Some(first) = self.queue.front().copied() {
            let end = first.since + self.timeout;
            if end > now && first.waits() {
                self.none_before = end;
                return None;
            }
            self.drop_first();
            if first.waits() {
                return Some(first.slot);
            }
        }
        self.none_before = LAST;
        None
    }

    /// Who has waited longest.
    pub(super) fn take_oldest(&mut self) -> Option<u32> {
        while let Some(first) = self.queue.front().copied() {
            self.drop_first();
            if first.waits() {
                return Some(first.slot);
            }
        }
        None
    }

    /// The one that has waited longest of those with one SYN from a peer that was never seen. None goes back to being
    /// one, so each is passed over once.
    pub(super) fn take_stranger(&mut self, slab: &[Attempt]) -> Option<u32> {
        while let Some(entry) = self.queue.get(self.no_strangers).copied() {
            let found = entry.is_stranger(slab);
            if self.no_strangers == 0 && (found || !entry.waits()) {
                self.drop_first();
            } else {
                self.no_strangers += 1;
            }
            if found {
                return Some(entry.slot);
            }
        }
        None
    }

    /// Whose time is up next.
    pub(super) fn next_overdue(&self, now: Timestamp) -> impl Iterator<Item = u32> {
        let some = if now < self.none_before { 0 } else { self.queue.len() };
        let is_due = move |entry: &&Entry| entry.since + self.timeout <= now;
        slots(self.queue.range(..some).take_while(is_due))
    }

    /// Who may be the next strangers to go.
    pub(super) fn next_strangers(&self) -> impl Iterator<Item = u32> {
        slots(self.queue.range(self.no_strangers.min(self.queue.len())..))
    }

    fn drop_first(&mut self) {
        self.queue.pop_front();
        self.first = self.first.wrapping_add(1);
        self.no_strangers = self.no_strangers.saturating_sub(1);
    }

    /// Drops who waits no more.
    fn sweep(&mut self) {
        let mut place = 0;
        let (mut passed, until) = (0, self.no_strangers);
        self.queue.retain(|entry| {
            passed += usize::from(entry.waits() && place < until);
            place += 1;
            entry.waits()
        });
        self.no_strangers = passed;
        self.number(0);
    }

    /// Numbers the entries from that place on.
    fn number(&mut self, place: usize) {
        let mut number = self.first.wrapping_add(u32::try_from(place).unwrap_or(u32::MAX));
        for entry in self.queue.range(place..) {
            if let Some(known) = self.numbers.get_mut(entry.slot as usize) {
                *known = number;
            }
            number = number.wrapping_add(1);
        }
    }
}

impl Entry {
    const fn waits(&self) -> bool {
        self.slot != NOBODY
    }

    fn is_stranger(&self, slab: &[Attempt]) -> bool {
        slab.get(self.slot as usize).is_some_and(|attempt| !attempt.is_regular() && attempt.syn_count() < 2)
    }
}

fn slots<'a>(entries: impl Iterator<Item = &'a Entry>) -> impl Iterator<Item = u32> {
    entries.filter(|entry| entry.waits()).map(|entry| entry.slot)
}

/// No attempt has this slot.
const NOBODY: u32 = u32::MAX;
/// No packet is placed so late.
pub(super) const LAST: Timestamp = Timestamp::from_nanos(u64::MAX);
/// How far back in the queue a late packet's attempt is put in order.
const MAX_REORDERING: usize = 1024;
/// A queue this short is not worth sweeping.
const FEW: usize = 1024;
