//! One capture file among several: opened when its turn comes, and with it what is known of it before and after.

use super::super::InterfaceStatus;
use super::super::error::CaptureError;
use super::super::filter::Filter;
use super::head::Broken;
use super::input::{ByteCounter, STANDARD_INPUT};
use super::stream::Stream;
use crate::frame::Frame;
use crate::time::Timestamp;

/// A capture file.
pub(super) struct Reader {
    file: String,
    id: u16,
    filter: Filter,
    meter: ByteCounter,
    state: State,
    /// The time of the last packet that was read.
    pub(super) last: Timestamp,
    broken: Option<String>,
}

enum State {
    /// Not yet, or no longer.
    Closed,
    Open(Box<Stream>),
    Ended,
}

impl Reader {
    /// The file has not been opened yet.
    pub(super) fn new(file: &str, id: u16, filter: &Filter, meter: &ByteCounter) -> Self {
        let (file, filter, meter) = (file.to_owned(), filter.clone(), meter.clone());
        Self {
            file,
            id,
            filter,
            meter,
            state: State::Closed,
            last: Timestamp::default(),
            broken: None,
        }
    }

    /// Opens the file as far as its first packet, and closes it again where it can be opened anew: `among_many` files
    /// few have their packets at the same time.
    ///
    /// # Errors
    ///
    /// The file cannot be opened; or its contents make no capture that is understood.
    pub(super) fn begin(&mut self, among_many: bool) -> Result<(), CaptureError> {
        let mut stream = Box::new(Stream::open(
            &self.file,
            self.id,
            &self.filter,
            &self.meter,
        )?);
        let first = stream.next();
        let unknown = stream.unknown_link();
        let may_close = !stream.is_pipe();
        self.state = State::Open(stream);
        match first {
            Ok(Some(at)) => {
                self.last = at;
                if among_many && may_close {
                    self.state = State::Closed;
                }
            }
            Ok(None) => self.end(None),
            Err(broken) => self.end(Some(broken)),
        }
        unknown.map_or(Ok(()), |link| {
            Err(CaptureError::Link {
                place: self.name(),
                link,
            })
        })
    }

    /// The file is no capture, and none of it is read; or it is of an unknown link layer: then its packets are read, and
    /// counted as what they are.
    pub(super) fn complain(&mut self, error: &CaptureError) {
        if !matches!(error, CaptureError::Link { .. }) {
            self.state = State::Ended;
        }
        self.broken = Some(error.to_string());
    }

    /// When the next packet was met.
    pub(super) fn next(&mut self) -> Option<Timestamp> {
        if matches!(self.state, State::Closed) {
            match Stream::open(&self.file, self.id, &self.filter, &self.meter) {
                Ok(stream) => self.state = State::Open(Box::new(stream)),
                Err(error) => self.complain(&error),
            }
        }
        let State::Open(stream) = &mut self.state else {
            return None;
        };
        match stream.next() {
            Ok(Some(at)) => {
                self.last = at;
                return Some(at);
            }
            Ok(None) => self.end(None),
            Err(broken) => self.end(Some(broken)),
        }
        None
    }

    /// Hands over packets that came before `until`, at most so many, as long as that is quickly done. Says how many.
    pub(super) fn hand_over_whole(
        &mut self,
        most: usize,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(Frame<'_>),
    ) -> usize {
        let State::Open(stream) = &mut self.state else {
            return 0;
        };
        let (count, last) = stream.hand_over_whole(most, until, sink);
        self.last = last.unwrap_or(self.last);
        count
    }

    /// Hands the packet over that comes next.
    pub(super) fn hand_over(&mut self, sink: &mut dyn FnMut(Frame<'_>)) {
        if let State::Open(stream) = &mut self.state {
            stream.hand_over(sink);
        }
    }

    /// Whether reading on may wait for whoever writes into a pipe.
    pub(super) fn may_wait(&self) -> bool {
        matches!(&self.state, State::Open(stream) if stream.may_wait())
    }

    pub(super) fn condition(&self) -> InterfaceStatus {
        InterfaceStatus {
            name: self.name(),
            up: !matches!(self.state, State::Ended),
            broken: self.broken.clone(),
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

    /// What was whole stands, wherever the file broke.
    fn end(&mut self, broken: Option<Broken>) {
        self.state = State::Ended;
        if let Some(Broken(how)) = broken {
            self.broken.get_or_insert(how);
        }
    }
}
