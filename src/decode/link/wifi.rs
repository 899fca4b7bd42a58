//! IEEE 802.11 data frames, and what radios put before them.

use super::super::skip::{Discard, MALFORMED, Undecodable};
use super::{Announced, behind, ethernet, take};

/// The MAC header (IEEE 802.11-2020 section 9.2); `padded` to a multiple of four where the radio did so.
pub(super) fn open(bytes: &[u8], padded: bool) -> Result<Announced<'_>, Discard> {
    let (&[kind, flags], _) = take::<2>(bytes)?;
    if kind & TYPE != DATA || kind & NO_DATA != 0 {
        return Err(Discard::NotIp);
    }
    if flags & PROTECTED != 0 {
        return Err(Undecodable::Encrypted.into());
    }
    let (&[sequence, _], _) = take::<2>(behind(bytes, SEQUENCE_AT)?)?;
    if sequence & FRAGMENT != 0 {
        return Err(Discard::LaterFragment);
    }
    let fourth_address = flags & BETWEEN_STATIONS == BETWEEN_STATIONS;
    let mut length = if fourth_address { 30 } else { 24 };
    if kind & QUALITY != 0 {
        let (&[control, _], _) = take::<2>(behind(bytes, length)?)?;
        if control & AGGREGATE != 0 {
            return Err(Undecodable::Aggregate.into());
        }
        length += 2;
        if flags & ORDER != 0 {
            length += 4;
        }
    }
    ethernet::logical(behind(
        bytes,
        if padded {
            length.next_multiple_of(4)
        } else {
            length
        },
    )?)
}

/// Version, padding, length, a bitmap or several of what is present; see <https://www.radiotap.org>.
pub(super) fn radiotap(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let (&[_, _, l0, l1, present, ..], _) = take::<8>(bytes)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length < 8 {
        return Err(MALFORMED);
    }
    let frame = behind(bytes, length)?;
    open(
        frame,
        present & HAS_FLAGS != 0 && flags_of_radiotap(bytes, present) & DATA_PAD != 0,
    )
}

/// The flags follow the bitmaps, and a timer of eight bytes that stands at a multiple of eight.
fn flags_of_radiotap(bytes: &[u8], present: u8) -> u8 {
    let bitmaps = bytes.get(4..).unwrap_or_default().chunks_exact(4);
    let more = bitmaps
        .take_while(|bitmap| bitmap.last().is_some_and(|high| high & ANOTHER != 0))
        .count();
    let mut at = 4 + 4 * (more + 1);
    if present & HAS_TIMER != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    bytes.get(at).copied().unwrap_or(0)
}

/// Prism's header tells its length in the byte order of whoever captured; AVS, under the same number, in network order.
pub(super) fn prism(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let (&[m0, m1, m2, m3, l0, l1, l2, l3], _) = take::<8>(bytes)?;
    let big = u32::from_be_bytes([l0, l1, l2, l3]);
    let is_avs = u32::from_be_bytes([m0, m1, m2, m3]) & AVS_MASK == AVS;
    let little = u32::from_le_bytes([m0, m1, m2, m3]);
    let is_prism = [little, little.swap_bytes()]
        .into_iter()
        .any(|code| PRISM.contains(&code));
    if !is_avs && !is_prism {
        // Some drivers leave the header out.
        return open(bytes, false);
    }
    let length = if is_avs {
        big
    } else {
        big.min(u32::from_le_bytes([l0, l1, l2, l3]))
    };
    if length < 8 {
        return Err(MALFORMED);
    }
    open(
        behind(bytes, usize::try_from(length).unwrap_or(usize::MAX))?,
        false,
    )
}

const TYPE: u8 = 0x0c;
const DATA: u8 = 0x08;
const NO_DATA: u8 = 0x40;
const QUALITY: u8 = 0x80;
/// To and from the distribution system: a fourth address.
const BETWEEN_STATIONS: u8 = 0x03;
const PROTECTED: u8 = 0x40;
/// With quality of service: four bytes of HT control.
const ORDER: u8 = 0x80;
/// Behind type, flags, duration, three addresses.
const SEQUENCE_AT: usize = 22;
const FRAGMENT: u8 = 0x0f;
const AGGREGATE: u8 = 0x80;
const HAS_TIMER: u8 = 0x01;
const HAS_FLAGS: u8 = 0x02;
const ANOTHER: u8 = 0x80;
const DATA_PAD: u8 = 0x20;
/// `DIDmsg_lnxind_wlansniffrm` of the drivers that have it.
const PRISM: [u32; 3] = [0x41, 0x44, 0x45];
const AVS: u32 = 0x8021_1000;
const AVS_MASK: u32 = 0xffff_f000;
