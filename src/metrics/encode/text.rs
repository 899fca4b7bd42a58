//! The encoder of the Prometheus text format 0.0.4.
//!
//! The `prometheus` crate writes the metadata lines and the first series of each family. The series
//! that follow, which may be thousands, come from [`SampleLines`], because the crate needs a
//! message for each of them and takes several times as long.
//!
//! Invariants:
//! - The output equals that of the crate (a property test below).
//! - No exemplars are written, because this format has none.

use std::io::{self, Write};

use prometheus::Encoder as _;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use super::super::descriptors::{Descriptor, MetricKind};
use super::number::Number;
use super::sample_lines::SampleLines;
use super::{Encoder, HistogramSample, Series, Value};

/// Writes the text format, one series at a time.
pub(in super::super) struct TextEncoder<'w> {
    lines: SampleLines<'w>,
    descriptor: Option<&'static Descriptor>,
    /// `true` once the first series of the family is written.
    begun: bool,
}

impl<'w> TextEncoder<'w> {
    pub(in super::super) fn new(to: &'w mut dyn Write) -> Self {
        Self {
            lines: SampleLines::new(to, |bound| Number(bound).to_string()),
            descriptor: None,
            begun: false,
        }
    }
}

impl Encoder for TextEncoder<'_> {
    fn begin(&mut self, descriptor: &'static Descriptor) -> io::Result<()> {
        self.lines.begin();
        self.descriptor = Some(descriptor);
        self.begun = false;
        Ok(())
    }

    fn series(&mut self, series: &Series<'_>) -> io::Result<()> {
        let Some(descriptor) = self.descriptor else {
            return Ok(());
        };
        if !std::mem::replace(&mut self.begun, true) {
            return encode_with_crate(&[family(descriptor, series)], &mut self.lines.to);
        }
        let value = match series.value {
            Value::Number(value, _) => Value::Number(value, None),
            Value::Histogram(sample) => Value::Histogram(HistogramSample {
                exemplars: &[],
                ..sample
            }),
        };
        self.lines.series(descriptor, &Series { value, ..*series })
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn encode_with_crate(families: &[MetricFamily], to: &mut dyn Write) -> io::Result<()> {
    prometheus::TextEncoder::new()
        .encode(families, &mut &mut *to)
        .map_err(|error| match error {
            prometheus::Error::Io(error) => error,
            other => io::Error::other(other),
        })
}

/// Returns the message of a family with one series.
fn family(descriptor: &Descriptor, series: &Series<'_>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(descriptor.name.to_owned());
    family.set_help(descriptor.help.to_owned());
    family.set_field_type(match descriptor.kind {
        MetricKind::Counter => MetricType::COUNTER,
        MetricKind::Gauge => MetricType::GAUGE,
        MetricKind::Histogram => MetricType::HISTOGRAM,
    });
    family.mut_metric().push(metric(descriptor, series));
    family
}

fn metric(descriptor: &Descriptor, series: &Series<'_>) -> Metric {
    let labels = descriptor.labels.iter().zip(series.labels);
    let pairs = labels.map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    let mut metric = Metric::from_label(pairs.collect());
    match &series.value {
        Value::Histogram(sample) => metric.set_histogram(histogram(sample)),
        Value::Number(value, _) if descriptor.kind == MetricKind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(*value);
            metric.set_counter(counter);
        }
        Value::Number(value, _) => {
            let mut gauge = Gauge::default();
            gauge.set_value(*value);
            metric.set_gauge(gauge);
        }
    }
    metric
}

fn histogram(sample: &HistogramSample<'_>) -> Histogram {
    let mut histogram = Histogram::default();
    histogram.set_sample_count(sample.histogram.count());
    histogram.set_sample_sum(sample.histogram.sum_seconds());
    let buckets = sample.histogram.cumulative(sample.bounds);
    let buckets = buckets.map(|(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    histogram.set_bucket(buckets.collect());
    histogram
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::super::histogram::{Bounds, Histogram as Observed, HistogramOptions};
    use super::*;

    const COUNTER: Descriptor = Descriptor {
        name: "a_total",
        kind: MetricKind::Counter,
        labels: &["one", "two"],
        help: "Help with \"\\\n.",
    };
    const GAUGE: Descriptor = Descriptor {
        kind: MetricKind::Gauge,
        labels: &[],
        ..COUNTER
    };
    const HISTOGRAM: Descriptor = Descriptor {
        name: "b_seconds",
        kind: MetricKind::Histogram,
        ..COUNTER
    };

    /// Returns the output of this encoder, and that of the crate for a message with all series.
    fn both(descriptor: &'static Descriptor, all: &[Series<'_>]) -> [String; 2] {
        let mut actual = Vec::new();
        let mut encoder = TextEncoder::new(&mut actual);
        encoder.begin(descriptor).unwrap();
        all.iter()
            .for_each(|series| encoder.series(series).unwrap());
        encoder.end().unwrap();
        let mut message = family(descriptor, &all[0]);
        message
            .mut_metric()
            .extend(all[1..].iter().map(|series| metric(descriptor, series)));
        let mut expected = Vec::new();
        encode_with_crate(&[message], &mut expected).unwrap();
        [actual, expected].map(|output| String::from_utf8(output).unwrap())
    }

    proptest! {
        #[test]
        fn text_lines_equal_prometheus_crate_output(
            labels in prop::collection::vec(("[ -~\n\u{fc}]{0,20}", "[a-z0-9.:/]{0,40}"), 1..5),
            numbers in prop::collection::vec(prop_oneof![any::<u32>().prop_map(f64::from), 0.0..1e18, any::<f64>()], 5),
            micros in prop::collection::vec(0_u64..3_000_000, 0..9),
        ) {
            let labels: Vec<_> = labels.iter().map(|(one, two)| [one.as_str(), two]).collect();
            let options = HistogramOptions {
                bounds: Bounds::new(vec![0.00001, 0.00025, 0.5, 2.0]).unwrap(),
                native: false,
            };
            let mut observed = Observed::default();
            for &micros in &micros {
                observed.observe(&options, Duration::from_micros(micros));
            }
            let sample = HistogramSample {
                histogram: &observed,
                bounds: &options.bounds,
                exemplars: &[],
                native: false,
            };
            for descriptor in [&COUNTER, &GAUGE, &HISTOGRAM] {
                let series = labels.iter().zip(&numbers).map(|(labels, number)| Series {
                    labels: &labels[..descriptor.labels.len()],
                    since: None,
                    value: match descriptor.kind {
                        MetricKind::Histogram => Value::Histogram(sample),
                        MetricKind::Counter | MetricKind::Gauge => Value::Number(*number, None),
                    },
                });
                let [actual, expected] = both(descriptor, &series.collect::<Vec<_>>());
                prop_assert_eq!(actual, expected);
            }
        }
    }
}
