//! One connection attempt, with all that was ever met of it.

use std::net::SocketAddr;
use std::slice;

use super::copies::{Met, SECOND, Told};
use super::facts::Segment;
use super::labels::Set;

/// A four-tuple: who asks whom.
pub(crate) type Name = (SocketAddr, SocketAddr);

/// One try to open a connection.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The set it counts in, for good.
    pub set: Set,
    /// Its four-tuple, and the others that NAT gave it.
    pub names: Vec<Name>,
    /// The client's initial sequence number.
    pub isn: u32,
    /// When it began.
    pub began: u64,
    /// How it stands.
    pub state: State,
    /// Whether a SYN of it came into the host and did not go out again yet.
    pub inside: bool,
    /// The client's SYNs without their copies, and so on.
    pub syns: Vec<Met>,
    /// The server's own SYNs, of a simultaneous open.
    pub server_syns: Vec<Met>,
    /// Acceptable SYN/ACKs.
    pub answers: Vec<Met>,
    /// RSTs.
    pub resets: Vec<Met>,
    /// ICMP errors.
    pub errors: Vec<Told>,
}

/// How an attempt stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Waiting,
    Answered,
    Failed,
    /// Failed, then answered.
    AnsweredLate,
}

impl Attempt {
    pub(crate) fn new(set: Set, name: Name, isn: u32, began: u64) -> Self {
        Self {
            set,
            names: vec![name],
            isn,
            began,
            state: State::Waiting,
            inside: false,
            syns: Vec::new(),
            server_syns: Vec::new(),
            answers: Vec::new(),
            resets: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub(crate) fn waits(&self) -> bool {
        self.state == State::Waiting
    }

    pub(crate) fn was_answered(&self) -> bool {
        matches!(self.state, State::Answered | State::AnsweredLate)
    }

    /// Rule 9: whether a further SYN of it can still be due.
    pub(crate) fn is_known(&self, now: u64) -> bool {
        let mut newest = self.syns.iter().rev().map(Met::at);
        let last = newest.next().unwrap_or(self.began);
        let gap = newest.next().map_or(0, |before| last.saturating_sub(before));
        let grace = (gap * 9 / 4 + SECOND).clamp(10 * SECOND, 135 * SECOND);
        now < last + grace
    }

    /// Rule 5: whether this acknowledges the client's SYN: ISN < ack <= ISN + 1 + data in the SYN.
    pub(crate) fn is_acknowledged_by(&self, segment: &Segment) -> bool {
        acknowledges(segment, self.isn, &self.syns)
    }

    /// Rule 12: whether this acknowledges a SYN of the server's own.
    pub(crate) fn acknowledges_server(&self, segment: &Segment) -> bool {
        self.server_syns.iter().any(|syn| acknowledges(segment, syn.segment().sequence, slice::from_ref(syn)))
    }
}

fn acknowledges(segment: &Segment, isn: u32, syns: &[Met]) -> bool {
    let data = syns.iter().map(|syn| syn.segment().data).max().unwrap_or(0);
    let beyond = segment.acknowledgment.wrapping_sub(isn);
    (1..=1 + data).contains(&beyond)
}
