//! The rules by which attempts are judged, one after the other, as plainly as they can be said: every attempt is kept
//! for ever, and every question is answered by looking through all that were met on the same four-tuple.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use super::attempt::{Attempt, Name, State};
use super::copies::{Met, SECOND, Told, is_answer_copy, is_syn_copy};
use super::counts::{Counts, Table};
use super::facts::{ACK, FIN, Fact, IcmpError, Packet, RST, SYN, Segment};
use super::icmp::{Effect, meaning};
use super::labels::Set;

/// Reads facts in the order of the capture.
#[derive(Default)]
pub(crate) struct Judge {
    /// Addresses that count as the capturing host's own.
    local: Vec<IpAddr>,
    attempts: Vec<Attempt>,
    /// Which attempts ever had a four-tuple, oldest first.
    by_name: HashMap<Name, Vec<usize>>,
    /// Which attempts began with a sequence number.
    by_isn: HashMap<u32, Vec<usize>>,
    /// When each attempt that waits will be called unanswered.
    deadlines: BTreeSet<(u64, usize)>,
    /// RSTs that belong to no known attempt, by who sent them to whom.
    stray_resets: HashMap<Name, Vec<Met>>,
    table: Table,
}

impl Judge {
    pub(crate) fn new(local: &[IpAddr]) -> Self {
        Self { local: local.to_vec(), ..Self::default() }
    }

    /// What is to be shown after all that was observed.
    pub(crate) fn into_table(self) -> Table {
        self.table
    }

    /// Takes the next frame.
    pub(crate) fn observe(&mut self, fact: &Fact) {
        self.time_out(fact.at);
        match &fact.packet {
            Packet::Segment(segment) => self.segment(fact, segment),
            Packet::IcmpError(error) => self.icmp_error(fact, error),
            Packet::Other => {}
        }
    }

