//! Ethernet, and what its type field leads to: tags, labels, sessions, 802.2.

use etherparse::EtherType;

use super::super::skip::{Discard, TRUNCATED, Undecodable};
use super::tags::{BRIDGED, behind_tag};
use super::{Announced, Opened, Version, behind, ppp, read_u16, take};
use crate::frame::Interface;
use crate::packet::{CapturePoint, Direction};

/// Destination, source, type. The interface's own address tells which way.
#[inline(always)]
pub(super) fn open<'a>(interface: &Interface, bytes: &'a [u8]) -> Result<Opened<'a>, Discard> {
    let (destination, rest) = take::<6>(bytes)?;
    let (source, rest) = take::<6>(rest)?;
    let (ethertype, rest) = read_u16(rest)?;
    // Only the loopback has frames from nobody to nobody.
    let loopback = *destination == NOBODY && *source == NOBODY;
    let direction = match interface.hardware_address {
        _ if loopback => Direction::Entering,
        Some(own) if own == *source => Direction::Leaving,
        Some(own) if own == *destination => Direction::Entering,
        _ => Direction::Unknown,
    };
    let (version, bytes) = match destination {
        [first, ..] if first & GROUP == 0 && ethertype == EtherType::IPV4.0 => (Version::V4, rest),
        [0x01 | 0x03, 0, 0x0c, 0, 0, _] => typed(BRIDGED, behind(bytes, INTER_SWITCH)?)?,
        _ => typed(ethertype, rest)?,
    };
    Ok(Opened {
        via: CapturePoint {
            interface: interface.number,
            direction,
            loopback,
        },
        version,
        bytes,
    })
}

/// Behind the length of an 802.3 frame: 802.2 LLC.
pub(super) fn logical(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    typed(0, bytes)
}

/// What a type field announces, below any tags.
pub(super) fn typed(mut ethertype: u16, mut bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    for _ in 0..=MAX_TAGS {
        (ethertype, bytes) = match EtherType(ethertype) {
            EtherType::IPV4 => return Ok((Version::V4, bytes)),
            EtherType::IPV6 => return Ok((Version::V6, bytes)),
            PPPOE_SESSION => return ppp::session(bytes),
            MPLS | MPLS_MULTICAST => return labelled(bytes),
            EtherType(0..=LONGEST) | JUMBO => behind_llc(bytes)?,
            EtherType(tag) => behind_tag(tag, bytes)?,
        };
    }
    Err(Discard::NotIp)
}

/// What 802.2 LLC announces: IP itself (RFC 1042), an OSI network protocol's number (RFC 2684), or SNAP.
fn behind_llc(bytes: &[u8]) -> Result<(u16, &[u8]), Discard> {
    match take::<3>(bytes)? {
        (SNAP, rest) => snap(rest, PADDING),
        (IP, rest) => Ok((EtherType::IPV4.0, rest)),
        (OSI, []) => Err(TRUNCATED),
        (OSI, [NLPID_V4, rest @ ..]) => Ok((EtherType::IPV4.0, rest)),
        (OSI, [NLPID_V6, rest @ ..]) => Ok((EtherType::IPV6.0, rest)),
        _ => Err(Discard::NotIp),
    }
}

/// A type, where the organization is none (RFC 1042) or 802.1H's; a whole frame, where it is 802.1's.
pub(super) fn snap(bytes: &[u8], padding: usize) -> Result<(u16, &[u8]), Discard> {
    let (organization, rest) = take::<3>(bytes)?;
    let (ethertype, rest) = read_u16(rest)?;
    match (organization, ethertype) {
        ([0, 0, 0 | 0xf8], LONGEST..) => Ok((ethertype, rest)),
        ([0, 0x80, 0xc2], WITH_CHECK | WITHOUT_CHECK) => Ok((BRIDGED, behind(rest, padding)?)),
        _ => Err(Discard::NotIp),
    }
}

/// Labels up to the bottom of the stack (RFC 3032). What stands there does not say what it is: IP begins like IP, and
/// all else is a pseudowire (RFC 4928).
pub(super) fn labelled(mut bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    loop {
        let (&[_, _, low, _], rest) = take::<4>(bytes)?;
        bytes = rest;
        if low & BOTTOM != 0 {
            break;
        }
    }
    match bytes.first().ok_or(TRUNCATED)? >> 4 {
        4 => Ok((Version::V4, bytes)),
        6 => Ok((Version::V6, bytes)),
        _ => Err(Undecodable::Mpls.into()),
    }
}

/// Cisco's ISL, before the whole frame: it is known by its destination.
const INTER_SWITCH: usize = 26;
/// Of an address, that it is for several (IEEE 802.3 section 3.2.3).
const GROUP: u8 = 1;
const NOBODY: [u8; 6] = [0; 6];
const PPPOE_SESSION: EtherType = EtherType(0x8864);
const MPLS: EtherType = EtherType(0x8847);
const MPLS_MULTICAST: EtherType = EtherType(0x8848);
/// 802.2 LLC in frames too long for their length to be told (draft-ietf-isis-ext-eth).
const JUMBO: EtherType = EtherType(0x8870);
/// Up to here the type field is a length (IEEE 802.3 section 3.2.6).
const LONGEST: u16 = 1500;
/// DSAP, SSAP, and unnumbered information.
const SNAP: &[u8; 3] = &[0xaa, 0xaa, 0x03];
const IP: &[u8; 3] = &[0x06, 0x06, 0x03];
const OSI: &[u8; 3] = &[0xfe, 0xfe, 0x03];
/// Of ISO/IEC TR 9577.
pub(super) const NLPID_V4: u8 = 0xcc;
pub(super) const NLPID_V6: u8 = 0x8e;
/// 802.1's numbers for bridged Ethernet (RFC 2427 section 4.2).
const WITH_CHECK: u16 = 1;
const WITHOUT_CHECK: u16 = 7;
/// Bytes before a bridged frame: to align it over ATM (RFC 2684 section 5.2), and kept behind any LLC.
const PADDING: usize = 2;
const BOTTOM: u8 = 1;
/// More tags than any network stacks.
const MAX_TAGS: usize = 6;
