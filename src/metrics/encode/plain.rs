//! The text format 0.0.4, as the `prometheus` crate writes it.

use std::io::{self, Write};

use prometheus::Encoder as _;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use super::super::table::Kind;
use super::lines::Lines;
use super::number::Number;
use super::{Descriptor, Encoder, HistogramSample, Series, Value};

/// The crate writes the head of each family and its first series. Those that follow, which may be thousands, are written as
/// lines like it: the crate wants each as a message of its own, which takes several times as long.
pub(crate) struct TextEncoder<'w> {
    lines: Lines<'w>,
    head: Option<&'static Descriptor>,
    begun: bool,
}

impl<'w> TextEncoder<'w> {
    pub(in super::super) fn new(to: &'w mut dyn Write) -> Self {
        Self {
            lines: Lines::new(to, |bound| Number(bound).to_string()),
            head: None,
            begun: false,
        }
    }
}

impl Encoder for TextEncoder<'_> {
    fn begin(&mut self, head: &'static Descriptor) -> io::Result<()> {
        self.lines.begin();
        (self.head, self.begun) = (Some(head), false);
        Ok(())
    }

    fn series(&mut self, series: &Series<'_>) -> io::Result<()> {
        let Some(head) = self.head else { return Ok(()) };
        if !std::mem::replace(&mut self.begun, true) {
            return by_crate(&[family(head, series)], &mut self.lines.to);
        }
        // This form has no exemplars.
        let value = match series.value {
            Value::Number(value, _) => Value::Number(value, None),
            Value::Histogram(latencies) => Value::Histogram(HistogramSample {
                exemplars: &[],
                ..latencies
            }),
        };
        self.lines.series(head, &Series { value, ..*series })
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn by_crate(families: &[MetricFamily], to: &mut dyn Write) -> io::Result<()> {
    prometheus::TextEncoder::new()
        .encode(families, &mut &mut *to)
        .map_err(|error| match error {
            prometheus::Error::Io(error) => error,
            fault => io::Error::other(fault),
        })
}

/// A family with one series.
fn family(head: &Descriptor, series: &Series<'_>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(head.name.to_owned());
    family.set_help(head.help.to_owned());
    family.set_field_type(match head.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    family.mut_metric().push(metric(head, series));
    family
}

fn metric(head: &Descriptor, series: &Series<'_>) -> Metric {
    let pairs = head.labels.iter().zip(series.labels).map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    let mut metric = Metric::from_label(pairs.collect());
    match &series.value {
        Value::Histogram(latencies) => metric.set_histogram(histogram(latencies)),
        Value::Number(value, _) if head.kind == Kind::Counter => {
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

fn histogram(latencies: &HistogramSample<'_>) -> Histogram {
    let mut histogram = Histogram::default();
    histogram.set_sample_count(latencies.histogram.count());
    histogram.set_sample_sum(latencies.histogram.sum_seconds());
    let buckets = latencies
        .histogram
        .cumulated(latencies.bounds)
        .map(|(bound, count)| {
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

    use super::super::super::histogram::{Bounds, Histogram as Observed, Layout};
    use super::*;

    const COUNTER: Descriptor = Descriptor {
        name: "a_total",
        kind: Kind::Counter,
        labels: &["one", "two"],
        help: "Help with \"\\\n.",
    };
    const GAUGE: Descriptor = Descriptor {
        kind: Kind::Gauge,
        labels: &[],
        ..COUNTER
    };
    const HISTOGRAM: Descriptor = Descriptor {
        name: "b_seconds",
        kind: Kind::Histogram,
        ..COUNTER
    };

    /// What this encoder writes, and what the crate does where it is given all.
    fn both(head: &'static Descriptor, all: &[Series<'_>]) -> [String; 2] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut plain = TextEncoder::new(&mut ours);
        plain.begin(head).unwrap();
        all.iter().for_each(|series| plain.series(series).unwrap());
        plain.end().unwrap();
        let mut whole = family(head, &all[0]);
        whole
            .mut_metric()
            .extend(all[1..].iter().map(|series| metric(head, series)));
        by_crate(&[whole], &mut theirs).unwrap();
        [ours, theirs].map(|page| String::from_utf8(page).unwrap())
    }

    proptest! {
        #[test]
        fn lines_are_written_as_the_crate_writes_them(
            labels in prop::collection::vec(("[ -~\n\u{fc}]{0,20}", "[a-z0-9.:/]{0,40}"), 1..5),
            numbers in prop::collection::vec(prop_oneof![any::<u32>().prop_map(f64::from), 0.0..1e18, any::<f64>()], 5),
            micros in prop::collection::vec(0_u64..3_000_000, 0..9),
        ) {
            let labels: Vec<_> = labels.iter().map(|(one, two)| [one.as_str(), two]).collect();
            let layout = Layout { bounds: Bounds::new(vec![0.00001, 0.00025, 0.5, 2.0]).unwrap(), native: false };
            let mut observed = Observed::default();
            for &micros in &micros {
                observed.observe(&layout, Duration::from_micros(micros));
            }
            let latencies = HistogramSample { histogram: &observed, bounds: &layout.bounds, exemplars: &[], native: false };
            for head in [&COUNTER, &GAUGE, &HISTOGRAM] {
                let series = labels.iter().zip(&numbers).map(|(labels, number)| Series {
                    labels: &labels[..head.labels.len()],
                    since: None,
                    value: match head.kind {
                        Kind::Histogram => Value::Histogram(latencies),
                        Kind::Counter | Kind::Gauge => Value::Number(*number, None),
                    },
                });
                let [ours, theirs] = both(head, &series.collect::<Vec<_>>());
                prop_assert_eq!(ours, theirs);
            }
        }
    }
}
