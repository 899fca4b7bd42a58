//! The attempts that were decided in one way, in that order, until they are forgotten.

use std::collections::VecDeque;
use std::time::Duration;

use super::matches::Known;
use super::rows::Rows;
use super::waiting::LAST;
use crate::time::Timestamp;

/// Who leaves is the first. Apart from them are those that are known for longer than was to be expected then.
#[derive(Default)]
pub(super) struct Decided {
    queue: VecDeque<Decision>,
    longer: Rows,
    /// Nobody is to be forgotten before that. Asked for every packet, so that the queue is not.
    none_before: Timestamp,
}

/// Aligned to four bytes, for there are many.
#[derive(Clone, Copy)]
#[repr(C, packed(4))]
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

    fn is_older(&self, than: Duration, now: Timestamp) -> bool {
        self.at + than < now
    }
}

impl Decided {
    /// An attempt was decided, and is known until then.
    pub(super) fn push(&mut self, at: Timestamp, known: Known, until: Timestamp) {
        let known_for = u32::try_from(until.nanos_since(at) / 1_000_000).unwrap_or(u32::MAX);
        self.queue.push_back(Decision {
            at,
            known,
            known_for,
        });
        if self.queue.len() == 1 {
            self.none_before = Timestamp::default();
        }
    }

    /// One that was to be forgotten is known until then after all.
    pub(super) fn keep_longer(&mut self, known: Known, until: Timestamp) {
        self.longer.push(until, known);
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
        if self.is_due(now) {
            self.first_done(now)
        } else {
            None
        }
    }

    fn first_done(&mut self, now: Timestamp) -> Option<Known> {
        let first = self.queue.front().map_or(LAST, Decision::until);
        if first <= now {
            return self.pop_first();
        }
        let longer = self.longer.first_end().unwrap_or(LAST);
        if longer <= now {
            return self.longer.pop();
        }
        self.none_before = first.min(longer);
        None
    }

    /// Who comes next of those that are to be forgotten by now.
    pub(super) fn next_done(&self, now: Timestamp) -> impl Iterator<Item = Known> {
        let some = if self.is_due(now) { usize::MAX } else { 0 };
        let done = self
            .queue
            .iter()
            .take_while(move |first| first.until() <= now)
            .map(|first| first.known);
        done.chain(self.longer.over(now)).take(some)
    }

    /// Who comes next of all.
    pub(super) fn next(&self) -> impl Iterator<Item = Known> {
        self.longer
            .iter()
            .chain(self.queue.iter().map(|first| first.known))
    }

    /// Who comes next of those that were decided longer ago than that.
    pub(super) fn next_older(&self, than: Duration, now: Timestamp) -> impl Iterator<Item = Known> {
        let older = self
            .queue
            .iter()
            .take_while(move |first| first.is_older(than, now))
            .map(|first| first.known);
        self.longer.iter().chain(older)
    }

    /// One that was decided longer ago than that.
    pub(super) fn pop_older(&mut self, than: Duration, now: Timestamp) -> Option<Known> {
        if let Some(known) = self.longer.pop() {
            return Some(known);
        }
        self.queue
            .front()
            .filter(|first| first.is_older(than, now))?;
        self.pop_first()
    }

    /// Any one, those that were decided first before the others.
    pub(super) fn pop(&mut self) -> Option<Known> {
        self.longer.pop().or_else(|| self.pop_first())
    }

    /// Who comes next may have been known for less time.
    fn pop_first(&mut self) -> Option<Known> {
        let first = self.queue.pop_front()?;
        self.none_before = Timestamp::default();
        Some(first.known)
    }
}

const _: () = assert!(size_of::<Decision>() == 20, "decisions are many");
