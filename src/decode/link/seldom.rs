//! Link layers of other systems and other times: only files have them.
//!
//! The formats are those of <https://www.tcpdump.org/linktypes.html>.

use super::super::skip::{Discard, TRUNCATED, Undecodable};
use super::ethernet::{self, NLPID_V4, NLPID_V6};
use super::loopback::{either_order, version_of};
use super::tags::BRIDGED;
use super::{Announced, Version, behind, ppp, read_u16, take};
use crate::frame::LegacyLink;
use crate::packet::Direction;

/// Which way the frame went, and what it carries.
pub(super) fn open(link: LegacyLink, bytes: &[u8]) -> Result<(Direction, Announced<'_>), Discard> {
    let silent = |announced| (Direction::Unknown, announced);
    match link {
        LegacyLink::TokenRing => token_ring(bytes).map(silent),
        LegacyLink::Arcnet => arcnet(behind(bytes, 2)?).map(silent),
        LegacyLink::ArcnetLinux => arcnet(behind(bytes, 4)?).map(silent),
        LegacyLink::Fddi => fddi(bytes).map(silent),
        LegacyLink::Symantec => symantec(bytes).map(silent),
        LegacyLink::FrameRelay => frame_relay(bytes).map(silent),
        LegacyLink::Enc => enc(bytes).map(silent),
        LegacyLink::FibreChannel => ethernet::logical(behind(bytes, 16)?).map(silent),
        LegacyLink::SunAtm => sun_atm(bytes).map(silent),
        LegacyLink::Firewire => at_type(bytes, 16).map(silent),
        LegacyLink::Juniper => juniper(bytes, bridged).map(silent),
        LegacyLink::JuniperPpp => juniper(bytes, ppp::open).map(silent),
        LegacyLink::JuniperFrameRelay => juniper(bytes, frame_relay).map(silent),
        LegacyLink::JuniperCisco => juniper(bytes, ppp::cisco).map(silent),
        LegacyLink::Erf => erf(bytes).map(silent),
        LegacyLink::PppDirection => directed(bytes, ppp_behind_direction),
        LegacyLink::CiscoDirection => directed(bytes, ppp::cisco),
        LegacyLink::FrameRelayDirection => directed(bytes, frame_relay),
        LegacyLink::Mpls => ethernet::labelled(bytes).map(silent),
        LegacyLink::Infiniband => infiniband(bytes).map(silent),
        LegacyLink::SwitchTag => at_type(bytes, 16).map(silent),
        LegacyLink::SwitchTagLong => at_type(bytes, 20).map(silent),
        LegacyLink::BehindTag => bridged(behind(bytes, 4)?).map(silent),
        LegacyLink::Slip => directed(bytes, |bytes| Ok((Version::Own, behind(bytes, 15)?))),
        LegacyLink::IpNet => Ok(silent((Version::Own, behind(bytes, 24)?))),
    }
}

/// Access control, frame control, destination, source; with a route where the source's highest bit says so.
fn token_ring(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let (&[_, control, _, _, _, _, _, _, source, ..], rest) = take::<14>(bytes)?;
    if control & 0xc0 != 0x40 {
        return Err(Discard::NotIp);
    }
    let route = match rest {
        [length, ..] if source & 0x80 != 0 => usize::from(length & 0x1f),
        _ => 0,
    };
    ethernet::logical(behind(rest, route)?)
}

/// Frame control, destination, source.
fn fddi(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    match take::<13>(bytes)? {
        (&[0x50..=0x5f, ..], rest) => ethernet::logical(rest),
        _ => Err(Discard::NotIp),
    }
}

/// From the protocol on (RFC 1201, RFC 1051). What is split says how far, and a sequence number.
fn arcnet(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    match bytes {
        [0xf0, rest @ ..] => Ok((Version::V4, rest)),
        [0xd4, 0, _, _, rest @ ..] => Ok((Version::V4, rest)),
        [0xd4, split, _, _, rest @ ..] if split & 1 != 0 && *split != 0xff => {
            Ok((Version::V4, rest))
        }
        [0xd4, _, _, _, ..] => Err(Discard::LaterFragment),
        [] | [0xd4, ..] => Err(TRUNCATED),
        _ => Err(Discard::NotIp),
    }
}

