//! Parses link layers of older or non-Linux systems, which occur only in capture files.
//!
//! The formats are those of <https://www.tcpdump.org/linktypes.html>.

use super::super::error::{Discard, TRUNCATED, Undecodable};
use super::ethernet::{self, BRIDGED, NLPID_V4, NLPID_V6};
use super::linux_sll::{family_in_either_order, version_of_family};
use super::payload::{IpVersion, NetworkPayload, skip_bytes, split_prefix, split_u16};
use crate::frame::LegacyLink;
use crate::packet::Direction;

/// Parses a link header. Returns the direction of the frame and its payload.
pub(super) fn parse(
    link: LegacyLink,
    bytes: &[u8],
) -> Result<(Direction, NetworkPayload<'_>), Discard> {
    let unknown = |payload| (Direction::Unknown, payload);
    match link {
        LegacyLink::TokenRing => token_ring(bytes).map(unknown),
        LegacyLink::Arcnet => arcnet(skip_bytes(bytes, 2)?).map(unknown),
        LegacyLink::ArcnetLinux => arcnet(skip_bytes(bytes, 4)?).map(unknown),
        LegacyLink::Fddi => fddi(bytes).map(unknown),
        LegacyLink::Symantec => symantec(bytes).map(unknown),
        LegacyLink::FrameRelay => frame_relay(bytes).map(unknown),
        LegacyLink::Enc => enc(bytes).map(unknown),
        LegacyLink::FibreChannel => ethernet::parse_llc(skip_bytes(bytes, 16)?).map(unknown),
        LegacyLink::SunAtm => sun_atm(bytes).map(unknown),
        LegacyLink::Firewire => ethertype_at(bytes, 16).map(unknown),
        LegacyLink::Juniper => juniper(bytes, bridged).map(unknown),
        LegacyLink::JuniperPpp => juniper(bytes, ethernet::parse_ppp).map(unknown),
        LegacyLink::JuniperFrameRelay => juniper(bytes, frame_relay).map(unknown),
        LegacyLink::JuniperCisco => juniper(bytes, ethernet::parse_cisco_hdlc).map(unknown),
        LegacyLink::Erf => erf(bytes).map(unknown),
        LegacyLink::PppDirection => directed(bytes, ppp_behind_direction),
        LegacyLink::CiscoDirection => directed(bytes, ethernet::parse_cisco_hdlc),
        LegacyLink::FrameRelayDirection => directed(bytes, frame_relay),
        LegacyLink::Mpls => ethernet::parse_mpls(bytes).map(unknown),
        LegacyLink::Infiniband => infiniband(bytes).map(unknown),
        LegacyLink::SwitchTag => ethertype_at(bytes, 16).map(unknown),
        LegacyLink::SwitchTagLong => ethertype_at(bytes, 20).map(unknown),
        LegacyLink::PrependedTag => bridged(skip_bytes(bytes, 4)?).map(unknown),
        LegacyLink::Slip => directed(bytes, |bytes| {
            Ok((IpVersion::FromHeader, skip_bytes(bytes, 15)?))
        }),
        LegacyLink::IpNet => Ok(unknown((IpVersion::FromHeader, skip_bytes(bytes, 24)?))),
    }
}

/// Parses access control, frame control, destination and source.
///
/// A source route follows if the highest bit of the source is set.
fn token_ring(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let (&[_, control, _, _, _, _, _, _, source, ..], rest) = split_prefix::<14>(bytes)?;
    if control & 0xc0 != 0x40 {
        return Err(Discard::NotIp);
    }
    let route = match rest {
        [length, ..] if source & 0x80 != 0 => usize::from(length & 0x1f),
        _ => 0,
    };
    ethernet::parse_llc(skip_bytes(rest, route)?)
}

/// Parses frame control, destination and source.
fn fddi(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    match split_prefix::<13>(bytes)? {
        (&[0x50..=0x5f, ..], rest) => ethernet::parse_llc(rest),
        _ => Err(Discard::NotIp),
    }
}

/// Parses ARCNET from the protocol on (RFC 1201, RFC 1051).
///
/// In RFC 1201, a split flag and a sequence number follow. The split flag of a fragmented packet
/// contains the position of the fragment.
fn arcnet(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    match bytes {
        [0xf0, rest @ ..] => Ok((IpVersion::V4, rest)),
        [0xd4, 0, _, _, rest @ ..] => Ok((IpVersion::V4, rest)),
        [0xd4, split, _, _, rest @ ..] if split & 1 != 0 && *split != 0xff => {
            Ok((IpVersion::V4, rest))
        }
        [0xd4, _, _, _, ..] => Err(Discard::LaterFragment),
        [] | [0xd4, ..] => Err(TRUNCATED),
        _ => Err(Discard::NotIp),
    }
}

/// Parses either of two versions, which have the EtherType at different offsets.
fn symantec(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    match split_u16(skip_bytes(bytes, 6)?)? {
        (0, _) => {
            ethernet::parse_ethertype(split_u16(skip_bytes(bytes, 20)?)?.0, skip_bytes(bytes, 56)?)
        }
        (ethertype, _) => ethernet::parse_ethertype(ethertype, skip_bytes(bytes, 44)?),
    }
}

