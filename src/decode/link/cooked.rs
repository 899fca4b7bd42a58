//! Linux cooked captures: what the device `any` gives.

use etherparse::EtherType;

use super::super::skip::{Discard, TRUNCATED};
use super::{Announced, Opened, Version, begins_like_ip, ethernet, ppp, read_u16, take};
use crate::frame::Interface;
use crate::packet::{CapturePoint, Direction};

/// Packet type, hardware type, address length, address, protocol: 16 bytes.
pub(super) fn open<'a>(interface: &Interface, bytes: &'a [u8]) -> Result<Opened<'a>, Discard> {
    let (&[p0, p1, h0, h1, .., e0, e1], rest) = take::<16>(bytes)?;
    let via = via(
        interface.number,
        u16::from_be_bytes([p0, p1]),
        u16::from_be_bytes([h0, h1]),
    );
    let (version, bytes) = protocol(u16::from_be_bytes([e0, e1]), rest)?;
    Ok(Opened {
        via,
        version,
        bytes,
    })
}

/// Protocol, reserved, interface index, hardware type, packet type, address length, address: 20 bytes.
#[inline(always)]
pub(super) fn open_v2(bytes: &[u8]) -> Result<Opened<'_>, Discard> {
    let (&[e0, e1, _, _, i0, i1, i2, i3, h0, h1, packet_type, ..], rest) = take::<20>(bytes)?;
    let via = via(
        u32::from_be_bytes([i0, i1, i2, i3]),
        packet_type.into(),
        u16::from_be_bytes([h0, h1]),
    );
    let ethertype = u16::from_be_bytes([e0, e1]);
    let (version, bytes) = match ethertype {
        IPV4 if begins_like_ip(rest) => (Version::V4, rest),
        _ => beyond(ethertype, rest)?,
    };
    Ok(Opened {
        via,
        version,
        bytes,
    })
}

/// The kernel takes the outer of two tags off and names the innermost protocol: what is left of the tags stands before the IP
/// header, and no tag begins like one.
#[inline(never)]
fn beyond(ethertype: u16, bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let left = match ethertype {
        IPV4 | IPV6 if !begins_like_ip(bytes) => {
            let left = [4, 8].into_iter().find_map(|by| behind_tags(bytes, by));
            if left.is_none() && bytes.len() <= 8 {
                return Err(TRUNCATED);
            }
            left
        }
        _ => None,
    };
    left.map_or_else(|| protocol(ethertype, bytes), Ok)
}

fn via(interface: u32, packet_type: u16, hardware_type: u16) -> CapturePoint {
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

/// An Ethernet type, or one of Linux' own numbers for frames that have none.
fn protocol(number: u16, bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    match number {
        ETH_P_802_2 => ethernet::logical(bytes),
        ETH_P_PPP_MP | ETH_P_HDLC => ppp::open(bytes),
        0..ETH_P_802_3_MIN => Err(Discard::NotIp),
        ethertype => ethernet::typed(ethertype, bytes),
    }
}

fn behind_tags(bytes: &[u8], by: usize) -> Option<Announced<'_>> {
    let (ethertype, rest) = read_u16(bytes.get(by - 2..)?).ok()?;
    let version = match ethertype {
        IPV4 => Version::V4,
        IPV6 => Version::V6,
        _ => return None,
    };
    begins_like_ip(rest).then_some((version, rest))
}

const IPV4: u16 = EtherType::IPV4.0;
const IPV6: u16 = EtherType::IPV6.0;
/// `PACKET_OUTGOING` of packet(7).
const PACKET_OUTGOING: u16 = 4;
/// Of <linux/if_arp.h>.
const ARPHRD_LOOPBACK: u16 = 772;
/// Of <linux/if_ether.h>: frames that begin with 802.2 LLC.
const ETH_P_802_2: u16 = 0x0004;
/// Of <linux/if_ether.h>: frames of PPP, as pppd and libpcap number them.
const ETH_P_PPP_MP: u16 = 0x0007;
const ETH_P_HDLC: u16 = 0x0019;
/// Of <linux/if_ether.h>: numbers below are no Ethernet types.
const ETH_P_802_3_MIN: u16 = 0x0600;
