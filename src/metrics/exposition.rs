//! Builds the `prometheus` crate's metric families from the table and the numbers.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram as HistogramProto, LabelPair, MetricFamily, MetricType};

use super::histogram::{Bounds, Histogram};
use super::table::{Kind, Metric};

/// One family in the making. The number of label values is held against the table by the compiler.
pub(super) struct Family<const N: usize> {
    metric: &'static Metric<N>,
    family: MetricFamily,
}

impl<const N: usize> Family<N> {
    pub(super) fn of(metric: &'static Metric<N>) -> Self {
        let mut family = MetricFamily::default();
        family.set_name(metric.name.to_owned());
        family.set_help(metric.help.to_owned());
        family.set_field_type(match metric.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        Self { metric, family }
    }

    /// Adds a series with one value.
    #[must_use]
    pub(super) fn with(mut self, labels: [&str; N], value: f64) -> Self {
        self.push(labels, value);
        self
    }

    /// Adds a series with one value.
    pub(super) fn push(&mut self, labels: [&str; N], value: f64) {
        let mut series = self.series(labels);
        match self.metric.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                series.set_counter(counter);
            }
            Kind::Gauge | Kind::Histogram => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                series.set_gauge(gauge);
            }
        }
        self.family.mut_metric().push(series);
    }

    /// Adds a histogram.
    pub(super) fn push_histogram(&mut self, labels: [&str; N], histogram: &Histogram, bounds: &Bounds) {
        let mut series = self.series(labels);
        let mut proto = HistogramProto::default();
        proto.set_sample_count(histogram.count());
        proto.set_sample_sum(histogram.sum_seconds());
        let buckets = histogram.cumulated(bounds).map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        proto.set_bucket(buckets.collect());
        series.set_histogram(proto);
        self.family.mut_metric().push(series);
    }

    pub(super) fn done(self) -> MetricFamily {
        self.family
    }

    fn series(&self, labels: [&str; N]) -> prometheus::proto::Metric {
        let pairs = self.metric.labels.iter().zip(labels).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value.to_owned());
            pair
        });
        prometheus::proto::Metric::from_label(pairs.collect())
    }
}