/// Parses an address of 2 to 4 bytes, then the encapsulation of RFC 2427 or, by Cisco, an
/// EtherType.
fn frame_relay(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let address = bytes
        .iter()
        .take(4)
        .take_while(|byte| **byte & 1 == 0)
        .count()
        + 1;
    let rest = skip_bytes(bytes, address.max(2))?;
    let [0x03, rest @ ..] = rest else {
        return ethertype_at(rest, 0);
    };
    match rest.strip_prefix(&[0]).unwrap_or(rest) {
        [NLPID_V4, rest @ ..] => Ok((IpVersion::V4, rest)),
        [NLPID_V6, rest @ ..] => Ok((IpVersion::V6, rest)),
        [0x80, rest @ ..] => {
            let (ethertype, rest) = ethernet::split_snap(rest, 0)?;
            ethernet::parse_ethertype(ethertype, rest)
        }
        [0xcf, rest @ ..] => ethernet::parse_ppp_protocol(rest),
        [] => Err(TRUNCATED),
        _ => Err(Discard::NotIp),
    }
}

/// Parses address family, in the byte order of the capturing host, index and flags.
fn enc(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let (&[f0, f1, f2, f3, ..], rest) = split_prefix::<12>(bytes)?;
    let version =
        version_of_family(family_in_either_order([f0, f1, f2, f3])).ok_or(Discard::NotIp)?;
    Ok((version, rest))
}

/// Parses direction and kind of traffic, virtual path and virtual channel. LLC is kind 2.
fn sun_atm(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    match split_prefix::<4>(bytes)? {
        (&[kind, _, _, _], rest) if kind & 0x0f == 2 => ethernet::parse_llc(rest),
        _ => Err(Discard::NotIp),
    }
}

/// Parses magic number and flags, and extensions if a flag is set. `parse` parses the payload.
///
/// Another flag marks frames without a link header: the type of their payload is unknown.
fn juniper(
    bytes: &[u8],
    parse: impl Fn(&[u8]) -> Result<NetworkPayload<'_>, Discard>,
) -> Result<NetworkPayload<'_>, Discard> {
    let (&[_, _, _, flags], rest) = split_prefix::<4>(bytes)?;
    let rest = if flags & 0x80 == 0 {
        rest
    } else {
        let (length, rest) = split_u16(rest)?;
        skip_bytes(rest, length.into())?
    };
    if flags & 0x02 == 0 {
        parse(rest)
    } else {
        Err(Undecodable::LinkType.into())
    }
}

/// Parses a whole Ethernet frame. Its direction is ignored.
fn bridged(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    ethernet::parse_ethertype(BRIDGED, bytes)
}

/// Parses timestamp, type, flags, lengths and loss counter.
///
/// An extension header follows if the highest bit of the type, or of the previous extension, is
/// set.
fn erf(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let (&[.., kind, _, _, _, _, _, _, _], mut rest) = split_prefix::<16>(bytes)?;
    let mut has_extension = kind & 0x80 != 0;
    while has_extension {
        let (&[first, ..], behind) = split_prefix::<8>(rest)?;
        has_extension = first & 0x80 != 0;
        rest = behind;
    }
    match kind & 0x7f {
        2 | 11 | 16 | 20 => ethernet::parse_ethertype(BRIDGED, skip_bytes(rest, 2)?),
        1 | 10 | 15 | 17 => ethernet::parse_ppp(rest),
        22 => Ok((IpVersion::V4, rest)),
        23 => Ok((IpVersion::V6, rest)),
        _ => Err(Discard::NotIp),
    }
}

/// Parses a global route header, and an EtherType followed by two reserved bytes.
fn infiniband(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let (ethertype, rest) = split_u16(skip_bytes(bytes, 40)?)?;
    ethernet::parse_ethertype(ethertype, skip_bytes(rest, 2)?)
}

/// Parses PPP behind a direction byte. pppd overwrites the PPP address with it; others insert it.
fn ppp_behind_direction(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    match bytes {
        [0x03, rest @ ..] => ethernet::parse_ppp_protocol(rest),
        _ => ethernet::parse_ppp(bytes),
    }
}

/// Parses the payload of the EtherType at `offset`.
fn ethertype_at(bytes: &[u8], offset: usize) -> Result<NetworkPayload<'_>, Discard> {
    let (ethertype, rest) = split_u16(skip_bytes(bytes, offset)?)?;
    ethernet::parse_ethertype(ethertype, rest)
}

/// Parses a direction byte: zero if the host received the frame. `parse` parses the payload.
fn directed(
    bytes: &[u8],
    parse: impl Fn(&[u8]) -> Result<NetworkPayload<'_>, Discard>,
) -> Result<(Direction, NetworkPayload<'_>), Discard> {
    let (&[sent], rest) = split_prefix::<1>(bytes)?;
    let direction = if sent == 0 {
        Direction::Entering
    } else {
        Direction::Leaving
    };
    Ok((direction, parse(rest)?))
}
