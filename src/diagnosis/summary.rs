//! The sentence that describes a verdict, with its numbers.
//!
//! `report` puts the sentence of each label set into the report; the numbers come from
//! [`Evidence`].

use std::time::Duration;

use super::capture_quality::CaptureQuality;
use super::evidence::{Evidence, IcmpReport};
use super::rules::{
    clients_abort, drops_synacks, forwards_port, is_refused_here, retransmits_synacks,
    rtt_exceeds_rto,
};
use super::verdict::Verdict;
use crate::labels::{Peer, Port, Reporter, Vantage};
use crate::packet::IcmpCode;

/// Returns the sentence that describes a verdict.
pub(super) fn summary(verdict: Verdict, evidence: &Evidence) -> String {
    let counts = evidence.counts();
    let target = target(evidence);
    let decided = counts.decided();
    let of_all = |count: u32, predicate: &str| {
        format!(
            "{} to {target} {}",
            fraction(count, decided, "attempt"),
            agree(count, predicate)
        )
    };
    match verdict {
        Verdict::CaptureUntrusted if counts.evicted > decided => format!(
            "{} of {} attempts to {target} were forgotten before they were decided: there was no room to follow them.",
            counts.evicted, counts.attempts
        ),
        Verdict::CaptureUntrusted => of_all(
            counts.unanswered,
            "look unanswered, but the capture itself may have missed the answers.",
        ),
        Verdict::Undecided if counts.attempts == 0 => {
            format!("No attempt to {target} in this time.")
        }
        Verdict::Undecided => format!(
            "{} to {target} still wait.",
            quantity(counts.attempts, "attempt")
        ),
        Verdict::Scan if evidence.is_server() => format!(
            "{} asks {} ports of this host, at most 3 times each, and gets nothing: a port scan.",
            peer(evidence),
            evidence.unanswered_ports
        ),
        Verdict::Scan if evidence.unanswered_ports >= evidence.unanswered_peers => format!(
            "This host asks {} ports of {}, at most 3 times each, and gets nothing: it scans.",
            evidence.unanswered_ports,
            peer(evidence)
        ),
        Verdict::Scan => format!(
            "This host asks {} peers at this port, at most 3 times each, and gets nothing: it scans.",
            evidence.unanswered_peers
        ),
        Verdict::Flood => format!(
            "{} peers open connections to {target} and do not finish them: a SYN flood, mostly from made-up addresses.",
            evidence.half_open_peers
        ),
        Verdict::Rejected => rejected(evidence),
        Verdict::RefusedOnTheWay if is_refused_here(evidence) => of_all(
            counts.refused,
            "were refused by a RST that left this host and never came in: this host refuses in the server's name.",
        ),
        Verdict::RefusedOnTheWay => of_all(
            counts.refused,
            &format!(
                "were refused by a RST with TTL {}, but SYN/ACKs from the same address come with TTL {}: something on \
                 the way seems to refuse in the server's name.",
                list(evidence.rst_ttls.iter()),
                list(evidence.synack_ttls.iter())
            ),
        ),
        Verdict::Refused if forwards_port(evidence) => of_all(
            counts.refused,
            "were refused: this host passes their SYNs on to another, and nothing listens there.",
        ),
        Verdict::Refused if evidence.is_server() => of_all(
            counts.refused,
            "were refused by this host: nothing listens there.",
        ),
        Verdict::Refused => of_all(
            counts.refused,
            &format!("were refused by a RST{}.", ttl_evidence(evidence)),
        ),
        Verdict::DroppedHere if drops_synacks(evidence) => format!(
            "{} from {target} came in and none left: this host drops the way back.",
            quantity(counts.synacks_received, "SYN/ACK")
        ),
        Verdict::DroppedHere => {
            format!(
                "{} to {target} came in and none left: this host drops them.",
                quantity(counts.syns_received, "SYN")
            )
        }
        Verdict::HostSilent => format!(
            "None of {} from {} to {target} was answered, though their SYNs arrive here.",
            quantity(decided, "attempt"),
            peer(evidence)
        ),
        Verdict::HostOverloaded => format!(
            "{} of {decided} attempts from {} to {target} got no answer, the others did: this host cannot keep up, or \
             answers only some.",
            counts.unanswered,
            peer(evidence)
        ),
        Verdict::EcnDropped => format!(
            "None of {} to {target} with ECN was answered, {} without it were.",
            quantity(counts.ecn_attempts, "SYN"),
            counts.ecn_answered_without + counts.plain_answered
        ),
        Verdict::Late if clients_abort(evidence) => format!(
            "{} from {target} found that the client had given up, and met a RST instead of an ACK{}.",
            fraction(
                counts.client_aborts,
                counts.answered.saturating_add(counts.late),
                "answer"
            ),
            if evidence.is_server() {
                String::new()
            } else {
                format!(
                    ": the slowest took {}",
                    format_duration(counts.longest_latency())
                )
            }
        ),
        Verdict::Late => of_all(
            counts.late,
            &format!(
                "were answered only after they counted as failed, the slowest after {}: clients may have given up by then{}.",
                format_duration(counts.longest_latency()),
                if counts.rsts_by_client > 0 {
                    format!(" (and sent {})", quantity(counts.rsts_by_client, "RST"))
                } else {
                    String::new()
                }
            ),
        ),
        Verdict::AckLost => format!(
            "{}, and the SYN/ACK repeated {} times: {}.",
            of_all(counts.answered, "were answered"),
            counts.synack_retransmissions,
            if evidence.label_set.vantage == Vantage::Client {
                "the server does not get, or does not take, the last ACK"
            } else {
                "the client's ACK does not come back"
            }
        ),
        Verdict::FarOverloaded => format!(
            "{} of {decided} attempts to {target} got no answer at all, the others did{}.",
            counts.unanswered,
            if counts.answered_after_repeat == 0 {
                ", at their first SYN"
            } else {
                ""
            }
        ),
        Verdict::Loss
            if retransmits_synacks(evidence)
                && counts.synack_retransmissions > counts.answered_after_repeat =>
        {
            format!(
                "{} had to be repeated for {} of {target}: they are lost on the way back, or the ACKs to them.",
                quantity(counts.synack_retransmissions, "SYN/ACK"),
                quantity(counts.answered, "answered attempt")
            )
        }
        Verdict::Loss => format!(
            "{} of {} answers from {target} came only after the SYN was sent again, so after 1, 2, 3 or more seconds: \
             {} of {} SYNs were repeats.",
            counts.answered_after_repeat, counts.answered, counts.syn_retransmissions, counts.syns
        ),
        Verdict::SilentDrop if evidence.is_server() => format!(
            "None of {} to {target} was answered: this host passes their SYNs on to another, and nothing comes back from it.",
            quantity(decided, "attempt")
        ),
        Verdict::SilentDrop if evidence.label_set.vantage == Vantage::Transit => format!(
            "None of {} to {target} that passed here was answered: {}, and not one packet came back.",
            quantity(decided, "attempt"),
            quantity(counts.syns, "SYN")
        ),
        Verdict::SilentDrop => format!(
            "None of {} to {target} was answered: {} left, and not one packet came back.",
            quantity(decided, "attempt"),
            quantity(counts.syns, "SYN")
        ),
        Verdict::Slow if rtt_exceeds_rto(evidence) => format!(
            "All {} answers from {target} took longer than a client waits before it asks again, half of them {}{}.",
            counts.answered,
            counts
                .quantile(0.5)
                .map(format_duration)
                .unwrap_or_default(),
            if counts.syn_retransmissions > 0 {
                "; what was asked again was answered, too, so nothing was lost"
            } else {
                ""
            }
        ),
        Verdict::Slow => format!(
            "Half of the latest answers from {target} took {}, before it was {}.",
            evidence
                .window
                .recent
                .quantile(0.5)
                .map(format_duration)
                .unwrap_or_default(),
            evidence
                .window
                .earlier
                .quantile(0.5)
                .map(format_duration)
                .unwrap_or_default()
        ),
        Verdict::Fine => format!(
            "{}{}.",
            of_all(counts.answered, "were answered"),
            counts
                .quantile(0.5)
                .map(|half| format!(", half within {}", format_duration(half)))
                .unwrap_or_default()
        ),
    }
}

