//! What a link header announces, and the bytes behind it.

use super::super::error::{Discard, TRUNCATED};
use crate::frame::Interface;
use crate::packet::{CapturePoint, Direction};

/// The payload of a link header, and where the frame was captured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct LinkPayload<'a> {
    pub(in super::super) via: CapturePoint,
    pub(in super::super) version: IpVersion,
    /// The bytes from the IP header on.
    pub(in super::super) bytes: &'a [u8],
}

/// The IP version according to the link header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum IpVersion {
    V4,
    V6,
    /// The link header does not contain it: the first 4 bits of the packet do.
    FromHeader,
}

/// The IP version according to the link header, and the bytes from the IP header on.
pub(super) type NetworkPayload<'a> = (IpVersion, &'a [u8]);

pub(super) const fn unknown_direction(interface: &Interface) -> CapturePoint {
    CapturePoint {
        interface: interface.number,
        direction: Direction::Unknown,
        loopback: false,
    }
}

/// Returns `true` if the first byte is that of an IP header.
///
/// IPv4 has version 4 and a header length of at least 5 words; IPv6 has version 6.
pub(super) fn starts_like_ip(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x45..=0x4f | 0x60..=0x6f))
}

/// Splits off a 16-bit number in network byte order.
pub(super) fn split_u16(bytes: &[u8]) -> Result<(u16, &[u8]), Discard> {
    let (two, rest) = split_prefix::<2>(bytes)?;
    Ok((u16::from_be_bytes(*two), rest))
}

/// Splits off the first `N` bytes.
pub(super) fn split_prefix<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), Discard> {
    bytes.split_first_chunk::<N>().ok_or(TRUNCATED)
}

/// Returns the bytes after the first `length` bytes.
pub(super) fn skip_bytes(bytes: &[u8], length: usize) -> Result<&[u8], Discard> {
    bytes.get(length..).ok_or(TRUNCATED)
}
