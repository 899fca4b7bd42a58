//! Checks the invariants of a tracker after every packet. Packet scripts, property tests and fuzzing all drive the tracker
//! through [`InvariantChecker`].
//!
//! - Each attempt is opened once and then answered, failed or evicted at most once; a failed one may be answered late.
//! - Opened = answered + failed + evicted + pending, at every moment.
//! - Pending attempts are tracked, and the tracked attempts stay within the limit.
//! - Nothing is recorded for an evicted attempt.

use tcp_handshake_exporter::handshake::{
    Answer, Assignment, AttemptLimits, AttemptRef, Event, EventSink, Opening, OwnerId, PeerHistory,
    Tracker,
};
use tcp_handshake_exporter::packet::{IcmpError, Packet};
use tcp_handshake_exporter::time::Timestamp;

/// Deadlines that one call may handle: small, so that every test covers the rest.
const TIMEOUT_BUDGET: usize = 2;

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

/// What a tracker emits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Emitted {
    /// An attempt begins.
    Opened(OwnerId),
    /// Any other event.
    Event(Event),
}

/// Acts as the caller of the tracker, and checks each event.
struct CheckingSink<'a> {
    attempts: &'a mut AttemptStates,
    caller: CallerContext,
    emitted: Vec<Emitted>,
    /// The first broken invariant.
    broken: Option<String>,
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

    /// Returns what this packet emits, or an error if an invariant is broken.
    pub(crate) fn handle_packet(
        &mut self,
        at: Timestamp,
        packet: &Packet,
        caller: CallerContext,
    ) -> Result<Vec<Emitted>, String> {
        let key = self.tracker.flow_hasher().key_of(packet);
        let mut sink = CheckingSink::new(&mut self.attempts, caller);
        self.tracker.handle_packet(at, packet, &key, &mut sink);
        let emitted = sink.finish()?;
        self.check_sums(&emitted)?;
        Ok(emitted)
    }

    /// Returns what the deadlines up to `now` emit, or an error if an invariant is broken.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp) -> Result<Vec<Emitted>, String> {
        let mut emitted = Vec::new();
        let mut more = true;
        while more {
            let mut sink = CheckingSink::new(&mut self.attempts, CallerContext::UNKNOWN);
            more = self.tracker.handle_timeout(now, TIMEOUT_BUDGET, &mut sink);
            let part = sink.finish()?;
            let failed = |emitted: &&Emitted| matches!(emitted, Emitted::Event(Event::Failed(..)));
            let failed = part.iter().filter(failed).count();
            if failed > TIMEOUT_BUDGET || (more && failed < TIMEOUT_BUDGET) {
                return Err(format!("{failed} deadlines, more: {more}"));
            }
            emitted.extend(part);
            self.check_sums(&emitted)?;
        }
        Ok(emitted)
    }

    pub(crate) fn pending(&self) -> usize {
        self.tracker.pending()
    }

    pub(crate) fn tracked(&self) -> usize {
        self.tracker.tracked()
    }

    fn check_sums(&self, emitted: &[Emitted]) -> Result<(), String> {
        let pending = self.tracker.pending();
        let tracked = self.tracker.tracked();
        let expected = self.attempts.pending;
        if pending != expected {
            return Err(format!(
                "{expected} attempts are pending by the events, {pending} by the tracker, after {emitted:?}"
            ));
        }
        if pending > tracked || tracked > self.max_attempts {
            return Err(format!(
                "{pending} pending, {tracked} tracked, limit {}, after {emitted:?}",
                self.max_attempts
            ));
        }
        Ok(())
    }
}

impl<'a> CheckingSink<'a> {
    fn new(attempts: &'a mut AttemptStates, caller: CallerContext) -> Self {
        Self {
            attempts,
            caller,
            emitted: Vec::new(),
            broken: None,
        }
    }

    /// Records the first broken invariant.
    fn check(&mut self, result: Result<(), String>) {
        if let Err(wrong) = result {
            let broken = format!("{wrong}, after {:?}", self.emitted);
            self.broken.get_or_insert(broken);
        }
    }

    fn finish(self) -> Result<Vec<Emitted>, String> {
        self.broken.map_or(Ok(self.emitted), Err)
    }
}

impl EventSink for CheckingSink<'_> {
    fn opened(&mut self, _: Timestamp, _: Opening<'_>) -> Assignment {
        let owner = self.attempts.open();
        self.emitted.push(Emitted::Opened(owner));
        Assignment {
            owner,
            history: self.caller.peer_history,
        }
    }

    fn event(&mut self, _: Timestamp, event: Event, attempt: Option<AttemptRef<'_>>) {
        let is_outcome = matches!(event, Event::Answered(..) | Event::Failed(..));
        if attempt.is_some() != is_outcome {
            self.check(Err(format!("an attempt goes with an outcome: {event:?}")));
        }
        let checked = self.attempts.check(&event);
        self.check(checked.map_err(|wrong| format!("{wrong}: {event:?}")));
        self.emitted.push(Emitted::Event(event));
    }

    fn unmatched_icmp(&mut self, _: &IcmpError) -> bool {
        self.caller.is_local_rejection
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
    fn open(&mut self) -> OwnerId {
        let number = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
        self.states.push(FinalState::Pending);
        self.pending += 1;
        OwnerId(number)
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
            | Event::SynAckRetransmission(owner)
            | Event::Rst(owner, _)
            | Event::IcmpError(owner, ..)
            | Event::Completed(owner, _) => self.check_not_evicted(owner),
            Event::Duplicate(_)
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
