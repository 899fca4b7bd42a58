//! Applies batches to the shared aggregator.
//!
//! Live captures apply a batch on the capture thread, because handing it to another thread costs
//! more CPU than it saves. File replay uses a writer thread, so that one batch is applied while the
//! next is processed.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use parking_lot::MutexGuard;

use super::aggregate::SharedAggregator;
use super::batch::Batch;
use super::ingest::DecodedFrame;

/// Batches that may wait for the writer thread: enough to bridge a pause of either thread, few
/// enough for the cache.
const WRITER_QUEUE: usize = 2;

/// Collects a batch, and applies it.
pub(super) struct BatchWriter {
    /// The batch that is collected.
    pub(super) batch: Batch,
    /// The frames that its records refer to, if a thread applies it.
    frames: Vec<DecodedFrame>,
    aggregator: SharedAggregator,
    writer: Option<WriterHandle>,
}

/// The capture thread's end of the writer thread.
struct WriterHandle {
    thread: JoinHandle<()>,
    full: SyncSender<(Batch, Vec<DecodedFrame>)>,
    /// Applied batches, to be filled again.
    empty: Receiver<(Batch, Vec<DecodedFrame>)>,
}

impl BatchWriter {
    /// Creates a writer that applies batches on the calling thread.
    pub(super) fn new(aggregator: SharedAggregator) -> Self {
        Self {
            batch: Batch::default(),
            frames: Vec::new(),
            aggregator,
            writer: None,
        }
    }

    /// Starts a thread that applies batches from now on. It inherits the privileges of the calling
    /// thread. If it cannot start, batches are applied on the calling thread.
    pub(super) fn spawn_writer(&mut self) {
        let (full, batches) = sync_channel::<(Batch, Vec<DecodedFrame>)>(WRITER_QUEUE);
        let (applied, empty) = channel();
        let aggregator = Arc::clone(&self.aggregator);
        let write = move || {
            for (mut batch, mut frames) in batches {
                apply(&aggregator, &mut batch, &frames);
                frames.clear();
                // The capture thread is gone if all is processed.
                drop(applied.send((batch, frames)));
            }
        };
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(write)
            .ok();
        self.writer = thread.map(|thread| WriterHandle {
            thread,
            full,
            empty,
        });
    }

    /// Applies the batch, the records of which refer to these frames; or, with a writer thread,
    /// keeps the frames until [`flush`](Self::flush) and leaves an empty buffer.
    pub(super) fn submit(&mut self, frames: &mut Vec<DecodedFrame>) {
        if self.writer.is_some() {
            debug_assert!(self.frames.is_empty(), "one submit for each flush");
            std::mem::swap(&mut self.frames, frames);
        } else {
            apply(&self.aggregator, &mut self.batch, frames);
        }
    }

    /// Applies the batch, or hands it to the writer thread.
    pub(super) fn flush(&mut self) {
        let Some(WriterHandle { full, empty, .. }) = &self.writer else {
            return apply(&self.aggregator, &mut self.batch, &[]);
        };
        let (batch, frames) = empty.try_recv().unwrap_or_default();
        let batch = std::mem::replace(&mut self.batch, batch);
        let frames = std::mem::replace(&mut self.frames, frames);
        if full.send((batch, frames)).is_err() {
            self.join_writer();
        }
    }

