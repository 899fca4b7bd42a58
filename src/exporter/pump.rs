//! The pump: reads a source to its end, or until it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::MutexGuard;

use super::books::{Books, Shared};
use super::netstat::Netstat;
use super::progress::Bar;
use super::river::River;
use super::supervisor::Pulse;
use crate::capture::{CaptureError, Condition, Progress, Source};
use crate::metrics::InterfaceCounts;
use crate::time::Timestamp;

/// A source, the river, and what has to be looked at now and then.
pub(super) struct Pump {
    source: Box<dyn Source + Send>,
    river: River,
    books: Shared,
    now: Timestamp,
    last_round: Timestamp,
    /// None for capture files, which may be from another host.
    netstat: Option<Netstat>,
    /// Where somebody watches.
    bar: Option<Bar>,
    pulse: Pulse,
}

impl Pump {
    pub(super) fn new(source: Box<dyn Source + Send>, river: River, books: Shared) -> Self {
        let (start, pulse) = (Timestamp::default(), Pulse::default());
        let mut pump = Self { source, river, books, now: start, last_round: start, netstat: None, bar: None, pulse };
        let interfaces = pump.source.conditions().into_iter().map(|condition| named(condition.name)).collect();
        pump.books.lock().ledger.own.interfaces = interfaces;
        pump.look_around();
        pump
    }

    /// This host is the one that is captured: what its kernel says counts.
    pub(super) fn with_netstat(self) -> Self {
        Self { netstat: Some(Netstat::default()), ..self }
    }

    /// Somebody waits for the end.
    pub(super) fn with_bar(self, bar: Bar) -> Self {
        Self { bar: Some(bar), ..self }
    }

    /// What tells that it goes round. Files have none: a read from a pipe may take as long as it likes.
    pub(super) fn pulse(&self) -> Option<Pulse> {
        self.netstat.is_some().then(|| self.pulse.clone())
    }

    /// Reads until the source ends or `stop` is set. Says where files broke.
    pub(super) fn run(&mut self, stop: &AtomicBool) -> Result<Vec<(String, String)>, CaptureError> {
        while !stop.load(Ordering::Relaxed) {
            self.pulse.beat();
            if let Some(end) = self.read()? {
                self.pass_time(end);
                self.now = end;
                self.look_around();
                break;
            }
            if is_due(self.last_round, self.now) {
                self.look_around();
            }
        }
        self.bar = None;
        let broken = self.source.conditions().into_iter();
        Ok(broken.filter_map(|condition| Some((condition.name, condition.broken?))).collect())
    }

    /// One batch. The books are taken with the first frame, so that nobody waits for them while nothing comes; they are
    /// given to whoever waits for them before the next batch.
    fn read(&mut self) -> Result<Option<Timestamp>, CaptureError> {
        let (river, shared, now) = (&mut self.river, Arc::clone(&self.books), &mut self.now);
        let mut books: Option<MutexGuard<'_, Books>> = None;
        let mut read = 0;
        let progress = self.source.read(&mut |frame| {
            *now = frame.at;
            read += 1;
            river.take(books.get_or_insert_with(|| shared.lock()), &frame);
        });
        if let Some(mut books) = books {
            river.flow(&mut books);
            river.sum_up(&mut books);
            MutexGuard::unlock_fair(books);
        }
        if let Some(bar) = &mut self.bar {
            bar.advance(read);
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
        let mut books = self.books.lock();
        self.river.pass_time(&mut books, now);
        self.river.sum_up(&mut books);
    }

    /// How the captures are, and which addresses this host has.
    fn look_around(&mut self) {
        self.last_round = self.now;
        let conditions = self.source.conditions();
        let overflows = self.netstat.as_mut().and_then(|netstat| netstat.listen_overflows(self.now));
        let mut books = self.books.lock();
        for (counts, condition) in books.ledger.own.interfaces.iter_mut().zip(&conditions) {
            update(counts, condition);
        }
        self.river.follow_addresses(&mut books, self.now);
        books.note_capture(overflows);
    }
}

/// Whether it is time for another round. A clock that was set back must not put it off until it is that late again.
fn is_due(last: Timestamp, now: Timestamp) -> bool {
    now >= last + ROUND || now + ROUND < last
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_go_on_after_the_clock_was_set_back() {
        let at = |millis| Timestamp::default() + Duration::from_millis(millis);
        assert!(!is_due(at(3_600_000), at(3_600_249)));
        assert!(is_due(at(3_600_000), at(3_600_250)));
        assert!(!is_due(at(3_600_000), at(3_599_999)), "reordering");
        assert!(is_due(at(3_600_000), at(0)), "an hour back");
    }
}
