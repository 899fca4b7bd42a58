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

pub use skip::{Discard, Undecodable};

use crate::frame::Frame;
use crate::packet::{IcmpError, Packet, Segment};

/// Reads a frame.
///
/// # Errors
///
/// Why it is passed over: damaged, beyond what is understood, or none of our business.
pub fn decode(frame: &Frame<'_>) -> Result<Packet, Discard> {
    decode_into(frame, CollectPacket)
}

/// What is done with a packet at once. So it is written where it belongs, and copied from nowhere: a copy that is made just
/// after its parts were written waits until these have reached the cache. Methods that are not inlined win nothing.
pub trait PacketSink {
    /// What comes of it.
    type Outcome;
    /// It is a segment.
    fn segment(self, segment: Segment) -> Self::Outcome;
    /// It is an ICMP error.
    fn icmp_error(self, error: IcmpError) -> Self::Outcome;
}

/// The same for who takes the packet.
///
/// # Errors
///
/// As above; then nothing is taken.
#[inline(always)]
pub fn decode_into<T: PacketSink>(frame: &Frame<'_>, taker: T) -> Result<T::Outcome, Discard> {
    let link::Opened {
        via,
        version,
        bytes,
    } = link::open(frame)?;
    let beyond = usize::try_from(frame.wire_length)
        .unwrap_or(usize::MAX)
        .saturating_sub(frame.bytes.len());
    let packet = net::read(version, bytes, beyond)?;
    match packet.payload {
        net::Payload::Tcp(bytes) => tcp::read(&packet, via, bytes, taker),
        net::Payload::Icmp(family, bytes) => {
            Ok(taker.icmp_error(icmp::read(&packet, via, family, bytes)?))
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
