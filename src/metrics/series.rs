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
use super::set_metrics::{Details, FAILURE_REASONS, LabelSetCounts};
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
    if store.config.acks {
        writer.histogram(
            &descriptors::ACK_LATENCY,
            |details| &details.ack_latency,
            |_, _| None,
        )?;
    }
    writer.counter(&descriptors::ANSWERED, |counts| counts.answered)?;
    writer.counter(&descriptors::ATTEMPTS, |counts| counts.attempts)?;
    if store.config.acks {
        writer.counter(&descriptors::COMPLETED, |counts| counts.completed)?;
    }
    writer.counter(&descriptors::EVICTED, |counts| counts.evicted)?;
    writer.failures()?;
    writer.icmp_errors()?;
    writer.counter(&descriptors::LATE_ANSWERS, |counts| counts.late_answers)?;
    writer.histogram(
        &descriptors::LATENCY,
        |details| &details.latency,
        |details, bucket| details.exemplars.get(ExemplarKey::LatencyBucket(bucket)),
    )?;
    writer.rsts()?;
    writer.counter(&descriptors::SYN_RETRANSMISSIONS, |counts| {
        counts.syn_retransmissions
    })?;
    writer.counter(&descriptors::SYNACK_RETRANSMISSIONS, |counts| {
        counts.synack_retransmissions
    })?;
    writer.counter(&descriptors::SYNACKS, |counts| counts.synacks)?;
    writer.counter(&descriptors::SYNS, |counts| counts.syns)
}

impl SeriesWriter<'_> {
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
