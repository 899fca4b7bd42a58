//! What is said to people: the sentence, with its numbers.

use std::time::Duration;

use super::CaptureQuality;
use super::case::Report;
use super::exam::Evidence;
use super::rules::{
    clients_give_up, forwards, refuses_here, repeats_synacks, swallows_synacks, takes_long,
};
use super::verdict::Verdict;
use crate::labels::{Peer, Port, Reporter, Vantage};
use crate::packet::IcmpCode;

/// The sentence.
pub(super) fn sentence(verdict: Verdict, exam: &Evidence) -> String {
    let t = exam.judged();
    let (asked, decided) = (asked(exam), t.decided());
    let of_all = |count: u32, what: &str| {
        format!(
            "{} to {asked} {}",
            of(count, decided, "attempt"),
            agree(count, what)
        )
    };
    match verdict {
        Verdict::CaptureUntrusted if t.evicted > decided => format!(
            "{} of {} attempts to {asked} were forgotten before they were decided: there was no room to follow them.",
            t.evicted, t.attempts
        ),
        Verdict::CaptureUntrusted => of_all(
            t.unanswered,
            "look unanswered, but the capture itself may have missed the answers.",
        ),
        Verdict::Undecided if t.attempts == 0 => format!("No attempt to {asked} in this time."),
        Verdict::Undecided => format!("{} to {asked} still wait.", count(t.attempts, "attempt")),
        Verdict::Scan if exam.is_asked() => format!(
            "{} asks {} ports of this host, at most 3 times each, and gets nothing: a port scan.",
            peer(exam),
            exam.ports_in_vain
        ),
        Verdict::Scan if exam.ports_in_vain >= exam.peers_in_vain => format!(
            "This host asks {} ports of {}, at most 3 times each, and gets nothing: it scans.",
            exam.ports_in_vain,
            peer(exam)
        ),
        Verdict::Scan => format!(
            "This host asks {} peers at this port, at most 3 times each, and gets nothing: it scans.",
            exam.peers_in_vain
        ),
        Verdict::Flood => format!(
            "{} peers open connections to {asked} and do not finish them: a SYN flood, mostly from made-up addresses.",
            exam.half_open_peers
        ),
        Verdict::Rejected => rejected(exam),
        Verdict::RefusedOnTheWay if refuses_here(exam) => of_all(
            t.refused,
            "were refused by a RST that left this host and never came in: this host refuses in the server's name.",
        ),
        Verdict::RefusedOnTheWay => of_all(
            t.refused,
            &format!(
                "were refused by a RST with TTL {}, but SYN/ACKs from the same address come with TTL {}: something on \
                 the way seems to refuse in the server's name.",
                list(exam.refusals.iter()),
                list(exam.answers.iter())
            ),
        ),
        Verdict::Refused if forwards(exam) => of_all(
            t.refused,
            "were refused: this host passes their SYNs on to another, and nothing listens there.",
        ),
        Verdict::Refused if exam.is_asked() => of_all(
            t.refused,
            "were refused by this host: nothing listens there.",
        ),
        Verdict::Refused => of_all(
            t.refused,
            &format!("were refused by a RST{}.", ttl_evidence(exam)),
        ),
        Verdict::DroppedHere if swallows_synacks(exam) => format!(
            "{} from {asked} came in and none left: this host drops the way back.",
            count(t.synacks_in, "SYN/ACK")
        ),
        Verdict::DroppedHere => {
            format!(
                "{} to {asked} came in and none left: this host drops them.",
                count(t.syns_in, "SYN")
            )
        }
        Verdict::HostSilent => format!(
            "None of {} from {} to {asked} was answered, though their SYNs arrive here.",
            count(decided, "attempt"),
            peer(exam)
        ),
        Verdict::HostOverloaded => format!(
            "{} of {decided} attempts from {} to {asked} got no answer, the others did: this host cannot keep up, or \
             answers only some.",
            t.unanswered,
            peer(exam)
        ),
        Verdict::EcnDropped => format!(
            "None of {} to {asked} with ECN was answered, {} without it were.",
            count(t.ecn, "SYN"),
            t.ecn_answered_plain + t.plain_answered
        ),
        Verdict::Late if clients_give_up(exam) => format!(
            "{} from {asked} found that the client had given up, and met a RST instead of an ACK{}.",
            of(t.given_up, t.answered.saturating_add(t.late), "answer"),
            if exam.is_asked() {
                String::new()
            } else {
                format!(": the slowest took {}", seconds(t.longest()))
            }
        ),
        Verdict::Late => of_all(
            t.late,
            &format!(
                "were answered only after they counted as failed, the slowest after {}: clients may have given up by then{}.",
                seconds(t.longest()),
                if t.client_rsts > 0 {
                    format!(" (and sent {})", count(t.client_rsts, "RST"))
                } else {
                    String::new()
                }
            ),
        ),
        Verdict::AckLost => format!(
            "{}, and the SYN/ACK repeated {} times: {}.",
            of_all(t.answered, "were answered"),
            t.synack_repeats,
            if exam.name.vantage == Vantage::Client {
                "the server does not get, or does not take, the last ACK"
            } else {
                "the client's ACK does not come back"
            }
        ),
        Verdict::FarOverloaded => format!(
            "{} of {decided} attempts to {asked} got no answer at all, the others did{}.",
            t.unanswered,
            if t.after_a_repeat == 0 {
                ", at their first SYN"
            } else {
                ""
            }
        ),
        Verdict::Loss if repeats_synacks(exam) && t.synack_repeats > t.after_a_repeat => format!(
            "{} had to be repeated for {} of {asked}: they are lost on the way back, or the ACKs to them.",
            count(t.synack_repeats, "SYN/ACK"),
            count(t.answered, "answered attempt")
        ),
        Verdict::Loss => format!(
            "{} of {} answers from {asked} came only after the SYN was sent again, so after 1, 2, 3 or more seconds: \
             {} of {} SYNs were repeats.",
            t.after_a_repeat, t.answered, t.syn_repeats, t.syns
        ),
        Verdict::SilentDrop if exam.is_asked() => format!(
            "None of {} to {asked} was answered: this host passes their SYNs on to another, and nothing comes back from it.",
            count(decided, "attempt")
        ),
        Verdict::SilentDrop if exam.name.vantage == Vantage::Transit => format!(
            "None of {} to {asked} that passed here was answered: {}, and not one packet came back.",
            count(decided, "attempt"),
            count(t.syns, "SYN")
        ),
        Verdict::SilentDrop => format!(
            "None of {} to {asked} was answered: {} left, and not one packet came back.",
            count(decided, "attempt"),
            count(t.syns, "SYN")
        ),
        Verdict::Slow if takes_long(exam) => format!(
            "All {} answers from {asked} took longer than a client waits before it asks again, half of them {}{}.",
            t.answered,
            t.quantile(0.5).map(seconds).unwrap_or_default(),
            if t.syn_repeats > 0 {
                "; what was asked again was answered, too, so nothing was lost"
            } else {
                ""
            }
        ),
        Verdict::Slow => format!(
            "Half of the latest answers from {asked} took {}, before it was {}.",
            exam.sums
                .lately
                .quantile(0.5)
                .map(seconds)
                .unwrap_or_default(),
            exam.sums
                .before
                .quantile(0.5)
                .map(seconds)
                .unwrap_or_default()
        ),
        Verdict::Fine => format!(
            "{}{}.",
            of_all(t.answered, "were answered"),
            t.quantile(0.5)
                .map(|half| format!(", half within {}", seconds(half)))
                .unwrap_or_default()
        ),
    }
}

