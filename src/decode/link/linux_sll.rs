//! Linux cooked captures, as the device `any` produces them, and BSD loopback.

use etherparse::EtherType;

use super::super::error::{Discard, TRUNCATED};
use super::ethernet;
use super::payload::{
    IpVersion, LinkPayload, NetworkPayload, split_prefix, split_u16, starts_like_ip,
    unknown_direction,
};
use crate::frame::Interface;
use crate::packet::{CapturePoint, Direction};

const IPV4: u16 = EtherType::IPV4.0;
const IPV6: u16 = EtherType::IPV6.0;
/// `PACKET_OUTGOING` of packet(7).
const PACKET_OUTGOING: u16 = 4;
/// From <linux/if_arp.h>.
const ARPHRD_LOOPBACK: u16 = 772;
/// From <linux/if_ether.h>: frames that begin with 802.2 LLC.
const ETH_P_802_2: u16 = 0x0004;
/// From <linux/if_ether.h>: PPP frames, as pppd numbers them.
const ETH_P_PPP_MP: u16 = 0x0007;
/// From <linux/if_ether.h>: PPP frames, as libpcap numbers them.
const ETH_P_HDLC: u16 = 0x0019;
/// From <linux/if_ether.h>: smaller numbers are not EtherTypes.
const ETH_P_802_3_MIN: u16 = 0x0600;
/// `AF_INET` of all systems.
const AF_INET: u32 = 2;
/// `AF_INET6` of most BSDs.
const AF_INET6_BSD: u32 = 24;

/// Parses version 1 (16 bytes): packet type, hardware type, address length, address, protocol.
pub(super) fn parse_v1<'a>(
    interface: &Interface,
    bytes: &'a [u8],
) -> Result<LinkPayload<'a>, Discard> {
    let (&[p0, p1, h0, h1, .., e0, e1], rest) = split_prefix::<16>(bytes)?;
    let via = capture_point(
        interface.number,
        u16::from_be_bytes([p0, p1]),
        u16::from_be_bytes([h0, h1]),
    );
    let (version, bytes) = parse_protocol(u16::from_be_bytes([e0, e1]), rest)?;
    Ok(LinkPayload {
        via,
        version,
        bytes,
    })
}

/// Parses version 2 (20 bytes).
///
/// Its fields are protocol, reserved, interface index, hardware type, packet type, address length
/// and address.
#[inline(always)]
pub(super) fn parse_v2(bytes: &[u8]) -> Result<LinkPayload<'_>, Discard> {
    let (&[e0, e1, _, _, i0, i1, i2, i3, h0, h1, packet_type, ..], rest) =
        split_prefix::<20>(bytes)?;
    let via = capture_point(
        u32::from_be_bytes([i0, i1, i2, i3]),
        packet_type.into(),
        u16::from_be_bytes([h0, h1]),
    );
    let ethertype = u16::from_be_bytes([e0, e1]);
    let (version, bytes) = match ethertype {
        IPV4 if starts_like_ip(rest) => (IpVersion::V4, rest),
        _ => parse_v2_payload(ethertype, rest)?,
    };
    Ok(LinkPayload {
        via,
        version,
        bytes,
    })
}

/// Parses the payload of version 2, which may begin with the remainder of VLAN tags.
///
/// The kernel removes the outer one of two tags and sets the protocol to the innermost one. The
/// remainder of the tags precedes the IP header. No tag starts like an IP header.
#[inline(never)]
fn parse_v2_payload(ethertype: u16, bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    let behind_tags = match ethertype {
        IPV4 | IPV6 if !starts_like_ip(bytes) => {
            let behind_tags = [4, 8]
                .into_iter()
                .find_map(|length| ip_behind_tags(bytes, length));
            if behind_tags.is_none() && bytes.len() <= 8 {
                return Err(TRUNCATED);
            }
            behind_tags
        }
        _ => None,
    };
    behind_tags.map_or_else(|| parse_protocol(ethertype, bytes), Ok)
}

/// Parses a BSD loopback header: 4 bytes of address family, converted by `to_family`.
pub(super) fn parse_loopback<'a>(
    interface: &Interface,
    bytes: &'a [u8],
    to_family: impl Fn([u8; 4]) -> u32,
) -> Result<LinkPayload<'a>, Discard> {
    let (family, bytes) = split_prefix::<4>(bytes)?;
    let version = version_of_family(to_family(*family)).ok_or(Discard::NotIp)?;
    Ok(LinkPayload {
        via: CapturePoint {
            loopback: true,
            ..unknown_direction(interface)
        },
        version,
        bytes,
    })
}

/// Returns the address family in 4 bytes that have the byte order of the capturing host.
///
/// Families are small numbers, which reveals the byte order. Some systems write the family into the
/// first two of the four bytes; some write an EtherType into all of them.
pub(super) fn family_in_either_order(four: [u8; 4]) -> u32 {
    let little = u32::from_le_bytes(four);
    let big = u32::from_be_bytes(four);
    let number = if little <= 0xffff { little } else { big };
    match number {
        _ if number == u32::from(IPV4) => AF_INET,
        _ if number == u32::from(IPV6) => AF_INET6_BSD,
        _ if number & 0xffff == 0 && number >> 16 <= AF_INET6_BSD => number >> 16,
        _ if number & 0xff == 0 && number >> 8 <= AF_INET6_BSD => number >> 8,
        _ => number,
    }
}

/// Returns the IP version of an address family.
///
/// `AF_INET6` has different numbers on Linux (10), most BSDs (24), FreeBSD (28) and macOS (30).
pub(super) const fn version_of_family(family: u32) -> Option<IpVersion> {
    match family {
        AF_INET => Some(IpVersion::V4),
        10 | AF_INET6_BSD | 28 | 30 => Some(IpVersion::V6),
        _ => None,
    }
}

fn capture_point(interface: u32, packet_type: u16, hardware_type: u16) -> CapturePoint {
    let loopback = hardware_type == ARPHRD_LOOPBACK;
    let direction = if packet_type == PACKET_OUTGOING && !loopback {
        Direction::Leaving
    } else {
        Direction::Entering
    };
    CapturePoint {
        interface,
        direction,
        loopback,
    }
}

/// Parses the payload of a protocol number: an EtherType, or a number of Linux for frames without
/// one.
fn parse_protocol(number: u16, bytes: &[u8]) -> Result<NetworkPayload<'_>, Discard> {
    match number {
        ETH_P_802_2 => ethernet::parse_llc(bytes),
        ETH_P_PPP_MP | ETH_P_HDLC => ethernet::parse_ppp(bytes),
        0..ETH_P_802_3_MIN => Err(Discard::NotIp),
        ethertype => ethernet::parse_ethertype(ethertype, bytes),
    }
}

/// Returns the IP packet behind `length` bytes of tags, the last two of which are its EtherType.
fn ip_behind_tags(bytes: &[u8], length: usize) -> Option<NetworkPayload<'_>> {
    let (ethertype, rest) = split_u16(bytes.get(length - 2..)?).ok()?;
    let version = match ethertype {
        IPV4 => IpVersion::V4,
        IPV6 => IpVersion::V6,
        _ => return None,
    };
    starts_like_ip(rest).then_some((version, rest))
}
