//! One connection attempt, with all that was ever met of it.

use std::net::SocketAddr;

use super::copies::{Met, SECOND};
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
    /// Its SYNs as they came in, copies too.
    pub entered: Vec<Met>,
    /// Those that left after that.
    pub left: Vec<Met>,
    /// The client's SYNs without their copies, and so on.
    pub syns: Vec<Met>,
    /// The server's own SYNs, of a simultaneous open.
    pub server_syns: Vec<Met>,
    /// Acceptable SYN/ACKs.
    pub answers: Vec<Met>,
    /// The server's initial sequence number, by its own SYN or by the first SYN/ACK.
    pub server_isn: Option<u32>,
    /// Whether the client acknowledged that.
    pub completed: bool,
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
            entered: Vec::new(),
            left: Vec::new(),
            syns: Vec::new(),
            server_syns: Vec::new(),
            answers: Vec::new(),
            server_isn: None,
            completed: false,
        }
    }

    pub(crate) fn waits(&self) -> bool {
        self.state == State::Waiting
    }

    pub(crate) fn was_answered(&self) -> bool {
        matches!(self.state, State::Answered | State::AnsweredLate)
    }

    /// Rule 4: one of its SYNs comes into the host, or goes out of it.
    pub(crate) fn pass(&mut self, syn: &Met) {
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

    /// Rule 4: whether this SYN, which leaves, can be one of its own under another name: it came in and has not left. Or
    /// it left, through a bridge, and now leaves through the bridge's port, where it may be given one more name; one end
    /// must then be the same. (A container that reaches itself through its published port: measured.)
    pub(crate) fn may_leave_as(&self, syn: &Met) -> bool {
        let on_its_way = if self.inside {
            self.entered
                .iter()
                .rev()
                .take(4)
                .any(|entered| syn.is_readdressed(entered))
        } else {
            let elsewhere = |left: &&Met| !left.same_interface(syn);
            let mut left = self.left.iter().rev().take(4).filter(elsewhere);
            self.shares_an_end(syn.segment()) && left.any(|left| syn.is_readdressed(left))
        };
        self.waits() && self.names.len() < 3 && on_its_way
    }

    /// Whether a whole endpoint of this SYN is the same in one of its names.
    pub(crate) fn shares_an_end(&self, syn: &Segment) -> bool {
        self.names
            .iter()
            .any(|(client, server)| *client == syn.from || *server == syn.to)
    }

    /// Rule 9: whether a further SYN of it can still be due.
    ///
    /// A SYN that comes early, out of schedule, takes nothing back of what those before it promised. Once there is an
    /// answer, its repetitions are due likewise, each at most twice as long after the first as the one before.
    pub(crate) fn is_known(&self, now: u64) -> bool {
        let begin = self.began + grace(0);
        let syns = self
            .syns
            .windows(2)
            .map(|two| two[1].at() + grace(two[1].at().saturating_sub(two[0].at())));
        let first = self.answers.first().map_or(0, Met::at);
        let answers = self
            .answers
            .iter()
            .map(|answer| answer.at() + grace(answer.at().saturating_sub(first)));
        let until = syns.chain(answers).fold(begin, u64::max);
        now < until
    }

    /// Rule 5: whether this acknowledges the client's SYN: ISN < ack <= ISN + 1 + data in the SYN.
    pub(crate) fn is_acknowledged_by(&self, segment: &Segment) -> bool {
        self.is_behind_syn(segment.acknowledgment)
    }

    /// The third leg: the client goes on behind its SYN, and acknowledges the server's.
    pub(crate) fn is_completed_by(&self, segment: &Segment) -> bool {
        self.was_answered()
            && self.is_behind_syn(segment.sequence)
            && self
                .server_isn
                .is_some_and(|isn| segment.acknowledgment == isn.wrapping_add(1))
    }

    fn is_behind_syn(&self, number: u32) -> bool {
        let data = self
            .syns
            .iter()
            .map(|syn| syn.segment().data)
            .max()
            .unwrap_or(0);
        (1..=1 + data).contains(&number.wrapping_sub(self.isn))
    }

    /// Rule 12: whether this SYN of the server's side is no attempt of its own: it comes while this one waits, or came
    /// then already.
    pub(crate) fn is_asked_back(&self, syn: &Segment) -> bool {
        self.waits()
            || self
                .server_syns
                .last()
                .is_some_and(|earlier| earlier.segment().sequence == syn.sequence)
    }

    /// Rule 12: whether this acknowledges the server's own SYN.
    pub(crate) fn acknowledges_server(&self, segment: &Segment) -> bool {
        let isn = self.server_syns.last().map(|syn| syn.segment().sequence);
        isn.is_some_and(|isn| segment.acknowledgment == isn.wrapping_add(1))
    }
}

/// How long after a SYN the next may come that follows at most 2.25 times as late as this one did.
fn grace(gap: u64) -> u64 {
    (gap * 9 / 4 + SECOND).clamp(10 * SECOND, 135 * SECOND)
}
