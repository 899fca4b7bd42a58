//! The packets of one open capture file, in either format, after the user's filter.

use super::super::error::CaptureError;
use super::super::filter::{FileFilter, Filter};
use super::super::interfaces::link_type_name;
use super::input::{ByteCounter, Input, io_message, unreadable};
use super::packet_header::{FormatError, InterfaceDescription, PacketHeader};
use super::pcap::PcapReader;
use super::pcapng::PcapngReader;
use crate::frame::{Frame, Link};
use crate::time::Timestamp;

/// An open capture file.
pub(super) struct PacketStream {
    input: Input,
    format: FileFormat,
    filter: Filter,
    /// Compiled filter of each `LINKTYPE_` number that occurred in the file.
    file_filters: Vec<(u32, Option<FileFilter>)>,
    /// Header of the next packet, if it was read.
    next: Option<PacketHeader>,
}

enum FileFormat {
    Pcap(PcapReader, InterfaceDescription),
    Pcapng(PcapngReader),
}

impl PacketStream {
    /// Opens a file and reads its header.
    pub(super) fn open(
        file: &str,
        id: u16,
        filter: &Filter,
        bytes_read: &ByteCounter,
    ) -> Result<Self, CaptureError> {
        let mut input = Input::open(file, bytes_read)?;
        let no_capture = |reason: String| CaptureError::NoCapture {
            file: file.to_owned(),
            reason,
        };
        let format = match PcapReader::open(&mut input, id) {
            Ok(Some(Ok((reader, description)))) => Ok(Some(FileFormat::Pcap(reader, description))),
            Ok(Some(Err(reason))) => return Err(no_capture(reason)),
            Ok(None) => {
                PcapngReader::open(&mut input, id).map(|reader| reader.map(FileFormat::Pcapng))
            }
            Err(error) => Err(error),
        };
        let format = format.map_err(|error| unreadable(file, &io_message(&error)))?;
        let format = format.ok_or_else(|| no_capture(describe_magic(input.buffered())))?;
        Ok(Self {
            input,
            format,
            filter: filter.clone(),
            file_filters: Vec::new(),
            next: None,
        })
    }

    /// Returns the timestamp of the next packet that passes the user's filter, without consuming
    /// it.
    ///
    /// Returns `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is truncated or damaged, or if the filter does not compile for
    /// the link type.
    pub(super) fn next(&mut self) -> Result<Option<Timestamp>, FormatError> {
        while self.next.is_none() {
            let header = match &mut self.format {
                FileFormat::Pcap(reader, description) => {
                    reader.next_header(&mut self.input, description.timestamps)?
                }
                FileFormat::Pcapng(reader) => reader.next_header(&mut self.input)?,
            };
            let Some(header) = header else {
                return Ok(None);
            };
            if self.is_filtered_out(&header)? {
                self.input.consume(header.record);
            } else {
                self.next = Some(header);
            }
        }
        Ok(self.next.as_ref().map(|header| header.at))
    }

