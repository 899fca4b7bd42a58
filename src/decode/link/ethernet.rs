//! Ethernet, and what its type field leads to: tags, labels, sessions, 802.2.

use etherparse::EtherType;

use super::super::skip::{Skip, TRUNCATED, Undecodable};
use super::{Announced, Opened, Version, ppp, read_u16, take};
use crate::frame::Interface;
use crate::packet::{Direction, Via};

/// Destination, source, type. The interface's own address tells which way.
pub(super) fn open<'a>(interface: &Interface, bytes: &'a [u8]) -> Result<Opened<'a>, Skip> {
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
    let (version, bytes) = typed(ethertype, rest)?;
    Ok(Opened { via: Via { interface: interface.number, direction, loopback }, version, bytes })
}

/// What a type field announces, below any VLAN tags (802.1Q, 802.1ad and their forerunners).
pub(super) fn typed(mut ethertype: u16, mut bytes: &[u8]) -> Result<Announced<'_>, Skip> {
    for _ in 0..=MAX_TAGS {
        match EtherType(ethertype) {
            EtherType::IPV4 => return Ok((Version::V4, bytes)),
            EtherType::IPV6 => return Ok((Version::V6, bytes)),
            EtherType::VLAN_TAGGED_FRAME | EtherType::PROVIDER_BRIDGING | EtherType::VLAN_DOUBLE_TAGGED_FRAME => {
                let (_tag, rest) = read_u16(bytes)?;
                (ethertype, bytes) = read_u16(rest)?;
            }
            PPPOE_SESSION => return ppp::session(bytes),
            MPLS | MPLS_MULTICAST => return labelled(bytes),
            EtherType(0..=LONGEST) => return logical(bytes),
            _ => return Err(Skip::NotIp),
        }
    }
    Err(Skip::NotIp)
}

/// Behind the length of an 802.3 frame: 802.2 LLC that announces SNAP, and SNAP that announces a type.
pub(super) fn logical(bytes: &[u8]) -> Result<Announced<'_>, Skip> {
    match take::<3>(bytes)? {
        (SNAP, rest) => snap(rest),
        _ => Err(Skip::NotIp),
    }
}

/// The organization must be none (RFC 1042), or 802.1H's.
fn snap(bytes: &[u8]) -> Result<Announced<'_>, Skip> {
    let (organization, rest) = take::<3>(bytes)?;
    let (ethertype, rest) = read_u16(rest)?;
    match (organization, EtherType(ethertype)) {
        ([0, 0, 0 | 0xf8], EtherType::IPV4) => Ok((Version::V4, rest)),
        ([0, 0, 0 | 0xf8], EtherType::IPV6) => Ok((Version::V6, rest)),
        _ => Err(Skip::NotIp),
    }
}

/// Labels up to the bottom of the stack (RFC 3032). What stands there does not say what it is: IP begins like IP, and
/// all else is a pseudowire (RFC 4928).
fn labelled(mut bytes: &[u8]) -> Result<Announced<'_>, Skip> {
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

const NOBODY: [u8; 6] = [0; 6];
const PPPOE_SESSION: EtherType = EtherType(0x8864);
const MPLS: EtherType = EtherType(0x8847);
const MPLS_MULTICAST: EtherType = EtherType(0x8848);
/// Up to here the type field is a length (IEEE 802.3 section 3.2.6).
const LONGEST: u16 = 1500;
/// DSAP, SSAP, and unnumbered information.
const SNAP: &[u8; 3] = &[0xaa, 0xaa, 0x03];
const BOTTOM: u8 = 1;
/// More tags than any network stacks.
const MAX_TAGS: usize = 4;
