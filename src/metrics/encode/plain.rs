//! The text format 0.0.4, as the `prometheus` crate writes it.

use std::io::{self, Write};

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder as _, TextEncoder};

use super::super::table::Kind;
use super::{Encoder, Head, Latencies, Series, Value};

/// Family by family: one is in memory at a time.
pub(crate) struct Plain<'w> {
    to: &'w mut dyn Write,
    family: MetricFamily,
    head: Option<&'static Head>,
}

impl<'w> Plain<'w> {
    pub(in super::super) fn new(to: &'w mut dyn Write) -> Self {
        Self { to, family: MetricFamily::default(), head: None }
    }
}

impl Encoder for Plain<'_> {
    fn begin(&mut self, head: &'static Head) -> io::Result<()> {
        self.family = MetricFamily::default();
        self.family.set_name(head.name.to_owned());
        self.family.set_help(head.help.to_owned());
        self.family.set_field_type(match head.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        self.head = Some(head);
        Ok(())
    }

    fn series(&mut self, series: &Series<'_>) -> io::Result<()> {
        let Some(head) = self.head else { return Ok(()) };
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
        self.family.mut_metric().push(metric);
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let family = std::mem::take(&mut self.family);
        TextEncoder::new().encode(&[family], &mut self.to).map_err(|error| match error {
            prometheus::Error::Io(error) => error,
            fault => io::Error::other(fault),
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn histogram(latencies: &Latencies<'_>) -> Histogram {
    let mut histogram = Histogram::default();
    histogram.set_sample_count(latencies.histogram.count());
    histogram.set_sample_sum(latencies.histogram.sum_seconds());
    let buckets = latencies.histogram.cumulated(latencies.bounds).map(|(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    histogram.set_bucket(buckets.collect());
    histogram
}
