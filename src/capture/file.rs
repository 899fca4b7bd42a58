//! Capture files, read in the order of their packets' time.

use std::path::Path;

use pcap::{BpfProgram, Capture, Offline, Precision};

use super::error::{CaptureError, words};
use super::filter::Filter;
use super::link::understood;
use super::merge::Merger;
use super::{Condition, Progress, Source};
use crate::frame::{Frame, Interface};
use crate::time::Timestamp;

/// One or more capture files (pcap and pcapng), merged by time.
pub struct Files {
    readers: Vec<Reader>,
    merger: Merger,
}

struct Reader {
    name: String,
    capture: Capture<Offline>,
    filter: BpfProgram,
    interface: Interface,
    /// How many packets to read in one go: one where the next may not have been written yet.
    batch: usize,
    /// Up to when the file knows of silence: the time of its last packet, whether that passed the filter or not.
    last: Timestamp,
    last_passed: Timestamp,
    ended: bool,
    broken: Option<String>,
}

impl Files {
    /// Opens all of them; `-` is standard input.
    ///
    /// # Errors
    ///
    /// One of them is missing, is no capture, or has a link layer that is not understood; or the filter is no filter.
    pub fn open(files: &[String], filter: &Filter) -> Result<Self, CaptureError> {
        let ids = 0u16..;
        let readers = ids.zip(files).map(|(id, file)| Reader::open(file, id, filter)).collect::<Result<_, _>>()?;
        let mut files = Self { readers, merger: Merger::default() };
        if files.readers.len() > 1 {
            for reader in &mut files.readers {
                reader.hold_next(&mut files.merger);
            }
        }
        Ok(files)
    }

    fn read_merged(&mut self, sink: &mut dyn FnMut(Frame<'_>)) -> Progress {
        for _ in 0..BATCH {
            let next = self.merger.earliest().and_then(|(_, id)| self.readers.get_mut(usize::from(id)));
            let Some(reader) = next else { return self.ended() };
            self.merger.release(&reader.interface, sink);
            reader.hold_next(&mut self.merger);
        }
        Progress::Busy
    }

    fn ended(&self) -> Progress {
        Progress::Ended(self.readers.iter().map(Reader::known_up_to).max().unwrap_or_default())
    }
}

impl Source for Files {
    fn read(&mut self, sink: &mut dyn FnMut(Frame<'_>)) -> Result<Progress, CaptureError> {
        match self.readers.as_mut_slice() {
            [only] => Ok(only.read(sink)),
            _ => Ok(self.read_merged(sink)),
        }
    }

    fn conditions(&mut self) -> Vec<Condition> {
        let condition = |reader: &Reader| Condition {
            name: reader.name.clone(),
            up: !reader.ended,
            broken: reader.broken.clone(),
            ..Condition::default()
        };
        self.readers.iter().map(condition).collect()
    }
}

impl Reader {
    fn open(file: &str, id: u16, filter: &Filter) -> Result<Self, CaptureError> {
        let batch = if is_regular(file)? { BATCH } else { 1 };
        let capture = Capture::from_file_with_precision(file, Precision::Nano);
        let capture =
            capture.map_err(|error| CaptureError::NoCapture { file: file.to_owned(), reason: words(&error) })?;
        let link = understood(capture.get_datalink(), file)?;
        let filter = filter.program(link, capture.get_datalink().0)?;
        let name = if file == STANDARD_INPUT { "standard input".to_owned() } else { file.to_owned() };
        let interface = Interface { id, number: id.into(), link, hardware_address: None };
        Ok(Self {
            name,
            capture,
            filter,
            interface,
            batch,
            last: Timestamp::default(),
            last_passed: Timestamp::default(),
            ended: false,
            broken: None,
        })
    }

    fn read(&mut self, sink: &mut dyn FnMut(Frame<'_>)) -> Progress {
        if self.ended {
            return Progress::Ended(self.known_up_to());
        }
        let (interface, filter) = (&self.interface, &self.filter);
        let (last, last_passed) = (&mut self.last, &mut self.last_passed);
        let read = self.capture.dispatch(Some(self.batch), |packet| {
            let frame = frame_of(&packet, interface);
            *last = frame.at;
            if filter.filter(frame.bytes) {
                *last_passed = frame.at;
                sink(frame);
            }
        });
        match read {
            Ok(0) => self.end(None),
            Ok(_) => return Progress::Busy,
            Err(error) => self.end(Some(&error)),
        }
        Progress::Ended(self.known_up_to())
    }

    fn hold_next(&mut self, merger: &mut Merger) {
        while !self.ended {
            match self.capture.next_packet() {
                Ok(packet) => {
                    let frame = frame_of(&packet, &self.interface);
                    self.last = frame.at;
                    if self.filter.filter(frame.bytes) {
                        self.last_passed = frame.at;
                        return merger.hold(&frame);
                    }
                }
                Err(pcap::Error::NoMorePackets) => self.end(None),
                Err(error) => self.end(Some(&error)),
            }
        }
    }

    fn known_up_to(&self) -> Timestamp {
        self.last.max(self.last_passed)
    }

    /// What was whole stands, wherever the file broke.
    fn end(&mut self, error: Option<&pcap::Error>) {
        self.ended = true;
        self.broken = error.map(words);
    }
}

/// Whether it is a file whose end is known, and not a pipe.
fn is_regular(file: &str) -> Result<bool, CaptureError> {
    if file == STANDARD_INPUT {
        return Ok(false);
    }
    let unreadable = |reason: String| CaptureError::File { file: file.to_owned(), reason };
    let kind = std::fs::metadata(Path::new(file)).map_err(|error| unreadable(error.kind().to_string()))?;
    if kind.is_dir() {
        return Err(unreadable("is a directory".to_owned()));
    }
    if kind.is_file() {
        std::fs::File::open(Path::new(file)).map_err(|error| unreadable(error.kind().to_string()))?;
    }
    Ok(kind.is_file())
}

/// Opened with nanosecond precision, so the microseconds field holds nanoseconds.
pub(super) fn frame_of<'a>(packet: &pcap::Packet<'a>, interface: &'a Interface) -> Frame<'a> {
    let time = packet.header.ts;
    Frame {
        at: Timestamp::from_parts(time.tv_sec, time.tv_usec),
        interface,
        wire_length: packet.header.len,
        bytes: packet.data,
    }
}

const STANDARD_INPUT: &str = "-";
/// How many frames are handed over in one go: few enough that a scrape never waits long.
pub(super) const BATCH: usize = 2048;
