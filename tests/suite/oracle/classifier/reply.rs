//! Rules 5, 6, 11, 12 and 13: SYN/ACKs and RSTs.

use super::Classifier;
use crate::oracle::attempt::State;
use crate::oracle::duplicates::{ObservedSegment, SECOND, is_response_duplicate};
use crate::oracle::facts::{ACK, Segment};
use crate::oracle::labels::LabelSet;

impl Classifier {
    /// Rules 5, 11 and 12.
    pub(super) fn synack(&mut self, observed: &ObservedSegment) {
        let segment = observed.segment();
        let from_server = self
            .tracked((segment.to, segment.from), observed.at())
            .filter(|number| self.attempts[*number].is_acknowledged_by(segment));
        let from_client = self
            .tracked((segment.from, segment.to), observed.at())
            .filter(|number| self.attempts[*number].is_server_syn_acknowledged_by(segment));
        let from_server: Vec<usize> = from_server.collect();
        let Some(number) = from_server.iter().copied().chain(from_client).max() else {
            return self.unmatched_synack(observed);
        };
        let attempt = &mut self.attempts[number];
        if is_response_duplicate(observed, &attempt.answers) {
            return self.exporter_counts.duplicate("synack");
        }
        attempt.answers.push(observed.clone());
        if !attempt.was_answered() && from_server.contains(&number) {
            attempt.server_isn = Some(segment.sequence);
        }
        let state = attempt.state;
        let latency = observed.at().saturating_sub(attempt.started);
        let repeated = attempt.was_answered();
        attempt.state = if matches!(state, State::Pending | State::Answered) {
            State::Answered
        } else {
            State::AnsweredLate
        };
        let counts = self.counts(number);
        counts.add("synacks_total");
        if repeated {
            counts.add("synack_retransmissions_total");
        } else {
            counts.add(if state == State::Pending {
                "answered_total"
            } else {
                "late_answers_total"
            });
            counts.latencies.push(latency);
        }
    }

    /// Rule 13: counts a SYN/ACK that answers nothing. It is unacceptable if an attempt between these endpoints is pending, else
    /// unmatched.
    fn unmatched_synack(&mut self, observed: &ObservedSegment) {
        let from = observed.segment().from;
        let to = observed.segment().to;
        let earlier = self.unmatched_synacks.entry((from, to)).or_default();
        if is_response_duplicate(observed, earlier) {
            return self.exporter_counts.duplicate("synack");
        }
        earlier.push(observed.clone());
        let is_pending = self
            .tracked((to, from), observed.at())
            .any(|number| self.attempts[number].is_pending());
        let awaits_client = |number: usize| {
            self.attempts[number].is_pending() && !self.attempts[number].server_syns.is_empty()
        };
        if is_pending || self.tracked((from, to), observed.at()).any(awaits_client) {
            self.exporter_counts.unacceptable("synack");
        } else {
            self.early_synacks
                .entry((from, to))
                .or_default()
                .push(observed.clone());
            self.exporter_counts.unmatched("synack");
        }
    }

    /// A SYN/ACK may be captured before the SYN that it answers. Its timestamp must be less than one second after that of the
    /// SYN.
    pub(super) fn match_early_synack(&mut self, number: usize, syn: &ObservedSegment) {
        let attempt = &self.attempts[number];
        let Some(early) = self
            .early_synacks
            .get_mut(&(syn.segment().to, syn.segment().from))
        else {
            return;
        };
        let answers = |early: &ObservedSegment| {
            attempt.is_acknowledged_by(early.segment())
                && early.at() >= syn.at()
                && early.at() - syn.at() < SECOND
        };
        if let Some(first) = early.iter().position(answers) {
            let early = early.remove(first);
            self.synack(&early);
        }
    }

    /// Measures the time from SYN/ACK to ACK, once for each attempt.
    pub(super) fn final_ack(&mut self, observed: &ObservedSegment) {
        let from = observed.segment().from;
        let to = observed.segment().to;
        let completed = |number: &usize| self.attempts[*number].is_completed_by(observed.segment());
        let Some(number) = self
            .tracked((from, to), observed.at())
            .filter(completed)
            .max()
        else {
            return;
        };
        let attempt = &mut self.attempts[number];
        if !std::mem::replace(&mut attempt.completed, true) {
            let latency = observed
                .at()
                .saturating_sub(attempt.answers.first().map_or(0, ObservedSegment::at));
            self.counts(number).add("completed_total");
            self.counts(number).ack_latencies.push(latency);
        }
    }

    /// Rules 6 and 13.
    pub(super) fn rst(&mut self, observed: &ObservedSegment) {
        let segment = observed.segment();
        let four_tuple = (segment.from, segment.to);
        let reverse = (segment.to, segment.from);
        let by_client = self
            .tracked(four_tuple, observed.at())
            .map(|number| (number, "client"));
        let by_server = self
            .tracked(reverse, observed.at())
            .map(|number| (number, "server"));
        let acceptable = |(number, sender): &(usize, &str)| {
            *sender == "server"
                && segment.has(ACK)
                && self.attempts[*number].is_acknowledged_by(segment)
        };
        let of_attempt = by_client
            .chain(by_server)
            .max_by_key(|candidate| (acceptable(candidate), candidate.0));
        let first_four_tuple =
            of_attempt.map(|(number, sender)| (self.attempts[number].four_tuples[0], sender));
        let refuses = of_attempt.as_ref().is_some_and(acceptable);
        let earlier = self
            .rsts
            .entry(first_four_tuple.unwrap_or((four_tuple, "unknown")))
            .or_default();
        if is_response_duplicate(observed, earlier) {
            return self.exporter_counts.duplicate("rst");
        }
        earlier.push(observed.clone());
        let Some((number, sender)) = of_attempt else {
            return self.unmatched_rst(segment);
        };
        self.counts(number)
            .add(&format!("rsts_total{{sender=\"{sender}\"}}"));
        match (self.attempts[number].is_pending(), sender) {
            (true, "server") if refuses => self.fail(number, "refused"),
            (true, "server") => self.exporter_counts.unacceptable("rst"),
            _ => {}
        }
    }

    /// Rule 13: counts a RST of no tracked attempt in an existing label set that has exactly one of its endpoints as server.
    fn unmatched_rst(&mut self, segment: &Segment) {
        let from = segment.from;
        let to = segment.to;
        let as_client = LabelSet::of(from, to, &self.local);
        let as_server = LabelSet::of(to, from, &self.local);
        let (set, sender) = match (
            self.table.contains_key(&as_client),
            self.table.contains_key(&as_server),
        ) {
            (true, false) => (as_client, "client"),
            (false, true) => (as_server, "server"),
            _ => return self.exporter_counts.unmatched("rst"),
        };
        self.table
            .entry(set)
            .or_default()
            .add(&format!("rsts_total{{sender=\"{sender}\"}}"));
    }
}
