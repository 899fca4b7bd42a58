//! What both formats have in common: a packet's head, the interfaces, and how files break.

use super::input::{Input, words};
use crate::frame::{Interface, Link};
use crate::time::Timestamp;

/// The next packet of a file, which still stands in the input's buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) at: Timestamp,
    /// Which of the interfaces met it.
    pub(super) interface: usize,
    pub(super) wire_length: u32,
    /// Where its bytes begin, and how many they are.
    pub(super) offset: usize,
    pub(super) captured: usize,
    /// Length of the record it is in.
    pub(super) record: usize,
}

/// An interface that a file describes.
pub(super) struct Described {
    pub(super) interface: Interface,
    /// `LINKTYPE_`.
    pub(super) number: u32,
    pub(super) ticks: Ticks,
}

impl Described {
    pub(super) fn new(id: u16, nth: u32, number: u32, ticks: Ticks) -> Self {
        let link = Link::of_number(number);
        let interface = Interface {
            id,
            number: u32::from(id) << 16 | nth.min(0xffff),
            link,
            hardware_address: None,
        };
        Self {
            interface,
            number,
            ticks,
        }
    }
}

/// How timestamps count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ticks {
    pub(super) resolution: Resolution,
    /// Seconds that are to be added.
    pub(super) offset: i64,
}

/// The parts of a second, as a negative power.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Resolution {
    Decimal(u8),
    Binary(u8),
}

impl Ticks {
    pub(super) const MICROSECONDS: Self = Self {
        resolution: Resolution::Decimal(6),
        offset: 0,
    };

    /// What is before 1970 is 1970; what is after 2554 is 2554.
    #[inline]
    pub(super) fn time(self, ticks: u64) -> Timestamp {
        match self {
            Self {
                resolution: Resolution::Decimal(9),
                offset: 0,
            } => return Timestamp::from_nanos(ticks),
            Self {
                resolution: Resolution::Decimal(6),
                offset: 0,
            } => {
                return Timestamp::from_nanos(ticks.saturating_mul(1000));
            }
            _ => {}
        }
        let nanoseconds = match self.resolution {
            Resolution::Decimal(power @ 0..=9) => {
                u128::from(ticks) * 10_u128.pow(u32::from(9 - power))
            }
            Resolution::Decimal(power) => 10_u128
                .checked_pow(u32::from(power - 9))
                .map_or(0, |unit| u128::from(ticks) / unit),
            Resolution::Binary(power) => (u128::from(ticks) * 1_000_000_000)
                .checked_shr(power.into())
                .unwrap_or(0),
        };
        let shifted = i128::try_from(nanoseconds)
            .unwrap_or(i128::MAX)
            .saturating_add(i128::from(self.offset) * 1_000_000_000);
        Timestamp::from_nanos(u64::try_from(shifted.max(0)).unwrap_or(u64::MAX))
    }
}

/// Numbers in the byte order of whoever wrote the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// Four numbers, one behind the other.
    pub(super) fn words(self, bytes: [u8; 16]) -> [u32; 4] {
        let little = u128::from_le_bytes(bytes);
        let words = [0, 32, 64, 96].map(|shift| (little >> shift & 0xffff_ffff) as u32);
        if self == Self::Little {
            words
        } else {
            words.map(u32::swap_bytes)
        }
    }

    pub(super) fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = *bytes.get(at..)?.first_chunk::<4>()?;
        Some(if self == Self::Little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        })
    }

    pub(super) fn u16_at(self, bytes: &[u8], at: usize) -> Option<u16> {
        let two = *bytes.get(at..)?.first_chunk::<2>()?;
        Some(if self == Self::Little {
            u16::from_le_bytes(two)
        } else {
            u16::from_be_bytes(two)
        })
    }
}

/// Where and how a file broke.
pub(super) struct Broken(pub(super) String);

impl Broken {
    pub(super) fn cut(what: &str, missing: u64) -> Self {
        Self(format!("{what} is cut short: {missing} bytes are missing"))
    }

    pub(super) fn damaged(what: &str, input: &Input, how: &str) -> Self {
        Self(format!("{what}, at byte {}, {how}", input.position()))
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self(format!("reading on failed: {}", words(&error)))
    }
}

/// No packet is longer: libpcap's own limit.
pub(super) const LONGEST_PACKET: usize = 262_144;
