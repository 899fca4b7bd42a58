//! The capture loop: reads a source to its end, or until it is stopped, and drives the pipeline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use super::Pipeline;
use super::aggregate::{SharedAggregator, config_info};
use super::batch::ControlMessage;
use super::batch_writer::BatchWriter;
use super::ingest::PacketSource;
use super::local_addresses::LocalAddressPoller;
use super::netstat::Netstat;
use crate::capture::{ByteCounter, CaptureError, Files, Live, LiveOptions, ReadOutcome};
use crate::config::{CaptureSource, CountingConfig};
use crate::labels::LocalAddressSource;
use crate::time::Timestamp;

/// How often drop counters and interface states are read.
const STATS_INTERVAL: Duration = Duration::from_millis(250);

/// A callback of [`CaptureLoop::on_progress`].
type OnProgress = Box<dyn FnMut(u64, u64) + Send>;

/// Reads one source, and keeps what is polled beside it.
pub(crate) struct CaptureLoop {
    source: PacketSource,
    pipeline: Pipeline,
    writer: BatchWriter,
    now: Timestamp,
    last_stats: Timestamp,
    /// `None` for capture files, which may be from another host.
    netstat: Option<Netstat>,
    bytes_read: Option<ByteCounter>,
    on_progress: Option<OnProgress>,
    config_updates: Option<Receiver<ConfigUpdate>>,
    heartbeat: Heartbeat,
}

/// A change of the configuration for the capture thread, which confirms that it took effect.
pub(crate) struct ConfigUpdate {
    pub(crate) counting: CountingConfig,
    pub(crate) applied: SyncSender<()>,
}

/// Counts the rounds of the capture loop: a count that stands still means that the thread is stuck
/// or gone.
#[derive(Clone, Default)]
pub(crate) struct Heartbeat(Arc<AtomicU64>);

/// Opens the source, and returns the loop that reads it.
///
/// # Errors
///
/// Returns an error if an interface or file cannot be opened.
pub(crate) fn open(
    source: &CaptureSource,
    counting: &CountingConfig,
    aggregator: SharedAggregator,
) -> Result<CaptureLoop, CaptureError> {
    let filter = counting.filter.clone();
    match source {
        CaptureSource::Files(files) => {
            let source = Files::open(files, &filter)?;
            let bytes_read = source.byte_counter();
            let local = LocalAddressSource::for_file(&counting.local);
            let pipeline = Pipeline::new(counting, local, None);
            let source = PacketSource::reader_thread(Box::new(source), pipeline.flow_hasher());
            let capture_loop = CaptureLoop::new(source, pipeline, aggregator);
            Ok(capture_loop.with_byte_counter(bytes_read))
        }
        CaptureSource::Interfaces(names, buffer_size) => {
            let options = LiveOptions {
                buffer_size: *buffer_size,
                filter,
            };
            let source = Live::open(names, options)?;
            let local = LocalAddressSource::for_host([], &counting.local);
            let addresses = LocalAddressPoller::new(counting.local.clone(), names.clone());
            let pipeline = Pipeline::new(counting, local, Some(addresses));
            let source = PacketSource::inline(Box::new(source), pipeline.flow_hasher());
            Ok(CaptureLoop::new(source, pipeline, aggregator).with_netstat())
        }
    }
}

impl CaptureLoop {
    fn new(mut source: PacketSource, pipeline: Pipeline, aggregator: SharedAggregator) -> Self {
        let names = source.statuses().into_iter().map(|status| status.name);
        aggregator.lock().set_interfaces(names);
        let mut capture_loop = Self {
            source,
            pipeline,
            writer: BatchWriter::new(aggregator),
            now: Timestamp::default(),
            last_stats: Timestamp::default(),
            netstat: None,
            bytes_read: None,
            on_progress: None,
            config_updates: None,
            heartbeat: Heartbeat::default(),
        };
        capture_loop.poll_interface_stats();
        capture_loop
    }

    /// Reads this host's kernel counters, too: the capture is live.
    fn with_netstat(self) -> Self {
        Self {
            netstat: Some(Netstat::default()),
            ..self
        }
    }

    /// Sets what counts the bytes that are read of capture files.
    fn with_byte_counter(self, bytes_read: ByteCounter) -> Self {
        Self {
            bytes_read: Some(bytes_read),
            ..self
        }
    }

    /// Calls `report` after each read of capture files, with the packets of that read and all bytes
    /// read so far.
    pub(crate) fn on_progress(&mut self, report: impl FnMut(u64, u64) + Send + 'static) {
        self.on_progress = Some(Box::new(report));
    }

    /// Sets where changes of the configuration come from.
    pub(crate) fn with_config_updates(self, updates: Receiver<ConfigUpdate>) -> Self {
        Self {
            config_updates: Some(updates),
            ..self
        }
    }

