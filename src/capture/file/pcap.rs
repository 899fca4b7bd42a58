//! Reader of the pcap format (draft-ietf-opsawg-pcap): a file header, then packet records.

use super::input::Input;
use super::packet_header::{
    ByteOrder, FormatError, InterfaceDescription, MAX_PACKET_LEN, PacketHeader, TimestampFormat,
    TimestampResolution,
};

/// Major version that DG/UX writes in place of 2. Its lengths are in the order of versions before
/// 2.3.
const DG_UX: u16 = 543;
const MAGIC_MICROS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOS: u32 = 0xa1b2_3c4d;
/// Alexey Kuznetzov's modified format: 8 additional bytes in each record header.
const MAGIC_MODIFIED: u32 = 0xa1b2_cd34;
/// Length of the file header, in bytes.
const FILE_HEADER_LEN: usize = 24;
const MICROS_PER_SECOND: u64 = 1_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// State of a pcap file that is being read.
pub(super) struct PcapReader {
    order: ByteOrder,
    units_per_second: u64,
    /// Length of a record header, in bytes.
    record_header: usize,
    /// Minor version. Versions before 2.3 store the two lengths in reverse order; version 2.3 may
    /// do so.
    minor: u16,
    /// Number of packets read.
    packets: u64,
}

impl PcapReader {
    /// Reads the file header.
    ///
    /// Returns `None` if the file is not a pcap file, and an error message if its header is
    /// invalid.
    pub(super) fn open(
        input: &mut Input,
        id: u16,
    ) -> std::io::Result<Option<Result<(Self, InterfaceDescription), String>>> {
        let header = input.peek(FILE_HEADER_LEN)?;
        let Some(&[a, b, c, d]) = header.first_chunk::<4>() else {
            return Ok(None);
        };
        let (order, magic) = match (
            u32::from_le_bytes([a, b, c, d]),
            u32::from_be_bytes([a, b, c, d]),
        ) {
            (magic @ (MAGIC_MICROS | MAGIC_NANOS | MAGIC_MODIFIED), _) => {
                (ByteOrder::Little, magic)
            }
            (_, magic @ (MAGIC_MICROS | MAGIC_NANOS | MAGIC_MODIFIED)) => (ByteOrder::Big, magic),
            _ => return Ok(None),
        };
        let (Some(major), Some(minor), Some(link)) = (
            order.u16_at(header, 4),
            order.u16_at(header, 6),
            order.u32_at(header, 20),
        ) else {
            return Ok(Some(Err("its header is cut short".to_owned())));
        };
        if major != 2 && major != DG_UX {
            return Ok(Some(Err(format!(
                "its version is {major}.{minor}, not 2.4"
            ))));
        }
        input.consume(FILE_HEADER_LEN);
        // The highest bits are the length of the frame check sequence.
        let (link, aix) = aix_link_type((major, minor), link & 0x03ff_ffff);
        let (units_per_second, resolution) = if magic == MAGIC_NANOS || aix {
            (NANOS_PER_SECOND, 9)
        } else {
            (MICROS_PER_SECOND, 6)
        };
        let record_header = if magic == MAGIC_MODIFIED { 24 } else { 16 };
        let timestamps = TimestampFormat {
            resolution: TimestampResolution::Decimal(resolution),
            offset: 0,
        };
        let minor = if major == DG_UX { 0 } else { minor };
        let description = InterfaceDescription::new(id, 0, link, timestamps);
        Ok(Some(Ok((
            Self {
                order,
                units_per_second,
                record_header,
                minor,
                packets: 0,
            },
            description,
        ))))
    }

    /// Returns the header of the next packet if `buffered` contains the whole packet and it is
    /// valid.
    pub(super) fn buffered_header(
        &self,
        buffered: &[u8],
        timestamps: TimestampFormat,
    ) -> Option<PacketHeader> {
        let header = *buffered.first_chunk::<16>()?;
        let [seconds, fraction, captured, wire_length] = self.order.words(header);
        let captured = captured as usize;
        if self.minor <= 3 || captured > MAX_PACKET_LEN {
            return None;
        }
        let record = self.record_header + captured;
        if buffered.len() < record {
            return None;
        }
        let at =
            timestamps.decode(u64::from(seconds) * self.units_per_second + u64::from(fraction));
        Some(PacketHeader {
            at,
            interface: 0,
            wire_length,
            offset: self.record_header,
            captured,
            record,
        })
    }

    /// Adds packets that were consumed after [`Self::buffered_header`].
    pub(super) const fn add_packets(&mut self, count: u64) {
        self.packets += count;
    }

    /// Reads the header of the next packet. Returns `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// Returns an error if the packet is truncated or damaged.
    pub(super) fn next_header(
        &mut self,
        input: &mut Input,
        timestamps: TimestampFormat,
    ) -> Result<Option<PacketHeader>, FormatError> {
        let record_header = self.record_header;
        let header = input.peek(record_header)?;
        if header.is_empty() {
            return Ok(None);
        }
        let number = self.packets + 1;
        let missing = record_header - header.len();
        let fields = [0, 4, 8, 12].map(|at| self.order.u32_at(header, at).unwrap_or_default());
        if missing > 0 {
            return Err(FormatError::truncated(
                &format!("packet {number}"),
                missing as u64,
            ));
        }
        let [seconds, fraction, captured, length] = fields;
        let swapped = self.minor < 3 || (self.minor == 3 && captured > length);
        let (captured, wire_length) = if swapped {
            (length, captured)
        } else {
            (captured, length)
        };
        let captured = usize::try_from(captured).unwrap_or(usize::MAX);
        if captured > MAX_PACKET_LEN {
            let how = format!("claims {captured} bytes, which no packet has");
            return Err(FormatError::damaged(
                &format!("packet {number}"),
                input,
                &how,
            ));
        }
        let record = record_header + captured;
        let missing = record - input.peek(record)?.len();
        if missing > 0 {
            return Err(FormatError::truncated(
                &format!("packet {number}"),
                missing as u64,
            ));
        }
        self.packets = number;
        let at =
            timestamps.decode(u64::from(seconds) * self.units_per_second + u64::from(fraction));
        Ok(Some(PacketHeader {
            at,
            interface: 0,
            wire_length,
            offset: record_header,
            captured,
            record,
        }))
    }

    /// Returns `true` if the next packet can be read without waiting for more bytes.
    pub(super) fn is_buffered(&self, buffered: &[u8]) -> bool {
        let captured = self
            .order
            .u32_at(buffered, if self.minor < 3 { 12 } else { 8 });
        captured.is_some_and(|captured| {
            buffered.len()
                >= self.record_header
                    + usize::try_from(captured)
                        .unwrap_or(usize::MAX)
                        .min(MAX_PACKET_LEN)
        })
    }
}

/// Returns the link type, and `true` if AIX wrote the file.
///
/// AIX has different numbers for some link types, and its timestamps are nanoseconds.
const fn aix_link_type(version: (u16, u16), link: u32) -> (u32, bool) {
    match (version, link) {
        ((2, 2), 6) => (1, true),
        ((2, 2), 9) => (6, true),
        ((2, 2), 15) => (10, true),
        ((2, 2), 24) => (0, true),
        _ => (link, false),
    }
}
