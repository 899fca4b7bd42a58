//! The pump: reads a source to its end, or until it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use parking_lot::{Mutex, MutexGuard};

use super::river::River;
use crate::capture::{CaptureError, Condition, Progress, Source, interfaces};
use crate::labels::Locality;
use crate::metrics::{InterfaceCounts, Ledger};
use crate::time::Timestamp;

/// The ledger as the pump and the scrapes share it.
pub(super) type Shared = Arc<Mutex<Ledger>>;

/// A source, the river, and what has to be looked at now and then.
pub(super) struct Pump {
    source: Box<dyn Source + Send>,
    river: River,
    ledger: Shared,
    now: Timestamp,
    next_round: Timestamp,
    addresses: Option<Addresses>,
}

/// How a live host's addresses are followed.
pub(super) struct Addresses {
    declared: Vec<IpNet>,
    watched: Vec<String>,
    next_look: Timestamp,
}

impl Addresses {
    /// Those of the interfaces, and what was `declared` beside them; those of `watched` interfaces are shown.
    pub(super) const fn new(declared: Vec<IpNet>, watched: Vec<String>) -> Self {
        Self { declared, watched, next_look: Timestamp::from_nanos(0) }
    }
}

impl Pump {
    pub(super) fn new(
        source: Box<dyn Source + Send>,
        river: River,
        ledger: Shared,
        addresses: Option<Addresses>,
    ) -> Self {
        let start = Timestamp::default();
        let mut pump = Self { source, river, ledger, now: start, next_round: start, addresses };
        let interfaces = pump.source.conditions().into_iter().map(|condition| named(condition.name)).collect();
        pump.ledger.lock().own.interfaces = interfaces;
        pump.look_around();
        pump
    }

    /// Reads until the source ends or `stop` is set. Says where files broke.
    pub(super) fn run(&mut self, stop: &AtomicBool) -> Result<Vec<(String, String)>, CaptureError> {
        while !stop.load(Ordering::Relaxed) {
            if let Some(end) = self.read()? {
                self.pass_time(end);
                self.now = end;
                self.look_around();
                break;
            }
            if self.now >= self.next_round {
                self.look_around();
            }
        }
        let broken = self.source.conditions().into_iter();
        Ok(broken.filter_map(|condition| Some((condition.name, condition.broken?))).collect())
    }

    /// One batch. The ledger is taken with the first frame, so that nobody waits for it while nothing comes; it is
    /// given to whoever waits for it before the next batch.
    fn read(&mut self) -> Result<Option<Timestamp>, CaptureError> {
        let (river, shared, now) = (&mut self.river, Arc::clone(&self.ledger), &mut self.now);
        let mut ledger: Option<MutexGuard<'_, Ledger>> = None;
        let progress = self.source.read(&mut |frame| {
            *now = frame.at;
            river.take(ledger.get_or_insert_with(|| shared.lock()), &frame);
        });
        if let Some(mut ledger) = ledger {
            river.sum_up(&mut ledger);
            MutexGuard::unlock_fair(ledger);
        }
        match progress? {
            Progress::Busy => Ok(None),
            Progress::Quiet(now) => {
                self.now = now;
                self.pass_time(now);
                Ok(None)
            }
            Progress::Ended(end) => Ok(Some(end)),
        }
    }

    fn pass_time(&mut self, now: Timestamp) {
        let mut ledger = self.ledger.lock();
        self.river.pass_time(&mut ledger, now);
        self.river.sum_up(&mut ledger);
    }

    /// How the captures are, and which addresses this host has.
    fn look_around(&mut self) {
        self.next_round = self.now + ROUND;
        let conditions = self.source.conditions();
        let mut ledger = self.ledger.lock();
        for (counts, condition) in ledger.own.interfaces.iter_mut().zip(&conditions) {
            update(counts, condition);
        }
        drop(ledger);
        self.follow_addresses();
    }

    /// Looks sooner where an attempt is nobody's: an address may just have come.
    fn follow_addresses(&mut self) {
        let Some(addresses) = &mut self.addresses else { return };
        if self.now < addresses.next_look && !self.river.saw_stranger {
            return;
        }
        self.river.saw_stranger = false;
        addresses.next_look = self.now + LOOK;
        match interfaces::list() {
            Ok(found) => {
                let all = found.values().flat_map(|interface| interface.addresses.iter().copied());
                self.river.labels.relocate(Locality::host(all, addresses.declared.clone()));
                self.ledger.lock().own.local_addresses = shown(&found, &addresses.watched);
            }
            Err(error) => tracing::warn!(%error, "this host's addresses are taken as they were"),
        }
    }
}

fn named(name: String) -> InterfaceCounts {
    InterfaceCounts { name, ..InterfaceCounts::default() }
}

fn update(counts: &mut InterfaceCounts, condition: &Condition) {
    counts.up = condition.up;
    counts.dropped_by_kernel = condition.dropped_by_kernel;
    counts.dropped_by_interface = condition.dropped_by_interface;
}

/// The addresses of watched interfaces, for joins: no loopback, no link-local, not too many.
fn shown(
    found: &std::collections::BTreeMap<String, interfaces::NetworkInterface>,
    watched: &[String],
) -> Vec<(String, String)> {
    let all = watched.iter().any(|name| name == crate::capture::ANY);
    found
        .iter()
        .filter(|(name, interface)| !interface.loopback && (all || watched.contains(name)))
        .flat_map(|(name, interface)| interface.addresses.iter().map(move |address| (address, name)))
        .filter(|(address, _)| !is_link_local(address))
        .map(|(address, name)| (address.to_string(), name.clone()))
        .take(MAX_SHOWN)
        .collect()
}

fn is_link_local(address: &std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(v4) => v4.is_link_local(),
        std::net::IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// How often drop counts are read.
const ROUND: Duration = Duration::from_millis(250);
/// How often addresses are looked at when nothing asks for it.
const LOOK: Duration = Duration::from_secs(5);
const MAX_SHOWN: usize = 256;