/// Two versions, told apart by where the type stands.
fn symantec(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    match read_u16(behind(bytes, 6)?)? {
        (0, _) => ethernet::typed(read_u16(behind(bytes, 20)?)?.0, behind(bytes, 56)?),
        (ethertype, _) => ethernet::typed(ethertype, behind(bytes, 44)?),
    }
}

/// An address of two to four bytes, then what RFC 2427 says, or an Ethernet type, as Cisco does.
fn frame_relay(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let address = bytes
        .iter()
        .take(4)
        .take_while(|byte| **byte & 1 == 0)
        .count()
        + 1;
    let rest = behind(bytes, address.max(2))?;
    let [0x03, rest @ ..] = rest else {
        return at_type(rest, 0);
    };
    match rest.strip_prefix(&[0]).unwrap_or(rest) {
        [NLPID_V4, rest @ ..] => Ok((Version::V4, rest)),
        [NLPID_V6, rest @ ..] => Ok((Version::V6, rest)),
        [0x80, rest @ ..] => {
            let (ethertype, rest) = ethernet::snap(rest, 0)?;
            ethernet::typed(ethertype, rest)
        }
        [0xcf, rest @ ..] => ppp::protocol(rest),
        [] => Err(TRUNCATED),
        _ => Err(Discard::NotIp),
    }
}

/// Address family in the byte order of whoever captured, index, flags.
fn enc(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let (&[f0, f1, f2, f3, ..], rest) = take::<12>(bytes)?;
    let version = version_of(either_order([f0, f1, f2, f3])).ok_or(Discard::NotIp)?;
    Ok((version, rest))
}

/// Direction and kind of traffic, path, channel; LLC is kind 2.
fn sun_atm(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    match take::<4>(bytes)? {
        (&[kind, _, _, _], rest) if kind & 0x0f == 2 => ethernet::logical(rest),
        _ => Err(Discard::NotIp),
    }
}

/// Magic, flags, and extensions where the flags say so. Without a link header nothing tells what follows.
fn juniper(
    bytes: &[u8],
    open: impl Fn(&[u8]) -> Result<Announced<'_>, Discard>,
) -> Result<Announced<'_>, Discard> {
    let (&[_, _, _, flags], rest) = take::<4>(bytes)?;
    let rest = if flags & 0x80 == 0 {
        rest
    } else {
        let (length, rest) = read_u16(rest)?;
        behind(rest, length.into())?
    };
    if flags & 0x02 == 0 {
        open(rest)
    } else {
        Err(Undecodable::LinkType.into())
    }
}

fn bridged(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    ethernet::typed(BRIDGED, bytes)
}

/// Time, type, flags, lengths, lost packets; further headers as long as each says so.
fn erf(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let (&[.., kind, _, _, _, _, _, _, _], mut rest) = take::<16>(bytes)?;
    let mut more = kind & 0x80 != 0;
    while more {
        let (&[first, ..], further) = take::<8>(rest)?;
        (more, rest) = (first & 0x80 != 0, further);
    }
    match kind & 0x7f {
        2 | 11 | 16 | 20 => ethernet::typed(BRIDGED, behind(rest, 2)?),
        1 | 10 | 15 | 17 => ppp::open(rest),
        22 => Ok((Version::V4, rest)),
        23 => Ok((Version::V6, rest)),
        _ => Err(Discard::NotIp),
    }
}

/// A route header, and a type with two bytes reserved behind it.
fn infiniband(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let (ethertype, rest) = read_u16(behind(bytes, 40)?)?;
    ethernet::typed(ethertype, behind(rest, 2)?)
}

/// pppd writes the direction over PPP's address, others before it.
fn ppp_behind_direction(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    match bytes {
        [0x03, rest @ ..] => ppp::protocol(rest),
        _ => ppp::open(bytes),
    }
}

fn at_type(bytes: &[u8], offset: usize) -> Result<Announced<'_>, Discard> {
    let (ethertype, rest) = read_u16(behind(bytes, offset)?)?;
    ethernet::typed(ethertype, rest)
}

/// A first byte of zero says that the host received the frame.
fn directed(
    bytes: &[u8],
    open: impl Fn(&[u8]) -> Result<Announced<'_>, Discard>,
) -> Result<(Direction, Announced<'_>), Discard> {
    let (&[sent], rest) = take::<1>(bytes)?;
    let direction = if sent == 0 {
        Direction::Entering
    } else {
        Direction::Leaving
    };
    Ok((direction, open(rest)?))
}