fn asked(exam: &Evidence) -> String {
    let port = match exam.name.port {
        Port::Number(port) => format!("port {port}"),
        Port::Other => "other ports".to_owned(),
    };
    match exam.name.vantage {
        Vantage::Server => format!("{port} here"),
        Vantage::Client | Vantage::Local | Vantage::Transit => format!("{port} of {}", peer(exam)),
    }
}

fn peer(exam: &Evidence) -> String {
    match &exam.name.peer {
        Peer::Other => "other peers".to_owned(),
        named => named.to_string(),
    }
}

fn rejected(exam: &Evidence) -> String {
    let t = exam.judged();
    let by: Vec<String> = exam.reports.iter().map(told_by).collect();
    format!(
        "{} to {} {}: {}.",
        of(t.rejected(), t.decided(), "attempt"),
        asked(exam),
        agree(t.rejected(), "were rejected by ICMP"),
        if by.is_empty() {
            "who said so is not known any more".to_owned()
        } else {
            by.join("; ")
        }
    )
}

fn told_by(report: &Report) -> String {
    let who = match report.reporter {
        Reporter::Peer => "the peer itself",
        Reporter::Router => "on the way",
        Reporter::Own => "this host itself",
    };
    format!(
        "{} says {} ({who}): {}",
        report.by,
        report.code.as_str(),
        meaning(report.code)
    )
}

/// What an ICMP code means in practice.
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

/// What the TTL of a refusal tells where there is little to hold it against.
fn ttl_evidence(exam: &Evidence) -> String {
    match (exam.refusals.most(), exam.answers.most()) {
        (Some(ttl), Some(_)) => {
            format!(
                " with TTL {ttl}, like other answers of that address: the host is reached, and nothing listens"
            )
        }
        (Some(ttl @ (64 | 128 | 255)), None) if exam.name.vantage != Vantage::Local => format!(
            " with TTL {ttl}, which no router has lowered: nothing listens, or, if that host is not on this link, something on \
             this link refuses in its name"
        ),
        (Some(ttl), None) => format!(" with TTL {ttl}: the host is reached, and nothing listens"),
        (None, _) => ": the host is reached, and nothing listens".to_owned(),
    }
}

fn of(count: u32, of: u32, what: &str) -> String {
    match (count, of) {
        (1, 1) => format!("The only {what}"),
        (2, 2) => format!("Both {what}s"),
        _ if count == of => format!("All {of} {what}s"),
        _ => format!("{count} of {of} {what}s"),
    }
}

/// One of them is, several are.
fn agree(count: u32, what: &str) -> String {
    if count == 1 {
        what.replacen("were ", "was ", 1)
    } else {
        what.to_owned()
    }
}

fn count(count: u32, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

fn list(ttls: impl Iterator<Item = u8>) -> String {
    ttls.map(|ttl| ttl.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// What this host's kernel says about its accept queues, where it is the one that is asked.
pub(super) fn overflows(verdict: Verdict, capture: &CaptureQuality) -> String {
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

/// A duration as people read it.
pub(super) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        s if s >= 10.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{s:.1} s"),
        s if s >= 0.01 => format!("{:.0} ms", s * 1e3),
        s if s >= 0.001 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}
