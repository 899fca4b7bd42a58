//! Ingest: reads frames from a source and decodes them, in batches.
//!
//! A live interface is read on the thread that processes its frames, because handing a batch to
//! another thread costs more CPU than it saves. Files are read and decoded ahead by a thread of
//! their own: about a quarter of the work.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use crate::capture::{CaptureError, InterfaceStatus, ReadOutcome, Source};
use crate::decode::{Discard, PacketSink, decode_into};
use crate::frame::Frame;
use crate::handshake::{FlowHasher, FlowKey, PREFETCH_BATCH};
use crate::packet::{IcmpError, Packet, Segment};
use crate::time::Timestamp;

/// Reads that the reader thread may be ahead: enough to bridge a pause of either thread, few enough
/// for the cache.
const READER_QUEUE: usize = 2;
/// Live frames in a batch: so many that most of them are prefetched.
const INGEST_BATCH: usize = 16 * PREFETCH_BATCH;

/// A captured frame after decoding.
pub(super) struct DecodedFrame {
    pub(super) at: Timestamp,
    /// The position of the interface or capture file in the configuration (`Interface::id`).
    pub(super) interface: u16,
    pub(super) packet: Result<(Packet, FlowKey), Discard>,
}

/// Where decoded frames come from.
pub(super) enum PacketSource {
    /// The source is read on the calling thread.
    Inline(Box<dyn Source + Send>, FlowHasher, Vec<DecodedFrame>),
    /// A thread reads ahead.
    ReaderThread(ReaderHandle),
}

/// The calling thread's end of a reader thread.
pub(super) struct ReaderHandle {
    /// What the thread starts with, until the first read. By then the process has dropped its
    /// privileges; a thread that started earlier would keep them.
    reader: Option<ReaderThread>,
    thread: Option<JoinHandle<()>>,
    batches: Receiver<ReadBatch>,
    /// Empty buffers for the thread to fill.
    empty: Sender<Vec<DecodedFrame>>,
    statuses: Vec<InterfaceStatus>,
}

/// The state of a reader thread.
struct ReaderThread {
    source: Box<dyn Source + Send>,
    flow_hasher: FlowHasher,
    batches: SyncSender<ReadBatch>,
    empty: Receiver<Vec<DecodedFrame>>,
}

/// The result of one read.
struct ReadBatch {
    frames: Vec<DecodedFrame>,
    outcome: Result<ReadOutcome, CaptureError>,
    statuses: Vec<InterfaceStatus>,
}

/// Appends the packet of one frame to a batch. The packet is decoded in place, because a copy of a
/// whole packet waits for all earlier writes.
struct FrameWriter<'a> {
    frames: &'a mut Vec<DecodedFrame>,
    flow_hasher: &'a FlowHasher,
    at: Timestamp,
    interface: u16,
}

impl PacketSource {
    /// Creates a source that is read on the calling thread.
    pub(super) fn inline(source: Box<dyn Source + Send>, flow_hasher: FlowHasher) -> Self {
        Self::Inline(source, flow_hasher, Vec::with_capacity(INGEST_BATCH))
    }

    /// Creates a source that a thread reads ahead. The thread starts with the first read.
    pub(super) fn reader_thread(source: Box<dyn Source + Send>, flow_hasher: FlowHasher) -> Self {
        Self::ReaderThread(ReaderHandle::new(source, flow_hasher))
    }

    /// Passes the next batches of frames to `sink`, after a short wait if there are none. The sink
    /// may swap a batch for an empty buffer.
    ///
    /// # Errors
    ///
    /// Returns an error if the capture cannot go on. The batches that were passed before are valid.
    pub(super) fn read(
        &mut self,
        sink: &mut dyn FnMut(&mut Vec<DecodedFrame>),
    ) -> Result<ReadOutcome, CaptureError> {
        match self {
            Self::Inline(source, flow_hasher, frames) => {
                read_inline(source.as_mut(), flow_hasher, frames, sink)
            }
            Self::ReaderThread(handle) => handle.read(sink),
        }
    }

    /// Returns `true` if a thread reads ahead: the source is not paced by time.
    pub(super) const fn is_threaded(&self) -> bool {
        matches!(self, Self::ReaderThread(_))
    }

    /// Returns the status of each interface or file in the order of their numbers, as of the last
    /// read.
    pub(super) fn statuses(&mut self) -> Vec<InterfaceStatus> {
        match self {
            Self::Inline(source, ..) => source.statuses(),
            Self::ReaderThread(handle) => handle.statuses.clone(),
        }
    }
}

fn read_inline(
    source: &mut dyn Source,
    flow_hasher: &FlowHasher,
    frames: &mut Vec<DecodedFrame>,
    sink: &mut dyn FnMut(&mut Vec<DecodedFrame>),
) -> Result<ReadOutcome, CaptureError> {
    let outcome = source.read(&mut |frame| {
        DecodedFrame::decode(frames, &frame, flow_hasher);
        if frames.len() >= INGEST_BATCH {
            sink(frames);
            frames.clear();
        }
    });
    if !frames.is_empty() {
        sink(frames);
        frames.clear();
    }
    outcome
}

