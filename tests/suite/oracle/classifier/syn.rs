//! Rules 1 to 4, 10 and 12: SYNs.

use super::Classifier;
use crate::oracle::duplicates::{ObservedSegment, is_response_duplicate, is_syn_duplicate};
use crate::oracle::labels::LabelSet;

impl Classifier {
    /// Rule 1: an invalid SYN opens nothing. It belongs to no attempt, so its duplicates are found like those of RSTs.
    pub(super) fn invalid_syn(&mut self, observed: &ObservedSegment) {
        let from = observed.segment().from;
        let to = observed.segment().to;
        let earlier = self.invalid_syns.entry((from, to)).or_default();
        if is_response_duplicate(observed, earlier) {
            return self.exporter_counts.duplicate("syn");
        }
        earlier.push(observed.clone());
        if let Some(counts) = self.table.get_mut(&LabelSet::of(from, to, &self.local)) {
            counts.add("syns_total");
        }
    }

    pub(super) fn syn(&mut self, observed: &ObservedSegment) {
        let segment = observed.segment();
        let four_tuple = (segment.from, segment.to);
        let reverse = (segment.to, segment.from);
        let known = self
            .tracked(four_tuple, observed.at())
            .filter(|number| self.attempts[*number].isn == segment.sequence)
            .last();
        let simultaneous = self
            .tracked(reverse, observed.at())
            .filter(|number| self.attempts[*number].includes_server_syn(segment))
            .last();
        if let Some(number) = known {
            self.repeated_syn(number, observed);
        } else if let Some(number) = simultaneous {
            self.simultaneous_open(number, observed);
        } else if let Some(number) = self.find_alias(observed) {
            self.attempts[number].four_tuples.push(four_tuple);
            self.attempts[number].record_passage(observed);
            self.by_four_tuple
                .entry(four_tuple)
                .or_default()
                .push(number);
            self.exporter_counts.duplicate("syn");
        } else {
            let number = self.open(four_tuple, segment.sequence, observed.at());
            self.attempts[number].record_passage(observed);
            self.attempts[number].syns.push(observed.clone());
            self.counts(number).add("syns_total");
            self.match_early_synack(number, observed);
        }
    }

    /// Rules 2 and 10.
    fn repeated_syn(&mut self, number: usize, observed: &ObservedSegment) {
        let attempt = &mut self.attempts[number];
        attempt.record_passage(observed);
        if is_syn_duplicate(observed, &attempt.syns) {
            return self.exporter_counts.duplicate("syn");
        }
        let repeats = !attempt.syns.is_empty();
        attempt.syns.push(observed.clone());
        let counts = self.counts(number);
        counts.add("syns_total");
        if repeats {
            counts.add("syn_retransmissions_total");
        }
    }

    /// Rule 12: a SYN of the server while the attempt is pending.
    fn simultaneous_open(&mut self, number: usize, observed: &ObservedSegment) {
        let earlier = &mut self.attempts[number].server_syns;
        let same: Vec<ObservedSegment> = earlier
            .iter()
            .filter(|syn| syn.segment().sequence == observed.segment().sequence)
            .cloned()
            .collect();
        if is_syn_duplicate(observed, &same) {
            return self.exporter_counts.duplicate("syn");
        }
        earlier.push(observed.clone());
        self.attempts[number].server_isn = Some(observed.segment().sequence);
        self.counts(number).add("syns_total");
    }

    /// Rule 4: returns the attempt of which this SYN is an alias: one that shares an endpoint, else the newest.
    fn find_alias(&self, observed: &ObservedSegment) -> Option<usize> {
        if !observed.is_leaving() {
            return None;
        }
        let same_isn = self
            .by_isn
            .get(&observed.segment().sequence)
            .into_iter()
            .flatten()
            .copied();
        let candidates = same_isn.filter(|number| self.attempts[*number].may_be_alias(observed));
        candidates.max_by_key(|number| {
            (
                self.attempts[*number].shares_endpoint(observed.segment()),
                *number,
            )
        })
    }
}
