//! Parses IEEE 802.11 data frames, and the radiotap, Prism and AVS headers that may precede them.

use super::super::error::{Discard, MALFORMED, Undecodable};
use super::ethernet;
use super::payload::{NetworkPayload, skip_bytes, split_prefix};

/// Frame control: the type of the frame.
const TYPE_MASK: u8 = 0x0c;
const TYPE_DATA: u8 = 0x08;
/// Frame control: the data frame has no payload.
const SUBTYPE_NO_DATA: u8 = 0x40;
/// Frame control: the data frame has a QoS field.
const SUBTYPE_QOS: u8 = 0x80;
/// Frame flags To DS and From DS. With both, the header has a fourth address.
const TO_AND_FROM_DS: u8 = 0x03;
const PROTECTED: u8 = 0x40;
/// Frame flag +HTC/Order. In a QoS frame, 4 bytes of HT control follow.
const ORDER: u8 = 0x80;
/// Offset of the sequence control: behind type, flags, duration and three addresses.
const SEQUENCE_AT: usize = 22;
/// Sequence control: the fragment number.
const FRAGMENT: u8 = 0x0f;
/// QoS control: the frame is an A-MSDU.
const QOS_AMSDU: u8 = 0x80;
/// Radiotap: the field TSFT is present.
const RADIOTAP_HAS_TSFT: u8 = 0x01;
/// Radiotap: the field Flags is present.
const RADIOTAP_HAS_FLAGS: u8 = 0x02;
/// Radiotap: another bitmap follows.
const RADIOTAP_HAS_NEXT_BITMAP: u8 = 0x80;
/// Radiotap flags: the MAC header is padded to a multiple of 4 bytes.
const RADIOTAP_DATA_PAD: u8 = 0x20;
/// `DIDmsg_lnxind_wlansniffrm` of the drivers that write Prism headers.
const PRISM: [u32; 3] = [0x41, 0x44, 0x45];
const AVS: u32 = 0x8021_1000;
const AVS_MASK: u32 = 0xffff_f000;

/// Parses the MAC header (IEEE 802.11-2020 section 9.2) and 802.2 LLC behind it.
///
/// `padded` is `true` if the radio padded the header to a multiple of 4 bytes.
pub(super) fn parse(bytes: &[u8], padded: bool) -> Result<NetworkPayload<'_>, Discard> {
    let (&[kind, flags], _) = split_prefix::<2>(bytes)?;
    if kind & TYPE_MASK != TYPE_DATA || kind & SUBTYPE_NO_DATA != 0 {
        return Err(Discard::NotIp);
    }
    if flags & PROTECTED != 0 {
        return Err(Undecodable::Encrypted.into());
    }
    let (&[sequence, _], _) = split_prefix::<2>(skip_bytes(bytes, SEQUENCE_AT)?)?;
    if sequence & FRAGMENT != 0 {
        return Err(Discard::LaterFragment);
    }
    let fourth_address = flags & TO_AND_FROM_DS == TO_AND_FROM_DS;
    let mut length = if fourth_address { 30 } else { 24 };
    if kind & SUBTYPE_QOS != 0 {
        let (&[control, _], _) = split_prefix::<2>(skip_bytes(bytes, length)?)?;
        if control & QOS_AMSDU != 0 {
            return Err(Undecodable::Aggregate.into());
        }
        length += 2;
        if flags & ORDER != 0 {
            length += 4;
        }
    }
    ethernet::parse_llc(skip_bytes(
        bytes,
        if padded {
            length.next_multiple_of(4)
        } else {
            length
        },
    )?)
}

/// Parses a radiotap header; see <https://www.radiotap.org>.
///
/// Its fields are version, padding, length, and one or more bitmaps of the fields present.
pub(super) fn parse_radiotap(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let (&[_, _, l0, l1, present, ..], _) = split_prefix::<8>(bytes)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length < 8 {
        return Err(MALFORMED);
    }
    let frame = skip_bytes(bytes, length)?;
    parse(
        frame,
        present & RADIOTAP_HAS_FLAGS != 0
            && radiotap_flags(bytes, present) & RADIOTAP_DATA_PAD != 0,
    )
}

/// Returns the field Flags of a radiotap header.
///
/// It follows the bitmaps, and the field TSFT, which has 8 bytes at a multiple of 8 bytes.
fn radiotap_flags(bytes: &[u8], present: u8) -> u8 {
    let bitmaps = bytes.get(4..).unwrap_or_default().chunks_exact(4);
    let more = bitmaps
        .take_while(|bitmap| {
            bitmap
                .last()
                .is_some_and(|high| high & RADIOTAP_HAS_NEXT_BITMAP != 0)
        })
        .count();
    let mut at = 4 + 4 * (more + 1);
    if present & RADIOTAP_HAS_TSFT != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    bytes.get(at).copied().unwrap_or(0)
}

/// Parses a Prism or AVS header, which share a link type.
///
/// The length in a Prism header has the byte order of the capturing host, that in an AVS header
/// network byte order.
pub(super) fn parse_prism(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let (&[m0, m1, m2, m3, l0, l1, l2, l3], _) = split_prefix::<8>(bytes)?;
    let big = u32::from_be_bytes([l0, l1, l2, l3]);
    let is_avs = u32::from_be_bytes([m0, m1, m2, m3]) & AVS_MASK == AVS;
    let little = u32::from_le_bytes([m0, m1, m2, m3]);
    let is_prism = [little, little.swap_bytes()]
        .into_iter()
        .any(|code| PRISM.contains(&code));
    if !is_avs && !is_prism {
        // Some drivers omit the header.
        return parse(bytes, false);
    }
    let length = if is_avs {
        big
    } else {
        big.min(u32::from_le_bytes([l0, l1, l2, l3]))
    };
    if length < 8 {
        return Err(MALFORMED);
    }
    parse(
        skip_bytes(bytes, usize::try_from(length).unwrap_or(usize::MAX))?,
        false,
    )
}
