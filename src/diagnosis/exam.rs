//! One set as the rules see it: plain facts, and what they have in common with other sets.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::case::{Report, Ttls};
use super::tally::AttemptCounts;
use super::trail::AttemptTimeline;
use super::window::Sums;
use crate::labels::{LabelSet, Peer, Vantage};
use crate::time::Timestamp;

/// What is known about one set.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    pub(super) name: LabelSet,
    pub(super) sums: Sums,
    pub(super) trails: Vec<AttemptTimeline>,
    pub(super) reports: Vec<Report>,
    /// TTLs of the RSTs that refused, and of SYN/ACKs of the same address.
    pub(super) refusals: Ttls,
    pub(super) answers: Ttls,
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
    /// Ports that the same peer asks a few times and gets nothing from; likewise peers at the same port.
    pub(super) ports_in_vain: usize,
    pub(super) peers_in_vain: usize,
    /// Whether one of these peers, or somebody on the way to it, said no.
    pub(super) some_peer_said_no: bool,
    /// Peers at the same port of whom each opened a few times and did not finish.
    pub(super) half_open_peers: usize,
    /// Whether the capture is too doubtful for silence to mean something.
    pub(super) silence_means_nothing: bool,
    /// Whether packets may pass through this host unseen.
    pub(super) one_interface: bool,
}

impl Evidence {
    /// What the verdict is about.
    pub(super) const fn judged(&self) -> &AttemptCounts {
        &self.sums.judged
    }

    /// The address that is asked, where the set has one.
    pub(super) fn server(&self) -> String {
        match (self.name.vantage, self.name.local) {
            (Vantage::Server, Some(local)) => local.to_string(),
            _ => self.name.peer.to_string(),
        }
    }

    /// Whether so many of the attempts are worth a word: a single one where there are few, else one in a hundred.
    pub(super) const fn matters(&self, count: u32) -> bool {
        count > 0 && count as u64 * 100 >= self.sums.judged.decided() as u64
    }

    /// Whether this reason is behind most failures, and these matter.
    pub(super) fn mostly(&self, failures: u32) -> bool {
        let all = [
            self.judged().unanswered,
            self.judged().refused,
            self.judged().rejected(),
        ];
        self.matters(failures) && all.into_iter().all(|other| failures >= other)
    }

    /// Whether this host is the one that is asked.
    pub(super) const fn is_asked(&self) -> bool {
        matches!(self.name.vantage, Vantage::Server)
    }

    /// How long the set was heard of, for rates.
    pub(super) fn heard_for(&self, span: Option<Duration>) -> Duration {
        let heard = self.last_seen.since(self.first_seen);
        span.map_or(heard, |span| heard.min(span))
    }

    const fn is_half_open(&self) -> bool {
        let tally = self.judged();
        tally.answered > 0
            && tally.completed == 0
            && (tally.synack_repeats >= tally.answered || tally.client_rsts >= tally.answered)
    }
}

/// Tells each set what it has in common with others.
pub(super) fn compare(exams: &mut [Evidence]) {
    let few = |exam: &&Evidence| {
        (1..=FEW).contains(&exam.judged().attempts) && exam.name.peer != Peer::Other
    };
    let in_vain =
        |exam: &&Evidence| few(exam) && exam.judged().answered == 0 && exam.judged().decided() > 0;
    let by_peer = |exam: &Evidence| (exam.name.vantage, exam.name.local, exam.name.peer.clone());
    let by_port = |exam: &Evidence| (exam.name.vantage, exam.name.local, exam.name.port);
    let (mut ports, mut peers, mut half_open) = (HashMap::new(), HashMap::new(), HashMap::new());
    let mut denied = HashSet::new();
    for exam in exams.iter().filter(in_vain) {
        *ports.entry(by_peer(exam)).or_insert(0) += 1;
        *peers.entry(by_port(exam)).or_insert(0) += 1;
        if exam.judged().unanswered < exam.judged().failed() {
            denied.insert(by_port(exam));
        }
    }
    for exam in exams.iter().filter(few).filter(|exam| exam.is_half_open()) {
        *half_open.entry(by_port(exam)).or_insert(0) += 1;
    }
    for exam in exams {
        exam.ports_in_vain = ports.get(&by_peer(exam)).copied().unwrap_or(0);
        exam.peers_in_vain = peers.get(&by_port(exam)).copied().unwrap_or(0);
        exam.some_peer_said_no = denied.contains(&by_port(exam));
        exam.half_open_peers = half_open.get(&by_port(exam)).copied().unwrap_or(0);
    }
}

/// Who scans, or is a spoofed address of a flood, does not ask often.
const FEW: u32 = 3;
