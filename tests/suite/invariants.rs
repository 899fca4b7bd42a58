//! Checks the invariants of a tracker after every packet. Packet scripts, property tests and fuzzing all drive the tracker
//! through [`InvariantChecker`].
//!
//! - Each attempt is opened once and then answered, failed or evicted at most once; a failed one may be answered late.
//! - Opened = answered + failed + evicted + pending, at every moment.
//! - Pending attempts are tracked, and the tracked attempts stay within the limit.
//! - Nothing is recorded for an evicted attempt.

use tcp_handshake_exporter::handshake::{
    Answer, AttemptLimits, Event, OwnerId, PacketKind, PeerHistory, Tracker,
};
use tcp_handshake_exporter::packet::Packet;
use tcp_handshake_exporter::time::Timestamp;

/// A tracker together with an independent record of its attempts.
pub(crate) struct InvariantChecker {
    tracker: Tracker,
    max_attempts: usize,
    attempts: AttemptStates,
}

/// What the caller of a tracker knows about a packet and the tracker does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerContext {
    /// Whether the peer was seen before, in case the packet opens an attempt.
    pub(crate) peer_history: PeerHistory,
    /// `true` if an unmatched ICMP error is this host's own rejection of its SYN.
    pub(crate) is_local_rejection: bool,
}

/// The state of every attempt by the events so far.
#[derive(Default)]
struct AttemptStates {
    states: Vec<FinalState>,
    pending: usize,
}

/// What became of an attempt by the events so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FinalState {
    Pending,
    Answered,
    Failed,
    AnsweredLate,
    Evicted,
}

impl InvariantChecker {
    pub(crate) fn new(limits: AttemptLimits) -> Self {
        let max_attempts = limits.max_attempts;
        Self {
            tracker: Tracker::new(limits),
            max_attempts,
            attempts: AttemptStates::default(),
        }
    }

    /// Returns the events of this packet, or an error if an invariant is broken.
    pub(crate) fn handle_packet(
        &mut self,
        at: Timestamp,
        packet: &Packet,
        caller: CallerContext,
    ) -> Result<Vec<Event>, String> {
        self.tracker.observe(at, packet);
        self.drain_events(at, Some(packet), caller)
    }

    /// Returns the events up to `now` without a packet, or an error if an invariant is broken.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp) -> Result<Vec<Event>, String> {
        self.tracker.advance(now);
        self.drain_events(now, None, CallerContext::UNKNOWN)
    }

    pub(crate) fn pending(&self) -> usize {
        self.tracker.pending()
    }

    pub(crate) fn tracked(&self) -> usize {
        self.tracker.tracked()
    }

    /// Takes all events, answers those that need the caller, and checks each and then the sums.
    fn drain_events(
        &mut self,
        at: Timestamp,
        packet: Option<&Packet>,
        caller: CallerContext,
    ) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        while let Some(event) = self.tracker.poll() {
            self.respond(at, &event, packet, caller)
                .and_then(|()| self.attempts.check(&event))
                .map_err(|wrong| format!("{wrong}: {event:?} after {events:?}"))?;
            events.push(event);
        }
        self.check_sums()
            .map_err(|wrong| format!("{wrong}, after {events:?}"))?;
        Ok(events)
    }

    /// Acts as the caller of the tracker: assigns an owner to each opened attempt and opens locally rejected ones.
    fn respond(
        &mut self,
        at: Timestamp,
        event: &Event,
        packet: Option<&Packet>,
        caller: CallerContext,
    ) -> Result<(), String> {
        match *event {
            Event::Opened(attempt) => {
                let owner = self.attempts.open()?;
                self.tracker.claim(attempt, owner, caller.peer_history);
            }
            Event::Unmatched(PacketKind::Icmp) => {
                if let (true, Some(Packet::IcmpError(error))) = (caller.is_local_rejection, packet)
                {
                    self.tracker.open_rejected(at, error);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn check_sums(&self) -> Result<(), String> {
        let pending = self.tracker.pending();
        let tracked = self.tracker.tracked();
        let expected = self.attempts.pending;
        if pending != expected {
            return Err(format!(
                "{expected} attempts are pending by the events, {pending} by the tracker"
            ));
        }
        if pending > tracked || tracked > self.max_attempts {
            return Err(format!(
                "{pending} pending, {tracked} tracked, limit {}",
                self.max_attempts
            ));
        }
        Ok(())
    }
}

impl CallerContext {
    /// A caller that knows nothing about the packet.
    pub(crate) const UNKNOWN: Self = Self {
        peer_history: PeerHistory::New,
        is_local_rejection: false,
    };
}

impl AttemptStates {
    /// Adds a pending attempt and returns its owner: the number of attempts opened before.
    fn open(&mut self) -> Result<OwnerId, String> {
        let number = u32::try_from(self.states.len()).map_err(|error| error.to_string())?;
        self.states.push(FinalState::Pending);
        self.pending += 1;
        Ok(OwnerId(number))
    }

    fn check(&mut self, event: &Event) -> Result<(), String> {
        use FinalState::{Answered, AnsweredLate, Evicted, Failed, Pending};
        match *event {
            Event::Answered(owner, Answer { late: false, .. }) => {
                self.transition(owner, Pending, Answered)
            }
            Event::Answered(owner, Answer { late: true, .. }) => {
                self.transition(owner, Failed, AnsweredLate)
            }
            Event::Failed(owner, _) => self.transition(owner, Pending, Failed),
            Event::Evicted(owner) => self.transition(owner, Pending, Evicted),
            Event::Syn(owner, _)
            | Event::SynAck(owner)
            | Event::Rst(owner, _)
            | Event::IcmpError(owner, ..)
            | Event::Completed(owner, _) => self.check_not_evicted(owner),
            Event::Opened(_)
            | Event::Duplicate(_)
            | Event::Unacceptable(_)
            | Event::InvalidSyn
            | Event::Unmatched(_)
            | Event::ClockStep => Ok(()),
        }
    }

    fn transition(
        &mut self,
        owner: OwnerId,
        from: FinalState,
        to: FinalState,
    ) -> Result<(), String> {
        let state = self.state(owner)?;
        if *state != from {
            return Err(format!(
                "the attempt was {state:?}, it cannot become {to:?}"
            ));
        }
        *state = to;
        if from == FinalState::Pending {
            self.pending -= 1;
        }
        Ok(())
    }

    fn check_not_evicted(&mut self, owner: OwnerId) -> Result<(), String> {
        match self.state(owner)? {
            FinalState::Evicted => Err("the attempt was evicted before".into()),
            FinalState::Pending
            | FinalState::Answered
            | FinalState::Failed
            | FinalState::AnsweredLate => Ok(()),
        }
    }

    fn state(&mut self, owner: OwnerId) -> Result<&mut FinalState, String> {
        self.states
            .get_mut(owner.0 as usize)
            .ok_or_else(|| format!("{owner:?} was never assigned"))
    }
}
