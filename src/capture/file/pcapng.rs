//! Reader of the pcapng format (draft-ietf-opsawg-pcapng): sections with interface and packet
//! blocks.

use super::input::Input;
use super::packet_header::{
    ByteOrder, FormatError, InterfaceDescription, MAX_PACKET_LEN, PacketHeader, TimestampFormat,
    TimestampResolution,
};
use crate::time::Timestamp;

/// Section Header Block. The number is the same in both byte orders.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
/// Interface Description Block.
const INTERFACE_DESCRIPTION: u32 = 1;
/// Packet Block (obsolete).
const OBSOLETE_PACKET: u32 = 2;
/// Simple Packet Block.
const SIMPLE_PACKET: u32 = 3;
/// Enhanced Packet Block.
const ENHANCED_PACKET: u32 = 6;
/// Option `opt_endofopt`.
const OPT_END: u16 = 0;
/// Option `if_tsresol`.
const OPT_TSRESOL: u16 = 9;
/// Option `if_tsoffset`.
const OPT_TSOFFSET: u16 = 14;
/// Minimum length of a block, in bytes.
const MIN_BLOCK_LEN: u32 = 12;
/// Maximum length of a block that is parsed, in bytes: a packet, its header and its options.
const MAX_BLOCK_LEN: usize = MAX_PACKET_LEN + 65_536;
/// Maximum number of interfaces in a section.
const MAX_INTERFACES: usize = 4096;

/// State of a pcapng file that is being read.
pub(super) struct PcapngReader {
    id: u16,
    order: ByteOrder,
    /// Interfaces of the current section.
    pub(super) interfaces: Vec<InterfaceDescription>,
    /// Number of interfaces described in the whole file.
    described: u32,
    /// Number of packets read.
    packets: u64,
    /// Timestamp of the last packet.
    last: Timestamp,
}

impl PcapngReader {
    /// Creates a reader. Returns `None` if the file is not a pcapng file.
    pub(super) fn open(input: &mut Input, id: u16) -> std::io::Result<Option<Self>> {
        let is_section = input.peek(4)? == SECTION_HEADER.to_be_bytes();
        Ok(is_section.then_some(Self {
            id,
            order: ByteOrder::Little,
            interfaces: Vec::new(),
            described: 0,
            packets: 0,
            last: Timestamp::default(),
        }))
    }

    /// Reads blocks up to the next packet, and returns its header. Returns `None` at the end of the
    /// file.
    ///
    /// Section and interface blocks are applied; all other blocks are skipped.
    ///
    /// # Errors
    ///
    /// Returns an error if a block is truncated or damaged.
    pub(super) fn next_header(
        &mut self,
        input: &mut Input,
    ) -> Result<Option<PacketHeader>, FormatError> {
        loop {
            let start = input.peek(12)?;
            if start.is_empty() {
                return Ok(None);
            }
            if start.get(..4) == Some(&SECTION_HEADER.to_be_bytes()) {
                self.order = match start.get(8..12) {
                    Some([0x4d, 0x3c, 0x2b, 0x1a]) => ByteOrder::Little,
                    Some([0x1a, 0x2b, 0x3c, 0x4d]) => ByteOrder::Big,
                    Some(_) => {
                        return Err(self.damaged(
                            input,
                            "starts a section, but has no valid byte-order magic",
                        ));
                    }
                    None => self.order,
                };
            }
            let (Some(kind), Some(length)) =
                (self.order.u32_at(start, 0), self.order.u32_at(start, 4))
            else {
                return Err(FormatError::truncated(
                    &self.location(),
                    12 - start.len() as u64,
                ));
            };
            if length < MIN_BLOCK_LEN {
                return Err(self.damaged(
                    input,
                    &format!("claims {length} bytes, fewer than a block can have"),
                ));
            }
            match kind {
                ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET => {
                    return self.packet(input, kind, length).map(Some);
                }
                SECTION_HEADER => {
                    self.interfaces.clear();
                    self.skip(input, length)?;
                }
                INTERFACE_DESCRIPTION => self.interface(input, length)?,
                _ => self.skip(input, length)?,
            }
        }
    }

    /// Returns `true` if the next block can be read without waiting for more bytes.
    pub(super) fn is_buffered(&self, buffered: &[u8]) -> bool {
        let length = self
            .order
            .u32_at(buffered, 4)
            .and_then(|length| usize::try_from(length).ok());
        length.is_some_and(|length| buffered.len() >= length.min(MAX_BLOCK_LEN))
    }

