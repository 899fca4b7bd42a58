//! BSD loopback: four bytes of address family.

use super::super::skip::Discard;
use super::{Opened, Version, take, unknown};
use crate::frame::Interface;
use crate::packet::CapturePoint;

pub(super) fn open<'a>(
    interface: &Interface,
    bytes: &'a [u8],
    number: impl Fn([u8; 4]) -> u32,
) -> Result<Opened<'a>, Discard> {
    let (four, bytes) = take::<4>(bytes)?;
    let version = version_of(number(*four)).ok_or(Discard::NotIp)?;
    Ok(Opened {
        via: CapturePoint {
            loopback: true,
            ..unknown(interface)
        },
        version,
        bytes,
    })
}

/// The byte order is that of whoever captured; families are small numbers. Some systems write the family into the first
/// two of the four bytes, some an Ethernet type into all of them.
pub(super) fn either_order(four: [u8; 4]) -> u32 {
    let (own, swapped) = (u32::from_le_bytes(four), u32::from_be_bytes(four));
    let number = if own <= 0xffff { own } else { swapped };
    match number {
        IPV4 => AF_INET,
        IPV6 => AF_INET6,
        _ if number & 0xffff == 0 && number >> 16 <= AF_INET6 => number >> 16,
        _ if number & 0xff == 0 && number >> 8 <= AF_INET6 => number >> 8,
        _ => number,
    }
}

/// `AF_INET`, and `AF_INET6`, whose number is another on Linux, the BSDs, FreeBSD, and macOS.
pub(super) const fn version_of(family: u32) -> Option<Version> {
    match family {
        AF_INET => Some(Version::V4),
        10 | AF_INET6 | 28 | 30 => Some(Version::V6),
        _ => None,
    }
}

const AF_INET: u32 = 2;
/// Of most BSDs.
const AF_INET6: u32 = 24;
/// Ethernet types.
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
