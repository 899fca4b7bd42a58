//! Attempts: what became of each try to open a connection. Pure: time comes in with the packet, events are polled out.
//!
//! No clock, no input or output, no label and no counter lives here. A [`Tracker`] is told of packets in the order they
//! were met and judges them as the client's own kernel would (RFC 9293 section 3.10.7.3), so that an answer here is an
//! answer there. Every table is bounded; hash tables are keyed by a random seed, for their keys come from the network.

mod attempt;
mod decided;
mod early;
mod ends;
mod event;
mod evidence;
mod icmp;
mod index;
mod inside;
mod matches;
mod name;
mod print;
mod recent;
mod rows;
mod rst;
mod sequence;
mod store;
mod syn;
mod synack;
mod timeline;
mod tracker;
mod waiting;

pub use ends::{FlowHasher, FlowKey};
pub use event::{Answer, AttemptId, Event, FailureReason, OwnerId, PacketKind, Side, SynKind};
pub use store::LOOK_AHEAD;
pub use tracker::{AttemptLimits, PeerHistory, Tracker};
