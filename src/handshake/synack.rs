//! SYN/ACKs, and the final ACK of the three-way handshake.

use super::dedup::Distinctness;
use super::event::{Answer, Event, PacketKind, Side};
use super::flow::FlowKey;
use super::sink::EventSink;
use super::table::{Candidate, State};
use super::tracker::Tracker;
use crate::packet::Segment;
use crate::time::Timestamp;

impl Tracker {
    pub(super) fn on_synack(
        &mut self,
        at: Timestamp,
        synack: &Segment,
        key: &FlowKey,
        sink: &mut impl EventSink,
    ) {
        let candidates = self.candidates(key, &synack.from, &synack.to);
        let answered = candidates
            .iter()
            .find(|known| self.is_acceptable(known, synack))
            .copied();
        let fingerprint = (PacketKind::SynAck, self.fingerprint(answered, synack, key));
        if answered.is_some_and(|known| !self.table.get(known.attempt.slot).is_answered()) {
            self.duplicates.insert(fingerprint, at, synack.via);
        } else if self.duplicates.check_and_insert(
            fingerprint,
            at,
            synack.via,
            Distinctness::of(synack),
        ) {
            return self.emit(Event::Duplicate(PacketKind::SynAck), sink);
        }
        match answered {
            Some(known) => self.record_synack(at, synack, known, sink),
            None if candidates.iter().any(|known| self.awaits_synack(known)) => {
                self.emit(Event::Unacceptable(PacketKind::SynAck), sink);
            }
            None => {
                self.early_synacks.insert(at, synack);
                self.emit(Event::Unmatched(PacketKind::SynAck), sink);
            }
        }
    }

    /// The server acknowledges the client's SYN (RFC 9293 section 3.10.7.3). In a simultaneous open
    /// either side may acknowledge the SYN of the other.
    fn is_acceptable(&self, known: &Candidate, synack: &Segment) -> bool {
        let attempt = self.table.get(known.attempt.slot);
        let to_client = known.side == Side::Server || self.connects_to_itself(known);
        (to_client && attempt.accepts(synack.acknowledgment))
            || (known.side == Side::Client
                && attempt
                    .simultaneous_isn()
                    .is_some_and(|isn| synack.acknowledgment == isn.wrapping_add(1)))
    }

    /// Returns `true` if client and server are one socket.
    fn connects_to_itself(&self, known: &Candidate) -> bool {
        let tuple = self.table.four_tuple(known.attempt.slot);
        tuple.client == tuple.server
    }

    /// Returns `true` if the receiver of a SYN/ACK from this side is pending.
    fn awaits_synack(&self, known: &Candidate) -> bool {
        let attempt = self.table.get(known.attempt.slot);
        let may_answer = known.side == Side::Server
            || self.connects_to_itself(known)
            || attempt.simultaneous_isn().is_some();
        attempt.state() == State::Pending && may_answer
    }

    /// Records the first SYN/ACK of an attempt, which is no duplicate.
    pub(super) fn record_first_synack(
        &mut self,
        at: Timestamp,
        synack: &Segment,
        known: Candidate,
        key: &FlowKey,
        sink: &mut impl EventSink,
    ) {
        let fingerprint = (
            PacketKind::SynAck,
            self.fingerprint(Some(known), synack, key),
        );
        self.duplicates.insert(fingerprint, at, synack.via);
        self.record_synack(at, synack, known, sink);
    }

    /// Time alone decides what an acceptable SYN/ACK is: before the deadline an answer, after it a
    /// late answer.
    fn record_synack(
        &mut self,
        at: Timestamp,
        synack: &Segment,
        known: Candidate,
        sink: &mut impl EventSink,
    ) {
        let now = self.clock.now();
        let attempt = self.table.get_mut(known.attempt.slot);
        let owner = attempt.owner;
        if attempt.is_answered() {
            attempt.record_repeated_answer(at);
            return self.emit(Event::SynAckRetransmission(owner), sink);
        }
        let late = attempt.state() == State::Failed;
        let latency = at.since(attempt.first_syn);
        attempt.record_answer(at);
        if known.side == Side::Server {
            attempt.set_server_isn(synack.sequence);
        }
        if !late {
            self.table.move_to_decided(known.attempt, now);
        }
        let event = Event::Answered(owner, Answer { latency, late });
        sink.event(now, event, Some(self.table.view(known.attempt.slot)));
    }

    /// The final ACK of the three-way handshake: the client acknowledges the server's SYN.
    pub(super) fn on_ack(
        &mut self,
        at: Timestamp,
        ack: &Segment,
        key: &FlowKey,
        sink: &mut impl EventSink,
    ) {
        let candidates = self.candidates(key, &ack.from, &ack.to);
        let completes = |known: &&Candidate| {
            let attempt = self.table.get(known.attempt.slot);
            known.side == Side::Client
                && attempt.is_answered()
                && attempt.accepts(ack.sequence)
                && attempt
                    .server_isn()
                    .is_some_and(|isn| ack.acknowledgment == isn.wrapping_add(1))
        };
        if let Some(known) = candidates.iter().find(completes) {
            let attempt = self.table.get_mut(known.attempt.slot);
            if attempt.complete() {
                let latency = at.since(attempt.answered_at());
                let event = Event::Completed(attempt.owner, latency);
                self.emit(event, sink);
            }
        }
    }
}
