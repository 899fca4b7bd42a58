//! A native histogram: buckets that grow by a constant factor, kept only where something fell into them.

use std::time::Duration;

/// Exponential buckets as Prometheus defines them: with schema `s`, bucket `i` ends at 2^(i / 2^s). Memory is taken with
/// the first observation, 16 bytes a bucket in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NativeHistogram {
    schema: i32,
    /// Index and count, ascending.
    buckets: Vec<(i32, u64)>,
    zeros: u64,
}

/// Buckets without a gap between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    /// From the end of the span before; of the first, its index.
    pub(super) offset: i32,
    pub(super) length: u32,
}

impl Default for NativeHistogram {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
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
        let coarser = SCHEMA - self.schema;
        let index = (index_of(seconds) + (1 << coarser) - 1) >> coarser;
        match self
            .buckets
            .binary_search_by_key(&index, |(index, _)| *index)
        {
            Ok(place) => self
                .buckets
                .get_mut(place)
                .into_iter()
                .for_each(|(_, count)| *count += 1),
            Err(place) => {
                self.buckets.insert(place, (index, 1));
                while self.buckets.len() > MAX_BUCKETS {
                    self.halve();
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

    /// Where buckets are, and the count of each as its difference from the one before.
    pub(super) fn spans(&self) -> (Vec<Span>, Vec<i64>) {
        let (mut spans, mut deltas) = (Vec::<Span>::new(), Vec::with_capacity(self.buckets.len()));
        let (mut next, mut before) = (0, 0);
        for &(index, count) in &self.buckets {
            match spans.last_mut().filter(|_| index == next) {
                Some(span) => span.length += 1,
                None => spans.push(Span {
                    offset: index - next,
                    length: 1,
                }),
            }
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            deltas.push(count - before);
            (next, before) = (index + 1, count);
        }
        (spans, deltas)
    }

    /// Takes two neighbours for one, all along.
    fn halve(&mut self) {
        self.schema -= 1;
        let mut halved = Vec::<(i32, u64)>::with_capacity(self.buckets.len());
        for &(index, count) in &self.buckets {
            let index = (index + 1) >> 1;
            match halved.last_mut().filter(|(last, _)| *last == index) {
                Some((_, sum)) => *sum += count,
                None => halved.push((index, count)),
            }
        }
        self.buckets = halved;
    }
}

/// The bucket of a value above zero, in the finest schema: the least `i` with 2^(i / 8) not below it. The fraction is
/// compared, not its logarithm, which would be off by one at the bounds.
fn index_of(seconds: f64) -> i32 {
    let bits = seconds.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0) - 1022;
    let fraction = f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52));
    let steps = STEPS.partition_point(|step| *step < fraction);
    i32::try_from(steps).unwrap_or(0) + (exponent - 1) * 8
}

/// Eight buckets for each doubling: each ends 9 % above the one before.
const SCHEMA: i32 = 3;

/// 2^(k / 8) / 2.
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

/// Up to here it counts as zero: a microsecond (2^-20 s) is less than any handshake takes.
pub(super) const ZERO_THRESHOLD: f64 = 1.0 / 1_048_576.0;

/// At more, neighbours are taken for one.
const MAX_BUCKETS: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    /// Each bucket's upper bound with its count.
    fn told(sparse: &NativeHistogram) -> Vec<(f64, i64)> {
        let (spans, deltas) = sparse.spans();
        let mut deltas = deltas.into_iter();
        let (mut index, mut count, mut told) = (0, 0, Vec::new());
        for span in spans {
            index += span.offset;
            for _ in 0..span.length {
                count += deltas.next().unwrap();
                told.push((
                    2_f64.powf(f64::from(index) / 2_f64.powi(sparse.schema())),
                    count,
                ));
                index += 1;
            }
        }
        assert_eq!(deltas.next(), None);
        told
    }

    #[test]
    fn a_bucket_ends_at_its_bound_and_not_below() {
        let mut sparse = NativeHistogram::default();
        for nanos in [1_000_000_000, 500_000_000, 1_000_000_001, 250_000_000] {
            sparse.observe(Duration::from_nanos(nanos));
        }
        assert_eq!(
            told(&sparse),
            [(0.25, 1), (0.5, 1), (1.0, 1), (2_f64.powf(0.125), 1)]
        );
        assert_eq!(sparse.spans().0.len(), 3, "the last two lie side by side");
    }

    #[test]
    fn every_value_lies_in_its_bucket() {
        for micros in (2..200_000_000_u64)
            .step_by(99_991)
            .chain([2, 3, 5, 7, 1 << 20])
        {
            let mut sparse = NativeHistogram::default();
            sparse.observe(Duration::from_micros(micros));
            let (upper, seconds) = (told(&sparse)[0].0, micros as f64 / 1e6);
            assert!(
                seconds <= upper * (1.0 + 1e-12) && seconds > upper / 1.0905 * (1.0 - 1e-3),
                "{micros} in {upper}"
            );
        }
    }

    #[test]
    fn what_takes_no_time_counts_as_zero() {
        let mut sparse = NativeHistogram::default();
        sparse.observe(Duration::ZERO);
        sparse.observe(Duration::from_nanos(900));
        assert_eq!((sparse.zeros(), told(&sparse)), (2, vec![]));
    }

    #[test]
    fn memory_is_bounded_and_no_count_is_lost() {
        let mut sparse = NativeHistogram::default();
        let times = || (0..2_000).map(|step| Duration::from_secs_f64(1e-6 * 1.0098_f64.powi(step)));
        times().for_each(|time| sparse.observe(time));
        assert!(
            sparse.buckets.len() <= MAX_BUCKETS && sparse.schema() < SCHEMA,
            "{sparse:?}"
        );
        let told = told(&sparse);
        assert_eq!(
            told.iter().map(|(_, count)| *count).sum::<i64>()
                + i64::try_from(sparse.zeros()).unwrap(),
            2_000
        );
        // As if it had been coarse from the start.
        for &(upper, count) in &told {
            let lower = upper / 2_f64.powf(0.5_f64.powi(sparse.schema()));
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
