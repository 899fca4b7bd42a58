//! Parses link headers: locates the IP packet, and determines interface and direction of the frame.
//!
//! The formats are those of <https://www.tcpdump.org/linktypes.html>.

mod encapsulated;
mod ethernet;
mod legacy;
mod linux_sll;
mod wifi;

use super::error::{Discard, MALFORMED, TRUNCATED, Undecodable};
use crate::frame::{Frame, Interface, Link};
use crate::packet::{CapturePoint, Direction};

/// The payload of a link header, and where the frame was captured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LinkPayload<'a> {
    pub(super) via: CapturePoint,
    pub(super) version: IpVersion,
    /// The bytes from the IP header on.
    pub(super) bytes: &'a [u8],
}

/// The IP version according to the link header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IpVersion {
    V4,
    V6,
    /// The link header does not contain it: the first 4 bits of the packet do.
    FromHeader,
}

/// The IP version according to the link header, and the bytes from the IP header on.
type NetworkPayload<'a> = (IpVersion, &'a [u8]);

/// Parses the link header of a frame.
#[inline(always)]
pub(super) fn parse<'a>(frame: &Frame<'a>) -> Result<LinkPayload<'a>, Discard> {
    match frame.interface.link {
        Link::Ethernet => ethernet::parse(frame.interface, frame.bytes),
        Link::LinuxSll2 => linux_sll::parse_v2(frame.bytes),
        link => parse_as(link, frame.interface, frame.bytes),
    }
}

fn parse_as<'a>(
    link: Link,
    interface: &Interface,
    bytes: &'a [u8],
) -> Result<LinkPayload<'a>, Discard> {
    let without_direction = |(version, bytes)| LinkPayload {
        via: unknown_direction(interface),
        version,
        bytes,
    };
    match link {
        Link::Ethernet => ethernet::parse(interface, bytes),
        Link::LinuxSll => linux_sll::parse_v1(interface, bytes),
        Link::LinuxSll2 => linux_sll::parse_v2(bytes),
        Link::Null => {
            linux_sll::parse_loopback(interface, bytes, linux_sll::family_in_either_order)
        }
        Link::Loop => linux_sll::parse_loopback(interface, bytes, u32::from_be_bytes),
        Link::Raw => Ok(without_direction((IpVersion::FromHeader, bytes))),
        Link::Ppp => ethernet::parse_ppp(bytes).map(without_direction),
        Link::PppEther => ethernet::parse_pppoe_session(bytes).map(without_direction),
        Link::CiscoHdlc => ethernet::parse_cisco_hdlc(bytes).map(without_direction),
        Link::Llc => ethernet::parse_llc(bytes).map(without_direction),
        Link::Wifi => wifi::parse(bytes, false).map(without_direction),
        Link::WifiRadiotap => wifi::parse_radiotap(bytes).map(without_direction),
        Link::WifiPrism => wifi::parse_prism(bytes).map(without_direction),
        Link::PacketFilterLog => encapsulated::parse_pflog(bytes).map(without_direction),
        Link::NetfilterLog => encapsulated::parse_nflog(bytes).map(without_direction),
        Link::Ppi => {
            let (inner, bytes) = encapsulated::parse_ppi(bytes)?;
            parse_inner(inner, interface, bytes)
        }
        Link::Pktap => {
            let (inner, direction, bytes) = encapsulated::parse_pktap(bytes)?;
            let payload = parse_inner(inner, interface, bytes)?;
            Ok(LinkPayload {
                via: CapturePoint {
                    direction,
                    ..payload.via
                },
                ..payload
            })
        }
        Link::Legacy(legacy) => {
            let (direction, network_payload) = legacy::parse(legacy, bytes)?;
            let payload = without_direction(network_payload);
            Ok(LinkPayload {
                via: CapturePoint {
                    direction,
                    ..payload.via
                },
                ..payload
            })
        }
        Link::Other => Err(Undecodable::LinkType.into()),
    }
}

/// Parses a frame behind a header that encapsulates frames of any link layer, but not a second such
/// header.
fn parse_inner<'a>(
    inner: Link,
    interface: &Interface,
    bytes: &'a [u8],
) -> Result<LinkPayload<'a>, Discard> {
    match inner {
        Link::Ppi | Link::Pktap => Err(MALFORMED),
        inner => parse_as(inner, interface, bytes),
    }
}

const fn unknown_direction(interface: &Interface) -> CapturePoint {
    CapturePoint {
        interface: interface.number,
        direction: Direction::Unknown,
        loopback: false,
    }
}

/// Returns `true` if the first byte is that of an IP header.
///
/// IPv4 has version 4 and a header length of at least 5 words; IPv6 has version 6.
fn starts_like_ip(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x45..=0x4f | 0x60..=0x6f))
}

/// Splits off a 16-bit number in network byte order.
fn split_u16(bytes: &[u8]) -> Result<(u16, &[u8]), Discard> {
    let (two, rest) = split_prefix::<2>(bytes)?;
    Ok((u16::from_be_bytes(*two), rest))
}

/// Splits off the first `N` bytes.
fn split_prefix<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), Discard> {
    bytes.split_first_chunk::<N>().ok_or(TRUNCATED)
}

/// Returns the bytes after the first `length` bytes.
fn skip_bytes(bytes: &[u8], length: usize) -> Result<&[u8], Discard> {
    bytes.get(length..).ok_or(TRUNCATED)
}
