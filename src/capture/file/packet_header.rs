//! Types common to pcap and pcapng: packet headers, interfaces, timestamps, byte order, format
//! errors.

use super::input::{Input, io_message};
use crate::frame::{Interface, Link};
use crate::time::Timestamp;

/// Maximum captured length of a packet, in bytes: the limit of libpcap.
pub(super) const MAX_PACKET_LEN: usize = 262_144;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Header of the next packet of a file. The packet is still in the buffer of the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketHeader {
    pub(super) at: Timestamp,
    /// Index of its interface within the section of the file.
    pub(super) interface: usize,
    pub(super) wire_length: u32,
    /// Offset of the packet's bytes within the record.
    pub(super) offset: usize,
    /// Number of captured bytes.
    pub(super) captured: usize,
    /// Length of the whole record, in bytes.
    pub(super) record: usize,
}

/// An interface that a file describes: the header of a pcap file, or an IDB of pcapng.
pub(super) struct InterfaceDescription {
    pub(super) interface: Interface,
    /// `LINKTYPE_` number.
    pub(super) linktype: u32,
    pub(super) timestamps: TimestampFormat,
}

impl InterfaceDescription {
    /// Creates the description of interface `index` in the file with the index `id`.
    pub(super) fn new(id: u16, index: u32, linktype: u32, timestamps: TimestampFormat) -> Self {
        let interface = Interface {
            id,
            number: u32::from(id) << 16 | index.min(0xffff),
            link: Link::from_linktype(linktype),
            hardware_address: None,
        };
        Self {
            interface,
            linktype,
            timestamps,
        }
    }
}

/// How the timestamps of an interface are encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TimestampFormat {
    pub(super) resolution: TimestampResolution,
    /// Seconds to add to each timestamp.
    pub(super) offset: i64,
}

/// The length of a timestamp unit in seconds, as a negative power of 10 or 2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimestampResolution {
    Decimal(u8),
    Binary(u8),
}

impl TimestampFormat {
    pub(super) const MICROSECONDS: Self = Self {
        resolution: TimestampResolution::Decimal(6),
        offset: 0,
    };

    /// Converts a timestamp of the file. Times before 1970 or after 2554 saturate.
    pub(super) fn decode(self, units: u64) -> Timestamp {
        match self {
            Self {
                resolution: TimestampResolution::Decimal(9),
                offset: 0,
            } => return Timestamp::from_nanos(units),
            Self {
                resolution: TimestampResolution::Decimal(6),
                offset: 0,
            } => {
                return Timestamp::from_nanos(units.saturating_mul(1000));
            }
            _ => {}
        }
        let nanoseconds = match self.resolution {
            TimestampResolution::Decimal(power @ 0..=9) => {
                u128::from(units) * 10_u128.pow(u32::from(9 - power))
            }
            TimestampResolution::Decimal(power) => 10_u128
                .checked_pow(u32::from(power - 9))
                .map_or(0, |unit| u128::from(units) / unit),
            TimestampResolution::Binary(power) => (u128::from(units)
                * u128::from(NANOS_PER_SECOND))
            .checked_shr(power.into())
            .unwrap_or(0),
        };
        let shifted = i128::try_from(nanoseconds)
            .unwrap_or(i128::MAX)
            .saturating_add(i128::from(self.offset) * i128::from(NANOS_PER_SECOND));
        Timestamp::from_nanos(u64::try_from(shifted.max(0)).unwrap_or(u64::MAX))
    }
}

/// Byte order of the numbers in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// Reads four consecutive numbers.
    pub(super) fn words(self, bytes: [u8; 16]) -> [u32; 4] {
        let little = u128::from_le_bytes(bytes);
        let words = [0, 32, 64, 96].map(|shift| (little >> shift & 0xffff_ffff) as u32);
        if self == Self::Little {
            words
        } else {
            words.map(u32::swap_bytes)
        }
    }

    /// Reads the number at byte offset `at`. `None` if the bytes end before it.
    pub(super) fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = *bytes.get(at..)?.first_chunk::<4>()?;
        Some(if self == Self::Little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        })
    }

    /// Reads the number at byte offset `at`. `None` if the bytes end before it.
    pub(super) fn u16_at(self, bytes: &[u8], at: usize) -> Option<u16> {
        let two = *bytes.get(at..)?.first_chunk::<2>()?;
        Some(if self == Self::Little {
            u16::from_le_bytes(two)
        } else {
            u16::from_be_bytes(two)
        })
    }
}

/// A message that states where and how a file is truncated or damaged.
pub(super) struct FormatError(pub(super) String);

impl FormatError {
    pub(super) fn truncated(what: &str, missing: u64) -> Self {
        Self(format!("{what} is cut short: {missing} bytes are missing"))
    }

    pub(super) fn damaged(what: &str, input: &Input, how: &str) -> Self {
        Self(format!("{what}, at byte {}, {how}", input.position()))
    }
}

impl From<std::io::Error> for FormatError {
    fn from(error: std::io::Error) -> Self {
        Self(format!("reading failed: {}", io_message(&error)))
    }
}
