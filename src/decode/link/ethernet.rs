//! Ethernet and the encapsulations behind an EtherType: tags, MPLS labels, PPPoE, 802.2 LLC; and
//! PPP.
//!
//! PPP (RFC 1661) is parsed in HDLC-like framing (RFC 1662), in PPPoE sessions (RFC 2516), and as
//! Cisco HDLC. It is in this file because Ethernet and PPP can each contain the other.

use etherparse::EtherType;

use super::super::error::{Discard, TRUNCATED, Undecodable};
use super::payload::{IpVersion, LinkPayload, NetworkPayload, skip_bytes, split_prefix, split_u16};
use crate::frame::Interface;
use crate::packet::{CapturePoint, Direction};

/// Length of a Cisco ISL header, which precedes the whole frame and is recognized by its
/// destination.
const ISL_HEADER_LEN: usize = 26;
/// Bit of an address that marks a group address (IEEE 802.3 section 3.2.3).
const GROUP: u8 = 1;
const ZERO_ADDRESS: [u8; 6] = [0; 6];
/// Maximum number of nested tags. Real networks stack fewer.
const MAX_TAGS: usize = 6;

const PPPOE_SESSION: EtherType = EtherType(0x8864);
const MPLS: EtherType = EtherType(0x8847);
const MPLS_MULTICAST: EtherType = EtherType(0x8848);
/// 802.2 LLC in frames that are too long for a length field (draft-ietf-isis-ext-eth).
const JUMBO: EtherType = EtherType(0x8870);
/// Largest type field that is a length (IEEE 802.3 section 3.2.6).
const MAX_LENGTH: u16 = 1500;

/// 802.2 LLC header of SNAP: DSAP, SSAP, and unnumbered information.
const LLC_SNAP: &[u8; 3] = &[0xaa, 0xaa, 0x03];
/// 802.2 LLC header of IP.
const LLC_IP: &[u8; 3] = &[0x06, 0x06, 0x03];
/// 802.2 LLC header of OSI network protocols.
const LLC_OSI: &[u8; 3] = &[0xfe, 0xfe, 0x03];
/// Network layer protocol identifier of IPv4 (ISO/IEC TR 9577).
pub(super) const NLPID_V4: u8 = 0xcc;
/// Network layer protocol identifier of IPv6 (ISO/IEC TR 9577).
pub(super) const NLPID_V6: u8 = 0x8e;
/// Protocol identifier of 802.1 for bridged Ethernet with a frame check sequence (RFC 2427 section
/// 4.2).
const BRIDGED_WITH_FCS: u16 = 1;
/// Protocol identifier of 802.1 for bridged Ethernet without a frame check sequence (RFC 2427
/// section 4.2).
const BRIDGED_WITHOUT_FCS: u16 = 7;
/// Bytes before a bridged frame. ATM needs them for alignment (RFC 2684 section 5.2); all LLC has
/// them.
const BRIDGED_PADDING: usize = 2;
/// Bottom-of-stack bit of an MPLS label (RFC 3032).
const BOTTOM_OF_STACK: u8 = 1;

/// EtherType of a whole Ethernet frame (transparent bridging), from its addresses on.
pub(super) const BRIDGED: u16 = 0x6558;
/// IEEE 802.1Q.
const VLAN: u16 = 0x8100;
/// IEEE 802.1ad.
const PROVIDER_VLAN: u16 = 0x88a8;
/// QinQ before IEEE 802.1ad.
const OLD_QINQ: u16 = 0x9100;
/// IEC 62439-3, HSR.
const HSR: u16 = 0x892f;
/// VN-Tag, which preceded IEEE 802.1BR.
const VN_TAG: u16 = 0x8926;
const CISCO_METADATA: u16 = 0x8909;
/// IEEE 802.1ah.
const PROVIDER_BACKBONE: u16 = 0x88e7;
const FABRIC_PATH: u16 = 0x8903;
const TRILL: u16 = 0x22f3;
const MACSEC: u16 = 0x88e5;
/// Network Service Header (RFC 8300).
const NSH: u16 = 0x894f;
/// Length of the two addresses of an Ethernet frame, in bytes.
const ADDRESSES_LEN: usize = 12;
/// MACsec control bit: the payload is encrypted.
const MACSEC_ENCRYPTED: u8 = 0x08;
/// MACsec control bit: the payload is changed.
const MACSEC_CHANGED: u8 = 0x04;
/// MACsec control bit: a secure channel identifier is present.
const MACSEC_HAS_SCI: u8 = 0x20;

/// PPP address field: all stations.
const ALL_STATIONS: u8 = 0xff;
/// PPP control field: unnumbered information.
const UNNUMBERED: u8 = 0x03;
const CISCO_UNICAST: u8 = 0x0f;
const CISCO_BROADCAST: u8 = 0x8f;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const PPP_MPLS: u16 = 0x0281;
const PPP_MPLS_MULTICAST: u16 = 0x0283;
const PPP_MULTILINK: u16 = 0x003d;
/// Multilink flags (RFC 1990): the fragment is both the beginning and the end of a packet.
const UNFRAGMENTED: u8 = 0xc0;

