//! The facts about one label set that the rules read, including what it has in common with other
//! label sets.
//!
//! `history` creates one [`Evidence`] per label set, [`correlate`] compares all of them, and
//! `rules`, `summary`, `advice` and `report` read them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::counts::AttemptCounts;
use super::timeline::AttemptTimeline;
use super::window::WindowCounts;
use crate::labels::{LabelSet, Peer, Reporter, Vantage};
use crate::packet::{Address, IcmpCode};
use crate::time::Timestamp;

/// Maximum number of attempts of a label set that may be part of a scan or a flood: a scanner, or a
/// spoofed address of a flood, does not open many connections.
const MAX_SCAN_ATTEMPTS: u32 = 3;

/// ICMP errors with one code from one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IcmpReport {
    pub(super) code: IcmpCode,
    /// Sender of the errors.
    pub(super) by: Address,
    pub(super) reporter: Reporter,
    pub(super) count: u32,
    /// Time of the latest error.
    pub(super) at: Timestamp,
}

/// The first four different TTLs of received packets, each with its number of packets.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Ttls([Option<(u8, u32)>; 4]);

impl Ttls {
    pub(super) fn record(&mut self, ttl: u8) {
        for entry in &mut self.0 {
            match entry {
                Some((recorded, count)) if *recorded == ttl => {
                    return *count = count.saturating_add(1);
                }
                Some(_) => {}
                None => return *entry = Some((ttl, 1)),
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u8> {
        self.0.iter().flatten().map(|(ttl, _)| *ttl)
    }

    /// Returns the TTL of the most packets. `None` if no packet was recorded.
    pub(super) fn most_frequent(&self) -> Option<u8> {
        self.0
            .iter()
            .flatten()
            .max_by_key(|(_, count)| *count)
            .map(|(ttl, _)| *ttl)
    }
}

/// Facts about one label set.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    pub(super) label_set: LabelSet,
    pub(super) window: WindowCounts,
    pub(super) timelines: Vec<AttemptTimeline>,
    pub(super) icmp_reports: Vec<IcmpReport>,
    /// TTLs of the RSTs that refused attempts.
    pub(super) rst_ttls: Ttls,
    /// TTLs of the SYN/ACKs from the address that sent the latest of these RSTs.
    pub(super) synack_ttls: Ttls,
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
    /// Number of ports with at most [`MAX_SCAN_ATTEMPTS`] attempts and no answer, between the same
    /// two hosts.
    pub(super) unanswered_ports: usize,
    /// Number of peers with at most [`MAX_SCAN_ATTEMPTS`] attempts and no answer, at the same port.
    pub(super) unanswered_peers: usize,
    /// `true` if a RST or an ICMP error ended an attempt of one of the `unanswered_peers`.
    pub(super) any_peer_rejected: bool,
    /// Number of peers at the same port that opened at most [`MAX_SCAN_ATTEMPTS`] connections and
    /// completed none.
    pub(super) half_open_peers: usize,
    /// `true` if the capture is too incomplete to conclude anything from missing answers.
    pub(super) silence_inconclusive: bool,
    /// `true` if a single interface is captured, so that packets can pass through this host
    /// uncaptured.
    pub(super) one_interface: bool,
}

impl Evidence {
    /// Returns the counts of the period that the verdict covers.
    pub(super) const fn counts(&self) -> &AttemptCounts {
        &self.window.in_span
    }

    /// Returns the server's address, or the group or prefix that stands for it.
    pub(super) fn server(&self) -> String {
        match (self.label_set.vantage, self.label_set.local) {
            (Vantage::Server, Some(local)) => local.to_string(),
            _ => self.label_set.peer.to_string(),
        }
    }

    /// Returns `true` if `count` is at least one attempt and at least 1 % of the decided attempts.
    pub(super) const fn is_significant(&self, count: u32) -> bool {
        count > 0 && count as u64 * 100 >= self.window.in_span.decided() as u64
    }

    /// Returns `true` if no other kind of failure is more frequent than these failures, and they
    /// are significant.
    pub(super) fn is_dominant(&self, failures: u32) -> bool {
        let counts = self.counts();
        let kinds = [counts.unanswered, counts.refused, counts.rejected()];
        self.is_significant(failures) && kinds.into_iter().all(|kind| failures >= kind)
    }

    /// Returns `true` if this host is the server of the attempts.
    pub(super) const fn is_server(&self) -> bool {
        matches!(self.label_set.vantage, Vantage::Server)
    }

    /// Returns the time from the first to the last event, at most `span`. Rates refer to this time.
    pub(super) fn observed_for(&self, span: Option<Duration>) -> Duration {
        let observed = self.last_seen.since(self.first_seen);
        span.map_or(observed, |span| observed.min(span))
    }

    const fn is_half_open(&self) -> bool {
        let counts = self.counts();
        counts.answered > 0
            && counts.completed == 0
            && (counts.synack_retransmissions >= counts.answered
                || counts.rsts_by_client >= counts.answered)
    }
}

/// Sets in each label set's evidence what it has in common with the other label sets.
pub(super) fn correlate(evidence: &mut [Evidence]) {
    let has_few_attempts = |evidence: &&Evidence| {
        (1..=MAX_SCAN_ATTEMPTS).contains(&evidence.counts().attempts)
            && evidence.label_set.peer != Peer::Other
    };
    let is_unanswered = |evidence: &&Evidence| {
        has_few_attempts(evidence)
            && evidence.counts().answered == 0
            && evidence.counts().decided() > 0
    };
    let by_peer = |evidence: &Evidence| {
        let label_set = &evidence.label_set;
        (label_set.vantage, label_set.local, label_set.peer.clone())
    };
    let by_port = |evidence: &Evidence| {
        let label_set = &evidence.label_set;
        (label_set.vantage, label_set.local, label_set.port)
    };
    let mut ports = HashMap::new();
    let mut peers = HashMap::new();
    let mut half_open = HashMap::new();
    let mut rejected = HashSet::new();
    for unanswered in evidence.iter().filter(is_unanswered) {
        *ports.entry(by_peer(unanswered)).or_insert(0) += 1;
        *peers.entry(by_port(unanswered)).or_insert(0) += 1;
        if unanswered.counts().unanswered < unanswered.counts().failed() {
            rejected.insert(by_port(unanswered));
        }
    }
    for few in evidence
        .iter()
        .filter(has_few_attempts)
        .filter(|evidence| evidence.is_half_open())
    {
        *half_open.entry(by_port(few)).or_insert(0) += 1;
    }
    for evidence in evidence {
        evidence.unanswered_ports = ports.get(&by_peer(evidence)).copied().unwrap_or(0);
        evidence.unanswered_peers = peers.get(&by_port(evidence)).copied().unwrap_or(0);
        evidence.any_peer_rejected = rejected.contains(&by_port(evidence));
        evidence.half_open_peers = half_open.get(&by_port(evidence)).copied().unwrap_or(0);
    }
}
