//! One collector over a copy of the ledger, and its text.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Registry, TextEncoder};

use super::exposition::Family;
use super::ledger::{Ledger, Page};
use super::own::{About, KINDS, Own};
use super::process;
use super::set::{REASONS, SetCounts, name_of};
use super::table::{self, Metric, rows};
use crate::decode::Undecodable;
use crate::handshake::Kind;

/// Turns the ledger into what a scrape is given.
pub struct Exposition {
    registry: Registry,
}

/// Why there is no exposition: a fault of this program.
#[derive(Debug, thiserror::Error)]
#[error("cannot encode the metrics: {0}")]
pub struct Failure(#[from] prometheus::Error);

impl Exposition {
    /// Of the type that goes with [`text`](Self::text): Prometheus 3 refuses a scrape without it.
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// Over whatever `ledger` gives at each scrape: one consistent copy of all numbers. `own` adds the numbers about
    /// the exporter itself and its process.
    ///
    /// # Errors
    ///
    /// The table of metrics contradicts itself.
    pub fn new(ledger: impl Fn() -> Ledger + Send + Sync + 'static, own: bool) -> Result<Self, Failure> {
        let descriptions = rows().into_iter().map(|row| {
            let labels = row.labels.iter().map(|label| (*label).to_owned()).collect();
            Desc::new(row.name.to_owned(), row.help.to_owned(), labels, std::collections::HashMap::new())
        });
        let descriptions = descriptions.collect::<Result<_, _>>()?;
        let registry = Registry::new();
        registry.register(Box::new(Table { descriptions, ledger: Arc::new(ledger), own }))?;
        Ok(Self { registry })
    }

    /// The text exposition format, 0.0.4.
    ///
    /// # Errors
    ///
    /// A fault of this program.
    pub fn text(&self) -> Result<Vec<u8>, Failure> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

struct Table {
    descriptions: Vec<Desc>,
    ledger: Arc<dyn Fn() -> Ledger + Send + Sync>,
    own: bool,
}

impl Collector for Table {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let ledger = (self.ledger)();
        let mut families = of_sets(&ledger);
        families.push(local_addresses(&ledger.own));
        if self.own {
            families.extend(of_interfaces(&ledger.own));
            families.extend(of_exporter(&ledger.own, &ledger.about));
            families.extend(process::families());
        }
        families
    }
}

fn of_sets(ledger: &Ledger) -> Vec<MetricFamily> {
    let pages: Vec<&Page> = ledger.sets.iter().flatten().collect();
    let counter = |metric: &'static Metric<4>, value: fn(&SetCounts) -> u64| {
        let mut family = Family::of(metric);
        for page in &pages {
            family.push(labels(page), value(&page.counts) as f64);
        }
        family.done()
    };
    let mut families = vec![
        counter(&table::SYNS, |set| set.syns),
        counter(&table::SYN_RETRANSMISSIONS, |set| set.syn_retransmissions),
        counter(&table::SYNACKS, |set| set.synacks),
        counter(&table::SYNACK_RETRANSMISSIONS, |set| set.synack_retransmissions),
        counter(&table::ATTEMPTS, |set| set.attempts),
        counter(&table::ANSWERED, |set| set.answered),
        counter(&table::LATE_ANSWERS, |set| set.late_answers),
        counter(&table::EVICTED, |set| set.evicted),
    ];
    let mut rsts = Family::of(&table::RSTS);
    let mut failures = Family::of(&table::FAILURES);
    let mut icmp_errors = Family::of(&table::ICMP_ERRORS);
    let mut latency = Family::of(&table::LATENCY);
    for page in &pages {
        let [vantage, local, port, peer] = labels(page);
        let counts = &page.counts;
        rsts.push([vantage, local, port, peer, "client"], counts.rsts_by_client as f64);
        rsts.push([vantage, local, port, peer, "server"], counts.rsts_by_server as f64);
        for (count, (_, reason)) in counts.failures.iter().zip(REASONS) {
            failures.push([vantage, local, port, peer, reason], *count as f64);
        }
        for error in &counts.icmp_errors {
            let (code, reporter) = (name_of(error.code), error.reporter.as_str());
            icmp_errors.push([vantage, local, port, peer, code, reporter], error.count as f64);
        }
        latency.push_histogram(labels(page), &counts.latency, &ledger.bounds);
    }
    families.extend([rsts.done(), failures.done(), icmp_errors.done(), latency.done()]);
    if ledger.about.acks {
        families.push(counter(&table::COMPLETED, |set| set.completed));
        let mut ack_latency = Family::of(&table::ACK_LATENCY);
        for page in &pages {
            ack_latency.push_histogram(labels(page), &page.counts.ack_latency, &ledger.bounds);
        }
        families.push(ack_latency.done());
    }
    families
}

