//! Where the events of a tracker go.

use super::event::{Event, OwnerId};
use super::table::AttemptRef;
use crate::packet::{IcmpError, Segment};
use crate::time::Timestamp;

/// Receives the events of a [`Tracker`](super::Tracker), in order.
///
/// `now` is the tracker's [clock](super::Tracker::now): it never steps back.
pub trait EventSink {
    /// An attempt begins. Returns the owner that all later events of the attempt carry.
    fn opened(&mut self, now: Timestamp, opening: Opening<'_>) -> Assignment;

    /// Handles every other event. `attempt` is `Some` for [`Event::Answered`] and
    /// [`Event::Failed`].
    fn event(&mut self, now: Timestamp, event: Event, attempt: Option<AttemptRef<'_>>);

    /// Returns `true` if an ICMP error that quotes no known attempt is a local rejection: this
    /// host's own kernel rejected a SYN before a capture could see it. The tracker then opens the
    /// attempt and rejects it; else it emits [`Event::Unmatched`].
    fn unmatched_icmp(&mut self, error: &IcmpError) -> bool;
}

/// The packet that an attempt begins with.
#[derive(Clone, Copy, Debug)]
pub enum Opening<'a> {
    /// Its first SYN.
    Syn(&'a Segment),
    /// A local ICMP rejection of a SYN that no capture saw.
    LocalRejection(&'a IcmpError),
}

/// The sink's answer to a new attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// The owner of the attempt.
    pub owner: OwnerId,
    /// Whether the peer of the attempt was known before.
    pub history: PeerHistory,
}

/// Whether the peer of an attempt was known before the attempt. When the table is full, pending
/// attempts of new peers are evicted first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerHistory {
    /// The peer appears with this attempt.
    New,
    /// The peer was known.
    Known,
}