    /// Rules 9 and 14: deadlines up to now come first.
    fn time_out(&mut self, now: u64) {
        while let Some((deadline, number)) = self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now) {
            self.deadlines.remove(&(deadline, number));
            if self.attempts[number].waits() {
                self.fail(number, "unanswered");
            }
        }
    }

    /// Rule 1: what a segment is by its flags, whatever other bits stand beside them.
    fn segment(&mut self, fact: &Fact, segment: &Segment) {
        let met = Met::new(fact, segment);
        match (segment.has(SYN), segment.has(ACK), segment.has(RST), segment.has(FIN)) {
            (true, false, false, false) => self.syn(&met),
            (true, false, _, _) => self.odd_syn(segment),
            (_, _, true, _) => self.reset(&met),
            (true, true, false, _) => self.syn_ack(&met),
            (false, _, false, _) => {}
        }
    }

    fn odd_syn(&mut self, segment: &Segment) {
        let set = Set::of(segment.from, segment.to, &self.local);
        if let Some(counts) = self.table.get_mut(&set) {
            counts.add("syns_total");
        }
    }

    fn syn(&mut self, met: &Met) {
        let segment = met.segment();
        let (name, reverse) = ((segment.from, segment.to), (segment.to, segment.from));
        let known = self.known(name, met.at()).filter(|number| self.attempts[*number].isn == segment.sequence).last();
        let asked_back = self.known(reverse, met.at()).filter(|number| self.attempts[*number].waits()).last();
        if let Some(number) = known {
            self.syn_again(number, met);
        } else if let Some(number) = asked_back {
            self.simultaneous_open(number, met);
        } else if let Some(number) = self.other_name(met) {
            self.attempts[number].names.push(name);
            self.attempts[number].inside = false;
            self.by_name.entry(name).or_default().push(number);
        } else {
            let number = self.open(name, segment.sequence, met.at());
            self.attempts[number].inside = met.is_entering();
            self.attempts[number].syns.push(met.clone());
            self.counts(number).add("syns_total");
        }
    }

    /// Rules 2 and 10.
    fn syn_again(&mut self, number: usize, met: &Met) {
        let attempt = &mut self.attempts[number];
        if met.is_entering() || met.is_leaving() {
            attempt.inside = met.is_entering();
        }
        if is_syn_copy(met, &attempt.syns) {
            return;
        }
        attempt.syns.push(met.clone());
        let counts = self.counts(number);
        counts.add("syns_total");
        counts.add("syn_retransmissions_total");
    }

    /// Rule 12: a SYN of the server's own, while the attempt waits.
    fn simultaneous_open(&mut self, number: usize, met: &Met) {
        let earlier = &mut self.attempts[number].server_syns;
        let same: Vec<Met> =
            earlier.iter().filter(|syn| syn.segment().sequence == met.segment().sequence).cloned().collect();
        if is_syn_copy(met, &same) {
            return;
        }
        earlier.push(met.clone());
        self.counts(number).add("syns_total");
    }

    /// Rule 4: the attempt that this SYN belongs to under another name.
    fn other_name(&self, met: &Met) -> Option<usize> {
        let segment = met.segment();
        let same_packet = |syn: &Met| {
            let earlier = syn.segment();
            let v6 = segment.identification.is_none();
            earlier.timestamp == segment.timestamp
                && earlier.identification == segment.identification
                && segment.hop_limit <= earlier.hop_limit
                && (!v6 || segment.timestamp.is_some())
        };
        let same_isn = self.by_isn.get(&segment.sequence).into_iter().flatten().copied();
        let candidates = same_isn.map(|number| (number, &self.attempts[number])).filter(|(_, attempt)| {
            let mut syns = attempt.syns.iter().rev().take(4);
            attempt.waits() && attempt.inside && attempt.names.len() < 3 && syns.any(same_packet)
        });
        let shares = |attempt: &Attempt| {
            attempt.names.iter().any(|(client, server)| *client == segment.from || *server == segment.to)
        };
        let best = candidates.max_by_key(|(number, attempt)| (shares(attempt), *number));
        best.map(|(number, _)| number).filter(|_| met.is_leaving())
    }

    /// Rules 5, 11 and 12.
    fn syn_ack(&mut self, met: &Met) {
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
    fn reset(&mut self, met: &Met) {
        let segment = met.segment();
        let (name, reverse) = ((segment.from, segment.to), (segment.to, segment.from));
        let by_client = self.known(name, met.at()).map(|number| (number, "client"));
        let by_server = self.known(reverse, met.at()).map(|number| (number, "server"));
        let acceptable = |(number, sender): &(usize, &str)| {
            *sender == "server" && segment.has(ACK) && self.attempts[*number].is_acknowledged_by(segment)
        };
        let of_attempt = by_client.chain(by_server).max_by_key(|candidate| (acceptable(candidate), candidate.0));
        let Some((number, sender)) = of_attempt else { return self.stray_reset(met) };
        let refuses = acceptable(&(number, sender));
        let attempt = &mut self.attempts[number];
        if is_answer_copy(met, &attempt.resets) {
            return;
        }
        attempt.resets.push(met.clone());
        self.counts(number).add(&format!("rsts_total{{sender=\"{sender}\"}}"));
        if refuses && self.attempts[number].waits() {
            self.fail(number, "refused");
        }
    }

    /// Rule 13: of no known attempt, but perhaps of a set that has exactly one of its endpoints as server.
    fn stray_reset(&mut self, met: &Met) {
        let (from, to) = (met.segment().from, met.segment().to);
        let (as_client, as_server) = (Set::of(from, to, &self.local), Set::of(to, from, &self.local));
        let (set, sender) = match (self.table.contains_key(&as_client), self.table.contains_key(&as_server)) {
            (true, false) => (as_client, "client"),
            (false, true) => (as_server, "server"),
            _ => return,
        };
        let earlier = self.stray_resets.entry((from, to)).or_default();
        if is_answer_copy(met, earlier) {
            return;
        }
        earlier.push(met.clone());
        self.table.entry(set).or_default().add(&format!("rsts_total{{sender=\"{sender}\"}}"));
    }

    /// Rules 7 and 8.
    fn icmp_error(&mut self, fact: &Fact, error: &IcmpError) {
        let Some((code, effect)) = meaning(error) else { return };
        let name = (error.quote.from, error.quote.to);
        let quoted =
            self.known(name, fact.at).filter(|number| self.attempts[*number].isn == error.quote.sequence).last();
        let own = quoted.is_none() && self.is_own_rejection(fact, error) && effect != Effect::Nothing;
        let number = match quoted {
            Some(number) => number,
            None if own => self.open(name, error.quote.sequence, fact.at),
            None => return,
        };
        let told = Told::new(fact, error);
        let attempt = &mut self.attempts[number];
        if told.is_copy_of_any(&attempt.errors) {
            return;
        }
        attempt.errors.push(told);
        let reporter = reporter(error.reporter, &attempt.set, attempt.names[0].1, &self.local);
        self.counts(number).add_icmp_error(code, reporter);
        if self.attempts[number].waits() {
            match effect {
                Effect::Nothing => {}
                Effect::Unreachable => self.fail(number, "unreachable"),
                Effect::Prohibited => self.fail(number, "prohibited"),
            }
        }
    }

    /// Rule 8: the host tells itself, on the loopback, that its own SYN goes nowhere.
    fn is_own_rejection(&self, fact: &Fact, error: &IcmpError) -> bool {
        let is_local = |address: &IpAddr| self.local.contains(address);
        let quotes_syn = error.quote.flags.is_some_and(|flags| flags & SYN != 0 && flags & ACK == 0);
        fact.via.loopback
            && is_local(&error.reporter)
            && is_local(&error.recipient)
            && is_local(&error.quote.from.ip())
            && quotes_syn
    }

    fn open(&mut self, name: Name, isn: u32, at: u64) -> usize {
        let number = self.attempts.len();
        self.attempts.push(Attempt::new(Set::of(name.0, name.1, &self.local), name, isn, at));
        self.by_name.entry(name).or_default().push(number);
        self.by_isn.entry(isn).or_default().push(number);
        self.deadlines.insert((at + TIMEOUT, number));
        self.counts(number).add("attempts_total");
        number
    }

    fn fail(&mut self, number: usize, reason: &str) {
        self.attempts[number].state = State::Failed;
        self.counts(number).add(&format!("failures_total{{reason=\"{reason}\"}}"));
    }

    fn counts(&mut self, number: usize) -> &mut Counts {
        self.table.entry(self.attempts[number].set.clone()).or_default()
    }

    /// The attempts known now that have this four-tuple, oldest first.
    fn known(&self, name: Name, now: u64) -> impl Iterator<Item = usize> + '_ {
        let all = self.by_name.get(&name).into_iter().flatten().copied();
        all.filter(move |number| self.attempts[*number].is_known(now))
    }
}

/// Who reports an error, seen from the attempt's set.
fn reporter(address: IpAddr, set: &Set, server: SocketAddr, local: &[IpAddr]) -> &'static str {
    if local.contains(&address) {
        "self"
    } else if address.to_string() == set.peer || address == server.ip() {
        "peer"
    } else {
        "router"
    }
}

/// The default of `--handshake.timeout`.
const TIMEOUT: u64 = 5 * SECOND;