    /// Returns the heartbeat of a live capture. `None` for files: a read from a pipe may take any
    /// time.
    pub(crate) fn heartbeat(&self) -> Option<Heartbeat> {
        self.netstat.is_some().then(|| self.heartbeat.clone())
    }

    /// Runs until the source ends or `stop` is set. Returns the name and the error of each file
    /// that is truncated or corrupt.
    ///
    /// # Errors
    ///
    /// Returns an error if the capture cannot go on.
    pub(crate) fn run(&mut self, stop: &AtomicBool) -> Result<Vec<(String, String)>, CaptureError> {
        if self.source.is_threaded() {
            self.writer.spawn_writer();
        }
        let end = self.run_loop(stop);
        self.writer.join_writer();
        if let Some(end) = end? {
            self.handle_timeout(end);
            self.now = end;
            self.poll_interface_stats();
        }
        self.on_progress = None;
        let statuses = self.source.statuses().into_iter();
        Ok(statuses
            .filter_map(|status| Some((status.name, status.error?)))
            .collect())
    }

    /// Returns the time at which the source ended. `None` if `stop` was set first.
    fn run_loop(&mut self, stop: &AtomicBool) -> Result<Option<Timestamp>, CaptureError> {
        while !stop.load(Ordering::Relaxed) {
            self.heartbeat.tick();
            if let Some(end) = self.read()? {
                return Ok(Some(end));
            }
            if is_due(self.last_stats, self.now) {
                self.poll_interface_stats();
            }
            self.apply_config_updates();
        }
        Ok(None)
    }

    /// Reads and processes the next batches. Returns the time at which the source ended, if it did.
    fn read(&mut self) -> Result<Option<Timestamp>, CaptureError> {
        let pipeline = &mut self.pipeline;
        let writer = &mut self.writer;
        let now = &mut self.now;
        let mut packets = 0;
        let outcome = self.source.read(&mut |frames| {
            *now = frames.last().map_or(*now, |last| last.at);
            packets += frames.len() as u64;
            pipeline.process(frames, &mut writer.batch);
            writer.submit(frames);
        });
        if packets > 0 {
            pipeline.flush_gauges(&mut writer.batch);
            writer.flush();
        }
        if let (Some(report), Some(bytes_read)) = (&mut self.on_progress, &self.bytes_read) {
            report(packets, bytes_read.bytes());
        }
        match outcome? {
            ReadOutcome::MayHaveMore => Ok(None),
            ReadOutcome::Idle(now) => {
                self.now = now;
                self.handle_timeout(now);
                Ok(None)
            }
            ReadOutcome::EndOfFile(end) => Ok(Some(end)),
        }
    }

    /// Applies changes of the configuration between two batches, so that each packet is counted by
    /// one configuration.
    fn apply_config_updates(&mut self) {
        let next = |updates: &Receiver<ConfigUpdate>| updates.try_recv().ok();
        while let Some(update) = self.config_updates.as_ref().and_then(next) {
            let info = Box::new(config_info(&update.counting));
            let batch = &mut self.writer.batch;
            self.pipeline.set_config(update.counting);
            self.pipeline.poll_addresses(batch, self.now);
            self.pipeline.flush_gauges(batch);
            batch
                .control
                .push(ControlMessage::ConfigChanged(info, update.applied));
            self.writer.flush();
        }
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        while self.pipeline.handle_timeout(&mut self.writer.batch, now) {
            self.writer.flush();
        }
        self.pipeline.flush_gauges(&mut self.writer.batch);
        self.writer.flush();
    }

    /// Reads the state of the captures, the kernel's counters, and this host's addresses.
    fn poll_interface_stats(&mut self) {
        self.last_stats = self.now;
        let statuses = self.source.statuses();
        let netstat = self.netstat.as_mut();
        let overflows = netstat.and_then(|netstat| netstat.listen_overflows(self.now));
        let batch = &mut self.writer.batch;
        self.pipeline.poll_addresses(batch, self.now);
        batch
            .control
            .push(ControlMessage::InterfaceStats(statuses, overflows));
        self.writer.flush();
    }
}

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

/// Returns `true` if the statistics are to be read again. A clock that was set back does not delay
/// that.
fn is_due(last: Timestamp, now: Timestamp) -> bool {
    now >= last + STATS_INTERVAL || now + STATS_INTERVAL < last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_are_due_after_the_clock_steps_back() {
        let at = |millis| Timestamp::default() + Duration::from_millis(millis);
        assert!(!is_due(at(3_600_000), at(3_600_249)));
        assert!(is_due(at(3_600_000), at(3_600_250)));
        assert!(!is_due(at(3_600_000), at(3_599_999)), "reordering");
        assert!(is_due(at(3_600_000), at(0)), "an hour back");
    }
}
