//! The pump: reads a source to its end, or until it is told to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::books::{SharedAggregator, about};
use super::desk::BatchWriter;
use super::entry::Line;
use super::intake::PacketSource;
use super::netstat::Netstat;
use super::progress::ProgressBar;
use super::reload::ConfigUpdate;
use super::river::Pipeline;
use super::supervisor::Heartbeat;
use crate::capture::{CaptureError, ReadOutcome};
use crate::metrics::InterfaceCounts;
use crate::time::Timestamp;

/// A source, the river, and what has to be looked at now and then.
pub(super) struct CaptureLoop {
    intake: PacketSource,
    river: Pipeline,
    desk: BatchWriter,
    now: Timestamp,
    last_round: Timestamp,
    /// None for capture files, which may be from another host.
    netstat: Option<Netstat>,
    /// Where somebody watches.
    bar: Option<ProgressBar>,
    /// Where somebody may want it otherwise.
    orders: Option<Receiver<ConfigUpdate>>,
    pulse: Heartbeat,
}

impl CaptureLoop {
    pub(super) fn new(mut intake: PacketSource, river: Pipeline, books: SharedAggregator) -> Self {
        let (start, pulse) = (Timestamp::default(), Heartbeat::default());
        let interfaces = intake
            .statuses()
            .into_iter()
            .map(|condition| named(condition.name))
            .collect();
        books.lock().ledger.own.interfaces = interfaces;
        let desk = BatchWriter::new(books);
        let mut pump = Self {
            intake,
            river,
            desk,
            now: start,
            last_round: start,
            netstat: None,
            bar: None,
            orders: None,
            pulse,
        };
        pump.look_around();
        pump
    }

    /// This host is the one that is captured: what its kernel says counts.
    pub(super) fn with_netstat(self) -> Self {
        Self {
            netstat: Some(Netstat::default()),
            ..self
        }
    }

    /// Somebody waits for the end.
    pub(super) fn with_bar(self, bar: ProgressBar) -> Self {
        Self {
            bar: Some(bar),
            ..self
        }
    }

    /// It may be told to count otherwise.
    pub(super) fn with_orders(self, orders: Receiver<ConfigUpdate>) -> Self {
        Self {
            orders: Some(orders),
            ..self
        }
    }

    /// What tells that it goes round. Files have none: a read from a pipe may take as long as it likes.
    pub(super) fn pulse(&self) -> Option<Heartbeat> {
        self.netstat.is_some().then(|| self.pulse.clone())
    }

    /// Reads until the source ends or `stop` is set. Says where files broke.
    pub(super) fn run(&mut self, stop: &AtomicBool) -> Result<Vec<(String, String)>, CaptureError> {
        if self.intake.is_ahead() {
            self.desk.hire();
        }
        let end = self.go_round(stop);
        self.desk.dismiss();
        if let Some(end) = end? {
            self.pass_time(end);
            self.now = end;
            self.look_around();
        }
        self.bar = None;
        let broken = self.intake.statuses().into_iter();
        Ok(broken
            .filter_map(|condition| Some((condition.name, condition.broken?)))
            .collect())
    }

    /// Says when the source ended, if it did.
    fn go_round(&mut self, stop: &AtomicBool) -> Result<Option<Timestamp>, CaptureError> {
        while !stop.load(Ordering::Relaxed) {
            self.pulse.beat();
            if let Some(end) = self.read()? {
                return Ok(Some(end));
            }
            if is_due(self.last_round, self.now) {
                self.look_around();
            }
            self.heed_orders();
        }
        Ok(None)
    }

    /// One batch. The books are given to whoever waits for them before the next one.
    fn read(&mut self) -> Result<Option<Timestamp>, CaptureError> {
        let (river, desk, now) = (&mut self.river, &mut self.desk, &mut self.now);
        let mut read = 0;
        let progress = self.intake.read(&mut |readings| {
            *now = readings.last().map_or(*now, |last| last.at);
            read += readings.len() as u64;
            river.flow(readings, &mut desk.sheet);
            desk.put(readings);
        });
        if read > 0 {
            river.sum_up(&mut desk.sheet);
            desk.pass_on();
        }
        if let Some(bar) = &mut self.bar {
            bar.advance(read);
        }
        match progress? {
            ReadOutcome::MayHaveMore => Ok(None),
            ReadOutcome::Idle(now) => {
                self.now = now;
                self.pass_time(now);
                Ok(None)
            }
            ReadOutcome::EndOfFile(end) => Ok(Some(end)),
        }
    }

    /// Between two batches: what was met before is named by the old rules.
    fn heed_orders(&mut self) {
        while let Some(order) = self
            .orders
            .as_ref()
            .and_then(|orders| orders.try_recv().ok())
        {
            let retold = Box::new(about(&order.counting));
            self.river.change(order.counting);
            self.river.follow_addresses(&mut self.desk.sheet, self.now);
            self.river.sum_up(&mut self.desk.sheet);
            self.desk.sheet.push(Line::Retold(retold, order.done));
            self.desk.pass_on();
        }
    }

    fn pass_time(&mut self, now: Timestamp) {
        while !self.river.pass_time(&mut self.desk.sheet, now) {
            self.desk.pass_on();
        }
        self.river.sum_up(&mut self.desk.sheet);
        self.desk.pass_on();
    }

    /// How the captures are, and which addresses this host has.
    fn look_around(&mut self) {
        self.last_round = self.now;
        let conditions = self.intake.statuses();
        let overflows = self
            .netstat
            .as_mut()
            .and_then(|netstat| netstat.listen_overflows(self.now));
        self.river.follow_addresses(&mut self.desk.sheet, self.now);
        self.desk
            .sheet
            .push(Line::Round(Box::new((conditions, overflows))));
        self.desk.pass_on();
    }
}

/// Whether it is time for another round. A clock that was set back must not put it off until it is that late again.
fn is_due(last: Timestamp, now: Timestamp) -> bool {
    now >= last + ROUND || now + ROUND < last
}

fn named(name: String) -> InterfaceCounts {
    InterfaceCounts {
        name,
        ..InterfaceCounts::default()
    }
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
