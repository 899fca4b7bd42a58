//! The pump: reads a source to its end, or until it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::river::River;
use crate::capture::{CaptureError, Condition, Progress, Source};
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
}

impl Pump {
    pub(super) fn new(source: Box<dyn Source + Send>, river: River, ledger: Shared) -> Self {
        let start = Timestamp::default();
        let mut pump = Self { source, river, ledger, now: start, next_round: start };
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
        self.river.follow_addresses(&mut ledger, self.now);
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

/// How often drop counts are read.
const ROUND: Duration = Duration::from_millis(250);
