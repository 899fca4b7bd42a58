//! What the tracker tells, polled out in the order it came: as a rule one event a packet, and one a deadline.

use std::time::Duration;

use crate::packet::{Address, IcmpCode};

/// Whose an attempt is: a number that the caller gives with [`claim`](super::Tracker::claim) and gets back with every
/// event of that attempt. It means nothing here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct OwnerId(pub u32);

/// Names an attempt while it is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AttemptId(pub(super) u32);

/// What a packet or a deadline meant. It carries the owner of the attempt; what the packet at hand says is not said again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// An attempt begins, with the SYN at hand, its first, or, after [`open_rejected`](super::Tracker::open_rejected),
    /// with the one that was quoted. Claim it before polling on: the events that follow carry the owner.
    Opened(AttemptId),
    /// A SYN of a known attempt.
    Syn(OwnerId, SynKind),
    /// One more acceptable SYN/ACK of an attempt that is answered: a retransmission.
    SynAck(OwnerId),
    /// A RST between the two ends of a known attempt, in its handshake or later, that decides nothing.
    Rst(OwnerId, Side),
    /// An ICMP error that quotes a known attempt's SYN.
    IcmpError(OwnerId, IcmpCode, Address),
    /// The attempt is answered by the SYN/ACK at hand, its first acceptable one: so long after its first SYN.
    Answered(OwnerId, Answer),
    /// The attempt failed: refused by the server's RST at hand, rejected by the ICMP error that was told before, or
    /// unanswered. It fails at most once, and never after an answer.
    Failed(OwnerId, FailureReason),
    /// The client acknowledged the answer: so long after the first SYN/ACK. Only where ACKs are captured.
    Completed(OwnerId, Duration),
    /// The attempt was forgotten while it still waited, for want of room.
    Evicted(OwnerId),
    /// A packet that was counted before, met again on its way through this host.
    Duplicate(PacketKind),
    /// A SYN/ACK or RST for an attempt that waits, which its client's kernel ignores.
    Unacceptable(PacketKind),
    /// A SYN that also has RST or FIN: it opens nothing.
    InvalidSyn,
    /// A SYN/ACK, RST or ICMP error that fits no attempt.
    Unmatched(PacketKind),
    /// Packet time stepped back by a second or more.
    ClockStep,
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
pub enum FailureReason {
    /// Nothing came back in time.
    Unanswered,
    /// An acceptable RST.
    Refused,
    /// An ICMP error: no way there.
    Unreachable,
    /// An ICMP error as firewalls send it.
    Prohibited,
}

/// Events, in the order they came, and how far they were polled.
#[derive(Default)]
pub(super) struct Told {
    events: Vec<Event>,
    polled: usize,
    /// They stay until they are taken.
    pub(super) are_kept: bool,
    /// Whose attempt was forgotten, to be asked for.
    evicted: Option<OwnerId>,
}

impl Told {
    pub(super) fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    /// An attempt of that owner was forgotten while it waited. Where events are kept, that is told by no event if it is
    /// [asked for](Self::take_evicted) before the next one is.
    pub(super) fn evict(&mut self, owner: OwnerId) {
        if self.are_kept && self.evicted.is_none() {
            self.evicted = Some(owner);
        } else {
            self.push(Event::Evicted(owner));
        }
    }

    pub(super) const fn take_evicted(&mut self) -> Option<OwnerId> {
        self.evicted.take()
    }

    /// Goes on to the next one, in the order they came. Says whether there is one.
    pub(super) fn turn(&mut self) -> bool {
        if self.polled < self.events.len() {
            self.polled += 1;
            return true;
        }
        if !self.are_kept {
            self.events.clear();
            self.polled = 0;
        }
        false
    }

    /// Takes them all, and leaves that room for the next ones.
    pub(super) fn take(&mut self, room: Vec<Event>) -> Vec<Event> {
        debug_assert!(
            self.polled == self.events.len() && self.evicted.is_none(),
            "events were left unpolled"
        );
        self.polled = 0;
        std::mem::replace(&mut self.events, room)
    }

    pub(super) const fn is_last(&self) -> bool {
        self.polled == self.events.len()
    }

    /// The last one was gone on to, and is as if it had not been told.
    pub(super) fn withdraw(&mut self) {
        debug_assert!(self.is_last(), "others would take its place");
        self.events.pop();
        self.polled = self.events.len();
    }

    /// The one that was gone on to.
    pub(super) fn current(&self) -> Option<&Event> {
        self.events.get(self.polled.checked_sub(1)?)
    }

    /// Those that were not polled yet get this owner.
    pub(super) fn claim(&mut self, owner: OwnerId) {
        for event in self.events.iter_mut().skip(self.polled) {
            match event {
                Event::Syn(of, _)
                | Event::SynAck(of)
                | Event::Answered(of, _)
                | Event::IcmpError(of, ..)
                | Event::Failed(of, _) => *of = owner,
                _ => {}
            }
        }
    }
}

/// The kinds of packet that are told apart in counts about the capture.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_told_once_and_taken_whole() {
        let mut told = Told {
            are_kept: true,
            ..Told::default()
        };
        let opened = |slot| Event::Opened(AttemptId(slot));
        for slot in 0..3 {
            told.push(opened(slot));
            assert!(told.turn());
            assert_eq!(told.current(), Some(&opened(slot)));
            assert!(!told.turn(), "each is told once");
        }
        assert_eq!(told.take(vec![]), [0, 1, 2].map(opened));
        told.push(opened(3));
        assert!(told.turn());
        assert_eq!(told.take(Vec::new()), [opened(3)]);
    }

    #[test]
    fn what_is_not_kept_takes_no_room() {
        let mut told = Told::default();
        for slot in 0..100 {
            told.push(Event::Opened(AttemptId(slot)));
            while told.turn() {}
        }
        assert!(told.events.is_empty() && told.events.capacity() < 8);
    }
}
