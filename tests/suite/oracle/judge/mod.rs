//! The rules by which attempts are judged, one after the other, as plainly as they can be said: every attempt is kept
//! for ever, and every question is answered by looking through all that were met on the same four-tuple.

mod icmp;
mod reply;
mod syn;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::Acks;
use super::attempt::{Attempt, Name, State};
use super::copies::{Met, SECOND, Told};
use super::counts::{Counts, Table};
use super::facts::{ACK, FIN, Fact, Packet, RST, SYN, Segment};
use super::figures::Figures;
use super::labels::Set;

/// Reads facts in the order of the capture.
#[derive(Default)]
pub(crate) struct Judge {
    /// Addresses that count as the capturing host's own.
    local: Vec<IpAddr>,
    /// The latest time so far, and how far behind it the packets' clock has been set.
    now: u64,
    shift: u64,
    attempts: Vec<Attempt>,
    /// Which attempts ever had a four-tuple, oldest first.
    by_name: HashMap<Name, Vec<usize>>,
    /// Which attempts began with a sequence number.
    by_isn: HashMap<u32, Vec<usize>>,
    /// When each attempt that waits will be called unanswered.
    deadlines: BTreeSet<(u64, usize)>,
    /// RSTs: those of an attempt by its first name and who sent them, others as they are addressed.
    resets: HashMap<(Name, &'static str), Vec<Met>>,
    /// ICMP errors, by the first name and the ISN of the attempt they quote.
    errors: HashMap<(Name, u32), Vec<Told>>,
    /// SYNs with RST or FIN, by who sent them to whom.
    odd_syns: HashMap<Name, Vec<Met>>,
    /// SYN/ACKs that fit no attempt, and those that do not answer the one that waits, by who sent them to whom.
    stray_answers: HashMap<Name, Vec<Met>>,
    /// Of these the ones that fitted nothing, whose SYN may still come.
    early_answers: HashMap<Name, Vec<Met>>,
    acks: Acks,
    table: Table,
    figures: Figures,
}

impl Judge {
    pub(crate) fn new(local: &[IpAddr], acks: Acks) -> Self {
        Self {
            local: local.to_vec(),
            acks,
            ..Self::default()
        }
    }

    /// What is to be shown after all that was observed.
    pub(crate) fn into_table(mut self) -> (Table, Figures) {
        let pending = self
            .attempts
            .iter()
            .filter(|attempt| attempt.waits())
            .count();
        self.figures.set("pending_attempts", pending as u64);
        (self.table, self.figures)
    }

    /// Takes the next frame.
    pub(crate) fn observe(&mut self, fact: &Fact) {
        let fact = &Fact {
            at: self.place(fact.at),
            ..fact.clone()
        };
        self.time_out(fact.at);
        self.figures.add("captured_packets_total");
        match &fact.packet {
            Packet::Segment(segment) => self.segment(fact, segment),
            Packet::IcmpError(error) => self.icmp_error(fact, error),
            Packet::PassedOver(reason) => self.figures.undecodable(reason),
            Packet::Other => {}
        }
    }

    /// Rule 14: a step back of less than a second is reordering. After a larger one the clock is another, and time goes
    /// on from where it was.
    fn place(&mut self, at: u64) -> u64 {
        let at = at + self.shift;
        let behind = self.now.saturating_sub(at);
        self.now = self.now.max(at);
        if behind < SECOND {
            return at;
        }
        self.shift += behind;
        self.figures.add("clock_steps_total");
        self.now
    }

    /// Rules 9 and 14: deadlines up to now come first.
    fn time_out(&mut self, now: u64) {
        while let Some((deadline, number)) = self
            .deadlines
            .first()
            .copied()
            .filter(|(deadline, _)| *deadline <= now)
        {
            self.deadlines.remove(&(deadline, number));
            if self.attempts[number].waits() {
                self.fail(number, "unanswered");
            }
        }
    }

    /// Rule 1: what a segment is by its flags, whatever other bits stand beside them.
    fn segment(&mut self, fact: &Fact, segment: &Segment) {
        let met = Met::new(fact, segment);
        match (
            segment.has(SYN),
            segment.has(ACK),
            segment.has(RST),
            segment.has(FIN),
        ) {
            (true, false, false, false) => self.syn(&met),
            (true, false, _, _) => self.odd_syn(&met),
            (_, _, true, _) => self.reset(&met),
            (true, true, false, _) => self.syn_ack(&met),
            (false, true, false, false) if segment.data == 0 && self.acks == Acks::Counted => {
                self.third_leg(&met);
            }
            (false, _, false, _) => {}
        }
    }

    fn open(&mut self, name: Name, isn: u32, at: u64) -> usize {
        let number = self.attempts.len();
        self.attempts.push(Attempt::new(
            Set::of(name.0, name.1, &self.local),
            name,
            isn,
            at,
        ));
        self.by_name.entry(name).or_default().push(number);
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

    /// The attempts known now that have this four-tuple, oldest first.
    fn known(&self, name: Name, now: u64) -> impl Iterator<Item = usize> + '_ {
        let all = self.by_name.get(&name).into_iter().flatten().copied();
        all.filter(move |number| self.attempts[*number].is_known(now))
    }
}

/// The default of `--handshake.timeout`.
const TIMEOUT: u64 = 5 * SECOND;
