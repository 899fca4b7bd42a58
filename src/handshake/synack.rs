//! A SYN/ACK, and the ACK that completes the handshake.

use super::attempt::State;
use super::ends::FlowKey;
use super::event::{Answer, Event, PacketKind, Side};
use super::matches::Match;
use super::tracker::{Tracker, marks_of};
use crate::packet::Segment;
use crate::time::Timestamp;

impl Tracker {
    pub(super) fn on_synack(&mut self, at: Timestamp, synack: &Segment, ends: &FlowKey) {
        let matches = self.between(ends, &synack.from, &synack.to);
        let answered = matches
            .iter()
            .find(|known| self.answers(known, synack))
            .copied();
        let print = (PacketKind::SynAck, self.print(answered, synack, ends));
        if answered.is_some_and(|known| !self.store.get(known.slot).is_answered()) {
            self.recent.note(print, at, synack.via);
        } else if self.recent.has_met(print, at, synack.via, marks_of(synack)) {
            self.events.push(Event::Duplicate(PacketKind::SynAck));
            return;
        }
        match answered {
            Some(known) => self.answer(at, synack, known),
            None if matches.iter().any(|known| self.awaits(known)) => {
                self.events.push(Event::Unacceptable(PacketKind::SynAck));
            }
            None => {
                self.early.note(at, synack);
                self.events.push(Event::Unmatched(PacketKind::SynAck));
            }
        }
    }

    /// The server acknowledges the client's SYN (RFC 9293 section 3.10.7.3); where both asked at the same time, either
    /// side may acknowledge the other's. A socket that connects to itself is both sides.
    fn answers(&self, known: &Match, synack: &Segment) -> bool {
        let attempt = self.store.get(known.slot);
        let to_the_client = known.side == Side::Server || self.asks_itself(known);
        (to_the_client && attempt.accepts(synack.acknowledgment))
            || (known.side == Side::Client
                && attempt
                    .asked_back_with()
                    .is_some_and(|isn| synack.acknowledgment == isn.wrapping_add(1)))
    }

    fn asks_itself(&self, known: &Match) -> bool {
        let name = self.store.name(known.slot);
        name.client == name.server
    }

    /// Whether the other side of the sender still waits for a SYN/ACK.
    fn awaits(&self, known: &Match) -> bool {
        let attempt = self.store.get(known.slot);
        let may_answer = known.side == Side::Server
            || self.asks_itself(known)
            || attempt.asked_back_with().is_some();
        attempt.state() == State::Waiting && may_answer
    }

    /// Its first answer: no copy, and known by it if it is met again.
    pub(super) fn answer_first(
        &mut self,
        at: Timestamp,
        synack: &Segment,
        known: Match,
        ends: &FlowKey,
    ) {
        let print = (PacketKind::SynAck, self.print(Some(known), synack, ends));
        self.recent.note(print, at, synack.via);
        self.answer(at, synack, known);
    }

    /// What it is called depends on time alone: before the verdict an answer, after it a late one.
    fn answer(&mut self, at: Timestamp, synack: &Segment, known: Match) {
        let attempt = self.store.get_mut(known.slot);
        let owner = attempt.owner;
        if attempt.is_answered() {
            attempt.answer_again(at);
            self.events.push(Event::SynAck(owner));
            return;
        }
        let late = attempt.state() == State::Failed;
        let latency = at.since(attempt.first_syn);
        attempt.answer(at);
        self.decided = Some(known.slot);
        if known.side == Side::Server {
            attempt.note_server_isn(synack.sequence);
        }
        if !late {
            self.store.decided(known.known(), self.timeline.now());
        }
        self.events
            .push(Event::Answered(owner, Answer { latency, late }));
    }

    /// The third leg: the client acknowledges the server's SYN.
    pub(super) fn on_ack(&mut self, at: Timestamp, ack: &Segment, ends: &FlowKey) {
        let matches = self.between(ends, &ack.from, &ack.to);
        let completes = |known: &&Match| {
            let attempt = self.store.get(known.slot);
            known.side == Side::Client
                && attempt.is_answered()
                && attempt.accepts(ack.sequence)
                && attempt
                    .server_isn()
                    .is_some_and(|isn| ack.acknowledgment == isn.wrapping_add(1))
        };
        if let Some(slot) = matches.iter().find(completes).map(|known| known.slot) {
            let attempt = self.store.get_mut(slot);
            if attempt.complete() {
                let latency = at.since(attempt.answered_at());
                self.events.push(Event::Completed(attempt.owner, latency));
            }
        }
    }
}
