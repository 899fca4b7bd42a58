//! One connection attempt, with every packet that belongs to it.

use std::net::SocketAddr;

use super::duplicates::{ObservedSegment, SECOND};
use super::facts::Segment;
use super::labels::LabelSet;

/// Client and server endpoint.
pub(crate) type FourTuple = (SocketAddr, SocketAddr);

/// One attempt to open a connection.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The label set in which it counts permanently.
    pub set: LabelSet,
    /// Its four-tuple, followed by the aliases that NAT added.
    pub four_tuples: Vec<FourTuple>,
    /// The client's initial sequence number.
    pub isn: u32,
    /// Time of its first packet.
    pub started: u64,
    /// Current state.
    pub state: State,
    /// `true` if a SYN of it entered the host and has not left yet.
    pub inside: bool,
    /// SYNs that entered the host, duplicates included.
    pub entered: Vec<ObservedSegment>,
    /// SYNs that left the host afterwards.
    pub left: Vec<ObservedSegment>,
    /// The client's SYNs without duplicates.
    pub syns: Vec<ObservedSegment>,
    /// The server's SYNs of a simultaneous open, without duplicates.
    pub server_syns: Vec<ObservedSegment>,
    /// Acceptable SYN/ACKs without duplicates.
    pub answers: Vec<ObservedSegment>,
    /// The server's initial sequence number, from its own SYN or from the first SYN/ACK.
    pub server_isn: Option<u32>,
    /// `true` if the client acknowledged the server's initial sequence number.
    pub completed: bool,
}

/// State of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Pending,
    Answered,
    Failed,
    /// Failed, then answered.
    AnsweredLate,
}

impl Attempt {
    pub(crate) fn new(set: LabelSet, four_tuple: FourTuple, isn: u32, started: u64) -> Self {
        Self {
            set,
            four_tuples: vec![four_tuple],
            isn,
            started,
            state: State::Pending,
            inside: false,
            entered: Vec::new(),
            left: Vec::new(),
            syns: Vec::new(),
            server_syns: Vec::new(),
            answers: Vec::new(),
            server_isn: None,
            completed: false,
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.state == State::Pending
    }

    pub(crate) fn was_answered(&self) -> bool {
        matches!(self.state, State::Answered | State::AnsweredLate)
    }

    /// Rule 4: records that one of its SYNs enters or leaves the host.
    pub(crate) fn record_passage(&mut self, syn: &ObservedSegment) {
        if syn.is_entering() {
            self.entered.push(syn.clone());
            self.inside = true;
        } else if syn.is_leaving() {
            if self.inside {
                self.left.push(syn.clone());
            }
            self.inside = false;
        }
    }

    /// Rule 4: `true` if this leaving SYN can be a SYN of the attempt on an alias: one entered and has not left. A SYN that
    /// left through a bridge may get another alias when it leaves through a port of the bridge, if one endpoint is equal
    /// (measured with a container that reaches itself through its published port).
    pub(crate) fn may_be_alias(&self, syn: &ObservedSegment) -> bool {
        let was_forwarded = if self.inside {
            self.entered
                .iter()
                .rev()
                .take(4)
                .any(|entered| syn.differs_only_in_addresses(entered))
        } else {
            let elsewhere = |left: &&ObservedSegment| !left.same_interface(syn);
            let mut left = self.left.iter().rev().take(4).filter(elsewhere);
            self.shares_endpoint(syn.segment())
                && left.any(|left| syn.differs_only_in_addresses(left))
        };
        self.is_pending() && self.four_tuples.len() < 3 && was_forwarded
    }

    /// `true` if one of its four-tuples has an endpoint of this SYN.
    pub(crate) fn shares_endpoint(&self, syn: &Segment) -> bool {
        self.four_tuples
            .iter()
            .any(|(client, server)| *client == syn.from || *server == syn.to)
    }

    /// Rule 9: `true` if a further SYN can still be due.
    ///
    /// A SYN that comes before its scheduled time does not shorten the time that earlier SYNs set. After an answer, its
    /// retransmissions extend the time likewise: each comes at most twice as long after the first as the one before.
    pub(crate) fn is_tracked(&self, now: u64) -> bool {
        let begin = self.started + grace(0);
        let syns = self
            .syns
            .windows(2)
            .map(|two| two[1].at() + grace(two[1].at().saturating_sub(two[0].at())));
        let first = self.answers.first().map_or(0, ObservedSegment::at);
        let answers = self
            .answers
            .iter()
            .map(|answer| answer.at() + grace(answer.at().saturating_sub(first)));
        let until = syns.chain(answers).fold(begin, u64::max);
        now < until
    }

    /// Rule 5: `true` if this acknowledges the client's SYN: ISN < ack <= ISN + 1 + data in the SYN.
    pub(crate) fn is_acknowledged_by(&self, segment: &Segment) -> bool {
        self.is_acceptable(segment.acknowledgment)
    }

    /// `true` for the final ACK: its sequence number follows the client's SYN, and it acknowledges the server's SYN.
    pub(crate) fn is_completed_by(&self, segment: &Segment) -> bool {
        self.was_answered()
            && self.is_acceptable(segment.sequence)
            && self
                .server_isn
                .is_some_and(|isn| segment.acknowledgment == isn.wrapping_add(1))
    }

    fn is_acceptable(&self, number: u32) -> bool {
        let data = self
            .syns
            .iter()
            .map(|syn| syn.segment().data)
            .max()
            .unwrap_or(0);
        (1..=1 + data).contains(&number.wrapping_sub(self.isn))
    }

    /// Rule 12: `true` if this SYN of the server's side belongs to the attempt: the attempt is pending, or an equal SYN came
    /// while it was.
    pub(crate) fn includes_server_syn(&self, syn: &Segment) -> bool {
        self.is_pending()
            || self
                .server_syns
                .last()
                .is_some_and(|earlier| earlier.segment().sequence == syn.sequence)
    }

    /// Rule 12: `true` if this acknowledges the server's own SYN.
    pub(crate) fn is_server_syn_acknowledged_by(&self, segment: &Segment) -> bool {
        let isn = self.server_syns.last().map(|syn| syn.segment().sequence);
        isn.is_some_and(|isn| segment.acknowledgment == isn.wrapping_add(1))
    }
}

/// Returns the time after a SYN within which the next may come: at most 2.25 times the last gap, plus one second.
fn grace(gap: u64) -> u64 {
    (gap * 9 / 4 + SECOND).clamp(10 * SECOND, 135 * SECOND)
}