impl ReaderHandle {
    fn new(mut source: Box<dyn Source + Send>, flow_hasher: FlowHasher) -> Self {
        let statuses = source.statuses();
        let (batch_sender, batches) = sync_channel(READER_QUEUE);
        let (empty, empty_receiver) = channel();
        Self {
            reader: Some(ReaderThread {
                source,
                flow_hasher,
                batches: batch_sender,
                empty: empty_receiver,
            }),
            thread: None,
            batches,
            empty,
            statuses,
        }
    }

    fn read(
        &mut self,
        sink: &mut dyn FnMut(&mut Vec<DecodedFrame>),
    ) -> Result<ReadOutcome, CaptureError> {
        if let Some(reader) = self.reader.take() {
            let thread = std::thread::Builder::new().name("reader".to_owned());
            self.thread = thread.spawn(|| reader.run()).ok();
        }
        let Ok(ReadBatch {
            mut frames,
            outcome,
            statuses,
        }) = self.batches.recv()
        else {
            self.propagate_panic()
        };
        sink(&mut frames);
        frames.clear();
        self.statuses = statuses;
        // The thread is gone if all is read.
        drop(self.empty.send(frames));
        outcome
    }

    /// The thread ended without an outcome, or did not start: panics as it did.
    #[allow(
        clippy::panic,
        reason = "a reader that panicked must not look like a file that ended"
    )]
    fn propagate_panic(&mut self) -> ! {
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
        panic!("cannot start the reader thread");
    }
}

impl ReaderThread {
    /// Reads to the end of the source, or until the handle is dropped.
    fn run(mut self) {
        loop {
            let mut frames = self.empty.try_recv().unwrap_or_default();
            let outcome = self.source.read(&mut |frame| {
                DecodedFrame::decode(&mut frames, &frame, &self.flow_hasher);
            });
            let is_last = !matches!(outcome, Ok(ReadOutcome::MayHaveMore | ReadOutcome::Idle(_)));
            let batch = ReadBatch {
                frames,
                outcome,
                statuses: self.source.statuses(),
            };
            if self.batches.send(batch).is_err() || is_last {
                return;
            }
        }
    }
}

impl DecodedFrame {
    /// Decodes a frame and appends it to `frames`.
    fn decode(frames: &mut Vec<Self>, frame: &Frame<'_>, flow_hasher: &FlowHasher) {
        let at = frame.at;
        let interface = frame.interface.id;
        let writer = FrameWriter {
            frames,
            flow_hasher,
            at,
            interface,
        };
        if let Err(discard) = decode_into(frame, writer) {
            let discarded = Self {
                at,
                interface,
                packet: Err(discard),
            };
            discarded.append_to(frames);
        }
    }

    /// Appends apart from [`FrameWriter::segment`]: code that both share would copy the frame.
    #[inline(never)]
    fn append_to(self, frames: &mut Vec<Self>) {
        frames.push(self);
    }
}

impl PacketSink for FrameWriter<'_> {
    type Outcome = ();

    #[inline(always)]
    fn segment(self, segment: Segment) {
        let key = self.flow_hasher.key(&segment.from, &segment.to);
        self.frames.push(DecodedFrame {
            at: self.at,
            interface: self.interface,
            packet: Ok((Packet::Segment(segment), key)),
        });
    }

    fn icmp_error(self, error: IcmpError) {
        let key = self.flow_hasher.key(&error.quote.from, &error.quote.to);
        let frame = DecodedFrame {
            at: self.at,
            interface: self.interface,
            packet: Ok((Packet::IcmpError(error), key)),
        };
        frame.append_to(self.frames);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    const END: Timestamp = Timestamp::from_nanos(7_000_000_000);

    /// Has no frames, and panics or ends at its third read.
    struct Short {
        reads: u32,
        panics: bool,
    }

    impl Source for Short {
        #[allow(clippy::panic, reason = "the test needs a source that panics")]
        fn read(&mut self, _sink: &mut dyn FnMut(Frame<'_>)) -> Result<ReadOutcome, CaptureError> {
            self.reads += 1;
            match (self.reads < 3, self.panics) {
                (true, _) => Ok(ReadOutcome::MayHaveMore),
                (false, true) => panic!("the source panicked"),
                (false, false) => Ok(ReadOutcome::EndOfFile(END)),
            }
        }

        fn statuses(&mut self) -> Vec<InterfaceStatus> {
            Vec::new()
        }
    }

    /// Returns the outcome of the last of three reads.
    fn third_read(panics: bool) -> std::thread::Result<ReadOutcome> {
        let source = Box::new(Short { reads: 0, panics });
        let mut source = PacketSource::reader_thread(source, FlowHasher::default());
        let mut read = || source.read(&mut |_| {}).expect("the capture goes on");
        for _ in 0..2 {
            assert_eq!(read(), ReadOutcome::MayHaveMore);
        }
        catch_unwind(AssertUnwindSafe(read))
    }

    #[test]
    fn reader_panic_is_propagated() {
        let panic = third_read(true).expect_err("the calling thread panics, too");
        assert_eq!(panic.downcast_ref(), Some(&"the source panicked"));
        let end = third_read(false).expect("the file ends");
        assert_eq!(end, ReadOutcome::EndOfFile(END));
    }
}
