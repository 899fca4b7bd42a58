//! What a tracker emits: mostly one event for each packet, and one for each deadline.
//
// Inlining attributes: see `table/pending.rs`.

use std::time::Duration;

use crate::packet::{Address, IcmpCode};

/// Identifies the owner of an attempt: a number that the [`EventSink`](super::EventSink) chooses,
/// which the tracker returns with every event of the attempt and does not interpret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct OwnerId(pub u32);

/// What a packet or a deadline means. It carries the owner of the attempt, and nothing that the
/// packet itself holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A SYN of a known attempt.
    Syn(OwnerId, SynKind),
    /// Another acceptable SYN/ACK of an answered attempt.
    SynAckRetransmission(OwnerId),
    /// A RST between the endpoints of a known attempt, during its handshake or later, that changes
    /// nothing.
    Rst(OwnerId, Side),
    /// An ICMP error that quotes the SYN of a known attempt.
    IcmpError(OwnerId, IcmpCode, Address),
    /// The packet is the first acceptable SYN/ACK of the attempt; or its SYN, if the SYN/ACK was
    /// captured first.
    Answered(OwnerId, Answer),
    /// The attempt failed: refused by the packet (a RST), rejected by the ICMP error of the event
    /// before, or unanswered at its deadline. An attempt fails at most once, and never after an
    /// answer.
    Failed(OwnerId, FailureReason),
    /// The packet is the final ACK of the three-way handshake: the time since the first SYN/ACK.
    /// Only if ACKs are captured.
    Completed(OwnerId, Duration),
    /// The attempt was evicted while it was pending, because the table was full.
    Evicted(OwnerId),
    /// The packet was counted before, and was captured again on its way through this host.
    Duplicate(PacketKind),
    /// A SYN/ACK or RST for a pending attempt that the client's kernel ignores.
    Unacceptable(PacketKind),
    /// A SYN that also has RST or FIN: it opens nothing.
    InvalidSyn,
    /// A SYN/ACK, RST or ICMP error that matches no attempt.
    Unmatched(PacketKind),
    /// Packet time stepped back by a second or more.
    ClockStep,
}

impl Event {
    /// Returns the owner of the attempt. `None` if the event belongs to no attempt.
    #[inline]
    pub const fn owner(&self) -> Option<OwnerId> {
        match *self {
            Self::Syn(owner, _)
            | Self::SynAckRetransmission(owner)
            | Self::Rst(owner, _)
            | Self::IcmpError(owner, ..)
            | Self::Answered(owner, _)
            | Self::Failed(owner, _)
            | Self::Completed(owner, _)
            | Self::Evicted(owner) => Some(owner),
            Self::Duplicate(_)
            | Self::Unacceptable(_)
            | Self::InvalidSyn
            | Self::Unmatched(_)
            | Self::ClockStep => None,
        }
    }

    /// Returns `true` if the attempt was pending until this event.
    #[inline]
    pub const fn ends_pending(&self) -> bool {
        match self {
            Self::Failed(..) | Self::Evicted(_) => true,
            Self::Answered(_, answer) => !answer.late,
            _ => false,
        }
    }
}

/// What a SYN is to its attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SynKind {
    /// The first SYN of an attempt that began with a local ICMP rejection.
    First,
    /// The client repeats its SYN.
    Retransmission,
    /// The server sends a SYN of its own: a simultaneous open (RFC 9293 section 3.5).
    Simultaneous,
}

/// One side of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The sender of the first SYN.
    Client,
    /// The destination of the first SYN.
    Server,
}

/// How an attempt was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The time from the first SYN to the first acceptable SYN/ACK.
    pub latency: Duration,
    /// `true` if the attempt was counted as failed before.
    pub late: bool,
}

/// Why an attempt failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FailureReason {
    /// No answer, refusal or rejection before the deadline.
    Unanswered,
    /// An acceptable RST.
    Refused,
    /// An ICMP error: no route, or no host.
    Unreachable,
    /// An ICMP error as firewalls send it.
    Prohibited,
}

/// The packet kinds that counters about the capture tell apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PacketKind {
    /// SYN without ACK.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// RST.
    Rst,
    /// ICMP error.
    Icmp,
}
