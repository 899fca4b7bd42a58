//! The table of rules that selects the verdict on a label set, and the confidence in it.
//!
//! The rules read an [`Evidence`]; the first rule that holds decides. `report` uses the result.
//! docs/diagnosis.md contains the same table, which a test compares with this one.

use std::time::Duration;

use super::evidence::Evidence;
use super::verdict::{Confidence, Verdict};
use crate::labels::Vantage;

/// A verdict and its condition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) verdict: Verdict,
    /// The condition in words, as in docs/diagnosis.md.
    pub(super) condition: &'static str,
    pub(super) holds: fn(&Evidence) -> bool,
}

/// Returns the verdict on a label set.
pub(super) fn verdict(evidence: &Evidence) -> Verdict {
    RULES
        .iter()
        .find(|rule| (rule.holds)(evidence))
        .map_or(Verdict::Fine, |rule| rule.verdict)
}

/// Returns each verdict with its condition in words, in the order of evaluation: the table of
/// docs/diagnosis.md.
pub fn rules() -> impl Iterator<Item = (Verdict, &'static str)> {
    RULES.iter().map(|rule| (rule.verdict, rule.condition))
}

/// All rules in the order of evaluation. Percentages refer to decided attempts: answered and
/// failed.
pub(super) const RULES: [Rule; Verdict::ALL.len()] = [
    Rule {
        verdict: Verdict::CaptureUntrusted,
        condition: "more attempts were evicted than decided; or most failures are unanswered and the capture lost 0.1 % of \
               its packets or sees one direction only",
        holds: |evidence| {
            let counts = evidence.counts();
            counts.evicted > counts.decided()
                || (evidence.is_dominant(counts.unanswered) && evidence.silence_inconclusive)
        },
    },
    Rule {
        verdict: Verdict::Undecided,
        condition: "no attempt was answered or failed yet",
        holds: |evidence| evidence.counts().decided() == 0,
    },
    Rule {
        verdict: Verdict::Scan,
        condition: "a peer asks at least 10 ports of this host, or this host 20 ports of a peer or 20 peers at one port, at \
               most 3 times each, and none of these is answered (of the peers, at least one must have said no: all of \
               them silent is a network that is cut off)",
        holds: |evidence| {
            let (min_ports, min_peers) = match evidence.label_set.vantage {
                Vantage::Server => (10, usize::MAX),
                Vantage::Client => (20, 20),
                Vantage::Local | Vantage::Transit => return false,
            };
            let counts = evidence.counts();
            counts.answered == 0
                && counts.attempts <= 3
                && (evidence.unanswered_ports >= min_ports
                    || (evidence.unanswered_peers >= min_peers && evidence.any_peer_rejected))
        },
    },
    Rule {
        verdict: Verdict::Flood,
        condition: "this host is the server, and at least 50 peers at the same port were answered at most 3 times each and \
               did not finish: SYN/ACKs had to be repeated, or drew RSTs",
        holds: |evidence| {
            let counts = evidence.counts();
            let is_unfinished = counts.synack_retransmissions >= counts.answered
                || counts.rsts_by_client >= counts.answered;
            evidence.is_server() && evidence.half_open_peers >= 50 && is_unfinished
        },
    },
    Rule {
        verdict: Verdict::Rejected,
        condition: "at least 1 % failed, most of them by ICMP errors that quote the SYN",
        holds: |evidence| evidence.is_dominant(evidence.counts().rejected()),
    },
    Rule {
        verdict: Verdict::RefusedOnTheWay,
        condition: "at least 1 % failed, most of them by a RST, this host is not the server, and no RST has a TTL that a \
               SYN/ACK from the same address had; or, in transit, more than one interface \
               watched, the RSTs left this host and never came in",
        holds: |evidence| {
            evidence.is_dominant(evidence.counts().refused)
                && !evidence.is_server()
                && (ttls_differ(evidence) || is_refused_here(evidence))
        },
    },
    Rule {
        verdict: Verdict::Refused,
        condition: "at least 1 % failed, most of them by a RST",
        holds: |evidence| evidence.is_dominant(evidence.counts().refused),
    },
    Rule {
        verdict: Verdict::DroppedHere,
        condition: "more than one interface watched: in transit, at least 1 % unanswered, and their SYNs were seen to come in \
               and none to go out; or, in transit or forwarded by this host, the same of SYN/ACKs, which were repeated",
        holds: |evidence| {
            !evidence.one_interface && (drops_syns(evidence) || drops_synacks(evidence))
        },
    },
    Rule {
        verdict: Verdict::EcnDropped,
        condition: "at least 3 attempts asked for ECN, no SYN that did was answered, and at least 3 without it were",
        holds: |evidence| {
            let counts = evidence.counts();
            counts.ecn_attempts >= 3
                && counts.ecn_answered == 0
                && counts.ecn_answered_without + counts.plain_answered >= 3
        },
    },
    Rule {
        verdict: Verdict::Late,
        condition: "at least 1 % unanswered in time, and at least half of these were answered later; or at least 1 %, \
               and half as many as were answered after a repeated SYN, found that the client had given up: 0.2 s or \
               more after its SYN it met the answer with a RST without ACK",
        holds: |evidence| {
            let counts = evidence.counts();
            let is_answered_late = evidence.is_dominant(counts.unanswered)
                && counts.late.saturating_mul(2) >= counts.unanswered;
            is_answered_late || clients_abort(evidence)
        },
    },
    Rule {
        verdict: Verdict::HostSilent,
        condition: "this host is the server and passes no SYNs on, and no attempt was answered",
        holds: |evidence| {
            evidence.is_server() && !forwards_port(evidence) && evidence.counts().answered == 0
        },
    },
    Rule {
        verdict: Verdict::HostOverloaded,
        condition: "this host is the server and passes no SYNs on, some attempts were answered, and at least 1 % were not",
        holds: |evidence| {
            evidence.is_server()
                && !forwards_port(evidence)
                && evidence.is_dominant(evidence.counts().unanswered)
        },
    },
    Rule {
        verdict: Verdict::SilentDrop,
        condition: "no attempt was answered",
        holds: |evidence| evidence.counts().answered == 0,
    },
    Rule {
        verdict: Verdict::AckLost,
        condition: "SYN/ACKs were repeated at least twice for each answered attempt, and less than half of these were \
               seen to be completed; not where all answers just take long (see slow)",
        holds: |evidence| {
            let counts = evidence.counts();
            counts.answered > 0
                && counts.synack_retransmissions / 2 >= counts.answered
                && !is_mostly_completed(evidence)
                && !rtt_exceeds_rto(evidence)
        },
    },
    Rule {
        verdict: Verdict::FarOverloaded,
        condition: "some attempts were answered, at least 1 % were not, and more of these than were answered after a repeated SYN",
        holds: |evidence| {
            evidence.is_dominant(evidence.counts().unanswered)
                && evidence.counts().unanswered > evidence.counts().answered_after_repeat
        },
    },
    Rule {
        verdict: Verdict::Loss,
        condition: "at least 1 % were answered only after a repeated SYN, not where all answers just take long (see slow); \
               or this host is the server or in transit, and 3 or more SYN/ACKs, one for 20 answers, had to be repeated, and less \
               than half of the answered were seen to be completed",
        holds: |evidence| {
            (evidence.is_significant(evidence.counts().answered_after_repeat)
                && !rtt_exceeds_rto(evidence))
                || retransmits_synacks(evidence)
        },
    },
    Rule {
        verdict: Verdict::Slow,
        condition: "half of the latest answers (at least 20) took 3 times what half of those before took, and 2 ms more; or all \
               of at least 3 answers took so long that the SYN was due again, and each repeated SYN was answered, too",
        holds: |evidence| {
            let recent = &evidence.window.recent;
            let earlier = &evidence.window.earlier;
            let has_enough_answers = recent.answered >= 20 && earlier.answered >= 20;
            let is_slower = |(now, then): (Duration, Duration)| {
                now >= then * 3 && now.saturating_sub(then).as_millis() >= 2
            };
            rtt_exceeds_rto(evidence)
                || (has_enough_answers
                    && recent
                        .quantile(0.5)
                        .zip(earlier.quantile(0.5))
                        .is_some_and(is_slower))
        },
    },
    Rule {
        verdict: Verdict::Fine,
        condition: "none of the above",
        holds: |_| true,
    },
];

