//! Packets and frames that a firewall or a system has put a header of its own before.

use super::super::skip::{Discard, MALFORMED};
use super::loopback::version_of;
use super::{Announced, Version, behind, take};
use crate::frame::Link;
use crate::packet::Direction;

/// PFLOG, of the BSDs' firewall: its length, which leaves the padding to a multiple of four out, and the address family.
pub(super) fn packet_filter_log(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let (&[length, family], _) = take::<2>(bytes)?;
    let version = version_of(family.into()).ok_or(Discard::NotIp)?;
    Ok((
        version,
        behind(bytes, usize::from(length).next_multiple_of(4))?,
    ))
}

/// NFLOG, of Linux' firewall: family, version, resource, then attributes of length and type, in the byte order of the
/// host; one of them is the packet.
pub(super) fn netfilter_log(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let (&[family, _, _, _], mut attributes) = take::<4>(bytes)?;
    let version = version_of(family.into()).unwrap_or(Version::Own);
    loop {
        let (&[l0, l1, t0, t1], _) = take::<4>(attributes)?;
        let length = usize::from(u16::from_le_bytes([l0, l1]));
        match (u16::from_le_bytes([t0, t1]), length) {
            (_, 0..4) => return Err(MALFORMED),
            // A packet that was cut is shorter than its attribute says.
            (PAYLOAD, _) => {
                return Ok((
                    version,
                    attributes
                        .get(4..length)
                        .or(attributes.get(4..))
                        .unwrap_or_default(),
                ));
            }
            _ => attributes = behind(attributes, length.next_multiple_of(4))?,
        }
    }
}

/// Per-Packet Information: version, flags, length, link type.
pub(super) fn ppi(bytes: &[u8]) -> Result<(Link, &[u8]), Discard> {
    let (&[_, _, l0, l1, link @ ..], _) = take::<8>(bytes)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length < 8 {
        return Err(MALFORMED);
    }
    Ok((
        Link::of_number(u32::from_le_bytes(link)),
        behind(bytes, length)?,
    ))
}

/// PKTAP, of macOS: length, kind, link type, the interface's name, flags.
pub(super) fn pktap(bytes: &[u8]) -> Result<(Link, Direction, &[u8]), Discard> {
    let (header, _) = take::<40>(bytes)?;
    let &[
        l0,
        l1,
        l2,
        l3,
        _,
        _,
        _,
        _,
        k0,
        k1,
        k2,
        k3,
        ..,
        flags,
        _,
        _,
        _,
    ] = header;
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    if length < header.len() {
        return Err(MALFORMED);
    }
    let direction = match flags & (COMES_IN | GOES_OUT) {
        COMES_IN => Direction::Entering,
        GOES_OUT => Direction::Leaving,
        _ => Direction::Unknown,
    };
    Ok((
        Link::of_number(u32::from_le_bytes([k0, k1, k2, k3])),
        direction,
        behind(bytes, length)?,
    ))
}

/// `NFULA_PAYLOAD` of <linux/netfilter/nfnetlink_log.h>.
const PAYLOAD: u16 = 9;
const COMES_IN: u8 = 1;
const GOES_OUT: u8 = 2;
