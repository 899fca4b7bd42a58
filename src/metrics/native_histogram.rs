//! Native histograms: exponential buckets that are stored only if they are used.
//!
//! `histogram` observes durations; the protobuf encoder reads the buckets as spans and deltas.
//!
//! Invariants:
//! - At most [`MAX_BUCKETS`] buckets are kept; beyond that the resolution is reduced and no count
//!   is lost.
//! - Bucket indices are ascending.

use std::time::Duration;

/// The initial schema: eight buckets for each power of two, each bound 9 % above the previous one.
const INITIAL_SCHEMA: i32 = 3;

/// The bounds 2^(k / 8) / 2 of the buckets between 0.5 and 1.
const STEPS: [f64; 8] = [
    0.5,
    0.545_253_866_332_628_8,
    0.594_603_557_501_360_5,
    0.648_419_777_325_504_8,
    0.707_106_781_186_547_5,
    0.771_105_412_703_970_4,
    0.840_896_415_253_714_4,
    0.917_004_043_204_671_1,
];

/// Durations up to this one, in seconds, count as zero: a microsecond (2^-20 s) is less than any
/// handshake takes.
pub(super) const ZERO_THRESHOLD: f64 = 1.0 / 1_048_576.0;

/// Maximum number of buckets. With more, pairs of neighboring buckets are merged.
const MAX_BUCKETS: usize = 160;

/// Exponential buckets as Prometheus defines them: with schema `s`, the upper bound of bucket `i`
/// is 2^(i / 2^s). Memory is allocated by the first observation: 16 bytes for each bucket in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NativeHistogram {
    schema: i32,
    /// Index and count, ascending.
    buckets: Vec<(i32, u64)>,
    zeros: u64,
}

/// A run of buckets without a gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BucketSpan {
    /// Distance from the end of the previous span; for the first span, the index of its first
    /// bucket.
    pub(super) offset: i32,
    pub(super) length: u32,
}

impl Default for NativeHistogram {
    fn default() -> Self {
        Self {
            schema: INITIAL_SCHEMA,
            buckets: Vec::new(),
            zeros: 0,
        }
    }
}

impl NativeHistogram {
    pub(super) fn observe(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        if seconds <= ZERO_THRESHOLD {
            self.zeros += 1;
            return;
        }
        let reductions = INITIAL_SCHEMA - self.schema;
        let index = (initial_index(seconds) + (1 << reductions) - 1) >> reductions;
        match self
            .buckets
            .binary_search_by_key(&index, |(index, _)| *index)
        {
            Ok(position) => self
                .buckets
                .get_mut(position)
                .into_iter()
                .for_each(|(_, count)| *count += 1),
            Err(position) => {
                self.buckets.insert(position, (index, 1));
                while self.buckets.len() > MAX_BUCKETS {
                    self.reduce_resolution();
                }
            }
        }
    }

    pub(super) const fn schema(&self) -> i32 {
        self.schema
    }

    pub(super) const fn zeros(&self) -> u64 {
        self.zeros
    }

    /// Returns the spans of used buckets, and for each bucket the difference of its count from the
    /// previous one.
    pub(super) fn spans(&self) -> (Vec<BucketSpan>, Vec<i64>) {
        let mut spans = Vec::<BucketSpan>::new();
        let mut deltas = Vec::with_capacity(self.buckets.len());
        let mut next_index = 0;
        let mut previous_count = 0;
        for &(index, count) in &self.buckets {
            match spans.last_mut().filter(|_| index == next_index) {
                Some(span) => span.length += 1,
                None => spans.push(BucketSpan {
                    offset: index - next_index,
                    length: 1,
                }),
            }
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            deltas.push(count - previous_count);
            next_index = index + 1;
            previous_count = count;
        }
        (spans, deltas)
    }

    /// Merges each pair of neighboring buckets, which lowers the schema by one.
    fn reduce_resolution(&mut self) {
        self.schema -= 1;
        let mut merged = Vec::<(i32, u64)>::with_capacity(self.buckets.len());
        for &(index, count) in &self.buckets {
            let index = (index + 1) >> 1;
            match merged.last_mut().filter(|(last, _)| *last == index) {
                Some((_, sum)) => *sum += count,
                None => merged.push((index, count)),
            }
        }
        self.buckets = merged;
    }
}

