//! The pump: reads a source to its end, or until it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use super::Pipeline;
use super::aggregate::{SharedAggregator, about};
use super::batch_writer::BatchWriter;
use super::ingest::PacketSource;
use super::netstat::Netstat;
use super::record::Line;
use crate::capture::{ByteCounter, CaptureError, ReadOutcome};
use crate::config::CountingConfig;
use crate::metrics::InterfaceCounts;
use crate::time::Timestamp;

/// A source, the river, and what has to be looked at now and then.
pub(crate) struct CaptureLoop {
    intake: PacketSource,
    river: Pipeline,
    desk: BatchWriter,
    now: Timestamp,
    last_round: Timestamp,
    /// None for capture files, which may be from another host.
    netstat: Option<Netstat>,
    bytes_read: Option<ByteCounter>,
    on_progress: Option<OnProgress>,
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
        books.lock().ledger.exporter.interfaces = interfaces;
        let desk = BatchWriter::new(books);
        let mut pump = Self {
            intake,
            river,
            desk,
            now: start,
            last_round: start,
            netstat: None,
            bytes_read: None,
            on_progress: None,
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

    /// Reports how many bytes of its capture files were read.
    pub(super) fn with_byte_counter(self, bytes_read: ByteCounter) -> Self {
        Self {
            bytes_read: Some(bytes_read),
            ..self
        }
    }

    /// Calls `report` after each read of capture files, with the packets of that read and all bytes read so far.
    pub(crate) fn on_progress(&mut self, report: impl FnMut(u64, u64) + Send + 'static) {
        self.on_progress = Some(Box::new(report));
    }

    /// It may be told to count otherwise.
    pub(crate) fn with_config_updates(self, updates: Receiver<ConfigUpdate>) -> Self {
        Self {
            orders: Some(updates),
            ..self
        }
    }

    /// What tells that it goes round. Files have none: a read from a pipe may take as long as it likes.
    pub(crate) fn heartbeat(&self) -> Option<Heartbeat> {
        self.netstat.is_some().then(|| self.pulse.clone())
    }

    /// Reads until the source ends or `stop` is set. Says where files broke.
    pub(crate) fn run(&mut self, stop: &AtomicBool) -> Result<Vec<(String, String)>, CaptureError> {
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
        self.on_progress = None;
        let broken = self.intake.statuses().into_iter();
        Ok(broken
            .filter_map(|condition| Some((condition.name, condition.error?)))
            .collect())
    }

    /// Says when the source ended, if it did.
    fn go_round(&mut self, stop: &AtomicBool) -> Result<Option<Timestamp>, CaptureError> {
        while !stop.load(Ordering::Relaxed) {
            self.pulse.tick();
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
        if let (Some(report), Some(bytes)) = (&mut self.on_progress, &self.bytes_read) {
            report(read, bytes.bytes());
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

/// A callback of [`CaptureLoop::on_progress`].
type OnProgress = Box<dyn FnMut(u64, u64) + Send>;

/// A change of the configuration for the capture thread, which confirms that it took effect.
pub(crate) struct ConfigUpdate {
    pub(crate) counting: CountingConfig,
    pub(crate) done: SyncSender<()>,
}

/// Counts the rounds of the capture loop: a count that stands still means that the thread is stuck or gone.
#[derive(Clone, Default)]
pub(crate) struct Heartbeat(Arc<AtomicU64>);

impl Heartbeat {
    /// Counts one more round.
    fn tick(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of rounds so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
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