    /// Reads an interface description and consumes its block.
    fn interface(&mut self, input: &mut Input, length: u32) -> Result<(), FormatError> {
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(self.damaged(
                input,
                &format!("describes more than {MAX_INTERFACES} interfaces"),
            ));
        }
        let block = self.peek_block(input, length)?;
        let body = block.get(8..block.len() - 4).unwrap_or_default();
        let (Some(linktype), Some(options)) = (self.order.u16_at(body, 0), body.get(8..)) else {
            return Err(self.damaged(input, "describes an interface without a link type"));
        };
        let timestamps = self.timestamp_format(options);
        self.interfaces.push(InterfaceDescription::new(
            self.id,
            self.described,
            linktype.into(),
            timestamps,
        ));
        self.described += 1;
        input.consume(length as usize);
        Ok(())
    }

    /// Reads the options `if_tsresol` and `if_tsoffset`. The default is microseconds.
    fn timestamp_format(&self, mut options: &[u8]) -> TimestampFormat {
        let mut timestamps = TimestampFormat::MICROSECONDS;
        while let (Some(code), Some(length)) =
            (self.order.u16_at(options, 0), self.order.u16_at(options, 2))
        {
            let value = options.get(4..4 + usize::from(length)).unwrap_or_default();
            match (code, value) {
                (OPT_END, _) => break,
                (OPT_TSRESOL, &[power]) if power & 0x80 == 0 => {
                    timestamps.resolution = TimestampResolution::Decimal(power);
                }
                (OPT_TSRESOL, &[power]) => {
                    timestamps.resolution = TimestampResolution::Binary(power & 0x7f);
                }
                (OPT_TSOFFSET, value) if value.len() == 8 => {
                    let halves = [0, 4]
                        .map(|at| u64::from(self.order.u32_at(value, at).unwrap_or_default()));
                    let [first, second] = halves;
                    let offset = if self.order == ByteOrder::Little {
                        second << 32 | first
                    } else {
                        first << 32 | second
                    };
                    timestamps.offset = offset.cast_signed();
                }
                _ => {}
            }
            options = options
                .get(4 + usize::from(length).next_multiple_of(4)..)
                .unwrap_or_default();
        }
        timestamps
    }

    /// Reads the header of a packet block, without consuming the block.
    fn packet(
        &mut self,
        input: &mut Input,
        kind: u32,
        length: u32,
    ) -> Result<PacketHeader, FormatError> {
        let order = self.order;
        let block = self.peek_block(input, length)?;
        let field = |at| order.u32_at(block, at).unwrap_or_default();
        let (header, interface) = match kind {
            SIMPLE_PACKET => (12, 0),
            OBSOLETE_PACKET => (28, u32::from(order.u16_at(block, 8).unwrap_or_default())),
            _ => (28, field(8)),
        };
        let body = (length as usize).saturating_sub(header + 4);
        let (captured, wire_length) = match kind {
            SIMPLE_PACKET => (body.min(field(8) as usize), field(8)),
            _ => (field(20) as usize, field(24)),
        };
        let units = u64::from(field(12)) << 32 | u64::from(field(16));
        if captured > body || captured > MAX_PACKET_LEN {
            return Err(self.damaged(input, &format!("claims {captured} bytes of {body}")));
        }
        let interface = interface as usize;
        let Some(description) = self.interfaces.get(interface) else {
            return Err(self.damaged(
                input,
                &format!("refers to interface {interface}, which the file does not describe"),
            ));
        };
        // A Simple Packet Block has no timestamp.
        self.last = if kind == SIMPLE_PACKET {
            self.last
        } else {
            description.timestamps.decode(units)
        };
        self.packets += 1;
        Ok(PacketHeader {
            at: self.last,
            interface,
            wire_length,
            offset: header,
            captured,
            record: length as usize,
        })
    }

    /// Returns a whole block without consuming it.
    ///
    /// # Errors
    ///
    /// Returns an error if the block is too long or truncated, or if its trailing length differs
    /// from `length`.
    fn peek_block<'a>(&self, input: &'a mut Input, length: u32) -> Result<&'a [u8], FormatError> {
        let block_len = length as usize;
        if block_len > MAX_BLOCK_LEN {
            return Err(self.damaged(
                input,
                &format!("claims {length} bytes, which no packet has"),
            ));
        }
        let missing = block_len - input.peek(block_len)?.len();
        if missing > 0 {
            return Err(FormatError::truncated(&self.location(), missing as u64));
        }
        if self.order.u32_at(input.buffered(), block_len - 4) != Some(length) {
            return Err(self.damaged(input, "has different lengths at its start and its end"));
        }
        Ok(input.buffered().get(..block_len).unwrap_or_default())
    }

    fn skip(&self, input: &mut Input, length: u32) -> Result<(), FormatError> {
        match input.skip(length.into())? {
            0 => Ok(()),
            missing => Err(FormatError::truncated(&self.location(), missing)),
        }
    }

    /// Returns the position of the next block for an error message.
    fn location(&self) -> String {
        format!("the block after packet {}", self.packets)
    }

    fn damaged(&self, input: &Input, how: &str) -> FormatError {
        FormatError::damaged(&self.location(), input, how)
    }
}
