//! Parses headers of firewalls and operating systems before packets or frames: PFLOG, NFLOG, PPI,
//! PKTAP.

use super::super::error::{Discard, MALFORMED};
use super::linux_sll::version_of_family;
use super::payload::{IpVersion, NetworkPayload, skip_bytes, split_prefix};
use crate::frame::Link;
use crate::packet::Direction;

/// `NFULA_PAYLOAD` of <linux/netfilter/nfnetlink_log.h>.
const NFULA_PAYLOAD: u16 = 9;
/// PKTAP flag: the frame enters the host.
const PKTAP_INBOUND: u8 = 1;
/// PKTAP flag: the frame leaves the host.
const PKTAP_OUTBOUND: u8 = 2;

/// Parses PFLOG, the header of the packet filter of the BSDs: its length and the address family.
///
/// The length does not include the padding to a multiple of 4 bytes.
pub(super) fn parse_pflog(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let (&[length, family], _) = split_prefix::<2>(bytes)?;
    let version = version_of_family(family.into()).ok_or(Discard::NotIp)?;
    Ok((
        version,
        skip_bytes(bytes, usize::from(length).next_multiple_of(4))?,
    ))
}

/// Parses NFLOG, the header of Linux netfilter: family, version, resource, then attributes.
///
/// Each attribute has a length and a type, in the byte order of the host. One of them is the
/// packet.
pub(super) fn parse_nflog(bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let (&[family, _, _, _], mut attributes) = split_prefix::<4>(bytes)?;
    let version = version_of_family(family.into()).unwrap_or(IpVersion::FromHeader);
    loop {
        let (&[l0, l1, t0, t1], _) = split_prefix::<4>(attributes)?;
        let length = usize::from(u16::from_le_bytes([l0, l1]));
        match (u16::from_le_bytes([t0, t1]), length) {
            (_, 0..4) => return Err(MALFORMED),
            // A truncated packet is shorter than the length of its attribute.
            (NFULA_PAYLOAD, _) => {
                return Ok((
                    version,
                    attributes
                        .get(4..length)
                        .or(attributes.get(4..))
                        .unwrap_or_default(),
                ));
            }
            _ => attributes = skip_bytes(attributes, length.next_multiple_of(4))?,
        }
    }
}

/// Parses Per-Packet Information: version, flags, length, link type.
pub(super) fn parse_ppi(bytes: &[u8]) -> Result<(Link, &[u8]), Discard> {
    let (&[_, _, l0, l1, link @ ..], _) = split_prefix::<8>(bytes)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length < 8 {
        return Err(MALFORMED);
    }
    Ok((
        Link::from_linktype(u32::from_le_bytes(link)),
        skip_bytes(bytes, length)?,
    ))
}

/// Parses PKTAP, the header of macOS: length, kind, link type, interface name, flags.
pub(super) fn parse_pktap(bytes: &[u8]) -> Result<(Link, Direction, &[u8]), Discard> {
    let (header, _) = split_prefix::<40>(bytes)?;
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
    let direction = match flags & (PKTAP_INBOUND | PKTAP_OUTBOUND) {
        PKTAP_INBOUND => Direction::Entering,
        PKTAP_OUTBOUND => Direction::Leaving,
        _ => Direction::Unknown,
    };
    Ok((
        Link::from_linktype(u32::from_le_bytes([k0, k1, k2, k3])),
        direction,
        skip_bytes(bytes, length)?,
    ))
}
