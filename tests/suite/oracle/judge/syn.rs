//! Rules 1 to 4, 10 and 12: SYNs.

use super::Judge;
use crate::oracle::copies::{Met, is_answer_copy, is_syn_copy};
use crate::oracle::labels::Set;

impl Judge {
    /// Rule 1: it opens nothing. As no attempt has it, its copies are known as those of RSTs are.
    pub(super) fn odd_syn(&mut self, met: &Met) {
        let (from, to) = (met.segment().from, met.segment().to);
        let earlier = self.odd_syns.entry((from, to)).or_default();
        if is_answer_copy(met, earlier) {
            return self.figures.copy("syn");
        }
        earlier.push(met.clone());
        if let Some(counts) = self.table.get_mut(&Set::of(from, to, &self.local)) {
            counts.add("syns_total");
        }
    }

    pub(super) fn syn(&mut self, met: &Met) {
        let segment = met.segment();
        let (name, reverse) = ((segment.from, segment.to), (segment.to, segment.from));
        let known = self
            .known(name, met.at())
            .filter(|number| self.attempts[*number].isn == segment.sequence)
            .last();
        let asked_back = self
            .known(reverse, met.at())
            .filter(|number| self.attempts[*number].is_asked_back(segment))
            .last();
        if let Some(number) = known {
            self.syn_again(number, met);
        } else if let Some(number) = asked_back {
            self.simultaneous_open(number, met);
        } else if let Some(number) = self.other_name(met) {
            self.attempts[number].names.push(name);
            self.attempts[number].pass(met);
            self.by_name.entry(name).or_default().push(number);
            self.figures.copy("syn");
        } else {
            let number = self.open(name, segment.sequence, met.at());
            self.attempts[number].pass(met);
            self.attempts[number].syns.push(met.clone());
            self.counts(number).add("syns_total");
            self.answered_early(number, met);
        }
    }

    /// Rules 2 and 10.
    fn syn_again(&mut self, number: usize, met: &Met) {
        let attempt = &mut self.attempts[number];
        attempt.pass(met);
        if is_syn_copy(met, &attempt.syns) {
            return self.figures.copy("syn");
        }
        let repeats = !attempt.syns.is_empty();
        attempt.syns.push(met.clone());
        let counts = self.counts(number);
        counts.add("syns_total");
        if repeats {
            counts.add("syn_retransmissions_total");
        }
    }

    /// Rule 12: a SYN of the server's own, while the attempt waits.
    fn simultaneous_open(&mut self, number: usize, met: &Met) {
        let earlier = &mut self.attempts[number].server_syns;
        let same: Vec<Met> = earlier
            .iter()
            .filter(|syn| syn.segment().sequence == met.segment().sequence)
            .cloned()
            .collect();
        if is_syn_copy(met, &same) {
            return self.figures.copy("syn");
        }
        earlier.push(met.clone());
        self.attempts[number].server_isn = Some(met.segment().sequence);
        self.counts(number).add("syns_total");
    }

    /// Rule 4: the attempt that this SYN belongs to under another name: one that shares an end, else the newest.
    fn other_name(&self, met: &Met) -> Option<usize> {
        if !met.is_leaving() {
            return None;
        }
        let same_isn = self
            .by_isn
            .get(&met.segment().sequence)
            .into_iter()
            .flatten()
            .copied();
        let candidates = same_isn.filter(|number| self.attempts[*number].may_leave_as(met));
        candidates
            .max_by_key(|number| (self.attempts[*number].shares_an_end(met.segment()), *number))
    }
}