/// Returns the bucket index of a value above zero in the initial schema: the least `i` for which
/// 2^(i / 8) is at least the value. The fraction is compared directly, because its logarithm would
/// be off by one at the bounds.
fn initial_index(seconds: f64) -> i32 {
    let bits = seconds.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0) - 1022;
    let fraction = f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52));
    let steps = STEPS.partition_point(|step| *step < fraction);
    i32::try_from(steps).unwrap_or(0) + (exponent - 1) * 8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns each bucket's upper bound with its count, decoded from spans and deltas.
    fn decoded(histogram: &NativeHistogram) -> Vec<(f64, i64)> {
        let (spans, deltas) = histogram.spans();
        let mut deltas = deltas.into_iter();
        let mut index = 0;
        let mut count = 0;
        let mut buckets = Vec::new();
        for span in spans {
            index += span.offset;
            for _ in 0..span.length {
                count += deltas.next().unwrap();
                let bound = 2_f64.powf(f64::from(index) / 2_f64.powi(histogram.schema()));
                buckets.push((bound, count));
                index += 1;
            }
        }
        assert_eq!(deltas.next(), None);
        buckets
    }

    #[test]
    fn bucket_includes_its_upper_bound_only() {
        let mut histogram = NativeHistogram::default();
        for nanos in [1_000_000_000, 500_000_000, 1_000_000_001, 250_000_000] {
            histogram.observe(Duration::from_nanos(nanos));
        }
        assert_eq!(
            decoded(&histogram),
            [(0.25, 1), (0.5, 1), (1.0, 1), (2_f64.powf(0.125), 1)]
        );
        assert_eq!(
            histogram.spans().0.len(),
            3,
            "the last two buckets are adjacent"
        );
    }

    #[test]
    fn observed_value_lies_within_its_bucket() {
        for micros in (2..200_000_000_u64)
            .step_by(99_991)
            .chain([2, 3, 5, 7, 1 << 20])
        {
            let mut histogram = NativeHistogram::default();
            histogram.observe(Duration::from_micros(micros));
            let upper = decoded(&histogram)[0].0;
            let seconds = micros as f64 / 1e6;
            assert!(
                seconds <= upper * (1.0 + 1e-12) && seconds > upper / 1.0905 * (1.0 - 1e-3),
                "{micros} in {upper}"
            );
        }
    }

    #[test]
    fn duration_below_threshold_counts_as_zero() {
        let mut histogram = NativeHistogram::default();
        histogram.observe(Duration::ZERO);
        histogram.observe(Duration::from_nanos(900));
        assert_eq!((histogram.zeros(), decoded(&histogram)), (2, vec![]));
    }

    #[test]
    fn resolution_reduction_bounds_buckets_and_keeps_counts() {
        let mut histogram = NativeHistogram::default();
        let times = || (0..2_000).map(|step| Duration::from_secs_f64(1e-6 * 1.0098_f64.powi(step)));
        times().for_each(|time| histogram.observe(time));
        assert!(
            histogram.buckets.len() <= MAX_BUCKETS && histogram.schema() < INITIAL_SCHEMA,
            "{histogram:?}"
        );
        let buckets = decoded(&histogram);
        assert_eq!(
            buckets.iter().map(|(_, count)| *count).sum::<i64>()
                + i64::try_from(histogram.zeros()).unwrap(),
            2_000
        );
        // The counts are those of a histogram that had the reduced resolution from the start.
        for &(upper, count) in &buckets {
            let lower = upper / 2_f64.powf(0.5_f64.powi(histogram.schema()));
            let inside = times().filter(|time| {
                let seconds = time.as_secs_f64();
                seconds > lower.max(ZERO_THRESHOLD) && seconds <= upper
            });
            assert_eq!(
                i64::try_from(inside.count()).unwrap(),
                count,
                "up to {upper}"
            );
        }
    }
}
