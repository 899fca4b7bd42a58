//! The attempts that were decided in one way, in that order, until they are forgotten.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::matches::Known;
use super::waiting::LAST;
use crate::time::Timestamp;

/// Who leaves is the first. Apart from them are those that are known for longer than was to be expected then.
#[derive(Default)]
pub(super) struct Decided {
    queue: VecDeque<Decision>,
    longer: BinaryHeap<Reverse<(Timestamp, Known)>>,
    /// Nobody is to be forgotten before that. Asked for every packet, so that the queue is not.
    none_before: Timestamp,
}

#[derive(Clone, Copy)]
struct Decision {
    at: Timestamp,
    known: Known,
    /// How long after that the attempt is known, in milliseconds.
    known_for: u32,
}

impl Decision {
    fn until(&self) -> Timestamp {
        self.at.plus_nanos(u64::from(self.known_for) * 1_000_000)
    }
}

impl Decided {
    /// An attempt was decided, and is known until then.
    pub(super) fn push(&mut self, at: Timestamp, known: Known, until: Timestamp) {
        let known_for = u32::try_from(until.nanos_since(at) / 1_000_000).unwrap_or(u32::MAX);
        self.queue.push_back(Decision { at, known, known_for });
        if self.queue.len() == 1 {
            self.none_before = Timestamp::default();
        }
    }

    /// One that was to be forgotten is known until then after all.
    pub(super) fn keep_longer(&mut self, known: Known, until: Timestamp) {
        self.longer.push(Reverse((until, known)));
        self.none_before = self.none_before.min(until);
    }

    /// Whether there may be one that is to be forgotten by now.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.none_before
    }

    /// One that is to be forgotten by now.
    #[inline]
    pub(super) fn pop_done(&mut self, now: Timestamp) -> Option<Known> {
        if self.is_due(now) { self.first_done(now) } else { None }
    }

    fn first_done(&mut self, now: Timestamp) -> Option<Known> {
        let first = self.queue.front().map_or(LAST, Decision::until);
        if first <= now {
            return self.pop_first();
        }
        let longer = self.longer.peek().map_or(LAST, |Reverse((until, _))| *until);
        if longer <= now {
            return self.pop_longer();
        }
        self.none_before = first.min(longer);
        None
    }

    /// About who comes next of those that are to be forgotten by now.
    pub(super) fn next_done(&self, now: Timestamp) -> impl Iterator<Item = Known> {
        let (some, few) = if self.is_due(now) { (self.queue.len(), FEW) } else { (0, 0) };
        let done = self.queue.iter().take(some).take_while(move |first| first.until() <= now);
        // The first of a heap are mostly near its top.
        let longer = self.longer.iter().take(few).filter(move |Reverse((until, _))| *until <= now);
        longer.map(|Reverse((_, known))| *known).chain(done.map(|first| first.known))
    }

    /// About who comes next of all.
    pub(super) fn next(&self) -> impl Iterator<Item = Known> {
        let longer = self.longer.iter().map(|Reverse((_, known))| *known);
        longer.chain(self.queue.iter().map(|first| first.known))
    }

    /// About who comes next of those that were decided longer ago than that.
    pub(super) fn next_older(&self, than: Duration, now: Timestamp) -> impl Iterator<Item = Known> {
        let older = self.queue.iter().take_while(move |first| first.at + than < now).map(|first| first.known);
        self.longer.iter().map(|Reverse((_, known))| *known).chain(older)
    }

    /// One that was decided longer ago than that.
    pub(super) fn pop_older(&mut self, than: Duration, now: Timestamp) -> Option<Known> {
        if let Some(slot) = self.pop_longer() {
            return Some(slot);
        }
        self.queue.front().filter(|first| first.at + than < now)?;
        self.pop_first()
    }

    /// Any one, those that were decided first before the others.
    pub(super) fn pop(&mut self) -> Option<Known> {
        self.pop_longer().or_else(|| self.pop_first())
    }

    fn pop_longer(&mut self) -> Option<Known> {
        self.longer.pop().map(|Reverse((_, known))| known)
    }

    /// Who comes next may have been known for less time.
    fn pop_first(&mut self) -> Option<Known> {
        self.none_before = Timestamp::default();
        self.queue.pop_front().map(|first| first.known)
    }
}

/// So much of a heap is looked at for who comes next.
const FEW: usize = 63;
