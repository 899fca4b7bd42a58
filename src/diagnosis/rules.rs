//! The one table of rules: which verdict holds. The first rule that holds decides; docs/diagnosis.md has the same table.

use super::exam::Evidence;
use super::verdict::{Confidence, Verdict};
use crate::labels::Vantage;

/// When a verdict is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) verdict: Verdict,
    /// The same in words, as docs/diagnosis.md has it.
    pub(super) says: &'static str,
    pub(super) holds: fn(&Evidence) -> bool,
}

/// The verdict on a set.
pub(super) fn verdict(exam: &Evidence) -> Verdict {
    RULES
        .iter()
        .find(|rule| (rule.holds)(exam))
        .map_or(Verdict::Fine, |rule| rule.verdict)
}

/// Each verdict, in the order they are asked, and when it is given, in words: the table of docs/diagnosis.md.
pub fn rules() -> impl Iterator<Item = (Verdict, &'static str)> {
    RULES.iter().map(|rule| (rule.verdict, rule.says))
}

/// In the order they are asked. Percentages are of decided attempts: answered and failed.
pub(super) const RULES: [Rule; Verdict::ALL.len()] = [
    Rule {
        verdict: Verdict::CaptureUntrusted,
        says: "more attempts were evicted than decided; or most failures are unanswered and the capture lost 0.1 % of \
               its packets or sees one direction only",
        holds: |e| {
            let t = e.judged();
            t.evicted > t.decided() || (e.mostly(t.unanswered) && e.silence_means_nothing)
        },
    },
    Rule {
        verdict: Verdict::Undecided,
        says: "no attempt was answered or failed yet",
        holds: |e| e.judged().decided() == 0,
    },
    Rule {
        verdict: Verdict::Scan,
        says: "a peer asks at least 10 ports of this host, or this host 20 ports of a peer or 20 peers at one port, at \
               most 3 times each, and none of these is answered (of the peers, at least one must have said no: all of \
               them silent is a network that is cut off)",
        holds: |e| {
            let (ports, peers) = match e.name.vantage {
                Vantage::Server => (10, usize::MAX),
                Vantage::Client => (20, 20),
                Vantage::Local | Vantage::Transit => return false,
            };
            let t = e.judged();
            t.answered == 0
                && t.attempts <= 3
                && (e.ports_in_vain >= ports || (e.peers_in_vain >= peers && e.some_peer_said_no))
        },
    },
    Rule {
        verdict: Verdict::Flood,
        says: "this host is the server, and at least 50 peers at the same port were answered at most 3 times each and \
               did not finish: SYN/ACKs had to be repeated, or drew RSTs",
        holds: |e| {
            let t = e.judged();
            let unfinished = t.synack_repeats >= t.answered || t.client_rsts >= t.answered;
            e.is_asked() && e.half_open_peers >= 50 && unfinished
        },
    },
    Rule {
        verdict: Verdict::Rejected,
        says: "at least 1 % failed, most of them by ICMP errors that quote the SYN",
        holds: |e| e.mostly(e.judged().rejected()),
    },
    Rule {
        verdict: Verdict::RefusedOnTheWay,
        says: "at least 1 % failed, most of them by a RST, this host is not the server, and no RST has a TTL that a \
               SYN/ACK from the same address had; or, in transit, more than one interface \
               watched, the RSTs left this host and never came in",
        holds: |e| {
            e.mostly(e.judged().refused) && !e.is_asked() && (ttls_disagree(e) || refuses_here(e))
        },
    },
    Rule {
        verdict: Verdict::Refused,
        says: "at least 1 % failed, most of them by a RST",
        holds: |e| e.mostly(e.judged().refused),
    },
    Rule {
        verdict: Verdict::DroppedHere,
        says: "more than one interface watched: in transit, at least 1 % unanswered, and their SYNs were seen to come in \
               and none to go out; or, in transit or forwarded by this host, the same of SYN/ACKs, which were repeated",
        holds: |e| !e.one_interface && (swallows_syns(e) || swallows_synacks(e)),
    },
    Rule {
        verdict: Verdict::EcnDropped,
        says: "at least 3 attempts asked for ECN, no SYN that did was answered, and at least 3 without it were",
        holds: |e| {
            let t = e.judged();
            t.ecn >= 3 && t.ecn_answered == 0 && t.ecn_answered_plain + t.plain_answered >= 3
        },
    },
    Rule {
        verdict: Verdict::Late,
        says: "at least 1 % unanswered in time, and at least half of these were answered later; or at least 1 %, \
               and half as many as were answered after a repeated SYN, found that the client had given up: 0.2 s or \
               more after its SYN it met the answer with a RST without ACK",
        holds: |e| {
            let t = e.judged();
            let in_vain = e.mostly(t.unanswered) && t.late.saturating_mul(2) >= t.unanswered;
            in_vain || clients_give_up(e)
        },
    },
    Rule {
        verdict: Verdict::HostSilent,
        says: "this host is the server and passes no SYNs on, and no attempt was answered",
        holds: |e| e.is_asked() && !forwards(e) && e.judged().answered == 0,
    },
    Rule {
        verdict: Verdict::HostOverloaded,
        says: "this host is the server and passes no SYNs on, some attempts were answered, and at least 1 % were not",
        holds: |e| e.is_asked() && !forwards(e) && e.mostly(e.judged().unanswered),
    },
    Rule {
        verdict: Verdict::SilentDrop,
        says: "no attempt was answered",
        holds: |e| e.judged().answered == 0,
    },
    Rule {
        verdict: Verdict::AckLost,
        says: "SYN/ACKs were repeated at least twice for each answered attempt, and less than half of these were \
               seen to be completed; not where all answers just take long (see slow)",
        holds: |e| {
            let t = e.judged();
            t.answered > 0
                && t.synack_repeats / 2 >= t.answered
                && !seen_completed(e)
                && !takes_long(e)
        },
    },
    Rule {
        verdict: Verdict::FarOverloaded,
        says: "some attempts were answered, at least 1 % were not, and more of these than were answered after a repeated SYN",
        holds: |e| {
            e.mostly(e.judged().unanswered) && e.judged().unanswered > e.judged().after_a_repeat
        },
    },
    Rule {
        verdict: Verdict::Loss,
        says: "at least 1 % were answered only after a repeated SYN, not where all answers just take long (see slow); \
               or this host is the server or in transit, and 3 or more SYN/ACKs, one for 20 answers, had to be repeated, and less \
               than half of the answered were seen to be completed",
        holds: |e| (e.matters(e.judged().after_a_repeat) && !takes_long(e)) || repeats_synacks(e),
    },
    Rule {
        verdict: Verdict::Slow,
        says: "half of the latest answers (at least 20) took 3 times what half of those before took, and 2 ms more; or all \
               of at least 3 answers took so long that the SYN was due again, and each repeated SYN was answered, too",
        holds: |e| {
            let (lately, before) = (&e.sums.lately, &e.sums.before);
            let enough = lately.answered >= 20 && before.answered >= 20;
            let slower = |(now, then): (std::time::Duration, std::time::Duration)| {
                now >= then * 3 && now.saturating_sub(then).as_millis() >= 2
            };
            takes_long(e)
                || (enough
                    && lately
                        .quantile(0.5)
                        .zip(before.quantile(0.5))
                        .is_some_and(slower))
        },
    },
    Rule {
        verdict: Verdict::Fine,
        says: "none of the above",
        holds: |_| true,
    },
];

