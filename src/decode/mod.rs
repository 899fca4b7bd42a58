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
#[inline]
pub fn decode(frame: &Frame<'_>) -> Result<Packet, Skip> {
    let link::Opened { via, version, bytes } = link::open(frame)?;
    let beyond = usize::try_from(frame.wire_length).unwrap_or(usize::MAX).saturating_sub(frame.bytes.len());
    let packet = net::read(version, bytes, beyond)?;
    match packet.payload {
        net::Payload::Tcp(bytes) => tcp::read(&packet, via, bytes).map(Packet::Segment),
        net::Payload::Icmp(family, bytes) => icmp::read(&packet, via, family, bytes).map(Packet::IcmpError),
    }
}
