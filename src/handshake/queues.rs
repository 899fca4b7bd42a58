//! The orders that attempts stand in. An entry says who and since when, so that attempts are read only when their turn
//! has come.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::attempt::{Attempt, State};
use crate::time::Timestamp;

/// Who waits, in the order they began. Who is decided meanwhile stays in the queue until its turn comes, and is passed
/// over then.
pub(super) struct Waiting {
    timeout: Duration,
    queue: VecDeque<Entry>,
    /// Nobody's time is up before that. Asked for every packet, so that the queue is not.
    none_before: Timestamp,
    /// How many of the queue do wait.
    count: usize,
    /// So many at the front have repeated their SYN, or belong to regular peers, or wait no more.
    no_strangers: usize,
}

/// Who was decided, in that order; who leaves is the first. Apart from them are those that are known for longer than was
/// to be expected then.
#[derive(Default)]
pub(super) struct Decided {
    queue: VecDeque<Decision>,
    /// Nobody is to be forgotten before that.
    none_before: Timestamp,
    longer: BinaryHeap<Reverse<(Timestamp, u32)>>,
}

#[derive(Clone, Copy)]
struct Entry {
    since: Timestamp,
    slot: u32,
    serial: u32,
}

#[derive(Clone, Copy)]
struct Decision {
    at: Timestamp,
    slot: u32,
    /// How long after that the attempt is known, in milliseconds.
    known_for: u32,
}