    /// Waits until all batches are applied; later ones are applied on the calling thread. Panics if
    /// the writer thread panicked: missing batches must not look like a capture that ended.
    pub(super) fn join_writer(&mut self) {
        let Some(WriterHandle { thread, full, .. }) = self.writer.take() else {
            return;
        };
        drop(full);
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Holds the lock for one batch, and passes it on to a scrape that waits for it.
fn apply(aggregator: &SharedAggregator, batch: &mut Batch, frames: &[DecodedFrame]) {
    if batch.is_empty() {
        return;
    }
    let mut locked = aggregator.lock();
    locked.apply(batch, frames);
    MutexGuard::unlock_fair(locked);
    batch.clear();
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::config::CaptureSource;
    use crate::diagnosis::DiagnosisSpan;
    use crate::handshake::{FailureReason, FourTuple};
    use crate::labels::{LabelSet, LabelSetId, Peer, Port, Vantage};
    use crate::metrics::ExpositionFormat;
    use crate::packet::Endpoint;
    use crate::pipeline::tests::counting;
    use crate::pipeline::{Aggregator, exposition};
    use crate::record::{FailureRecord, RecordKind};
    use crate::time::Timestamp;

    const LABEL_SET: LabelSetId = LabelSetId::from_number(0);
    const NOW: Timestamp = Timestamp::from_nanos(0);

    fn aggregator() -> SharedAggregator {
        Aggregator::shared(
            &CaptureSource::Files(Vec::new()),
            &counting(),
            DiagnosisSpan::Whole,
        )
    }

    fn endpoint(port: u16) -> Endpoint {
        Endpoint {
            address: Ipv4Addr::new(10, 0, 0, 1).into(),
            port,
        }
    }

    /// An exemplar must not lead to the connection of an earlier batch, or of another record.
    #[test]
    fn last_failure_has_its_own_connection_as_exemplar() {
        let aggregator = aggregator();
        let mut writer = BatchWriter::new(Arc::clone(&aggregator));
        let label_set = LabelSet {
            vantage: Vantage::Client,
            local: None,
            port: Port::Number(80),
            peer: Peer::Other,
        };
        let records = &mut writer.batch.records;
        records.create_label_set(NOW, LABEL_SET, label_set);
        for ports in [[1001, 1002].as_slice(), &[1003], &[1004, 1005, 1006]] {
            for port in ports {
                let records = &mut writer.batch.records;
                // A record without an exemplar comes between.
                records.push(NOW, None, RecordKind::SynAckRetransmission(LABEL_SET));
                let four_tuple = records.add_four_tuple(FourTuple {
                    client: endpoint(*port),
                    server: endpoint(80),
                });
                let failure = FailureRecord {
                    reason: FailureReason::Refused,
                    four_tuple,
                };
                records.push(NOW, None, RecordKind::Failed(LABEL_SET, failure));
            }
            writer.flush();
            let last = ports.last().expect("a port").to_string();
            let mut text = Vec::new();
            exposition(&aggregator, false)
                .write(ExpositionFormat::OpenMetrics, &mut text)
                .expect("a vector takes all");
            let text = String::from_utf8(text).expect("UTF-8");
            let exemplars: Vec<&str> = text.lines().filter(|line| line.contains(" # {")).collect();
            let expected = format!("client_port=\"{last}\"");
            assert!(
                matches!(exemplars[..], [one] if one.contains(&expected)),
                "{last}: {exemplars:#?}"
            );
        }
    }

    /// The thread panics at the first batch. That is noticed with a later batch, or at the end.
    #[test]
    fn writer_panic_is_propagated() {
        for later_batches in [0, WRITER_QUEUE + 2] {
            let (full, batches) = sync_channel(WRITER_QUEUE);
            let (_applied, empty) = channel();
            let thread = std::thread::spawn(move || {
                let _first: Option<(Batch, Vec<DecodedFrame>)> = batches.iter().next();
                panic!("the writer panicked");
            });
            let mut writer = BatchWriter {
                writer: Some(WriterHandle {
                    thread,
                    full,
                    empty,
                }),
                ..BatchWriter::new(aggregator())
            };
            let write = || {
                (0..=later_batches).for_each(|_| writer.flush());
                writer.join_writer();
            };
            let panic = catch_unwind(AssertUnwindSafe(write)).expect_err("the caller panics, too");
            assert_eq!(panic.downcast_ref(), Some(&"the writer panicked"));
        }
    }
}
