//! Connection attempts: follows each attempt to open a TCP connection to its outcome.
//!
//! Packets come in through [`Tracker::handle_packet`], in the order they were captured; what they
//! mean goes out through an [`EventSink`]. The tracker accepts and ignores packets as the client's
//! kernel does (RFC 9293 section 3.10.7.3), so that an answer counted here is an answer for the
//! client.
//!
//! Invariants: no clock, no I/O, no label and no counter; time comes in with the packet. Every
//! table is bounded. Hash tables have random seeds, because their keys come from the network.

mod event;
mod flow;
mod dedup;
mod nat;
mod reorder;
mod monotonic;
mod table;
mod sink;
mod tracker;
mod syn;
mod synack;
mod rst;
mod icmp;

pub use event::{Answer, Event, FailureReason, OwnerId, PacketKind, Side, SynKind};
pub use flow::{FlowHasher, FlowKey, FourTuple};
pub use sink::{Assignment, EventSink, Opening, PeerHistory};
pub use table::{AttemptRef, PREFETCH_BATCH};
pub use tracker::{AttemptLimits, Tracker};