impl Waiting {
    /// Nobody waits; whoever does, waits for so long at most.
    pub(super) const fn new(timeout: Duration) -> Self {
        Self { timeout, queue: VecDeque::new(), none_before: LAST, count: 0, no_strangers: 0 }
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// An attempt began. Packets may come a little out of order, deadlines do not.
    pub(super) fn push(&mut self, slot: u32, attempt: &Attempt, slab: &[Attempt]) {
        let (since, serial) = (attempt.first_syn, attempt.serial);
        if self.queue.len() >= (slab.len() * 2).max(FEW) {
            self.sweep(slab);
        }
        self.count += 1;
        let entry = Entry { since, slot, serial };
        if self.queue.back().is_some_and(|last| last.since <= since) {
            return self.queue.push_back(entry);
        }
        let later = self.queue.iter().rev().take(MAX_REORDERING).take_while(|entry| entry.since > since).count();
        let place = self.queue.len() - later;
        self.queue.insert(place, entry);
        if place == 0 {
            self.none_before = self.none_before.min(since + self.timeout);
        }
        self.no_strangers = self.no_strangers.min(place);
    }

    /// One that waited was decided, or forgotten.
    pub(super) const fn leave(&mut self) {
        self.count -= 1;
    }

    /// Whose time is up by now.
    pub(super) fn overdue(&mut self, now: Timestamp, slab: &[Attempt]) -> Option<u32> {
        if now < self.none_before {
            return None;
        }
        while let Some(first) = self.queue.front().copied() {
            let end = first.since + self.timeout;
            if end > now {
                self.none_before = end;
                return None;
            }
            self.drop_first();
            if first.waits(slab) {
                return Some(first.slot);
            }
        }
        self.none_before = LAST;
        None
    }

    /// Who has waited longest.
    pub(super) fn take_oldest(&mut self, slab: &[Attempt]) -> Option<u32> {
        while let Some(first) = self.queue.front().copied() {
            self.drop_first();
            if first.waits(slab) {
                return Some(first.slot);
            }
        }
        None
    }

    /// The one that has waited longest of those with one SYN from a peer that was never seen. None goes back to being
    /// one, so each is passed over once.
    pub(super) fn take_stranger(&mut self, slab: &[Attempt]) -> Option<u32> {
        while let Some(entry) = self.queue.get(self.no_strangers).copied() {
            let waits = entry.waits(slab);
            let found = waits && entry.is_stranger(slab);
            if self.no_strangers == 0 && (found || !waits) {
                self.queue.pop_front();
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
        self.queue.iter().take(some).take_while(is_due).map(|entry| entry.slot)
    }

    /// Who has waited longest, and who comes next.
    pub(super) fn next(&self) -> impl Iterator<Item = u32> {
        self.queue.iter().map(|entry| entry.slot)
    }

    /// Who may be the next strangers to go.
    pub(super) fn next_strangers(&self) -> impl Iterator<Item = u32> {
        self.queue.range(self.no_strangers.min(self.queue.len())..).map(|entry| entry.slot)
    }

    fn drop_first(&mut self) {
        self.queue.pop_front();
        self.no_strangers = self.no_strangers.saturating_sub(1);
    }

    /// Drops who waits no more.
    fn sweep(&mut self, slab: &[Attempt]) {
        let mut place = 0;
        let (mut passed, until) = (0, self.no_strangers);
        self.queue.retain(|entry| {
            let waits = entry.waits(slab);
            passed += usize::from(waits && place < until);
            place += 1;
            waits
        });
        self.no_strangers = passed;
    }
}

impl Entry {
    /// Whether the attempt still waits that this is about.
    fn waits(&self, slab: &[Attempt]) -> bool {
        let attempt = slab.get(self.slot as usize);
        attempt.is_some_and(|attempt| attempt.serial == self.serial && attempt.state() == State::Waiting)
    }

    fn is_stranger(&self, slab: &[Attempt]) -> bool {
        slab.get(self.slot as usize).is_some_and(|attempt| !attempt.is_regular() && attempt.syn_count() < 2)
    }
}

impl Decision {
    fn until(&self) -> Timestamp {
        self.at.plus_nanos(u64::from(self.known_for) * 1_000_000)
    }
}

impl Decided {
    /// An attempt was decided, and is known until then.
    pub(super) fn push(&mut self, at: Timestamp, slot: u32, until: Timestamp) {
        let known_for = u32::try_from(until.nanos_since(at) / 1_000_000).unwrap_or(u32::MAX);
        self.queue.push_back(Decision { at, slot, known_for });
        if self.queue.len() == 1 {
            self.none_before = Timestamp::default();
        }
    }

    /// One that was to be forgotten is known until then after all.
    pub(super) fn keep_longer(&mut self, slot: u32, until: Timestamp) {
        self.longer.push(Reverse((until, slot)));
        self.none_before = self.none_before.min(until);
    }

    /// One that is to be forgotten by now.
    pub(super) fn pop_done(&mut self, now: Timestamp) -> Option<u32> {
        if now < self.none_before {
            return None;
        }
        let first = self.queue.front().map_or(LAST, Decision::until);
        if first <= now {
            return self.pop_first();
        }
        let longer = self.longer.peek().map_or(LAST, |Reverse((until, _))| *until);
        if longer <= now {
            return self.longer.pop().map(|Reverse((_, slot))| slot);
        }
        self.none_before = first.min(longer);
        None
    }

    /// Who was decided first, and who comes next.
    pub(super) fn next(&self) -> impl Iterator<Item = u32> {
        self.queue.iter().map(|first| first.slot)
    }

    /// Who comes next of those that were decided longer ago than that.
    pub(super) fn next_older(&self, than: Duration, now: Timestamp) -> impl Iterator<Item = u32> {
        self.queue.iter().take_while(move |first| first.at + than < now).map(|first| first.slot)
    }

    /// One that was decided longer ago than that.
    pub(super) fn pop_older(&mut self, than: Duration, now: Timestamp) -> Option<u32> {
        if let Some(Reverse((_, slot))) = self.longer.pop() {
            return Some(slot);
        }
        self.queue.front().filter(|first| first.at + than < now)?;
        self.pop_first()
    }

    /// Who comes next may have been known for less time.
    fn pop_first(&mut self) -> Option<u32> {
        self.none_before = Timestamp::default();
        self.queue.pop_front().map(|first| first.slot)
    }

    /// Any one, those that were decided first before the others.
    pub(super) fn pop(&mut self) -> Option<u32> {
        let longer = self.longer.pop().map(|Reverse((_, slot))| slot);
        longer.or_else(|| self.pop_first())
    }
}

/// No packet is placed so late.
const LAST: Timestamp = Timestamp::from_nanos(u64::MAX);
/// How far back in the queue a late packet's attempt is put in order.
const MAX_REORDERING: usize = 1024;
/// A queue this short is not worth sweeping.
const FEW: usize = 1024;
