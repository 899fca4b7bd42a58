//! Where decoded packets go.

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

/// Returns the packet.
pub(super) struct CollectPacket;

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
