//! Counts of one label set in slices of packet time, within a fixed amount of memory.
//!
//! `history` records events in the current slice; `evidence` reads the sums, which separate recent
//! counts from earlier ones. At most [`MAX_SLICES`] slices are kept besides the current one.

use std::collections::VecDeque;
use std::time::Duration;

use super::counts::AttemptCounts;
use crate::time::Timestamp;

/// Period that the verdicts of a live capture cover.
const RECENT_PERIOD: Duration = Duration::from_secs(600);
/// Width of a slice of a live capture.
const RECENT_SLICE: Duration = Duration::from_secs(120);
/// Initial width of a slice of a whole capture. It doubles each time the window is full.
const WHOLE_SLICE: Duration = Duration::from_secs(1);
/// Maximum number of closed slices. For a live capture they cover the verdict period and one hour
/// before it.
const MAX_SLICES: usize = 36;

/// The period that verdicts cover.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiagnosisSpan {
    /// The whole capture.
    Whole,
    /// The last ten minutes. The hour before is kept for comparison.
    Recent,
}

impl DiagnosisSpan {
    /// Returns the length of the period. `None` if it begins with the capture.
    pub const fn length(self) -> Option<Duration> {
        match self {
            Self::Whole => None,
            Self::Recent => Some(RECENT_PERIOD),
        }
    }
}

/// Counts in slices of time. If the window is full, slices of a whole capture are merged in pairs;
/// of a live capture the oldest slice is dropped.
#[derive(Clone, Debug)]
pub(super) struct Window {
    span: DiagnosisSpan,
    slice_width: Duration,
    closed: VecDeque<(Timestamp, AttemptCounts)>,
    current: Option<(Timestamp, AttemptCounts)>,
    /// End of the current slice.
    current_ends_at: Timestamp,
}

impl Window {
    pub(super) const fn new(span: DiagnosisSpan) -> Self {
        let slice_width = match span {
            DiagnosisSpan::Whole => WHOLE_SLICE,
            DiagnosisSpan::Recent => RECENT_SLICE,
        };
        Self {
            span,
            slice_width,
            closed: VecDeque::new(),
            current: None,
            current_ends_at: Timestamp::from_nanos(0),
        }
    }

    /// Returns the counts of the slice for this time, and starts a slice if the current one has
    /// ended.
    pub(super) fn at(&mut self, now: Timestamp) -> &mut AttemptCounts {
        if self.current.is_none() {
            self.current_ends_at = now + self.slice_width;
        } else if now >= self.current_ends_at {
            if self.closed.len() >= MAX_SLICES {
                self.free_slice();
            }
            self.closed.extend(self.current.take());
            self.current_ends_at = now + self.slice_width;
        }
        &mut self
            .current
            .get_or_insert_with(|| (now, AttemptCounts::default()))
            .1
    }

    /// Returns the counts for a verdict, split into a recent and an earlier part. For a whole
    /// capture the recent part is the last quarter of its time.
    pub(super) fn sums(&self, now: Timestamp) -> WindowCounts {
        let slices = || self.closed.iter().chain(&self.current);
        let first = slices().next().map_or(now, |(start, _)| *start);
        let recent_since = match self.span {
            DiagnosisSpan::Whole => now.before(now.since(first) / 4),
            DiagnosisSpan::Recent => now.before(RECENT_PERIOD),
        };
        let mut sums = WindowCounts::default();
        for (start, counts) in slices() {
            let part = if *start >= recent_since {
                &mut sums.recent
            } else {
                &mut sums.earlier
            };
            part.add(counts);
        }
        sums.in_span = sums.recent;
        if self.span == DiagnosisSpan::Whole {
            sums.in_span.add(&sums.earlier);
        }
        sums
    }

    fn free_slice(&mut self) {
        match self.span {
            DiagnosisSpan::Recent => drop(self.closed.pop_front()),
            DiagnosisSpan::Whole => {
                self.slice_width *= 2;
                let mut merged: VecDeque<(Timestamp, AttemptCounts)> =
                    VecDeque::with_capacity(MAX_SLICES);
                for (start, counts) in self.closed.drain(..) {
                    match merged.back_mut() {
                        Some((merged_start, sum)) if start < *merged_start + self.slice_width => {
                            sum.add(&counts);
                        }
                        _ => merged.push_back((start, counts)),
                    }
                }
                self.closed = merged;
            }
        }
    }
}

/// Sums of the counts of one label set.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct WindowCounts {
    /// Counts of the period that the verdict covers.
    pub(super) in_span: AttemptCounts,
    /// Counts of its latest part, to detect a change.
    pub(super) recent: AttemptCounts,
    /// Counts of the time before the latest part.
    pub(super) earlier: AttemptCounts,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Timestamp {
        Timestamp::from_nanos(n * 1_000_000_000)
    }

    #[test]
    fn whole_capture_window_keeps_every_count() {
        let mut window = Window::new(DiagnosisSpan::Whole);
        for n in 0..100_000 {
            window.at(second(n)).attempts += 1;
        }
        assert!(window.closed.len() <= MAX_SLICES);
        let sums = window.sums(second(100_000));
        assert_eq!(sums.in_span.attempts, 100_000);
        assert!(
            sums.recent.attempts > 10_000 && sums.recent.attempts < 30_000,
            "{}",
            sums.recent.attempts
        );
    }

    #[test]
    fn live_window_drops_old_slices() {
        let mut window = Window::new(DiagnosisSpan::Recent);
        for n in 0..100_000 {
            window.at(second(n)).attempts += 1;
        }
        assert!(window.closed.len() <= MAX_SLICES);
        let sums = window.sums(second(100_000));
        assert!(
            (480..=600).contains(&sums.in_span.attempts),
            "{}",
            sums.in_span.attempts
        );
        assert!(sums.earlier.attempts > 3000);
        assert_eq!(
            window.sums(second(101_000)).in_span,
            AttemptCounts::default()
        );
    }
}
