//! The intake: frames read and decoded, in lots that are judged together.
//!
//! A live interface is read by who judges: a lot costs less time than handing it to another thread. Files are read and
//! decoded ahead by a thread of their own, for they have no pace: about a quarter of the work is done beside the rest.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use crate::capture::{CaptureError, InterfaceStatus, ReadOutcome, Source};
use crate::decode::{Discard, PacketSink, decode_into};
use crate::frame::Frame;
use crate::handshake::{FlowHasher, FlowKey, LOOK_AHEAD};
use crate::packet::{IcmpError, Packet, Segment};
use crate::time::Timestamp;

/// A frame as it was read: when and where it was met, and what it is to us.
pub(super) struct DecodedFrame {
    pub(super) at: Timestamp,
    /// The number of the watched interface or capture file.
    pub(super) interface: u16,
    pub(super) packet: Result<(Packet, FlowKey), Discard>,
}

/// Where readings come from.
pub(super) enum PacketSource {
    /// Read here and now.
    Here(Box<dyn Source + Send>, FlowHasher, Vec<DecodedFrame>),
    /// Read ahead by a thread.
    Ahead(Ahead),
}

/// The thread that reads ahead, as it is known to who judges.
pub(super) struct Ahead {
    /// Until it is asked for the first time: by then this process has given up its privileges, and a thread that began
    /// before would keep them.
    reader: Option<Reader>,
    thread: Option<JoinHandle<()>>,
    loads: Receiver<Load>,
    /// Emptied, to be filled again.
    empty: Sender<Vec<DecodedFrame>>,
    conditions: Vec<InterfaceStatus>,
}

/// What the thread takes with it.
struct Reader {
    source: Box<dyn Source + Send>,
    flow_hasher: FlowHasher,
    full: SyncSender<Load>,
    emptied: Receiver<Vec<DecodedFrame>>,
}

/// What one read gave.
struct Load {
    readings: Vec<DecodedFrame>,
    progress: Result<ReadOutcome, CaptureError>,
    conditions: Vec<InterfaceStatus>,
}

impl PacketSource {
    /// Reads on whoever's thread asks, for a tracker with this sight.
    pub(super) fn here(source: Box<dyn Source + Send>, flow_hasher: FlowHasher) -> Self {
        Self::Here(source, flow_hasher, Vec::with_capacity(LOT))
    }

    /// Reads ahead, for a tracker with this sight.
    pub(super) fn ahead(source: Box<dyn Source + Send>, flow_hasher: FlowHasher) -> Self {
        Self::Ahead(Ahead::over(source, flow_hasher))
    }

    /// Hands over some lots of readings, waiting a moment for the first where none is there. They may be taken, and another
    /// room be left for the next ones.
    ///
    /// # Errors
    ///
    /// The capture cannot go on: what was handed over before stands.
    pub(super) fn read(
        &mut self,
        sink: &mut dyn FnMut(&mut Vec<DecodedFrame>),
    ) -> Result<ReadOutcome, CaptureError> {
        match self {
            Self::Here(source, flow_hasher, lot) => {
                read_here(source.as_mut(), flow_hasher, lot, sink)
            }
            Self::Ahead(ahead) => ahead.read(sink),
        }
    }

    /// Whether a thread reads ahead, for the source has no pace of its own.
    pub(super) const fn is_ahead(&self) -> bool {
        matches!(self, Self::Ahead(_))
    }

    /// How each interface or file is, in the order of their numbers, as far as it was handed over.
    pub(super) fn statuses(&mut self) -> Vec<InterfaceStatus> {
        match self {
            Self::Here(source, ..) => source.statuses(),
            Self::Ahead(ahead) => ahead.conditions.clone(),
        }
    }
}

fn read_here(
    source: &mut dyn Source,
    flow_hasher: &FlowHasher,
    lot: &mut Vec<DecodedFrame>,
    sink: &mut dyn FnMut(&mut Vec<DecodedFrame>),
) -> Result<ReadOutcome, CaptureError> {
    let progress = source.read(&mut |frame| {
        DecodedFrame::note(lot, &frame, flow_hasher);
        if lot.len() >= LOT {
            sink(lot);
            lot.clear();
        }
    });
    if !lot.is_empty() {
        sink(lot);
        lot.clear();
    }
    progress
}

impl Ahead {
    fn over(mut source: Box<dyn Source + Send>, flow_hasher: FlowHasher) -> Self {
        let conditions = source.statuses();
        let (full, loads) = sync_channel(LOADS);
        let (empty, emptied) = channel();
        Self {
            reader: Some(Reader {
                source,
                flow_hasher,
                full,
                emptied,
            }),
            thread: None,
            loads,
            empty,
            conditions,
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
        let Ok(Load {
            mut readings,
            progress,
            conditions,
        }) = self.loads.recv()
        else {
            self.die()
        };
        sink(&mut readings);
        readings.clear();
        self.conditions = conditions;
        // Nobody takes it where all is read.
        drop(self.empty.send(readings));
        progress
    }

    /// The thread is gone before its last word, or never was: whoever asked dies too.
    #[allow(
        clippy::panic,
        reason = "a reader that died must not look like a file that ended"
    )]
    fn die(&mut self) -> ! {
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
        panic!("there is no thread to read with");
    }
}

