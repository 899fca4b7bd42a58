//! A while of packet time in slices, so that what is recent can be told from what was before, in bounded memory.

use std::collections::VecDeque;
use std::time::Duration;

use super::tally::AttemptCounts;
use crate::time::Timestamp;

/// What verdicts are about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Span {
    /// All that was captured.
    Whole,
    /// The last ten minutes; the hour before is kept to compare them with.
    Recent,
}

impl Span {
    /// How far it reaches back; none if to the beginning.
    pub const fn length(self) -> Option<Duration> {
        match self {
            Self::Whole => None,
            Self::Recent => Some(RECENT),
        }
    }
}

/// Counts in slices of time. A whole capture's slices grow wider as it goes on; of a live one the oldest leave.
#[derive(Clone, Debug)]
pub(super) struct Window {
    span: Span,
    width: Duration,
    past: VecDeque<(Timestamp, AttemptCounts)>,
    open: Option<(Timestamp, AttemptCounts)>,
    /// When the open slice is over.
    until: Timestamp,
}

impl Window {
    pub(super) const fn new(span: Span) -> Self {
        let width = match span {
            Span::Whole => Duration::from_secs(1),
            Span::Recent => SLICE,
        };
        Self {
            span,
            width,
            past: VecDeque::new(),
            open: None,
            until: Timestamp::from_nanos(0),
        }
    }

    /// The counts of the slice that this moment falls into.
    pub(super) fn at(&mut self, now: Timestamp) -> &mut AttemptCounts {
        if self.open.is_none() {
            self.until = now + self.width;
        } else if now >= self.until {
            if self.past.len() >= SLICES {
                self.make_room();
            }
            self.past.extend(self.open.take());
            self.until = now + self.width;
        }
        &mut self
            .open
            .get_or_insert_with(|| (now, AttemptCounts::default()))
            .1
    }

    /// What the verdict is about, and what it can be compared with: for a whole capture its last quarter of time and
    /// what was before.
    pub(super) fn sums(&self, now: Timestamp) -> Sums {
        let slices = || self.past.iter().chain(&self.open);
        let began = slices().next().map_or(now, |(start, _)| *start);
        let since = match self.span {
            Span::Whole => now.before(now.since(began) / 4),
            Span::Recent => now.before(RECENT),
        };
        let mut sums = Sums::default();
        for (start, tally) in slices() {
            (if *start >= since {
                &mut sums.lately
            } else {
                &mut sums.before
            })
            .add(tally);
        }
        sums.judged = sums.lately;
        if self.span == Span::Whole {
            sums.judged.add(&sums.before);
        }
        sums
    }

    fn make_room(&mut self) {
        match self.span {
            Span::Recent => drop(self.past.pop_front()),
            Span::Whole => {
                self.width *= 2;
                let mut merged: VecDeque<(Timestamp, AttemptCounts)> =
                    VecDeque::with_capacity(SLICES);
                for (start, tally) in self.past.drain(..) {
                    match merged.back_mut() {
                        Some((begun, sum)) if start < *begun + self.width => sum.add(&tally),
                        _ => merged.push_back((start, tally)),
                    }
                }
                self.past = merged;
            }
        }
    }
}

/// Counts of one set, summed.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Sums {
    /// What the verdict is about.
    pub(super) judged: AttemptCounts,
    /// Its latest part, to see a change.
    pub(super) lately: AttemptCounts,
    /// What was before that.
    pub(super) before: AttemptCounts,
}

const RECENT: Duration = Duration::from_secs(600);
const SLICE: Duration = Duration::from_secs(120);
const SLICES: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Timestamp {
        Timestamp::from_nanos(n * 1_000_000_000)
    }

    #[test]
    fn a_whole_capture_keeps_every_count_however_long_it_is() {
        let mut window = Window::new(Span::Whole);
        for n in 0..100_000 {
            window.at(second(n)).attempts += 1;
        }
        assert!(window.past.len() <= SLICES);
        let sums = window.sums(second(100_000));
        assert_eq!(sums.judged.attempts, 100_000);
        assert!(
            sums.lately.attempts > 10_000 && sums.lately.attempts < 30_000,
            "{}",
            sums.lately.attempts
        );
    }

    #[test]
    fn a_live_window_forgets() {
        let mut window = Window::new(Span::Recent);
        for n in 0..100_000 {
            window.at(second(n)).attempts += 1;
        }
        assert!(window.past.len() <= SLICES);
        let sums = window.sums(second(100_000));
        assert!(
            (480..=600).contains(&sums.judged.attempts),
            "{}",
            sums.judged.attempts
        );
        assert!(sums.before.attempts > 3000);
        assert_eq!(
            window.sums(second(101_000)).judged,
            AttemptCounts::default()
        );
    }
}