/// How sure that is: what packets say outright is high, what rests on few attempts is low.
pub(super) fn confidence(verdict: Verdict, exam: &Evidence) -> Confidence {
    let t = exam.judged();
    let by_count = |count: u32| match count {
        0..=2 => Confidence::Low,
        3..=9 => Confidence::Medium,
        _ => Confidence::High,
    };
    match verdict {
        Verdict::CaptureUntrusted | Verdict::Rejected => Confidence::High,
        Verdict::Refused if exam.is_asked() || exam.name.vantage == Vantage::Local => {
            Confidence::High
        }
        Verdict::Refused if exam.answers.most().is_some() => Confidence::High,
        Verdict::Refused
        | Verdict::RefusedOnTheWay
        | Verdict::DroppedHere
        | Verdict::Scan
        | Verdict::Slow => Confidence::Medium,
        Verdict::SilentDrop | Verdict::HostSilent if t.unanswered >= 3 => Confidence::High,
        Verdict::SilentDrop | Verdict::HostSilent => Confidence::Medium,
        Verdict::HostOverloaded | Verdict::FarOverloaded => {
            by_count(t.unanswered).min(Confidence::Medium)
        }
        Verdict::EcnDropped => by_count(t.ecn),
        Verdict::Late => by_count(t.late.max(t.given_up)).max(Confidence::Medium),
        Verdict::AckLost => by_count(t.synack_repeats),
        Verdict::Loss => by_count(t.after_a_repeat.max(t.synack_repeats)),
        Verdict::Flood | Verdict::Undecided => Confidence::Low,
        Verdict::Fine => by_count(t.answered),
    }
}