    /// Emits at most `limit` packets with timestamps before `until`, as long as they are buffered.
    ///
    /// This fast path applies to pcap files without a user filter. Returns the number of packets
    /// and the timestamp of the last one.
    pub(super) fn emit_buffered(
        &mut self,
        limit: usize,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(Frame<'_>),
    ) -> (usize, Option<Timestamp>) {
        let mut count = 0;
        let mut last = None;
        let FileFormat::Pcap(reader, description) = &mut self.format else {
            return (count, last);
        };
        if self.next.is_some() || self.filter.expression.is_some() {
            return (count, last);
        }
        let mut remaining = self.input.buffered();
        let available = remaining.len();
        while count < limit
            && let Some(header) = reader.buffered_header(remaining, description.timestamps)
            && until.is_none_or(|until| header.at < until)
            && let Some((record, after)) = remaining.split_at_checked(header.record)
        {
            let bytes = record.get(header.offset..).unwrap_or_default();
            sink(Frame {
                at: header.at,
                interface: &description.interface,
                wire_length: header.wire_length,
                bytes,
            });
            count += 1;
            last = Some(header.at);
            remaining = after;
        }
        let consumed = available - remaining.len();
        reader.add_packets(count as u64);
        self.input.consume(consumed);
        (count, last)
    }

    /// Emits the packet with the timestamp that [`Self::next`] returned.
    pub(super) fn emit(&mut self, sink: &mut dyn FnMut(Frame<'_>)) {
        let Some(header) = &self.next else { return };
        if let Some(description) = self.format.interfaces().get(header.interface) {
            let bytes = packet_bytes(&self.input, header);
            sink(Frame {
                at: header.at,
                interface: &description.interface,
                wire_length: header.wire_length,
                bytes,
            });
        }
        self.input.consume(header.record);
        self.next = None;
    }

    /// Returns `true` if the next read may block until the other end of a pipe writes.
    pub(super) fn may_block(&self) -> bool {
        if !self.input.is_pipe || self.next.is_some() {
            return false;
        }
        let buffered = self.input.buffered();
        let is_buffered = match &self.format {
            FileFormat::Pcap(reader, _) => reader.is_buffered(buffered),
            FileFormat::Pcapng(reader) => reader.is_buffered(buffered),
        };
        !is_buffered
    }

    /// Returns `true` if the file cannot be opened a second time.
    pub(super) fn is_pipe(&self) -> bool {
        self.input.is_pipe
    }

    /// Returns the name of the first link type if no interface of the file has a supported one.
    pub(super) fn unsupported_link(&self) -> Option<String> {
        let interfaces = self.format.interfaces();
        let none_supported = interfaces
            .iter()
            .all(|description| description.interface.link == Link::Other);
        interfaces
            .first()
            .filter(|_| none_supported)
            .map(|first| link_type_name(first.linktype))
    }

    /// Returns `true` if the user's expression rejects the packet.
    ///
    /// Packets of unsupported link types are never rejected, so that they are counted as
    /// undecodable.
    fn is_filtered_out(&mut self, header: &PacketHeader) -> Result<bool, FormatError> {
        if self.filter.expression.is_none() {
            return Ok(false);
        }
        let Some(description) = self.format.interfaces().get(header.interface) else {
            return Ok(false);
        };
        let linktype = description.linktype;
        if description.interface.link == Link::Other {
            return Ok(false);
        }
        let compiled = self.file_filters.iter().position(|(of, _)| *of == linktype);
        let index = match compiled {
            Some(index) => index,
            None => {
                let file_filter = FileFilter::new(&self.filter, linktype)
                    .map_err(|error| FormatError(error.to_string()))?;
                self.file_filters.push((linktype, file_filter));
                self.file_filters.len() - 1
            }
        };
        let bytes = packet_bytes(&self.input, header);
        Ok(self
            .file_filters
            .get(index)
            .and_then(|(_, file_filter)| file_filter.as_ref())
            .is_some_and(|file_filter| file_filter.is_filtered_out(bytes)))
    }
}

impl FileFormat {
    fn interfaces(&self) -> &[InterfaceDescription] {
        match self {
            Self::Pcap(_, description) => std::slice::from_ref(description),
            Self::Pcapng(reader) => &reader.interfaces,
        }
    }
}

fn packet_bytes<'a>(input: &'a Input, header: &PacketHeader) -> &'a [u8] {
    input
        .buffered()
        .get(header.offset..header.offset + header.captured)
        .unwrap_or_default()
}

/// Returns the first bytes of a file that is not a capture file, for an error message.
fn describe_magic(bytes: &[u8]) -> String {
    let magic: Vec<String> = bytes
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if magic.is_empty() {
        "it is empty".to_owned()
    } else {
        format!("it begins with {}", magic.join(" "))
    }
}