/// Returns the server port of the attempts, and the server unless it is this host.
fn target(evidence: &Evidence) -> String {
    let port = match evidence.label_set.port {
        Port::Number(port) => format!("port {port}"),
        Port::Other => "other ports".to_owned(),
    };
    match evidence.label_set.vantage {
        Vantage::Server => format!("{port} here"),
        Vantage::Client | Vantage::Local | Vantage::Transit => {
            format!("{port} of {}", peer(evidence))
        }
    }
}

fn peer(evidence: &Evidence) -> String {
    match &evidence.label_set.peer {
        Peer::Other => "other peers".to_owned(),
        named => named.to_string(),
    }
}

fn rejected(evidence: &Evidence) -> String {
    let counts = evidence.counts();
    let causes: Vec<String> = evidence.icmp_reports.iter().map(describe_icmp).collect();
    format!(
        "{} to {} {}: {}.",
        fraction(counts.rejected(), counts.decided(), "attempt"),
        target(evidence),
        agree(counts.rejected(), "were rejected by ICMP"),
        if causes.is_empty() {
            "who said so is not known any more".to_owned()
        } else {
            causes.join("; ")
        }
    )
}

fn describe_icmp(report: &IcmpReport) -> String {
    let sender = match report.reporter {
        Reporter::Peer => "the peer itself",
        Reporter::Router => "on the way",
        Reporter::Own => "this host itself",
    };
    format!(
        "{} says {} ({sender}): {}",
        report.by,
        report.code.as_str(),
        meaning(report.code)
    )
}

