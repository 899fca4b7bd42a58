//! A capture file among several: opened when its next packet is due. Its status outlives the open
//! file.

use super::super::InterfaceStatus;
use super::super::error::CaptureError;
use super::super::filter::Filter;
use super::input::{ByteCounter, STANDARD_INPUT};
use super::packet_header::FormatError;
use super::stream::PacketStream;
use crate::frame::Frame;
use crate::time::Timestamp;

/// A capture file.
pub(super) struct FileReader {
    file: String,
    id: u16,
    filter: Filter,
    bytes_read: ByteCounter,
    state: ReaderState,
    /// Timestamp of the last packet that was read.
    pub(super) last: Timestamp,
    error: Option<String>,
}

enum ReaderState {
    /// Not open yet, or closed after its first packet.
    Closed,
    Open(Box<PacketStream>),
    Ended,
}

impl FileReader {
    /// Creates a reader without opening the file.
    pub(super) fn new(file: &str, id: u16, filter: &Filter, bytes_read: &ByteCounter) -> Self {
        Self {
            file: file.to_owned(),
            id,
            filter: filter.clone(),
            bytes_read: bytes_read.clone(),
            state: ReaderState::Closed,
            last: Timestamp::default(),
            error: None,
        }
    }

    /// Opens the file and reads its first packet.
    ///
    /// If `close` is `true` and the file is not a pipe, it is closed until its first packet is due.
    /// Of many files, only some have packets at the same time.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be opened, is not a capture file, or has no supported
    /// link layer.
    pub(super) fn read_first(&mut self, close: bool) -> Result<(), CaptureError> {
        let mut stream = Box::new(PacketStream::open(
            &self.file,
            self.id,
            &self.filter,
            &self.bytes_read,
        )?);
        let first = stream.next();
        let unsupported = stream.unsupported_link();
        let can_reopen = !stream.is_pipe();
        self.state = ReaderState::Open(stream);
        match first {
            Ok(Some(at)) => {
                self.last = at;
                if close && can_reopen {
                    self.state = ReaderState::Closed;
                }
            }
            Ok(None) => self.end(None),
            Err(error) => self.end(Some(error)),
        }
        unsupported.map_or(Ok(()), |link| {
            Err(CaptureError::Link {
                place: self.name(),
                link,
            })
        })
    }

    /// Records an error of opening the file.
    ///
    /// A file with an unsupported link layer is still read, so that its packets are counted as
    /// undecodable. Any other file with an error is not read.
    pub(super) fn record_error(&mut self, error: &CaptureError) {
        if !matches!(error, CaptureError::Link { .. }) {
            self.state = ReaderState::Ended;
        }
        self.error = Some(error.to_string());
    }

    /// Returns the timestamp of the next packet, opening the file if necessary. `None` if the file
    /// has ended.
    pub(super) fn next(&mut self) -> Option<Timestamp> {
        if matches!(self.state, ReaderState::Closed) {
            match PacketStream::open(&self.file, self.id, &self.filter, &self.bytes_read) {
                Ok(stream) => self.state = ReaderState::Open(Box::new(stream)),
                Err(error) => self.record_error(&error),
            }
        }
        let ReaderState::Open(stream) = &mut self.state else {
            return None;
        };
        match stream.next() {
            Ok(Some(at)) => {
                self.last = at;
                return Some(at);
            }
            Ok(None) => self.end(None),
            Err(error) => self.end(Some(error)),
        }
        None
    }

    /// Emits at most `limit` packets with timestamps before `until` that are buffered and need no
    /// filter.
    ///
    /// Returns the number of packets.
    pub(super) fn emit_buffered(
        &mut self,
        limit: usize,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(Frame<'_>),
    ) -> usize {
        let ReaderState::Open(stream) = &mut self.state else {
            return 0;
        };
        let (count, last) = stream.emit_buffered(limit, until, sink);
        self.last = last.unwrap_or(self.last);
        count
    }

    /// Emits the packet with the timestamp that [`Self::next`] returned.
    pub(super) fn emit(&mut self, sink: &mut dyn FnMut(Frame<'_>)) {
        if let ReaderState::Open(stream) = &mut self.state {
            stream.emit(sink);
        }
    }

    /// Returns `true` if the next read may block until the other end of a pipe writes.
    pub(super) fn may_block(&self) -> bool {
        matches!(&self.state, ReaderState::Open(stream) if stream.may_block())
    }

    /// Returns the status of the file.
    pub(super) fn status(&self) -> InterfaceStatus {
        InterfaceStatus {
            name: self.name(),
            up: !matches!(self.state, ReaderState::Ended),
            error: self.error.clone(),
            ..InterfaceStatus::default()
        }
    }

    fn name(&self) -> String {
        if self.file == STANDARD_INPUT {
            "standard input".to_owned()
        } else {
            self.file.clone()
        }
    }

    /// Ends the file, after its last packet or at an error. Packets emitted before an error stay
    /// valid.
    fn end(&mut self, error: Option<FormatError>) {
        self.state = ReaderState::Ended;
        if let Some(FormatError(message)) = error {
            self.error.get_or_insert(message);
        }
    }
}
