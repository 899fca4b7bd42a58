//! What the tracker tells: one event a fact, polled out in the order the facts came.

use std::time::Duration;

use crate::packet::{Address, Endpoint, IcmpCode, IcmpError, Segment, Via};
use crate::time::Timestamp;

/// Whose an attempt is: a number that the caller gives with [`claim`](super::Tracker::claim) and gets back with every
/// event of that attempt. It means nothing here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Owner(pub u32);

/// Names an attempt while it is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AttemptId(pub(super) u32);

/// One fact. Facts about a known attempt carry its owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// An attempt begins. Claim it before polling on: the events that follow carry the owner.
    Opened(Opening),
    /// A SYN of a known attempt.
    Syn(Owner, SynKind),
    /// An acceptable SYN/ACK of a known attempt.
    SynAck(Owner, Repeat),
    /// A RST between the two ends of a known attempt, in its handshake or later.
    Rst(Owner, Side),
    /// An ICMP error that quotes a known attempt's SYN.
    IcmpError(Owner, IcmpCode, Address),
    /// The attempt is answered: so long after its first SYN.
    Answered(Owner, Answer),
    /// The attempt failed. It fails at most once, and never after an answer.
    Failed(Owner, Reason),
    /// The client acknowledged the answer: so long after the first SYN/ACK. Only where ACKs are captured.
    Completed(Owner, Duration),
    /// The attempt was forgotten while it still waited, for want of room.
    Evicted(Owner),
    /// A packet that was counted before, met again on its way through this host.
    Copy(Kind),
    /// A SYN/ACK or RST for an attempt that waits, which its client's kernel ignores.
    Unacceptable(Kind),
    /// A SYN that also has RST or FIN: it opens nothing.
    OddSyn(Segment),
    /// A SYN/ACK that fits no attempt.
    UnmatchedSynAck(Segment),
    /// A RST that fits no attempt.
    UnmatchedRst(Segment),
    /// An ICMP error that fits no attempt.
    UnmatchedIcmpError(IcmpError),
    /// Packet time stepped back by a second or more.
    ClockStep,
}

/// The beginning of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// The attempt, to claim it by.
    pub attempt: AttemptId,
    /// When its first SYN (or the rejection of a SYN that was never seen) was met.
    pub at: Timestamp,
    /// Who asks.
    pub client: Endpoint,
    /// Who is asked.
    pub server: Endpoint,
    /// Where its first SYN was met, or was on its way to: out of this host, if a rejection opened it.
    pub via: Via,
}

/// What a SYN is to its attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SynKind {
    /// The one that opened it.
    First,
    /// The client repeats it.
    Retransmission,
    /// The server's own: a simultaneous open (RFC 9293 section 3.5).
    Simultaneous,
}

/// Whether a segment was there before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repeat {
    /// It is the first of its kind.
    First,
    /// Its attempt had one already.
    Retransmission,
}

/// One side of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// Who sent the SYN.
    Client,
    /// Who was asked.
    Server,
}

/// How an attempt was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// First SYN to first acceptable SYN/ACK.
    pub latency: Duration,
    /// After the attempt was counted as failed.
    pub late: bool,
}

/// Why an attempt failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// Nothing came back in time.
    Unanswered,
    /// An acceptable RST.
    Refused,
    /// An ICMP error: no way there.
    Unreachable,
    /// An ICMP error as firewalls send it.
    Prohibited,
}

/// The kinds of packet that are told apart in counts about the capture.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// SYN without ACK.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// RST.
    Rst,
    /// ICMP error.
    Icmp,
}
