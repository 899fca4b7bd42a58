//! One file, read packet by packet.

use super::super::error::CaptureError;
use super::super::filter::{Filter, Sieve};
use super::super::link::named;
use super::blocks::Blocks;
use super::classic::Classic;
use super::head::{Broken, Described, Head};
use super::input::{ByteCounter, Input, unreadable, words};
use crate::frame::{Frame, Link};
use crate::time::Timestamp;

/// An open file.
pub(super) struct Stream {
    input: Input,
    format: Format,
    filter: Filter,
    /// Of each link type that was met, what the user wants of it.
    sieves: Vec<(u32, Option<Sieve>)>,
    /// The packet that comes next, where it was looked at.
    next: Option<Head>,
}

enum Format {
    Classic(Classic, Described),
    Blocks(Blocks),
}

impl Stream {
    /// Opens a file up to its first packet.
    pub(super) fn open(
        file: &str,
        id: u16,
        filter: &Filter,
        meter: &ByteCounter,
    ) -> Result<Self, CaptureError> {
        let mut input = Input::open(file, meter)?;
        let no_capture = |reason: String| CaptureError::NoCapture {
            file: file.to_owned(),
            reason,
        };
        let format = match Classic::open(&mut input, id) {
            Ok(Some(Ok((classic, described)))) => Ok(Some(Format::Classic(classic, described))),
            Ok(Some(Err(reason))) => return Err(no_capture(reason)),
            Ok(None) => Blocks::open(&mut input, id).map(|blocks| blocks.map(Format::Blocks)),
            Err(error) => Err(error),
        };
        let format = format.map_err(|error| unreadable(file, &words(&error)))?;
        let format = format.ok_or_else(|| no_capture(beginning(input.here())))?;
        Ok(Self {
            input,
            format,
            filter: filter.clone(),
            sieves: Vec::new(),
            next: None,
        })
    }

    /// When the next packet was met that the user does not keep out; it stays where it is.
    pub(super) fn next(&mut self) -> Result<Option<Timestamp>, Broken> {
        while self.next.is_none() {
            let head = match &mut self.format {
                Format::Classic(classic, described) => {
                    classic.head(&mut self.input, described.ticks)?
                }
                Format::Blocks(blocks) => blocks.head(&mut self.input)?,
            };
            let Some(head) = head else { return Ok(None) };
            if self.keeps_out(&head)? {
                self.input.take(head.record);
            } else {
                self.next = Some(head);
            }
        }
        Ok(self.next.as_ref().map(|head| head.at))
    }

    /// Hands over packets, at most so many and none that was met `until` then or later, as long as they are whole in the
    /// buffer and there is nothing to ask of them. Says how many these were, and when the last one was met.
    pub(super) fn hand_over_whole(
        &mut self,
        most: usize,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(Frame<'_>),
    ) -> (usize, Option<Timestamp>) {
        let (mut count, mut last) = (0, None);
        let Format::Classic(classic, described) = &mut self.format else {
            return (count, last);
        };
        if self.next.is_some() || self.filter.expression.is_some() {
            return (count, last);
        }
        let mut rest = self.input.here();
        let whole = rest.len();
        while count < most
            && let Some(head) = classic.whole_head(rest, described.ticks)
            && until.is_none_or(|until| head.at < until)
            && let Some((record, after)) = rest.split_at_checked(head.record)
        {
            let bytes = record.get(head.offset..).unwrap_or_default();
            sink(Frame {
                at: head.at,
                interface: &described.interface,
                wire_length: head.wire_length,
                bytes,
            });
            (count, last, rest) = (count + 1, Some(head.at), after);
        }
        let taken = whole - rest.len();
        classic.took(count as u64);
        self.input.take(taken);
        (count, last)
    }

    /// Hands the packet over that was looked at.
    pub(super) fn hand_over(&mut self, sink: &mut dyn FnMut(Frame<'_>)) {
        let Some(head) = &self.next else { return };
        if let Some(described) = self.format.described().get(head.interface) {
            let bytes = packet(&self.input, head);
            sink(Frame {
                at: head.at,
                interface: &described.interface,
                wire_length: head.wire_length,
                bytes,
            });
        }
        self.input.take(head.record);
        self.next = None;
    }

    /// Whether reading on may wait for whoever writes into a pipe.
    pub(super) fn may_wait(&self) -> bool {
        if !self.input.is_pipe || self.next.is_some() {
            return false;
        }
        let here = self.input.here();
        let is_whole = match &self.format {
            Format::Classic(classic, _) => classic.is_whole(here),
            Format::Blocks(blocks) => blocks.is_whole(here),
        };
        !is_whole
    }

    pub(super) fn is_pipe(&self) -> bool {
        self.input.is_pipe
    }

    /// The link type, where nothing in the file has one that is understood.
    pub(super) fn unknown_link(&self) -> Option<String> {
        let described = self.format.described();
        let none = described
            .iter()
            .all(|described| described.interface.link == Link::Other);
        described
            .first()
            .filter(|_| none)
            .map(|first| named(first.number))
    }

    fn keeps_out(&mut self, head: &Head) -> Result<bool, Broken> {
        if self.filter.expression.is_none() {
            return Ok(false);
        }
        let Some(described) = self.format.described().get(head.interface) else {
            return Ok(false);
        };
        let number = described.number;
        if described.interface.link == Link::Other {
            return Ok(false);
        }
        let known = self.sieves.iter().position(|(of, _)| *of == number);
        let nth = match known {
            Some(nth) => nth,
            None => {
                let sieve =
                    Sieve::new(&self.filter, number).map_err(|error| Broken(error.to_string()))?;
                self.sieves.push((number, sieve));
                self.sieves.len() - 1
            }
        };
        let bytes = packet(&self.input, head);
        Ok(self
            .sieves
            .get(nth)
            .and_then(|(_, sieve)| sieve.as_ref())
            .is_some_and(|sieve| sieve.keeps_out(bytes)))
    }
}

impl Format {
    fn described(&self) -> &[Described] {
        match self {
            Self::Classic(_, described) => std::slice::from_ref(described),
            Self::Blocks(blocks) => &blocks.interfaces,
        }
    }
}

fn packet<'a>(input: &'a Input, head: &Head) -> &'a [u8] {
    input
        .here()
        .get(head.offset..head.offset + head.captured)
        .unwrap_or_default()
}

fn beginning(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if shown.is_empty() {
        "it is empty".to_owned()
    } else {
        format!("it begins with {}", shown.join(" "))
    }
}
