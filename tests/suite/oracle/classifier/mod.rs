//! The rules of classification in their simplest form: every attempt is kept forever, and every lookup searches all attempts
//! of the same four-tuple.

mod icmp;
mod reply;
mod syn;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::Acks;
use super::attempt::{Attempt, FourTuple, State};
use super::counts::{Counts, Table};
use super::duplicates::{ObservedError, ObservedSegment, SECOND};
use super::exporter_counts::ExporterCounts;
use super::facts::{ACK, FIN, Fact, Packet, RST, SYN, Segment};
use super::labels::LabelSet;

/// The default of `--handshake.timeout`, in nanoseconds.
const TIMEOUT: u64 = 5 * SECOND;

/// Classifies facts in the order of the capture.
#[derive(Default)]
pub(crate) struct Classifier {
    /// Local addresses of the capturing host.
    local: Vec<IpAddr>,
    /// The latest time so far.
    now: u64,
    /// Sum of all clock steps back.
    shift: u64,
    attempts: Vec<Attempt>,
    /// Indexes of the attempts by four-tuple and alias, oldest first.
    by_four_tuple: HashMap<FourTuple, Vec<usize>>,
    /// Indexes of the attempts by ISN.
    by_isn: HashMap<u32, Vec<usize>>,
    /// Deadline and index of each attempt.
    deadlines: BTreeSet<(u64, usize)>,
    /// RSTs of an attempt by its first four-tuple and the sender, other RSTs by their addresses.
    rsts: HashMap<(FourTuple, &'static str), Vec<ObservedSegment>>,
    /// ICMP errors by the first four-tuple and the ISN of the quoted attempt.
    errors: HashMap<(FourTuple, u32), Vec<ObservedError>>,
    /// SYNs with RST or FIN, by sender and receiver.
    invalid_syns: HashMap<FourTuple, Vec<ObservedSegment>>,
    /// Unmatched and unacceptable SYN/ACKs, by sender and receiver.
    unmatched_synacks: HashMap<FourTuple, Vec<ObservedSegment>>,
    /// Unmatched SYN/ACKs. Their SYN may still be captured.
    early_synacks: HashMap<FourTuple, Vec<ObservedSegment>>,
    acks: Acks,
    table: Table,
    exporter_counts: ExporterCounts,
}

impl Classifier {
    pub(crate) fn new(local: &[IpAddr], acks: Acks) -> Self {
        Self {
            local: local.to_vec(),
            acks,
            ..Self::default()
        }
    }

    /// Returns the expected counts after all facts.
    pub(crate) fn into_table(mut self) -> (Table, ExporterCounts) {
        let pending = self
            .attempts
            .iter()
            .filter(|attempt| attempt.is_pending())
            .count();
        self.exporter_counts.set("pending_attempts", pending as u64);
        (self.table, self.exporter_counts)
    }

    /// Classifies the next frame.
    pub(crate) fn observe(&mut self, fact: &Fact) {
        let fact = &Fact {
            at: self.normalize(fact.at),
            ..fact.clone()
        };
        self.time_out(fact.at);
        self.exporter_counts.add("captured_packets_total");
        match &fact.packet {
            Packet::Segment(segment) => self.segment(fact, segment),
            Packet::IcmpError(error) => self.icmp_error(fact, error),
            Packet::Undecodable(reason) => self.exporter_counts.undecodable(reason),
            Packet::Other => {}
        }
    }

    /// Rule 14: returns the time of a packet. A step back of less than one second is reordering. After a larger step, time
    /// continues from its latest value.
    fn normalize(&mut self, at: u64) -> u64 {
        let at = at + self.shift;
        let behind = self.now.saturating_sub(at);
        self.now = self.now.max(at);
        if behind < SECOND {
            return at;
        }
        self.shift += behind;
        self.exporter_counts.add("clock_steps_total");
        self.now
    }

    /// Rules 9 and 14: fires the deadlines up to now, before the packet.
    fn time_out(&mut self, now: u64) {
        while let Some((deadline, number)) = self
            .deadlines
            .first()
            .copied()
            .filter(|(deadline, _)| *deadline <= now)
        {
            self.deadlines.remove(&(deadline, number));
            if self.attempts[number].is_pending() {
                self.fail(number, "unanswered");
            }
        }
    }

    /// Rule 1: dispatches a segment by its flags. Other bits have no effect.
    fn segment(&mut self, fact: &Fact, segment: &Segment) {
        let observed = ObservedSegment::new(fact, segment);
        match (
            segment.has(SYN),
            segment.has(ACK),
            segment.has(RST),
            segment.has(FIN),
        ) {
            (true, false, false, false) => self.syn(&observed),
            (true, false, _, _) => self.invalid_syn(&observed),
            (_, _, true, _) => self.rst(&observed),
            (true, true, false, _) => self.synack(&observed),
            (false, true, false, false) if segment.data == 0 && self.acks == Acks::Counted => {
                self.final_ack(&observed);
            }
            (false, _, false, _) => {}
        }
    }

    fn open(&mut self, four_tuple: FourTuple, isn: u32, at: u64) -> usize {
        let number = self.attempts.len();
        self.attempts.push(Attempt::new(
            LabelSet::of(four_tuple.0, four_tuple.1, &self.local),
            four_tuple,
            isn,
            at,
        ));
        self.by_four_tuple
            .entry(four_tuple)
            .or_default()
            .push(number);
        self.by_isn.entry(isn).or_default().push(number);
        self.deadlines.insert((at + TIMEOUT, number));
        self.counts(number).add("attempts_total");
        number
    }

    fn fail(&mut self, number: usize, reason: &str) {
        self.attempts[number].state = State::Failed;
        self.counts(number)
            .add(&format!("failures_total{{reason=\"{reason}\"}}"));
    }

    fn counts(&mut self, number: usize) -> &mut Counts {
        self.table
            .entry(self.attempts[number].set.clone())
            .or_default()
    }

    /// Returns the tracked attempts with this four-tuple, oldest first.
    fn tracked(&self, four_tuple: FourTuple, now: u64) -> impl Iterator<Item = usize> + '_ {
        let all = self
            .by_four_tuple
            .get(&four_tuple)
            .into_iter()
            .flatten()
            .copied();
        all.filter(move |number| self.attempts[*number].is_tracked(now))
    }
}
