//! Link layers: where the IP packet begins, and where and which way the frame was going.
//!
//! The formats are those of <https://www.tcpdump.org/linktypes.html>.

use etherparse::EtherType;

use super::skip::{Skip, TRUNCATED};
use crate::frame::{Frame, Interface, Link};
use crate::packet::{Direction, Via};

/// Takes the link header off.
pub(super) fn open<'a>(frame: &Frame<'a>) -> Result<(Via, &'a [u8]), Skip> {
    let bytes = frame.bytes;
    match frame.interface.link {
        Link::Ethernet => ethernet(frame.interface, bytes),
        Link::LinuxSll => cooked(frame.interface, bytes),
        Link::LinuxSll2 => cooked_v2(bytes),
        Link::Null => family(frame.interface, bytes, |four| {
            let (own, swapped) = (u32::from_le_bytes(four), u32::from_be_bytes(four));
            if own <= 0xffff { own } else { swapped }
        }),
        Link::Loop => family(frame.interface, bytes, u32::from_be_bytes),
        Link::Raw => Ok((unknown(frame.interface), bytes)),
    }
}

/// Destination, source, type; perhaps tags. The interface's own address tells which way.
fn ethernet<'a>(interface: &Interface, bytes: &'a [u8]) -> Result<(Via, &'a [u8]), Skip> {
    let (destination, rest) = bytes.split_first_chunk::<6>().ok_or(TRUNCATED)?;
    let (source, rest) = rest.split_first_chunk::<6>().ok_or(TRUNCATED)?;
    let (ethertype, rest) = read_u16(rest)?;
    // Only the loopback has frames from nobody to nobody.
    let loopback = *destination == NOBODY && *source == NOBODY;
    let direction = match interface.hardware_address {
        _ if loopback => Direction::Entering,
        Some(own) if own == *source => Direction::Leaving,
        Some(own) if own == *destination => Direction::Entering,
        _ => Direction::Unknown,
    };
    let via = Via { interface: interface.id.into(), direction, loopback };
    Ok((via, below_tags(ethertype, rest)?))
}

/// Packet type, hardware type, address length, address, protocol: 16 bytes.
fn cooked<'a>(interface: &Interface, bytes: &'a [u8]) -> Result<(Via, &'a [u8]), Skip> {
    let (header, rest) = bytes.split_first_chunk::<16>().ok_or(TRUNCATED)?;
    let &[p0, p1, h0, h1, .., e0, e1] = header;
    let via = via_of_cooked(interface.id.into(), u16::from_be_bytes([p0, p1]), u16::from_be_bytes([h0, h1]));
    Ok((via, below_tags(u16::from_be_bytes([e0, e1]), rest)?))
}

/// Protocol, reserved, interface index, hardware type, packet type, address length, address: 20 bytes.
fn cooked_v2(bytes: &[u8]) -> Result<(Via, &[u8]), Skip> {
    let (header, rest) = bytes.split_first_chunk::<20>().ok_or(TRUNCATED)?;
    let &[e0, e1, _, _, i0, i1, i2, i3, h0, h1, packet_type, ..] = header;
    let interface = u32::from_be_bytes([i0, i1, i2, i3]);
    let via = via_of_cooked(interface, packet_type.into(), u16::from_be_bytes([h0, h1]));
    let ethertype = u16::from_be_bytes([e0, e1]);
    // The kernel takes the outer of two tags off and names the innermost protocol: what is left of the tags stands
    // before the IP header, and no tag begins like one.
    let skipped = match ethertype {
        IPV4 | IPV6 if !begins_like_ip(rest) => [4, 8].into_iter().find(|&by| is_ip_behind_tag(rest, by)),
        _ => None,
    };
    match skipped {
        Some(by) => Ok((via, rest.get(by..).unwrap_or_default())),
        None => Ok((via, below_tags(ethertype, rest)?)),
    }
}

fn via_of_cooked(interface: u32, packet_type: u16, hardware_type: u16) -> Via {
    let loopback = hardware_type == ARPHRD_LOOPBACK;
    let direction = if packet_type == PACKET_OUTGOING && !loopback { Direction::Leaving } else { Direction::Entering };
    Via { interface, direction, loopback }
}

/// The BSD loopback: four bytes of address family, whose number for IPv6 differs between systems.
fn family<'a>(
    interface: &Interface,
    bytes: &'a [u8],
    number: impl Fn([u8; 4]) -> u32,
) -> Result<(Via, &'a [u8]), Skip> {
    let (four, rest) = bytes.split_first_chunk::<4>().ok_or(TRUNCATED)?;
    match number(*four) {
        2 | 10 | 24 | 28 | 30 => Ok((Via { loopback: true, ..unknown(interface) }, rest)),
        _ => Err(Skip::NotIp),
    }
}

fn unknown(interface: &Interface) -> Via {
    Via { interface: interface.id.into(), direction: Direction::Unknown, loopback: false }
}

/// Takes VLAN tags (802.1Q, 802.1ad and their forerunners) and a PPPoE session header off.
fn below_tags(mut ethertype: u16, mut bytes: &[u8]) -> Result<&[u8], Skip> {
    for _ in 0..=MAX_TAGS {
        match EtherType(ethertype) {
            EtherType::IPV4 | EtherType::IPV6 => return Ok(bytes),
            EtherType::VLAN_TAGGED_FRAME | EtherType::PROVIDER_BRIDGING | EtherType::VLAN_DOUBLE_TAGGED_FRAME => {
                let (_tag, rest) = read_u16(bytes)?;
                (ethertype, bytes) = read_u16(rest)?;
            }
            PPPOE_SESSION => {
                let (_header, rest) = bytes.split_first_chunk::<6>().ok_or(TRUNCATED)?;
                return match read_u16(rest)? {
                    (PPP_IPV4 | PPP_IPV6, rest) => Ok(rest),
                    _ => Err(Skip::NotIp),
                };
            }
            _ => return Err(Skip::NotIp),
        }
    }
    Err(Skip::NotIp)
}

/// IPv4 says 4 and at least five words of header, IPv6 says 6.
fn begins_like_ip(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x45..=0x4f | 0x60..=0x6f))
}

fn is_ip_behind_tag(bytes: &[u8], by: usize) -> bool {
    let ethertype = bytes.get(by - 2..).and_then(|from| read_u16(from).ok());
    matches!(ethertype, Some((IPV4 | IPV6, rest)) if begins_like_ip(rest))
}

fn read_u16(bytes: &[u8]) -> Result<(u16, &[u8]), Skip> {
    let (two, rest) = bytes.split_first_chunk::<2>().ok_or(TRUNCATED)?;
    Ok((u16::from_be_bytes(*two), rest))
}

const NOBODY: [u8; 6] = [0; 6];
const IPV4: u16 = EtherType::IPV4.0;
const IPV6: u16 = EtherType::IPV6.0;
const PPPOE_SESSION: EtherType = EtherType(0x8864);
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
/// More tags than any network stacks.
const MAX_TAGS: usize = 4;
/// `PACKET_OUTGOING` of packet(7).
const PACKET_OUTGOING: u16 = 4;
/// `ARPHRD_LOOPBACK` of <linux/if_arp.h>.
const ARPHRD_LOOPBACK: u16 = 772;
