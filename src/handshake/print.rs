//! What tells one SYN from the next that the client sends with the same ISN, and where packets were met, packed small.

use std::time::Duration;

use crate::packet::{CapturePoint, Direction, Segment};

/// One sighting of a SYN, in 12 bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct SynPrint {
    timestamp: u32,
    /// Microseconds after the attempt's first SYN.
    pub(super) at: u32,
    identification: u16,
    via: PackedVia,
}

impl SynPrint {
    pub(super) fn of(syn: &Segment, at: u32) -> Self {
        Self {
            timestamp: syn.timestamp.unwrap_or(0),
            at,
            identification: syn.identification.unwrap_or(0),
            via: PackedVia::new(syn.via, syn.timestamp.is_some()),
        }
    }

    pub(super) fn same_marks(&self, other: &Self) -> bool {
        self.timestamp == other.timestamp
            && self.identification == other.identification
            && self.via.has_timestamp() == other.via.has_timestamp()
    }

    /// The same packet has the same marks, and comes soon: through another interface or in the other direction it may
    /// have been held in a neighbour queue, through the same one a mirror port sent it twice. Without a timestamp an
    /// identification of zero says nothing, and only a very short time does.
    pub(super) fn same_packet(&self, other: &Self) -> bool {
        let window = if self.via.same_place(other.via) {
            COPY_SAME_PLACE
        } else {
            COPY_OTHER_PLACE
        };
        let unmarked = !other.via.has_timestamp() && self.identification == 0;
        let window = if unmarked { COPY_UNMARKED } else { window };
        self.same_marks(other) && Duration::from_micros(self.apart(other).into()) <= window
    }

    /// Microseconds between the two, whichever came first.
    pub(super) fn apart(&self, other: &Self) -> u32 {
        self.at
            .wrapping_sub(other.at)
            .min(other.at.wrapping_sub(self.at))
    }
}

/// Interface and direction of a sighting in 15 bits, and whether the SYN had a timestamp. Interface numbers that agree
/// in their low 12 bits are taken for one: it would need two such interfaces on the path of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PackedVia(u16);

impl PackedVia {
    pub(super) fn new(via: CapturePoint, has_timestamp: bool) -> Self {
        let direction = match via.direction {
            Direction::Unknown => 0,
            Direction::Entering => 1,
            Direction::Leaving => 2,
        };
        let interface = (via.interface & 0x0fff) as u16;
        Self(interface << 3 | direction << 1 | u16::from(has_timestamp))
    }

    pub(super) const fn same_place(self, other: Self) -> bool {
        self.0 >> 1 == other.0 >> 1
    }

    const fn has_timestamp(self) -> bool {
        self.0 & 1 != 0
    }
}

/// How long after a packet its copy may come through another interface, or in the other direction.
pub(super) const COPY_OTHER_PLACE: Duration = Duration::from_secs(5);
/// How long after a packet its copy may come through the same interface.
pub(super) const COPY_SAME_PLACE: Duration = Duration::from_millis(50);
/// The same where nothing in the packet tells it from a retransmission.
pub(super) const COPY_UNMARKED: Duration = Duration::from_millis(5);