/// The RSTs were first met on their way out.
pub(super) const fn refuses_here(exam: &Evidence) -> bool {
    exam.judged().refused_from_here == exam.judged().refused && !exam.one_interface
}

fn ttls_disagree(exam: &Evidence) -> bool {
    let answers = || exam.answers.iter();
    answers().next().is_some()
        && exam.refusals.iter().next().is_some()
        && !exam
            .refusals
            .iter()
            .any(|ttl| answers().any(|known| known == ttl))
}

/// Clients are gone when the answer comes, and not because packets were lost before.
pub(super) fn clients_give_up(exam: &Evidence) -> bool {
    let t = exam.judged();
    exam.matters(t.given_up) && t.given_up.saturating_mul(2) >= t.after_a_repeat
}

/// The way there and back takes longer than a client waits before it asks again: nothing was lost, for all it asked was
/// answered.
pub(super) fn takes_long(exam: &Evidence) -> bool {
    let t = exam.judged();
    !exam.is_asked()
        && t.answered >= 3
        && t.after_a_repeat == t.answered
        && t.synack_repeats >= t.syn_repeats
}

/// At the server, and on the way to it, what is lost on the way back, or of the ACKs, shows by repeated SYN/ACKs only.
pub(super) fn repeats_synacks(exam: &Evidence) -> bool {
    let t = exam.judged();
    let passes = matches!(exam.name.vantage, Vantage::Server | Vantage::Transit);
    passes
        && t.synack_repeats >= 3
        && t.synack_repeats.saturating_mul(20) >= t.answered
        && !seen_completed(exam)
}

fn seen_completed(exam: &Evidence) -> bool {
    exam.judged().completed.saturating_mul(2) >= exam.judged().answered
}

/// The port that is asked is another host's: its SYNs leave this one again, under another name.
pub(super) const fn forwards(exam: &Evidence) -> bool {
    exam.is_asked() && exam.judged().syns_on > 0
}

/// SYNs come in, and none is seen to go out.
pub(super) fn swallows_syns(exam: &Evidence) -> bool {
    let t = exam.judged();
    let passes = exam.name.vantage == Vantage::Transit;
    passes && exam.mostly(t.unanswered) && t.syns_in > 0 && t.syns_on == 0 && t.synacks == 0
}

/// SYN/ACKs come in, and none is seen to go out.
pub(super) fn swallows_synacks(exam: &Evidence) -> bool {
    let t = exam.judged();
    let passes = exam.name.vantage == Vantage::Transit || forwards(exam);
    let repeated = t.answered > 0 && t.synack_repeats >= t.answered;
    passes && repeated && t.synacks_in > 0 && t.synacks_on == 0 && t.syns_on > 0
}
