//! Rules 7 and 8: ICMP errors.

use std::net::IpAddr;

use super::Judge;
use crate::oracle::copies::Told;
use crate::oracle::facts::{ACK, Fact, IcmpError, SYN};
use crate::oracle::icmp::{Effect, meaning};
use crate::oracle::labels::Set;

impl Judge {
    /// Rules 7 and 8.
    pub(super) fn icmp_error(&mut self, fact: &Fact, error: &IcmpError) {
        let Some((code, effect)) = meaning(error) else {
            return;
        };
        let name = (error.quote.from, error.quote.to);
        let quoted = self
            .known(name, fact.at)
            .filter(|number| self.attempts[*number].isn == error.quote.sequence)
            .last();
        let first_name = quoted.map_or(name, |number| self.attempts[number].names[0]);
        let earlier = self
            .errors
            .entry((first_name, error.quote.sequence))
            .or_default();
        let told = Told::new(fact, error);
        if told.is_copy_of_any(earlier) {
            return self.figures.copy("icmp");
        }
        earlier.push(told);
        let own =
            quoted.is_none() && self.is_own_rejection(fact, error) && effect != Effect::Nothing;
        let number = match quoted {
            Some(number) => number,
            None if own => self.open(name, error.quote.sequence, fact.at),
            None => return self.figures.unmatched("icmp"),
        };
        let attempt = &self.attempts[number];
        let reporter = reporter(error, &attempt.set, &self.local);
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
        // Where nothing is known of the host, on its loopback all addresses are its own.
        let is_local = |address: &IpAddr| self.local.is_empty() || self.local.contains(address);
        let quotes_syn = error
            .quote
            .flags
            .is_some_and(|flags| flags & SYN != 0 && flags & ACK == 0);
        fact.via.loopback
            && is_local(&error.reporter)
            && is_local(&error.recipient)
            && is_local(&error.quote.from.ip())
            && quotes_syn
    }
}

/// Who reports an error, seen from the attempt's set.
fn reporter(error: &IcmpError, set: &Set, local: &[IpAddr]) -> &'static str {
    if local.contains(&error.reporter) {
        "self"
    } else if error.is_by_server() || error.reporter.to_string() == set.peer {
        "peer"
    } else {
        "router"
    }
}
