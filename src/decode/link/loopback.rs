//! BSD loopback: four bytes of address family.

use super::super::skip::Skip;
use super::{Opened, Version, take, unknown};
use crate::frame::Interface;
use crate::packet::Via;

pub(super) fn open<'a>(
    interface: &Interface,
    bytes: &'a [u8],
    number: impl Fn([u8; 4]) -> u32,
) -> Result<Opened<'a>, Skip> {
    let (four, bytes) = take::<4>(bytes)?;
    let version = version_of(number(*four)).ok_or(Skip::NotIp)?;
    Ok(Opened { via: Via { loopback: true, ..unknown(interface) }, version, bytes })
}

/// The byte order is that of whoever captured; families are small numbers.
pub(super) fn either_order(four: [u8; 4]) -> u32 {
    let (own, swapped) = (u32::from_le_bytes(four), u32::from_be_bytes(four));
    if own <= 0xffff { own } else { swapped }
}

/// `AF_INET`, and `AF_INET6`, whose number is another on Linux, the BSDs, FreeBSD, and macOS.
pub(super) const fn version_of(family: u32) -> Option<Version> {
    match family {
        2 => Some(Version::V4),
        10 | 24 | 28 | 30 => Some(Version::V6),
        _ => None,
    }
}
