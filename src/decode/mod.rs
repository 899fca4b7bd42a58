//! Decodes frames: every byte string is a packet or a named reason to discard it.
//!
//! It reads frames from `capture` and emits packets to `pipeline` and `handshake`. Invariants:
//!
//! - It has no state between frames, and no input makes it panic.
//! - Lengths in headers are checked against the captured bytes. A truncated frame is decoded as far
//!   as its headers allow.
//! - Only the outermost TCP header is decoded. TCP inside a tunnel belongs to another network.

mod error;
mod sink;
mod link;
mod ip;
mod tcp;
mod icmp;

pub use error::{Discard, Undecodable};
pub use sink::PacketSink;

use crate::frame::Frame;
use crate::packet::Packet;
use sink::CollectPacket;

/// Decodes a frame and returns its packet.
///
/// # Errors
///
/// Returns why the frame is discarded: damaged, not supported, or not part of a handshake.
pub fn decode(frame: &Frame<'_>) -> Result<Packet, Discard> {
    decode_into(frame, CollectPacket)
}

/// Decodes a frame and passes its packet to `sink`.
///
/// # Errors
///
/// Returns why the frame is discarded: damaged, not supported, or not part of a handshake. In this
/// case `sink` receives nothing.
#[inline(always)]
pub fn decode_into<T: PacketSink>(frame: &Frame<'_>, sink: T) -> Result<T::Outcome, Discard> {
    let link::LinkPayload {
        via,
        version,
        bytes,
    } = link::parse(frame)?;
    let uncaptured = usize::try_from(frame.wire_length)
        .unwrap_or(usize::MAX)
        .saturating_sub(frame.bytes.len());
    let packet = ip::parse(version, bytes, uncaptured)?;
    match packet.payload {
        ip::TransportPayload::Tcp(bytes) => tcp::parse(&packet, via, bytes, sink),
        ip::TransportPayload::Icmp(family, bytes) => {
            Ok(sink.icmp_error(icmp::parse(&packet, via, family, bytes)?))
        }
    }
}
