//! Capture files, read in the order of their packets' time.
//!
//! They are not read by libpcap: it refuses files of blocks whose interfaces have different link types or snapshot
//! lengths, knows no compression, does not tell where a file broke, and is no faster (60 ns a packet against 50).

mod blocks;
mod classic;
mod head;
mod input;
mod reader;
mod stream;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::error::CaptureError;
use super::filter::Filter;
use super::{InterfaceStatus, ReadOutcome, Source};
use crate::frame::Frame;
use crate::time::Timestamp;
pub use input::ByteCounter;
use reader::Reader;

/// One or more capture files (pcap and pcapng, as they are or compressed), merged by time.
pub struct Files {
    readers: Vec<Reader>,
    /// Those that have not ended: not before when their next packet was met.
    queue: BinaryHeap<Reverse<(Timestamp, usize)>>,
    meter: ByteCounter,
}

impl Files {
    /// Opens all of them; `-` is standard input. Among several, one that holds no capture is left for
    /// [`InterfaceStatus::broken`] to tell.
    ///
    /// # Errors
    ///
    /// One of them cannot be opened; none of them is a capture of a link layer that is understood; or the filter is no
    /// filter.
    pub fn open(files: &[String], filter: &Filter) -> Result<Self, CaptureError> {
        filter.check()?;
        let among_many = files.len() > FEW;
        if among_many {
            raise_descriptor_limit();
        }
        let mut readers = Vec::with_capacity(files.len());
        let meter = ByteCounter::default();
        let mut complaint = None;
        let mut good = false;
        for (id, file) in (0_u16..).zip(files) {
            let mut reader = Reader::new(file, id, filter, &meter);
            match reader.begin(among_many) {
                Ok(()) => good = true,
                Err(error @ (CaptureError::NoCapture { .. } | CaptureError::Link { .. })) => {
                    reader.complain(&error);
                    complaint.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
            readers.push(reader);
        }
        if let Some(error) = complaint.filter(|_| !good) {
            return Err(error);
        }
        let queue = readers
            .iter()
            .enumerate()
            .map(|(nth, reader)| Reverse((reader.last, nth)))
            .collect();
        Ok(Self {
            readers,
            queue,
            meter,
        })
    }

    /// Tells how much of them was read, while they are.
    pub fn meter(&self) -> ByteCounter {
        self.meter.clone()
    }

    /// Reads on in the file whose turn it is, as long as it is. Says how many packets that were, and whether more of
    /// it would have to be waited for.
    fn read_turn(&mut self, most: usize, sink: &mut dyn FnMut(Frame<'_>)) -> Option<(usize, bool)> {
        let Reverse((_, nth)) = self.queue.pop()?;
        let others = self.queue.peek().map(|Reverse(next)| *next);
        let Some(reader) = self.readers.get_mut(nth) else {
            return Some((0, false));
        };
        let mut read = 0;
        while let Some(at) = reader.next() {
            if read >= most || others.is_some_and(|next| next < (at, nth)) {
                self.queue.push(Reverse((at, nth)));
                break;
            }
            reader.hand_over(sink);
            read += 1;
            read += reader.hand_over_whole(
                most.saturating_sub(read),
                others.map(|(next, _)| next),
                sink,
            );
            if reader.may_wait() {
                self.queue.push(Reverse((at, nth)));
                return Some((read, true));
            }
        }
        Some((read, false))
    }
}

impl Source for Files {
    fn read(&mut self, sink: &mut dyn FnMut(Frame<'_>)) -> Result<ReadOutcome, CaptureError> {
        let mut read = 0;
        while read < BATCH {
            match self.read_turn(BATCH - read, sink) {
                Some((more, false)) => read += more,
                Some((_, true)) => break,
                None => {
                    let last = self.readers.iter().map(|reader| reader.last).max();
                    return Ok(ReadOutcome::EndOfFile(last.unwrap_or_default()));
                }
            }
        }
        Ok(ReadOutcome::MayHaveMore)
    }

    fn statuses(&mut self) -> Vec<InterfaceStatus> {
        self.readers.iter().map(Reader::condition).collect()
    }
}

/// As many files at once as the system allows this process to ask for. Where that fails, the files tell.
fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _unchanged = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// So many files stay open from the start.
const FEW: usize = 16;
/// How many frames are handed over in one go: few enough that a scrape never waits long.
const BATCH: usize = 2048;