/// Parses destination, source and type. The address of the interface determines the direction.
#[inline(always)]
pub(super) fn parse<'a>(
    interface: &Interface,
    bytes: &'a [u8],
) -> Result<LinkPayload<'a>, Discard> {
    let (destination, rest) = split_prefix::<6>(bytes)?;
    let (source, rest) = split_prefix::<6>(rest)?;
    let (ethertype, rest) = split_u16(rest)?;
    // Only the loopback has frames with both addresses zero.
    let loopback = *destination == ZERO_ADDRESS && *source == ZERO_ADDRESS;
    let direction = match interface.hardware_address {
        _ if loopback => Direction::Entering,
        Some(own) if own == *source => Direction::Leaving,
        Some(own) if own == *destination => Direction::Entering,
        _ => Direction::Unknown,
    };
    let (version, bytes) = match destination {
        [first, ..] if first & GROUP == 0 && ethertype == EtherType::IPV4.0 => {
            (IpVersion::V4, rest)
        }
        [0x01 | 0x03, 0, 0x0c, 0, 0, _] => {
            parse_ethertype(BRIDGED, skip_bytes(bytes, ISL_HEADER_LEN)?)?
        }
        _ => parse_ethertype(ethertype, rest)?,
    };
    Ok(LinkPayload {
        via: CapturePoint {
            interface: interface.number,
            direction,
            loopback,
        },
        version,
        bytes,
    })
}

/// Parses 802.2 LLC, which follows the length of an 802.3 frame.
pub(super) fn parse_llc(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    parse_ethertype(0, bytes)
}

/// Parses the payload of an EtherType, including any tags before it.
pub(super) fn parse_ethertype(
    mut ethertype: u16,
    mut bytes: &[u8],
) -> Result<NetworkPayload<'_>, Discard> {
    for _ in 0..=MAX_TAGS {
        (ethertype, bytes) = match EtherType(ethertype) {
            EtherType::IPV4 => return Ok((IpVersion::V4, bytes)),
            EtherType::IPV6 => return Ok((IpVersion::V6, bytes)),
            PPPOE_SESSION => return parse_pppoe_session(bytes),
            MPLS | MPLS_MULTICAST => return parse_mpls(bytes),
            EtherType(0..=MAX_LENGTH) | JUMBO => split_llc(bytes)?,
            EtherType(tag) => split_tag(tag, bytes)?,
        };
    }
    Err(Discard::NotIp)
}

/// Returns the EtherType and the payload of 802.2 LLC.
///
/// LLC contains IP directly (RFC 1042), the number of an OSI network protocol (RFC 2684), or SNAP.
fn split_llc(bytes: &[u8]) -> Result<(u16, &[u8]), Discard> {
    match split_prefix::<3>(bytes)? {
        (LLC_SNAP, rest) => split_snap(rest, BRIDGED_PADDING),
        (LLC_IP, rest) => Ok((EtherType::IPV4.0, rest)),
        (LLC_OSI, []) => Err(TRUNCATED),
        (LLC_OSI, [NLPID_V4, rest @ ..]) => Ok((EtherType::IPV4.0, rest)),
        (LLC_OSI, [NLPID_V6, rest @ ..]) => Ok((EtherType::IPV6.0, rest)),
        _ => Err(Discard::NotIp),
    }
}

/// Returns the EtherType and the payload of SNAP.
///
/// With a zero organization (RFC 1042) or that of 802.1H an EtherType follows. With that of 802.1,
/// a whole frame follows after `padding` bytes.
pub(super) fn split_snap(bytes: &[u8], padding: usize) -> Result<(u16, &[u8]), Discard> {
    let (organization, rest) = split_prefix::<3>(bytes)?;
    let (ethertype, rest) = split_u16(rest)?;
    match (organization, ethertype) {
        ([0, 0, 0 | 0xf8], MAX_LENGTH..) => Ok((ethertype, rest)),
        ([0, 0x80, 0xc2], BRIDGED_WITH_FCS | BRIDGED_WITHOUT_FCS) => {
            Ok((BRIDGED, skip_bytes(rest, padding)?))
        }
        _ => Err(Discard::NotIp),
    }
}

/// Parses an MPLS label stack (RFC 3032) and its payload.
///
/// The bottom label does not contain the payload's type. IP starts like IP; everything else is a
/// pseudowire (RFC 4928).
pub(super) fn parse_mpls(mut bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    loop {
        let (&[_, _, low, _], rest) = split_prefix::<4>(bytes)?;
        bytes = rest;
        if low & BOTTOM_OF_STACK != 0 {
            break;
        }
    }
    match bytes.first().ok_or(TRUNCATED)? >> 4 {
        4 => Ok((IpVersion::V4, bytes)),
        6 => Ok((IpVersion::V6, bytes)),
        _ => Err(Undecodable::Mpls.into()),
    }
}

