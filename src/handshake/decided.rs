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

#[derive(Clone, Copy)]
struct Decision {
    at: Tick,
    until: Tick,
    known: Known,
}

/// A moment to a sixtieth of a second (2^24 ns), counted round and round in two years: two of them are half of what two
/// timestamps take, and there are many.
#[derive(Clone, Copy)]
struct Tick(u32);

impl Tick {
    const NANOS: u64 = 1 << 24;

    /// The one that begins at this moment, or the next that will.
    const fn from(at: Timestamp) -> Self {
        Self((at.as_nanos().div_ceil(Self::NANOS) & 0xffff_ffff) as u32)
    }

    /// How long ago it began; none if it is still to come.
    fn ago(self, now: Timestamp) -> Option<Duration> {
        let ticks = ((now.as_nanos() / Self::NANOS) & 0xffff_ffff) as u32;
        let ago = ticks.wrapping_sub(self.0);
        (ago < 1 << 31).then(|| Duration::from_nanos(u64::from(ago) * Self::NANOS))
    }

    /// When it begins, seen from before that; a little later rather than sooner.
    const fn after(self, now: Timestamp) -> Timestamp {
        let ticks = ((now.as_nanos() / Self::NANOS) & 0xffff_ffff) as u32;
        now.plus_nanos(self.0.wrapping_sub(ticks) as u64 * Self::NANOS)
    }
}

impl Decision {
    fn is_over(&self, now: Timestamp) -> bool {
        self.until.ago(now).is_some()
    }

    fn is_older(&self, than: Duration, now: Timestamp) -> bool {
        self.at.ago(now).is_some_and(|ago| ago > than)
    }
}

impl Decided {
    /// An attempt was decided, and is known until then.
    pub(super) fn push(&mut self, at: Timestamp, known: Known, until: Timestamp) {
        self.queue.push_back(Decision { at: Tick::from(at), until: Tick::from(until), known });
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
        if self.is_due(now) { self.first_done(now) } else { None }
    }

    fn first_done(&mut self, now: Timestamp) -> Option<Known> {
        let first = self.queue.front();
        if first.is_some_and(|first| first.is_over(now)) {
            return self.pop_first();
        }
        let first = first.map_or(LAST, |first| first.until.after(now));
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
        let done = self.queue.iter().take_while(move |first| first.is_over(now)).map(|first| first.known);
        done.chain(self.longer.over(now)).take(some)
    }

    /// Who comes next of all.
    pub(super) fn next(&self) -> impl Iterator<Item = Known> {
        self.longer.iter().chain(self.queue.iter().map(|first| first.known))
    }

    /// Who comes next of those that were decided longer ago than that.
    pub(super) fn next_older(&self, than: Duration, now: Timestamp) -> impl Iterator<Item = Known> {
        let older = self.queue.iter().take_while(move |first| first.is_older(than, now)).map(|first| first.known);
        self.longer.iter().chain(older)
    }

    /// One that was decided longer ago than that.
    pub(super) fn pop_older(&mut self, than: Duration, now: Timestamp) -> Option<Known> {
        if let Some(known) = self.longer.pop() {
            return Some(known);
        }
        self.queue.front().filter(|first| first.is_older(than, now))?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ends::Tag;
    use super::*;

    const KNOWN: Known = (7, Tag(9));

    proptest! {
        /// Whenever it is, the years go round.
        #[test]
        fn nobody_is_forgotten_early_or_much_later(at in 0..u64::MAX / 4, known_for in 0..200_000_000_000_u64, lag in 0..1_000_u64) {
            let at = Timestamp::from_nanos(at);
            let until = at.plus_nanos(known_for);
            let mut decided = Decided::default();
            decided.push(at, KNOWN, until);
            prop_assert!(known_for == 0 || decided.pop_done(until.before(Duration::from_nanos(1))).is_none());
            // Asked for again and again, or once.
            for step in 0..lag {
                prop_assert!(known_for == 0 || decided.pop_done(at.plus_nanos(known_for * step / lag).min(until.before(Duration::from_nanos(1)))).is_none());
            }
            let late = until.plus_nanos(2 * Tick::NANOS);
            prop_assert!(decided.is_due(late));
            prop_assert_eq!(decided.pop_done(late), Some(KNOWN));
        }

        #[test]
        fn older_is_who_was_decided_longer_ago(at in 0..u64::MAX / 4, ago in 0..5_000_u64) {
            let at = Timestamp::from_nanos(at);
            let mut decided = Decided::default();
            decided.push(at, KNOWN, at + Duration::from_secs(10));
            let popped = decided.pop_older(Duration::from_secs(1), at + Duration::from_millis(ago)).is_some();
            prop_assert!(if popped { ago > 1_000 } else { ago < 1_050 }, "after {ago} ms");
        }
    }
}