impl Reader {
    /// Reads to the end, or until nobody wants more.
    fn run(mut self) {
        loop {
            let mut readings = self.emptied.try_recv().unwrap_or_default();
            let progress = self
                .source
                .read(&mut |frame| DecodedFrame::note(&mut readings, &frame, &self.flow_hasher));
            let is_last = !matches!(
                progress,
                Ok(ReadOutcome::MayHaveMore | ReadOutcome::Idle(_))
            );
            let load = Load {
                readings,
                progress,
                conditions: self.source.statuses(),
            };
            if self.full.send(load).is_err() || is_last {
                return;
            }
        }
    }
}

impl DecodedFrame {
    fn note(readings: &mut Vec<Self>, frame: &Frame<'_>, flow_hasher: &FlowHasher) {
        let (at, interface) = (frame.at, frame.interface.id);
        if let Err(skip) = decode_into(
            frame,
            Writer {
                readings,
                flow_hasher,
                at,
                interface,
            },
        ) {
            Self {
                at,
                interface,
                packet: Err(skip),
            }
            .put(readings);
        }
    }

    #[inline(never)]
    fn put(self, readings: &mut Vec<Self>) {
        readings.push(self);
    }
}

/// Writes a packet down where it stays. What is no segment goes another way: where ways meet, what they wrote is copied.
struct Writer<'a> {
    readings: &'a mut Vec<DecodedFrame>,
    flow_hasher: &'a FlowHasher,
    at: Timestamp,
    interface: u16,
}

impl PacketSink for Writer<'_> {
    type Outcome = ();

    #[inline(always)]
    fn segment(self, segment: Segment) {
        let Self {
            readings,
            flow_hasher,
            at,
            interface,
        } = self;
        let ends = flow_hasher.between(&segment.from, &segment.to);
        readings.push(DecodedFrame {
            at,
            interface,
            packet: Ok((Packet::Segment(segment), ends)),
        });
    }

    fn icmp_error(self, error: IcmpError) {
        let Self {
            readings,
            flow_hasher,
            at,
            interface,
        } = self;
        let ends = flow_hasher.between(&error.quote.from, &error.quote.to);
        DecodedFrame {
            at,
            interface,
            packet: Ok((Packet::IcmpError(error), ends)),
        }
        .put(readings);
    }
}

/// How many reads the thread may be ahead: enough to bridge a pause of either side, and small enough for the cache.
const LOADS: usize = 2;
/// How many live frames are judged together: so many that it can be looked ahead for most of them.
const LOT: usize = 16 * LOOK_AHEAD;

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    use super::*;
    use crate::labels::LocalAddressSource;
    use crate::pipeline::Pipeline;
    use crate::pipeline::tests::counting;

    /// Has no frames, and dies or ends at its third read.
    struct Short {
        reads: u32,
        dies: bool,
    }

    impl Source for Short {
        #[allow(clippy::panic, reason = "this is what is tested")]
        fn read(&mut self, _sink: &mut dyn FnMut(Frame<'_>)) -> Result<ReadOutcome, CaptureError> {
            self.reads += 1;
            match (self.reads < 3, self.dies) {
                (true, _) => Ok(ReadOutcome::MayHaveMore),
                (false, true) => panic!("the source died"),
                (false, false) => Ok(ReadOutcome::EndOfFile(
                    Timestamp::default() + Duration::from_secs(7),
                )),
            }
        }

        fn statuses(&mut self) -> Vec<InterfaceStatus> {
            Vec::new()
        }
    }

    /// What the last of three reads comes to.
    fn third_read(dies: bool) -> std::thread::Result<ReadOutcome> {
        let flow_hasher =
            Pipeline::new(&counting(), LocalAddressSource::for_file(&[]), None).flow_hasher();
        let mut intake = PacketSource::ahead(Box::new(Short { reads: 0, dies }), flow_hasher);
        let mut read = || intake.read(&mut |_| {}).expect("no error is told");
        for _ in 0..2 {
            assert_eq!(read(), ReadOutcome::MayHaveMore);
        }
        catch_unwind(AssertUnwindSafe(read))
    }

    #[test]
    fn a_reader_that_died_does_not_look_like_a_file_that_ended() {
        let said = third_read(true).expect_err("whoever asked dies too");
        assert_eq!(
            said.downcast_ref(),
            Some(&"the source died"),
            "and says what the reader said"
        );
        let end = third_read(false).expect("it ends");
        assert_eq!(
            end,
            ReadOutcome::EndOfFile(Timestamp::default() + Duration::from_secs(7))
        );
    }
}
