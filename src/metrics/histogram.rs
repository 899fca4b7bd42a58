//! Latency histograms with configured bucket bounds.
//!
//! `set_metrics` observes durations; the encoders read the cumulative buckets.
//!
//! Invariant: sums are exact, because durations are added in whole nanoseconds and converted to
//! seconds when read.

use std::time::Duration;

use super::native_histogram::NativeHistogram;

/// The default bucket bounds in seconds. Retransmissions are sent after whole seconds, so no bound
/// is a whole number: a latency below 0.95 means no retransmission, one below 1.95 at most one.
const DEFAULT_BOUNDS: [f64; 15] = [
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.95, 1.95, 2.95,
    4.95,
];

/// Upper bounds of the buckets of a latency histogram, ascending and without duplicates.
#[derive(Clone, PartialEq, Debug)]
pub struct Bounds(Vec<f64>);

impl Bounds {
    /// Creates bounds from seconds. They are sorted, and duplicates are removed.
    ///
    /// # Errors
    ///
    /// Returns an error that names the invalid bound if one is not finite or not above zero.
    pub fn new(mut seconds: Vec<f64>) -> Result<Self, String> {
        if let Some(invalid) = seconds
            .iter()
            .find(|bound| !bound.is_finite() || **bound <= 0.0)
        {
            return Err(format!(
                "`{invalid}` is not a bucket bound: use seconds above zero, such as 0.005"
            ));
        }
        seconds.sort_by(f64::total_cmp);
        seconds.dedup();
        Ok(Self(seconds))
    }

    /// Returns the bounds in seconds.
    pub fn seconds(&self) -> &[f64] {
        &self.0
    }

    /// Returns the index of the first bound that is at least the duration.
    fn bucket_of(&self, duration: Duration) -> usize {
        let seconds = duration.as_secs_f64();
        self.0.partition_point(|bound| *bound < seconds)
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self(DEFAULT_BOUNDS.to_vec())
    }
}

/// How all latency histograms are kept.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct HistogramOptions {
    pub(super) bounds: Bounds,
    /// `true` if native histograms are kept in addition.
    pub(super) native: bool,
}

/// The number of durations in each bucket, and their exact sum. The first observation allocates the
/// memory.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Histogram {
    /// One count for each bound, not cumulative. Empty before the first observation. Durations
    /// above the last bound are only in `count`.
    buckets: Vec<u64>,
    count: u64,
    sum_nanos: u128,
    native: Option<Box<NativeHistogram>>,
}

impl Histogram {
    /// Counts a duration. Returns the index of its bucket: that of its bound, or the number of
    /// bounds if the duration is above all of them.
    pub(super) fn observe(&mut self, options: &HistogramOptions, duration: Duration) -> usize {
        let bounds = options.bounds.seconds();
        let index = options.bounds.bucket_of(duration);
        self.buckets.resize(bounds.len(), 0);
        if let Some(bucket) = self.buckets.get_mut(index) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum_nanos += duration.as_nanos();
        if options.native {
            self.native.get_or_insert_default().observe(duration);
        }
        index
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn sum_seconds(&self) -> f64 {
        self.sum_nanos as f64 / 1e9
    }

    /// Returns the native histogram; `None` if nothing was observed in it.
    pub(super) fn native(&self) -> Option<&NativeHistogram> {
        self.native.as_deref()
    }

    /// Returns each bound with the number of durations up to it.
    pub(super) fn cumulative<'a>(
        &'a self,
        bounds: &'a Bounds,
    ) -> impl Iterator<Item = (f64, u64)> + 'a {
        let counts = self.buckets.iter().copied().chain(std::iter::repeat(0));
        let sums = counts.scan(0, |sum, bucket| {
            *sum += bucket;
            Some(*sum)
        });
        bounds.0.iter().copied().zip(sums)
    }
}