fn labels(page: &Page) -> [&str; 4] {
    page.labels.each_ref().map(String::as_str)
}

fn local_addresses(own: &Own) -> MetricFamily {
    let mut family = Family::of(&table::LOCAL_ADDRESS_INFO);
    for (address, interface) in &own.local_addresses {
        family.push([address, interface], 1.0);
    }
    family.done()
}

fn of_interfaces(own: &Own) -> Vec<MetricFamily> {
    let mut up = Family::of(&table::CAPTURE_UP);
    let mut captured = Family::of(&table::CAPTURED_PACKETS);
    let mut dropped = Family::of(&table::DROPPED_PACKETS);
    let mut last = Family::of(&table::LAST_PACKET);
    for interface in &own.interfaces {
        let name = interface.name.as_str();
        up.push([name], f64::from(u8::from(interface.up)));
        captured.push([name], interface.captured as f64);
        dropped.push([name, "kernel"], interface.dropped_by_kernel as f64);
        dropped.push([name, "interface"], interface.dropped_by_interface as f64);
        last.push([name], interface.last_packet.as_secs_f64());
    }
    vec![up.done(), captured.done(), dropped.done(), last.done()]
}

fn of_exporter(own: &Own, about: &About) -> Vec<MetricFamily> {
    let single = |metric: &'static Metric<0>, value: f64| Family::of(metric).with([], value).done();
    let by_kind = |metric: &'static Metric<1>, counts: &[u64; KINDS.len()], shown: &[Kind]| {
        let mut family = Family::of(metric);
        for (count, (_, name)) in counts.iter().zip(KINDS).filter(|(_, (kind, _))| shown.contains(kind)) {
            family.push([name], *count as f64);
        }
        family.done()
    };
    let mut undecodable = Family::of(&table::UNDECODABLE);
    for (count, reason) in own.undecodable.iter().zip(Undecodable::ALL) {
        undecodable.push([reason.as_str()], *count as f64);
    }
    let mut one_sided = Family::of(&table::ONE_SIDED);
    for (missing, is) in [("answers", own.one_sided.answers_missing), ("syns", own.one_sided.syns_missing)] {
        one_sided.push([missing], f64::from(u8::from(is)));
    }
    let (v4, v6) = (about.peer_prefix_v4.to_string(), about.peer_prefix_v6.to_string());
    let config = [about.ports.as_str(), &about.filter, &v4, &v6, &about.peer_groups];
    vec![
        Family::of(&table::BUILD_INFO).with([&about.version], 1.0).done(),
        Family::of(&table::CONFIG_INFO).with(config, 1.0).done(),
        undecodable.done(),
        by_kind(&table::DUPLICATES, &own.duplicates, &[Kind::Syn, Kind::SynAck, Kind::Rst, Kind::Icmp]),
        by_kind(&table::UNMATCHED, &own.unmatched, &[Kind::SynAck, Kind::Rst, Kind::Icmp]),
        by_kind(&table::UNACCEPTABLE, &own.unacceptable, &[Kind::SynAck, Kind::Rst]),
        single(&table::PENDING_ATTEMPTS, own.pending as f64),
        single(&table::TRACKED_ATTEMPTS, own.tracked as f64),
        single(&table::TRACKED_ATTEMPTS_LIMIT, about.max_attempts as f64),
        single(&table::SETS, own.sets as f64),
        single(&table::SETS_LIMIT, own.sets_limit as f64),
        single(&table::SETS_FOLDED, own.folded as f64),
        single(&table::CLOCK_STEPS, own.clock_steps as f64),
        one_sided.done(),
    ]
}
