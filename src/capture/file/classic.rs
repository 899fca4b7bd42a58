//! The classic format (draft-ietf-opsawg-pcap): a header, then packets.

use super::head::{Broken, Described, Head, LONGEST_PACKET, Order, Resolution, Ticks};
use super::input::Input;

/// What the file's header says.
pub(super) struct Classic {
    order: Order,
    unit: u64,
    record_header: usize,
    /// Files older than 2.3 have the two lengths the other way round; those of 2.3 may have.
    minor: u16,
    number: u64,
}

impl Classic {
    /// Reads the file's header, or says what is wrong with it; nothing where this is not the format.
    pub(super) fn open(
        input: &mut Input,
        id: u16,
    ) -> std::io::Result<Option<Result<(Self, Described), String>>> {
        let header = input.peek(HEADER)?;
        let Some(&[a, b, c, d]) = header.first_chunk::<4>() else {
            return Ok(None);
        };
        let (order, magic) = match (
            u32::from_le_bytes([a, b, c, d]),
            u32::from_be_bytes([a, b, c, d]),
        ) {
            (magic @ (MICROSECONDS | NANOSECONDS | MODIFIED), _) => (Order::Little, magic),
            (_, magic @ (MICROSECONDS | NANOSECONDS | MODIFIED)) => (Order::Big, magic),
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
        input.take(HEADER);
        // The highest bits tell how long the frame check sequence is.
        let (link, aix) = of_aix((major, minor), link & 0x03ff_ffff);
        let (unit, resolution) = if magic == NANOSECONDS || aix {
            (NANO, 9)
        } else {
            (MICRO, 6)
        };
        let record_header = if magic == MODIFIED { 24 } else { 16 };
        let ticks = Ticks {
            resolution: Resolution::Decimal(resolution),
            offset: 0,
        };
        let minor = if major == DG_UX { 0 } else { minor };
        let described = Described::new(id, 0, link, ticks);
        Ok(Some(Ok((
            Self {
                order,
                unit,
                record_header,
                minor,
                number: 0,
            },
            described,
        ))))
    }

    /// The next packet, if these bytes hold it whole and nothing is wrong with it.
    #[inline]
    pub(super) fn whole_head(&self, here: &[u8], ticks: Ticks) -> Option<Head> {
        let header = *here.first_chunk::<16>()?;
        let [seconds, fraction, captured, wire_length] = self.order.words(header);
        let captured = captured as usize;
        if self.minor <= 3 || captured > LONGEST_PACKET {
            return None;
        }
        let record = self.record_header + captured;
        if here.len() < record {
            return None;
        }
        let at = ticks.time(u64::from(seconds) * self.unit + u64::from(fraction));
        Some(Head {
            at,
            interface: 0,
            wire_length,
            offset: self.record_header,
            captured,
            record,
        })
    }

    /// So many were taken that were whole.
    pub(super) const fn took(&mut self, count: u64) {
        self.number += count;
    }

    /// The next packet.
    pub(super) fn head(&mut self, input: &mut Input, ticks: Ticks) -> Result<Option<Head>, Broken> {
        let record_header = self.record_header;
        let header = input.peek(record_header)?;
        if header.is_empty() {
            return Ok(None);
        }
        let number = self.number + 1;
        let missing = record_header - header.len();
        let fields = [0, 4, 8, 12].map(|at| self.order.u32_at(header, at).unwrap_or_default());
        if missing > 0 {
            return Err(Broken::cut(&format!("packet {number}"), missing as u64));
        }
        let [seconds, fraction, captured, length] = fields;
        let swapped = self.minor < 3 || (self.minor == 3 && captured > length);
        let (captured, wire_length) = if swapped {
            (length, captured)
        } else {
            (captured, length)
        };
        let captured = usize::try_from(captured).unwrap_or(usize::MAX);
        if captured > LONGEST_PACKET {
            let how = format!("claims {captured} bytes, which no packet has");
            return Err(Broken::damaged(&format!("packet {number}"), input, &how));
        }
        let record = record_header + captured;
        let missing = record - input.peek(record)?.len();
        if missing > 0 {
            return Err(Broken::cut(&format!("packet {number}"), missing as u64));
        }
        self.number = number;
        let at = ticks.time(u64::from(seconds) * self.unit + u64::from(fraction));
        Ok(Some(Head {
            at,
            interface: 0,
            wire_length,
            offset: record_header,
            captured,
            record,
        }))
    }

    /// Whether the next packet can be read without waiting for more bytes.
    pub(super) fn is_whole(&self, here: &[u8]) -> bool {
        let captured = self.order.u32_at(here, if self.minor < 3 { 12 } else { 8 });
        captured.is_some_and(|captured| {
            here.len()
                >= self.record_header
                    + usize::try_from(captured)
                        .unwrap_or(usize::MAX)
                        .min(LONGEST_PACKET)
        })
    }
}

/// The link type, and whether the file is one of AIX: these have numbers of their own for some, and count nanoseconds.
const fn of_aix(version: (u16, u16), link: u32) -> (u32, bool) {
    match (version, link) {
        ((2, 2), 6) => (1, true),
        ((2, 2), 9) => (6, true),
        ((2, 2), 15) => (10, true),
        ((2, 2), 24) => (0, true),
        _ => (link, false),
    }
}

/// DG/UX wrote this where others have 2; the lengths in the order of old.
const DG_UX: u16 = 543;
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Alexey Kuznetzov's: eight bytes more before each packet.
const MODIFIED: u32 = 0xa1b2_cd34;
const HEADER: usize = 24;
const MICRO: u64 = 1_000_000;
const NANO: u64 = 1_000_000_000;
