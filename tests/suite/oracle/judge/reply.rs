//! Rules 5, 6, 11, 12 and 13: SYN/ACKs and RSTs.

use super::Judge;
use crate::oracle::attempt::State;
use crate::oracle::copies::{Met, SECOND, is_answer_copy};
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
        let from_server: Vec<usize> = from_server.collect();
        let Some(number) = from_server.iter().copied().chain(from_client).max() else {
            return self.stray_answer(met);
        };
        let attempt = &mut self.attempts[number];
        if is_answer_copy(met, &attempt.answers) {
            return self.figures.copy("synack");
        }
        attempt.answers.push(met.clone());
        if !attempt.was_answered() && from_server.contains(&number) {
            attempt.server_isn = Some(segment.sequence);
        }
        let (state, latency) = (attempt.state, met.at().saturating_sub(attempt.began));
        let repeated = attempt.was_answered();
        attempt.state = if matches!(state, State::Waiting | State::Answered) {
            State::Answered
        } else {
            State::AnsweredLate
        };
        let counts = self.counts(number);
        counts.add("synacks_total");
        if repeated {
            counts.add("synack_retransmissions_total");
        } else {
            counts.add(if state == State::Waiting {
                "answered_total"
            } else {
                "late_answers_total"
            });
            counts.latencies.push(latency);
        }
    }

    /// Rule 13: it answers nothing. An attempt that waits for one between these ends is told of a wrong one.
    fn stray_answer(&mut self, met: &Met) {
        let (from, to) = (met.segment().from, met.segment().to);
        let earlier = self.stray_answers.entry((from, to)).or_default();
        if is_answer_copy(met, earlier) {
            return self.figures.copy("synack");
        }
        earlier.push(met.clone());
        let asked = self
            .known((to, from), met.at())
            .any(|number| self.attempts[number].waits());
        let asked_back = |number: usize| {
            self.attempts[number].waits() && !self.attempts[number].server_syns.is_empty()
        };
        if asked || self.known((from, to), met.at()).any(asked_back) {
            self.figures.unacceptable("synack");
        } else {
            self.early_answers
                .entry((from, to))
                .or_default()
                .push(met.clone());
            self.figures.unmatched("synack");
        }
    }

    /// A SYN/ACK may be met before the SYN that it answers, where its stamp is less than a second behind.
    pub(super) fn answered_early(&mut self, number: usize, syn: &Met) {
        let attempt = &self.attempts[number];
        let Some(early) = self
            .early_answers
            .get_mut(&(syn.segment().to, syn.segment().from))
        else {
            return;
        };
        let answers = |early: &Met| {
            attempt.is_acknowledged_by(early.segment())
                && early.at() >= syn.at()
                && early.at() - syn.at() < SECOND
        };
        if let Some(first) = early.iter().position(answers) {
            let early = early.remove(first);
            self.syn_ack(&early);
        }
    }

    /// SYN/ACK to ACK, once for each attempt.
    pub(super) fn third_leg(&mut self, met: &Met) {
        let (from, to) = (met.segment().from, met.segment().to);
        let completed = |number: &usize| self.attempts[*number].is_completed_by(met.segment());
        let Some(number) = self.known((from, to), met.at()).filter(completed).max() else {
            return;
        };
        let attempt = &mut self.attempts[number];
        if !std::mem::replace(&mut attempt.completed, true) {
            let latency = met
                .at()
                .saturating_sub(attempt.answers.first().map_or(0, Met::at));
            self.counts(number).add("completed_total");
            self.counts(number).ack_latencies.push(latency);
        }
    }

    /// Rules 6 and 13.
    pub(super) fn reset(&mut self, met: &Met) {
        let segment = met.segment();
        let (name, reverse) = ((segment.from, segment.to), (segment.to, segment.from));
        let by_client = self.known(name, met.at()).map(|number| (number, "client"));
        let by_server = self
            .known(reverse, met.at())
            .map(|number| (number, "server"));
        let acceptable = |(number, sender): &(usize, &str)| {
            *sender == "server"
                && segment.has(ACK)
                && self.attempts[*number].is_acknowledged_by(segment)
        };
        let of_attempt = by_client
            .chain(by_server)
            .max_by_key(|candidate| (acceptable(candidate), candidate.0));
        let first_name =
            of_attempt.map(|(number, sender)| (self.attempts[number].names[0], sender));
        let refuses = of_attempt.as_ref().is_some_and(acceptable);
        let earlier = self
            .resets
            .entry(first_name.unwrap_or((name, "nobody")))
            .or_default();
        if is_answer_copy(met, earlier) {
            return self.figures.copy("rst");
        }
        earlier.push(met.clone());
        let Some((number, sender)) = of_attempt else {
            return self.stray_reset(segment);
        };
        self.counts(number)
            .add(&format!("rsts_total{{sender=\"{sender}\"}}"));
        match (self.attempts[number].waits(), sender) {
            (true, "server") if refuses => self.fail(number, "refused"),
            (true, "server") => self.figures.unacceptable("rst"),
            _ => {}
        }
    }

    /// Rule 13: of no known attempt, but perhaps of a set that has exactly one of its endpoints as server.
    fn stray_reset(&mut self, segment: &Segment) {
        let (from, to) = (segment.from, segment.to);
        let (as_client, as_server) = (
            Set::of(from, to, &self.local),
            Set::of(to, from, &self.local),
        );
        let (set, sender) = match (
            self.table.contains_key(&as_client),
            self.table.contains_key(&as_server),
        ) {
            (true, false) => (as_client, "client"),
            (false, true) => (as_server, "server"),
            _ => return self.figures.unmatched("rst"),
        };
        self.table
            .entry(set)
            .or_default()
            .add(&format!("rsts_total{{sender=\"{sender}\"}}"));
    }
}
