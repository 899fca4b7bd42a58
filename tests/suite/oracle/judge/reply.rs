//! Rules 5, 6, 11, 12 and 13: SYN/ACKs and RSTs.

use super::Judge;
use crate::oracle::attempt::State;
use crate::oracle::copies::{Met, is_answer_copy};
use crate::oracle::facts::{ACK, Segment};
use crate::oracle::labels::Set;

impl Judge {
    /// Rules 5, 11 and 12.
    pub(super) fn syn_ack(&mut self, met: &Met) {
        let segment = met.segment();
        let from_server = self
            .known((segment.to, segment.from), met.at())
            .filter(|number| self.attempts[*number].is_acknowledged_by(segment));
        let from_client = self
            .known((segment.from, segment.to), met.at())
            .filter(|number| self.attempts[*number].acknowledges_server(segment));
        let Some(number) = from_server.chain(from_client).max() else { return };
        let attempt = &mut self.attempts[number];
        if is_answer_copy(met, &attempt.answers) {
            return;
        }
        attempt.answers.push(met.clone());
        let (state, latency) = (attempt.state, met.at().saturating_sub(attempt.began));
        let repeated = attempt.was_answered();
        attempt.state =
            if matches!(state, State::Waiting | State::Answered) { State::Answered } else { State::AnsweredLate };
        let counts = self.counts(number);
        counts.add("synacks_total");
        if repeated {
            counts.add("synack_retransmissions_total");
        } else {
            counts.add(if state == State::Waiting { "answered_total" } else { "late_answers_total" });
            counts.latencies.push(latency);
        }
    }

    /// Rules 6 and 13.
    pub(super) fn reset(&mut self, met: &Met) {
        let segment = met.segment();
        let (name, reverse) = ((segment.from, segment.to), (segment.to, segment.from));
        let by_client = self.known(name, met.at()).map(|number| (number, "client"));
        let by_server = self.known(reverse, met.at()).map(|number| (number, "server"));
        let acceptable = |(number, sender): &(usize, &str)| {
            *sender == "server" && segment.has(ACK) && self.attempts[*number].is_acknowledged_by(segment)
        };
        let of_attempt = by_client.chain(by_server).max_by_key(|candidate| (acceptable(candidate), candidate.0));
        let first_name = of_attempt.map(|(number, sender)| (self.attempts[number].names[0], sender));
        let refuses = of_attempt.as_ref().is_some_and(acceptable);
        let earlier = self.resets.entry(first_name.unwrap_or((name, "nobody"))).or_default();
        if is_answer_copy(met, earlier) {
            return;
        }
        earlier.push(met.clone());
        let Some((number, sender)) = of_attempt else { return self.stray_reset(segment) };
        self.counts(number).add(&format!("rsts_total{{sender=\"{sender}\"}}"));
        if refuses && self.attempts[number].waits() {
            self.fail(number, "refused");
        }
    }

    /// Rule 13: of no known attempt, but perhaps of a set that has exactly one of its endpoints as server.
    fn stray_reset(&mut self, segment: &Segment) {
        let (from, to) = (segment.from, segment.to);
        let (as_client, as_server) = (Set::of(from, to, &self.local), Set::of(to, from, &self.local));
        let (set, sender) = match (self.table.contains_key(&as_client), self.table.contains_key(&as_server)) {
            (true, false) => (as_client, "client"),
            (false, true) => (as_server, "server"),
            _ => return,
        };
        self.table.entry(set).or_default().add(&format!("rsts_total{{sender=\"{sender}\"}}"));
    }
}