/// Returns the practical meaning of an ICMP code.
const fn meaning(code: IcmpCode) -> &'static str {
    match code {
        IcmpCode::HostUnreachable | IcmpCode::HostUnknown => {
            "nobody has that address on the last link"
        }
        IcmpCode::NetUnreachable | IcmpCode::NetUnknown => "it has no route there",
        IcmpCode::PortUnreachable => "a firewall's REJECT, as a rule",
        IcmpCode::AdminProhibited
        | IcmpCode::HostProhibited
        | IcmpCode::NetProhibited
        | IcmpCode::PolicyFailed => "a firewall forbids it",
        IcmpCode::RejectRoute => "a reject route",
        IcmpCode::TimeExceeded => "a routing loop, or a TTL too small",
        IcmpCode::ProtocolUnreachable => "that host has no TCP",
        _ => "no way there",
    }
}

/// Returns the conclusion from the TTL of a RST, depending on whether TTLs of SYN/ACKs are known
/// for comparison.
fn ttl_evidence(evidence: &Evidence) -> String {
    match (
        evidence.rst_ttls.most_frequent(),
        evidence.synack_ttls.most_frequent(),
    ) {
        (Some(ttl), Some(_)) => {
            format!(
                " with TTL {ttl}, like other answers of that address: the host is reached, and nothing listens"
            )
        }
        (Some(ttl @ (64 | 128 | 255)), None) if evidence.label_set.vantage != Vantage::Local => {
            format!(
                " with TTL {ttl}, which no router has lowered: nothing listens, or, if that host is not on this link, something on \
             this link refuses in its name"
            )
        }
        (Some(ttl), None) => format!(" with TTL {ttl}: the host is reached, and nothing listens"),
        (None, _) => ": the host is reached, and nothing listens".to_owned(),
    }
}

fn fraction(count: u32, total: u32, noun: &str) -> String {
    match (count, total) {
        (1, 1) => format!("The only {noun}"),
        (2, 2) => format!("Both {noun}s"),
        _ if count == total => format!("All {total} {noun}s"),
        _ => format!("{count} of {total} {noun}s"),
    }
}

/// Replaces "were" by "was" for a count of one.
fn agree(count: u32, predicate: &str) -> String {
    if count == 1 {
        predicate.replacen("were ", "was ", 1)
    } else {
        predicate.to_owned()
    }
}

fn quantity(count: u32, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

fn list(ttls: impl Iterator<Item = u8>) -> String {
    ttls.map(|ttl| ttl.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Returns a sentence about accept queue overflows, if the verdict is about this host as the server
/// and its kernel counts overflows. Otherwise the text is empty.
pub(super) fn overflow_summary(verdict: Verdict, capture: &CaptureQuality) -> String {
    match (verdict, capture.listen_overflows) {
        (Verdict::HostSilent | Verdict::HostOverloaded, Some(0)) => {
            " No accept queue of this host overflowed meanwhile (ListenOverflows): look at its firewall.".to_owned()
        }
        (Verdict::HostSilent | Verdict::HostOverloaded, Some(overflows)) => {
            format!(
                " Accept queues of this host overflowed {overflows} times meanwhile (ListenOverflows; of which port, the \
                 kernel does not say)."
            )
        }
        _ => String::new(),
    }
}

/// Formats a duration with a unit, in two significant digits or more.
pub(super) fn format_duration(duration: Duration) -> String {
    match duration.as_secs_f64() {
        s if s >= 10.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{s:.1} s"),
        s if s >= 0.01 => format!("{:.0} ms", s * 1e3),
        s if s >= 0.001 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}
