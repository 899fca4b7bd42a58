//! From bytes to facts: every byte string is a packet or a named reason to pass it over.
//!
//! Pure and total: nothing is remembered from one frame to the next, and no input makes it panic. Lengths that headers
//! claim are checked against what is there; a frame that was cut is read as far as its headers go. Only the outermost
//! TCP header counts: what travels inside a tunnel is another network's business.

mod icmp;
mod link;
mod net;
mod skip;
mod tcp;

pub use skip::{Skip, Undecodable};

use crate::frame::Frame;
use crate::packet::Packet;

/// Reads a frame.
///
/// # Errors
///
/// Why it is passed over: damaged, beyond what is understood, or none of our business.
pub fn decode(frame: &Frame<'_>) -> Result<Packet, Skip> {
    decode_then(frame, |packet| packet)
}

/// The same for what is done with the packet at once: so it is written where it belongs, and copied from nowhere. A copy
/// that is made just after its parts were written waits until these have reached the cache.
///
/// # Errors
///
/// As above; then nothing is done.
#[inline(always)]
pub fn decode_then<T>(frame: &Frame<'_>, then: impl FnOnce(Packet) -> T) -> Result<T, Skip> {
    let link::Opened { via, version, bytes } = link::open(frame)?;
    let beyond = usize::try_from(frame.wire_length).unwrap_or(usize::MAX).saturating_sub(frame.bytes.len());
    let packet = net::read(version, bytes, beyond)?;
    match packet.payload {
        net::Payload::Tcp(bytes) => Ok(then(Packet::Segment(tcp::read(&packet, via, bytes)?))),
        net::Payload::Icmp(family, bytes) => Ok(then(Packet::IcmpError(icmp::read(&packet, via, family, bytes)?))),
    }
}