/// Returns the confidence in a verdict: high if the packets state the cause, low if there are few
/// attempts.
pub(super) fn confidence(verdict: Verdict, evidence: &Evidence) -> Confidence {
    let counts = evidence.counts();
    let by_count = |count: u32| match count {
        0..=2 => Confidence::Low,
        3..=9 => Confidence::Medium,
        _ => Confidence::High,
    };
    match verdict {
        Verdict::CaptureUntrusted | Verdict::Rejected => Confidence::High,
        Verdict::Refused
            if evidence.is_server() || evidence.label_set.vantage == Vantage::Local =>
        {
            Confidence::High
        }
        Verdict::Refused if evidence.synack_ttls.most_frequent().is_some() => Confidence::High,
        Verdict::Refused
        | Verdict::RefusedOnTheWay
        | Verdict::DroppedHere
        | Verdict::Scan
        | Verdict::Slow => Confidence::Medium,
        Verdict::SilentDrop | Verdict::HostSilent if counts.unanswered >= 3 => Confidence::High,
        Verdict::SilentDrop | Verdict::HostSilent => Confidence::Medium,
        Verdict::HostOverloaded | Verdict::FarOverloaded => {
            by_count(counts.unanswered).min(Confidence::Medium)
        }
        Verdict::EcnDropped => by_count(counts.ecn_attempts),
        Verdict::Late => by_count(counts.late.max(counts.client_aborts)).max(Confidence::Medium),
        Verdict::AckLost => by_count(counts.synack_retransmissions),
        Verdict::Loss => by_count(
            counts
                .answered_after_repeat
                .max(counts.synack_retransmissions),
        ),
        Verdict::Flood | Verdict::Undecided => Confidence::Low,
        Verdict::Fine => by_count(counts.answered),
    }
}

