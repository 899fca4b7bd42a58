//! Link layers: where the IP packet begins, and where and which way the frame was going.
//!
//! The formats are those of <https://www.tcpdump.org/linktypes.html>.

mod cooked;
mod ethernet;
mod loopback;
mod ppp;
mod seldom;
mod tags;
mod wifi;
mod wrapped;

use super::skip::{Discard, MALFORMED, TRUNCATED, Undecodable};
use crate::frame::{Frame, Interface, Link};
use crate::packet::{CapturePoint, Direction};

/// What stands behind the link header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Opened<'a> {
    pub(super) via: CapturePoint,
    pub(super) version: Version,
    /// From the IP header on.
    pub(super) bytes: &'a [u8],
}

/// Which IP the link header announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    V4,
    V6,
    /// It does not say: the first four bits of the packet do.
    Own,
}

/// An IP packet, and which IP it was said to be.
type Announced<'a> = (Version, &'a [u8]);

/// Takes the link header off.
#[inline(always)]
pub(super) fn open<'a>(frame: &Frame<'a>) -> Result<Opened<'a>, Discard> {
    match frame.interface.link {
        Link::Ethernet => ethernet::open(frame.interface, frame.bytes),
        Link::LinuxSll2 => cooked::open_v2(frame.bytes),
        link => layer(link, frame.interface, frame.bytes),
    }
}

fn layer<'a>(link: Link, interface: &Interface, bytes: &'a [u8]) -> Result<Opened<'a>, Discard> {
    let silent = |(version, bytes)| Opened {
        via: unknown(interface),
        version,
        bytes,
    };
    match link {
        Link::Ethernet => ethernet::open(interface, bytes),
        Link::LinuxSll => cooked::open(interface, bytes),
        Link::LinuxSll2 => cooked::open_v2(bytes),
        Link::Null => loopback::open(interface, bytes, loopback::either_order),
        Link::Loop => loopback::open(interface, bytes, u32::from_be_bytes),
        Link::Raw => Ok(silent((Version::Own, bytes))),
        Link::Ppp => ppp::open(bytes).map(silent),
        Link::PppEther => ppp::session(bytes).map(silent),
        Link::CiscoHdlc => ppp::cisco(bytes).map(silent),
        Link::Llc => ethernet::logical(bytes).map(silent),
        Link::Wifi => wifi::open(bytes, false).map(silent),
        Link::WifiRadiotap => wifi::radiotap(bytes).map(silent),
        Link::WifiPrism => wifi::prism(bytes).map(silent),
        Link::PacketFilterLog => wrapped::packet_filter_log(bytes).map(silent),
        Link::NetfilterLog => wrapped::netfilter_log(bytes).map(silent),
        Link::Ppi => {
            let (inner, bytes) = wrapped::ppi(bytes)?;
            unwrapped(inner, interface, bytes)
        }
        Link::Pktap => {
            let (inner, direction, bytes) = wrapped::pktap(bytes)?;
            let opened = unwrapped(inner, interface, bytes)?;
            Ok(Opened {
                via: CapturePoint {
                    direction,
                    ..opened.via
                },
                ..opened
            })
        }
        Link::Legacy(seldom) => {
            let (direction, announced) = seldom::open(seldom, bytes)?;
            let opened = silent(announced);
            Ok(Opened {
                via: CapturePoint {
                    direction,
                    ..opened.via
                },
                ..opened
            })
        }
        Link::Other => Err(Undecodable::LinkType.into()),
    }
}

/// What stands behind a header that wraps frames of any link layer, but none that wraps again.
fn unwrapped<'a>(
    inner: Link,
    interface: &Interface,
    bytes: &'a [u8],
) -> Result<Opened<'a>, Discard> {
    match inner {
        Link::Ppi | Link::Pktap => Err(MALFORMED),
        inner => layer(inner, interface, bytes),
    }
}

const fn unknown(interface: &Interface) -> CapturePoint {
    CapturePoint {
        interface: interface.number,
        direction: Direction::Unknown,
        loopback: false,
    }
}

/// IPv4 says 4 and at least five words of header, IPv6 says 6.
fn begins_like_ip(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x45..=0x4f | 0x60..=0x6f))
}

fn read_u16(bytes: &[u8]) -> Result<(u16, &[u8]), Discard> {
    let (two, rest) = take::<2>(bytes)?;
    Ok((u16::from_be_bytes(*two), rest))
}

fn take<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), Discard> {
    bytes.split_first_chunk::<N>().ok_or(TRUNCATED)
}

/// What is left behind a header that tells its own length.
fn behind(bytes: &[u8], length: usize) -> Result<&[u8], Discard> {
    bytes.get(length..).ok_or(TRUNCATED)
}