/// Returns the EtherType and the payload behind the tag of this EtherType.
fn split_tag(ethertype: u16, bytes: &[u8]) -> Result<(u16, &[u8]), Discard> {
    let length = match ethertype {
        VLAN | PROVIDER_VLAN | OLD_QINQ => 2,
        HSR | VN_TAG => 4,
        CISCO_METADATA => 6,
        PROVIDER_BACKBONE => 4 + ADDRESSES_LEN,
        BRIDGED => ADDRESSES_LEN,
        FABRIC_PATH => 2 + ADDRESSES_LEN,
        TRILL => 6 + 4 * trill_option_words(bytes)? + ADDRESSES_LEN,
        MACSEC => macsec_tag_len(bytes)?,
        NSH => return split_nsh(bytes),
        _ => return Err(Discard::NotIp),
    };
    split_u16(skip_bytes(bytes, length)?)
}

/// Returns the length of the TRILL options in 4-byte words (RFC 6325 section 3).
///
/// The fields are version, reserved, multicast, length of the options, hop count.
fn trill_option_words(bytes: &[u8]) -> Result<usize, Discard> {
    let (first, _) = split_u16(bytes)?;
    Ok(usize::from(first >> 6 & 0x1f))
}

/// Returns the length of a MACsec tag (IEEE 802.1AE), in bytes. A payload that is only signed is
/// readable.
///
/// The fields are control, short length, packet number, and an optional secure channel identifier.
fn macsec_tag_len(bytes: &[u8]) -> Result<usize, Discard> {
    let (&[control], _) = split_prefix::<1>(bytes)?;
    match (
        control & (MACSEC_ENCRYPTED | MACSEC_CHANGED),
        control & MACSEC_HAS_SCI,
    ) {
        (0, 0) => Ok(6),
        (0, _) => Ok(14),
        _ => Err(Undecodable::Encrypted.into()),
    }
}

/// Returns the EtherType and the payload of a Network Service Header (RFC 8300 section 2).
///
/// It contains its length in 4-byte words, and a next protocol from a number space of its own.
fn split_nsh(bytes: &[u8]) -> Result<(u16, &[u8]), Discard> {
    let (&[_, words, _, next_protocol], _) = split_prefix::<4>(bytes)?;
    let ethertype = match next_protocol {
        1 => EtherType::IPV4.0,
        2 => EtherType::IPV6.0,
        3 => BRIDGED,
        _ => return Err(Discard::NotIp),
    };
    Ok((ethertype, skip_bytes(bytes, usize::from(words & 0x3f) * 4)?))
}

/// Parses PPP with or without address and control fields, or Cisco HDLC in its place.
pub(super) fn parse_ppp(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    match split_prefix::<2>(bytes)? {
        ([ALL_STATIONS, UNNUMBERED], rest) => parse_ppp_protocol(rest),
        ([CISCO_UNICAST | CISCO_BROADCAST, 0], _) => parse_cisco_hdlc(bytes),
        _ => parse_ppp_protocol(bytes),
    }
}

/// Parses a PPPoE session header: version and type, code, session, length.
pub(super) fn parse_pppoe_session(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let (_header, rest) = split_prefix::<6>(bytes)?;
    parse_ppp_protocol(rest)
}

/// Parses Cisco HDLC: address, control, and an EtherType.
pub(super) fn parse_cisco_hdlc(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let (_header, rest) = split_u16(bytes)?;
    let (ethertype, rest) = split_u16(rest)?;
    match ethertype {
        0..=0x05ff => Err(Discard::NotIp),
        _ => parse_ethertype(ethertype, rest),
    }
}

/// Parses PPP from the protocol field on. A multilink header (RFC 1990) may come first.
pub(super) fn parse_ppp_protocol(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    match split_ppp_protocol(bytes)? {
        (PPP_MULTILINK, [UNFRAGMENTED, _, _, _, rest @ ..]) => {
            parse_ppp_payload(split_ppp_protocol(rest)?)
        }
        (PPP_MULTILINK, [_, _, _, _, ..]) => Err(Discard::LaterFragment),
        (PPP_MULTILINK, _) => Err(TRUNCATED),
        payload => parse_ppp_payload(payload),
    }
}

fn parse_ppp_payload((protocol, rest): (u16, &[u8])) -> Result<NetworkPayload<'_>, Discard> {
    match protocol {
        PPP_IPV4 => Ok((IpVersion::V4, rest)),
        PPP_IPV6 => Ok((IpVersion::V6, rest)),
        PPP_MPLS | PPP_MPLS_MULTICAST => parse_mpls(rest),
        _ => Err(Discard::NotIp),
    }
}

/// Splits off the protocol field: two bytes, or one if the field is compressed.
///
/// The first of two bytes is even. If the first byte is odd, the high byte was omitted.
fn split_ppp_protocol(bytes: &[u8]) -> Result<(u16, &[u8]), Discard> {
    match bytes {
        [low, rest @ ..] if low & 1 != 0 => Ok((u16::from(*low), rest)),
        _ => split_u16(bytes),
    }
}