/// Returns `true` if all RSTs were first captured on their way out of this host.
pub(super) const fn is_refused_here(evidence: &Evidence) -> bool {
    evidence.counts().refused_by_this_host == evidence.counts().refused && !evidence.one_interface
}

/// Returns `true` if no RST has a TTL that a SYN/ACK from the same address has, and both are known.
fn ttls_differ(evidence: &Evidence) -> bool {
    let synack_ttls = || evidence.synack_ttls.iter();
    synack_ttls().next().is_some()
        && evidence.rst_ttls.iter().next().is_some()
        && !evidence
            .rst_ttls
            .iter()
            .any(|ttl| synack_ttls().any(|synack_ttl| synack_ttl == ttl))
}

/// Returns `true` if a significant share of clients had closed the socket before the answer came.
/// Packet loss before the answer must not explain it.
pub(super) fn clients_abort(evidence: &Evidence) -> bool {
    let counts = evidence.counts();
    evidence.is_significant(counts.client_aborts)
        && counts.client_aborts.saturating_mul(2) >= counts.answered_after_repeat
}

/// Returns `true` if the round-trip time exceeds the client's retransmission timeout (RTO, RFC
/// 6298). In that case no packet was lost, because each retransmitted SYN was answered as well.
pub(super) fn rtt_exceeds_rto(evidence: &Evidence) -> bool {
    let counts = evidence.counts();
    !evidence.is_server()
        && counts.answered >= 3
        && counts.answered_after_repeat == counts.answered
        && counts.synack_retransmissions >= counts.syn_retransmissions
}

/// Returns `true` if SYN/ACKs are retransmitted. At the server and in transit, retransmissions are
/// the only sign of lost SYN/ACKs on the way to the client, or of lost final ACKs.
pub(super) fn retransmits_synacks(evidence: &Evidence) -> bool {
    let counts = evidence.counts();
    let is_client_remote = matches!(
        evidence.label_set.vantage,
        Vantage::Server | Vantage::Transit
    );
    is_client_remote
        && counts.synack_retransmissions >= 3
        && counts.synack_retransmissions.saturating_mul(20) >= counts.answered
        && !is_mostly_completed(evidence)
}

fn is_mostly_completed(evidence: &Evidence) -> bool {
    evidence.counts().completed.saturating_mul(2) >= evidence.counts().answered
}

/// Returns `true` if this host forwards the port to another host: the SYNs leave this host again
/// with translated addresses.
pub(super) const fn forwards_port(evidence: &Evidence) -> bool {
    evidence.is_server() && evidence.counts().syns_forwarded > 0
}

/// Returns `true` if SYNs enter this host in transit, and none leaves it.
pub(super) fn drops_syns(evidence: &Evidence) -> bool {
    let counts = evidence.counts();
    let is_in_transit = evidence.label_set.vantage == Vantage::Transit;
    is_in_transit
        && evidence.is_dominant(counts.unanswered)
        && counts.syns_received > 0
        && counts.syns_forwarded == 0
        && counts.synacks == 0
}

/// Returns `true` if SYN/ACKs to forward enter this host, and none leaves it.
pub(super) fn drops_synacks(evidence: &Evidence) -> bool {
    let counts = evidence.counts();
    let is_forwarded = evidence.label_set.vantage == Vantage::Transit || forwards_port(evidence);
    let is_retransmitted = counts.answered > 0 && counts.synack_retransmissions >= counts.answered;
    is_forwarded
        && is_retransmitted
        && counts.synacks_received > 0
        && counts.synacks_forwarded == 0
        && counts.syns_forwarded > 0
}
