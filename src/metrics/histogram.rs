//! Durations counted exactly: whole nanoseconds in, seconds out.

use std::time::Duration;

use super::sparse::NativeHistogram;

/// Upper bounds of the buckets of a latency histogram, ascending.
#[derive(Clone, PartialEq, Debug)]
pub struct Bounds(Vec<f64>);

impl Bounds {
    /// Sorted, without doubles.
    ///
    /// # Errors
    ///
    /// A sentence about the bound that is none.
    pub fn new(mut seconds: Vec<f64>) -> Result<Self, String> {
        if let Some(bad) = seconds
            .iter()
            .find(|bound| !bound.is_finite() || **bound <= 0.0)
        {
            return Err(format!(
                "`{bad}` is no bucket bound: write seconds above zero, such as 0.005"
            ));
        }
        seconds.sort_by(f64::total_cmp);
        seconds.dedup();
        Ok(Self(seconds))
    }

    /// In seconds.
    pub fn seconds(&self) -> &[f64] {
        &self.0
    }

    /// The place of the first bound that is not below the duration.
    fn place(&self, duration: Duration) -> usize {
        let seconds = duration.as_secs_f64();
        self.0.partition_point(|bound| *bound < seconds)
    }
}

impl Default for Bounds {
    /// Never a whole number of seconds, which is when retransmissions go out: a value below 0.95 means that none was
    /// needed, one below 1.95 at most one.
    fn default() -> Self {
        Self(vec![
            0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.95, 1.95,
            2.95, 4.95,
        ])
    }
}

/// How the latency histograms are kept.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Layout {
    pub(super) bounds: Bounds,
    /// Whether native histograms are kept, too.
    pub(super) native: bool,
}

/// How many durations fell under each bound, and their exact sum. Memory is taken with the first.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Histogram {
    /// One count a bound, not cumulated; what is above the last bound is only in `count`. Empty before the first.
    buckets: Vec<u64>,
    count: u64,
    nanos: u128,
    native: Option<Box<NativeHistogram>>,
}

impl Histogram {
    /// Counts a duration. Says in which bucket it fell: the place of its bound, or one more for what is above all.
    pub(super) fn observe(&mut self, layout: &Layout, duration: Duration) -> usize {
        let bounds = layout.bounds.seconds();
        let place = layout.bounds.place(duration);
        self.buckets.resize(bounds.len(), 0);
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket += 1;
        }
        self.count += 1;
        self.nanos += duration.as_nanos();
        if layout.native {
            self.native.get_or_insert_default().observe(duration);
        }
        place
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn sum_seconds(&self) -> f64 {
        self.nanos as f64 / 1e9
    }

    /// The native form, where something was observed in it.
    pub(super) fn native(&self) -> Option<&NativeHistogram> {
        self.native.as_deref()
    }

    /// Each bound with the count of all that is not above it.
    pub(super) fn cumulated<'a>(
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
