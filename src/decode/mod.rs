//! Decodes frames: every byte string is a packet or a named reason to discard it.
//!
//! It reads frames from `capture` and emits packets to `pipeline` and `handshake`. Invariants:
//!
//! - It has no state between frames, and no input makes it panic.
//! - Lengths in headers are checked against the captured bytes. A truncated frame is decoded as far
//!   as its headers allow.
//! - Only the outermost TCP header is decoded. TCP inside a tunnel belongs to another network.

mod error;
mod icmp;
mod ip;
mod link;
mod tcp;

pub use error::{Discard, Undecodable};

use crate::frame::Frame;
use crate::packet::{IcmpError, Packet, Segment};

/// Receives a decoded packet, so that it can be written to its final location directly.
///
/// Returning the packet would cost a copy. A copy directly after the parts were written has to wait
/// until these stores have reached the cache. Implementations must be inlined to have this effect.
pub trait PacketSink {
    /// The result of receiving a packet.
    type Outcome;
    /// Receives a TCP segment.
    fn segment(self, segment: Segment) -> Self::Outcome;
    /// Receives an ICMP error.
    fn icmp_error(self, error: IcmpError) -> Self::Outcome;
}

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

struct CollectPacket;

impl PacketSink for CollectPacket {
    type Outcome = Packet;

    #[inline(always)]
    fn segment(self, segment: Segment) -> Packet {
        Packet::Segment(segment)
    }

    fn icmp_error(self, error: IcmpError) -> Packet {
        Packet::IcmpError(error)
    }
}
