//! Writes the series of all label sets.
//!
//! `exposition` passes a copy of the store; the families go to the encoder.
//!
//! Invariant: families are ordered by metric name, and the series of a family by their label
//! values.

use std::io;

use super::descriptors::{self, Metric};
use super::encode::{Encoder, FamilyWriter, HistogramSample, Value};
use super::exemplar::{Exemplar, ExemplarKey};
use super::histogram::Histogram;
use super::set_metrics::{COUNTERS, Details, FAILURE_REASONS, LabelSetCounts};
use super::store::{LabelSetMetrics, MetricStore};

/// The label sets of a store in the order of their labels, and the encoder they are written to.
struct SeriesWriter<'a> {
    store: &'a MetricStore,
    label_sets: Vec<&'a LabelSetMetrics>,
    encoder: &'a mut dyn Encoder,
}

/// Writes all families of the label sets.
pub(super) fn write(store: &MetricStore, encoder: &mut dyn Encoder) -> io::Result<()> {
    let mut label_sets: Vec<&LabelSetMetrics> = store.label_sets.iter().flatten().collect();
    label_sets.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
    let mut writer = SeriesWriter {
        store,
        label_sets,
        encoder,
    };
    let acks = store.config.acks;
    let mut families: Vec<Family> = COUNTERS
        .iter()
        .filter(|(_, _, needs_acks)| acks || !needs_acks)
        .map(|(metric, value, _)| Family::Counter(metric, *value))
        .collect();
    families.extend([
        Family::Failures,
        Family::IcmpErrors,
        Family::Latency,
        Family::Rsts,
    ]);
    families.extend(acks.then_some(Family::AckLatency));
    families.sort_unstable_by_key(Family::name);
    families
        .into_iter()
        .try_for_each(|family| writer.family(family))
}

/// A family of the label sets.
#[derive(Clone, Copy)]
enum Family {
    Counter(&'static Metric<4>, fn(&LabelSetCounts) -> u64),
    AckLatency,
    Failures,
    IcmpErrors,
    Latency,
    Rsts,
}

impl Family {
    /// Returns the name of the metric: families are written in its order.
    fn name(&self) -> &'static str {
        let descriptor = match self {
            Self::Counter(metric, _) => &metric.descriptor,
            Self::AckLatency => &descriptors::ACK_LATENCY.descriptor,
            Self::Failures => &descriptors::FAILURES.descriptor,
            Self::IcmpErrors => &descriptors::ICMP_ERRORS.descriptor,
            Self::Latency => &descriptors::LATENCY.descriptor,
            Self::Rsts => &descriptors::RSTS.descriptor,
        };
        descriptor.name
    }
}

impl SeriesWriter<'_> {
    fn family(&mut self, family: Family) -> io::Result<()> {
        match family {
            Family::Counter(metric, value) => self.counter(metric, value),
            Family::AckLatency => self.histogram(
                &descriptors::ACK_LATENCY,
                |details| &details.ack_latency,
                |_, _| None,
            ),
            Family::Failures => self.failures(),
            Family::IcmpErrors => self.icmp_errors(),
            Family::Latency => self.histogram(
                &descriptors::LATENCY,
                |details| &details.latency,
                |details, bucket| details.exemplars.get(ExemplarKey::LatencyBucket(bucket)),
            ),
            Family::Rsts => self.rsts(),
        }
    }

    fn counter(
        &mut self,
        metric: &'static Metric<4>,
        value: fn(&LabelSetCounts) -> u64,
    ) -> io::Result<()> {
        let mut family = FamilyWriter::new(metric, self.encoder);
        for set in &self.label_sets {
            family.number(labels(set), Some(set.since), value(&set.counts) as f64)?;
        }
        family.finish()
    }

    fn histogram(
        &mut self,
        metric: &'static Metric<4>,
        histogram: fn(&Details) -> &Histogram,
        exemplar: fn(&Details, usize) -> Option<&Exemplar>,
    ) -> io::Result<()> {
        let mut family = FamilyWriter::new(metric, self.encoder);
        let options = &self.store.histogram_options;
        for set in &self.label_sets {
            let details = &set.counts.details;
            let buckets = 0..=options.bounds.seconds().len();
            let exemplars: Vec<_> = buckets.map(|bucket| exemplar(details, bucket)).collect();
            let sample = HistogramSample {
                histogram: histogram(details),
                bounds: &options.bounds,
                exemplars: &exemplars,
                native: options.native,
            };
            family.push(labels(set), Some(set.since), Value::Histogram(sample))?;
        }
        family.finish()
    }

    fn failures(&mut self) -> io::Result<()> {
        let mut family = FamilyWriter::new(&descriptors::FAILURES, self.encoder);
        let mut reasons: Vec<_> = FAILURE_REASONS.into_iter().enumerate().collect();
        reasons.sort_unstable_by_key(|(_, (_, label))| *label);
        for set in &self.label_sets {
            let [vantage, local, port, peer] = labels(set);
            for &(index, (reason, label)) in &reasons {
                let count = set.counts.failures.get(index).copied().unwrap_or_default();
                let exemplars = &set.counts.details.exemplars;
                let exemplar = exemplars.get(ExemplarKey::Failure(reason));
                let value = Value::Number(count as f64, exemplar);
                family.push([vantage, local, port, peer, label], Some(set.since), value)?;
            }
        }
        family.finish()
    }

    fn icmp_errors(&mut self) -> io::Result<()> {
        let mut family = FamilyWriter::new(&descriptors::ICMP_ERRORS, self.encoder);
        for set in &self.label_sets {
            let [vantage, local, port, peer] = labels(set);
            let errors = set.counts.details.icmp_errors.iter();
            let mut errors: Vec<_> = errors
                .map(|error| (error.code_label(), error.reporter.as_str(), error.count))
                .collect();
            errors.sort_unstable();
            for (code, reporter, count) in errors {
                family.number(
                    [vantage, local, port, peer, code, reporter],
                    Some(set.since),
                    count as f64,
                )?;
            }
        }
        family.finish()
    }

    fn rsts(&mut self) -> io::Result<()> {
        let mut family = FamilyWriter::new(&descriptors::RSTS, self.encoder);
        for set in &self.label_sets {
            let [vantage, local, port, peer] = labels(set);
            for (sender, count) in [
                ("client", set.counts.rsts_by_client),
                ("server", set.counts.rsts_by_server),
            ] {
                family.number(
                    [vantage, local, port, peer, sender],
                    Some(set.since),
                    count as f64,
                )?;
            }
        }
        family.finish()
    }
}

fn labels(set: &LabelSetMetrics) -> [&str; 4] {
    set.labels.each_ref().map(String::as_str)
}
