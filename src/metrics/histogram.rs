//! Durations counted exactly: whole nanoseconds in, seconds out.

use std::time::Duration;

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
        if let Some(bad) = seconds.iter().find(|bound| !bound.is_finite() || **bound <= 0.0) {
            return Err(format!("`{bad}` is no bucket bound: write seconds above zero, such as 0.005"));
        }
        seconds.sort_by(f64::total_cmp);
        seconds.dedup();
        Ok(Self(seconds))
    }

    /// In seconds.
    pub fn seconds(&self) -> &[f64] {
        &self.0
    }
}

impl Default for Bounds {
    /// Never a whole number of seconds, which is when retransmissions go out: a value below 0.95 means that none was
    /// needed, one below 1.95 at most one.
    fn default() -> Self {
        Self(vec![0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.95, 1.95, 2.95, 4.95])
    }
}

/// How many durations fell under each bound, and their exact sum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Histogram {
    /// One count a bound, not cumulated; what is above the last bound is only in `count`.
    buckets: Box<[u64]>,
    count: u64,
    nanos: u128,
}

impl Histogram {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self { buckets: vec![0; bounds.0.len()].into(), count: 0, nanos: 0 }
    }

    pub(super) fn observe(&mut self, bounds: &Bounds, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let place = bounds.0.partition_point(|bound| *bound < seconds);
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket += 1;
        }
        self.count += 1;
        self.nanos += duration.as_nanos();
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn sum_seconds(&self) -> f64 {
        self.nanos as f64 / 1e9
    }

    /// Each bound with the count of all that is not above it.
    pub(super) fn cumulated<'a>(&'a self, bounds: &'a Bounds) -> impl Iterator<Item = (f64, u64)> + 'a {
        let sums = self.buckets.iter().scan(0, |sum, bucket| {
            *sum += bucket;
            Some(*sum)
        });
        bounds.0.iter().copied().zip(sums)
    }
}
