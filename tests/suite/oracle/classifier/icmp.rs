//! Rules 7 and 8: ICMP errors.

use std::net::IpAddr;

use super::Classifier;
use crate::oracle::duplicates::ObservedError;
use crate::oracle::facts::{ACK, Fact, IcmpError, SYN};
use crate::oracle::icmp::{Effect, meaning};
use crate::oracle::labels::LabelSet;

impl Classifier {
    /// Rules 7 and 8.
    pub(super) fn icmp_error(&mut self, fact: &Fact, error: &IcmpError) {
        let Some((code, effect)) = meaning(error) else {
            return;
        };
        let four_tuple = (error.quote.from, error.quote.to);
        let quoted = self
            .tracked(four_tuple, fact.at)
            .filter(|number| self.attempts[*number].isn == error.quote.sequence)
            .last();
        let first_four_tuple =
            quoted.map_or(four_tuple, |number| self.attempts[number].four_tuples[0]);
        let earlier = self
            .errors
            .entry((first_four_tuple, error.quote.sequence))
            .or_default();
        let observed = ObservedError::new(fact, error);
        if observed.is_duplicate_of_any(earlier) {
            return self.exporter_counts.duplicate("icmp");
        }
        earlier.push(observed);
        let opens =
            quoted.is_none() && self.is_local_rejection(fact, error) && effect != Effect::Nothing;
        let number = match quoted {
            Some(number) => number,
            None if opens => self.open(four_tuple, error.quote.sequence, fact.at),
            None => return self.exporter_counts.unmatched("icmp"),
        };
        let attempt = &self.attempts[number];
        let reporter = reporter(error, &attempt.set, &self.local);
        self.counts(number).add_icmp_error(code, reporter);
        if self.attempts[number].is_pending() {
            match effect {
                Effect::Nothing => {}
                Effect::Unreachable => self.fail(number, "unreachable"),
                Effect::Prohibited => self.fail(number, "prohibited"),
            }
        }
    }

    /// Rule 8: `true` if the host reports to itself, on the loopback, that its own SYN was rejected.
    fn is_local_rejection(&self, fact: &Fact, error: &IcmpError) -> bool {
        // Without local addresses, all addresses on the loopback count as local.
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

/// Returns the value of the label `reporter`.
fn reporter(error: &IcmpError, set: &LabelSet, local: &[IpAddr]) -> &'static str {
    if local.contains(&error.reporter) {
        "self"
    } else if error.is_by_server() || error.reporter.to_string() == set.peer {
        "peer"
    } else {
        "router"
    }
}
