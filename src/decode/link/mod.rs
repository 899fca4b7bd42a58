//! Parses link headers: locates the IP packet, and determines interface and direction of the frame.
//!
//! The formats are those of <https://www.tcpdump.org/linktypes.html>.

mod payload;
mod encapsulated;
mod ethernet;
mod legacy;
mod linux_sll;
mod wifi;

use super::error::{Discard, MALFORMED, Undecodable};
use crate::frame::{Frame, Interface, Link};
use crate::packet::CapturePoint;
use payload::unknown_direction;
pub(super) use payload::{IpVersion, LinkPayload};

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
