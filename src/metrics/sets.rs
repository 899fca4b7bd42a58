//! The series of all sets, family by family, in the order of the metrics' names and of the labels.

use std::io;

use super::encode::{Encoder, HistogramSample, Value};
use super::exemplar::{Exemplar, Slot};
use super::exposition::Family;
use super::histogram::Histogram;
use super::ledger::{LabelSetMetrics, MetricStore};
use super::set::{Details, REASONS, SetCounts, name_of};
use super::table::{self, Metric};

/// The pages of a ledger in order, and where they go.
struct Sheet<'a> {
    ledger: &'a MetricStore,
    pages: Vec<&'a LabelSetMetrics>,
    to: &'a mut dyn Encoder,
}

pub(super) fn write(ledger: &MetricStore, to: &mut dyn Encoder) -> io::Result<()> {
    let mut pages: Vec<&LabelSetMetrics> = ledger.sets.iter().flatten().collect();
    pages.sort_unstable_by(|one, other| one.labels.cmp(&other.labels));
    let mut sheet = Sheet { ledger, pages, to };
    if ledger.about.acks {
        sheet.histogram(
            &table::ACK_LATENCY,
            |details| &details.ack_latency,
            |_, _| None,
        )?;
    }
    sheet.counter(&table::ANSWERED, |set| set.answered)?;
    sheet.counter(&table::ATTEMPTS, |set| set.attempts)?;
    if ledger.about.acks {
        sheet.counter(&table::COMPLETED, |set| set.completed)?;
    }
    sheet.counter(&table::EVICTED, |set| set.evicted)?;
    sheet.failures()?;
    sheet.icmp_errors()?;
    sheet.counter(&table::LATE_ANSWERS, |set| set.late_answers)?;
    let slow: fn(&Details, usize) -> Option<&Exemplar> =
        |details, place| details.exemplars.of(Slot::Latency(place));
    sheet.histogram(&table::LATENCY, |details| &details.latency, slow)?;
    sheet.rsts()?;
    sheet.counter(&table::SYN_RETRANSMISSIONS, |set| set.syn_retransmissions)?;
    sheet.counter(&table::SYNACK_RETRANSMISSIONS, |set| {
        set.synack_retransmissions
    })?;
    sheet.counter(&table::SYNACKS, |set| set.synacks)?;
    sheet.counter(&table::SYNS, |set| set.syns)
}

impl Sheet<'_> {
    fn counter(
        &mut self,
        metric: &'static Metric<4>,
        value: fn(&SetCounts) -> u64,
    ) -> io::Result<()> {
        let mut family = Family::of(metric, self.to);
        for page in &self.pages {
            family.number(labels(page), Some(page.since), value(&page.counts) as f64)?;
        }
        family.done()
    }

    fn histogram(
        &mut self,
        metric: &'static Metric<4>,
        of: fn(&Details) -> &Histogram,
        exemplar: fn(&Details, usize) -> Option<&Exemplar>,
    ) -> io::Result<()> {
        let mut family = Family::of(metric, self.to);
        let layout = &self.ledger.layout;
        for page in &self.pages {
            let details = &page.counts.details;
            let places = 0..=layout.bounds.seconds().len();
            let exemplars: Vec<_> = places.map(|place| exemplar(details, place)).collect();
            let (histogram, bounds, native) = (of(details), &layout.bounds, layout.native);
            let latencies = HistogramSample {
                histogram,
                bounds,
                exemplars: &exemplars,
                native,
            };
            family.push(labels(page), Some(page.since), Value::Histogram(latencies))?;
        }
        family.done()
    }

    fn failures(&mut self) -> io::Result<()> {
        let mut family = Family::of(&table::FAILURES, self.to);
        let mut reasons: Vec<_> = REASONS.into_iter().enumerate().collect();
        reasons.sort_unstable_by_key(|(_, (_, name))| *name);
        for page in &self.pages {
            let [vantage, local, port, peer] = labels(page);
            for &(place, (reason, name)) in &reasons {
                let count = page.counts.failures.get(place).copied().unwrap_or_default();
                let exemplar = page.counts.details.exemplars.of(Slot::Failure(reason));
                let value = Value::Number(count as f64, exemplar);
                family.push([vantage, local, port, peer, name], Some(page.since), value)?;
            }
        }
        family.done()
    }

    fn icmp_errors(&mut self) -> io::Result<()> {
        let mut family = Family::of(&table::ICMP_ERRORS, self.to);
        for page in &self.pages {
            let [vantage, local, port, peer] = labels(page);
            let errors = page.counts.details.icmp_errors.iter();
            let mut errors: Vec<_> = errors
                .map(|error| (name_of(error.code), error.reporter.as_str(), error.count))
                .collect();
            errors.sort_unstable();
            for (code, reporter, count) in errors {
                family.number(
                    [vantage, local, port, peer, code, reporter],
                    Some(page.since),
                    count as f64,
                )?;
            }
        }
        family.done()
    }

    fn rsts(&mut self) -> io::Result<()> {
        let mut family = Family::of(&table::RSTS, self.to);
        for page in &self.pages {
            let [vantage, local, port, peer] = labels(page);
            for (sender, count) in [
                ("client", page.counts.rsts_by_client),
                ("server", page.counts.rsts_by_server),
            ] {
                family.number(
                    [vantage, local, port, peer, sender],
                    Some(page.since),
                    count as f64,
                )?;
            }
        }
        family.done()
    }
}

fn labels(page: &LabelSetMetrics) -> [&str; 4] {
    page.labels.each_ref().map(String::as_str)
}
