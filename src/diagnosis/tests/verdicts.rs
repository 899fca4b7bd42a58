//! When each verdict holds, and when it does not, for the counts of one label set.

use std::time::Duration;

use super::super::counts::AttemptCounts;
use super::super::evidence::{Evidence, Ttls};
use super::super::rules::{RULES, confidence, verdict};
use super::super::window::WindowCounts;
use super::super::{Confidence, Verdict};
use super::evidence;
use crate::labels::LabelSetId;
use crate::labels::Vantage::{self, Client, Local, Server, Transit};
use crate::record::{AnswerRecord, RecordKind};

#[track_caller]
fn assert_verdict(expected: Verdict, vantage: Vantage, counts: AttemptCounts) {
    assert_eq!(
        verdict(&evidence(vantage, counts)),
        expected,
        "{vantage:?} {counts:?}"
    );
}

fn ttls(all: &[u8]) -> Ttls {
    let mut ttls = Ttls::default();
    all.iter().for_each(|ttl| ttls.record(*ttl));
    ttls
}

#[test]
fn every_verdict_has_one_rule() {
    let mut by_rule: Vec<_> = RULES.iter().map(|rule| rule.verdict).collect();
    by_rule.sort_unstable();
    assert_eq!(by_rule, Verdict::ALL.to_vec());
}

#[test]
fn answered_attempts_are_fine_pending_ones_undecided() {
    assert_verdict(
        Verdict::Fine,
        Client,
        counts! { attempts: 10, syns: 10, answered: 10 },
    );
    assert_verdict(Verdict::Fine, Server, counts! { attempts: 1, answered: 1 });
    assert_verdict(Verdict::Undecided, Client, counts! { attempts: 3, syns: 3 });
    assert_verdict(Verdict::Undecided, Client, AttemptCounts::default());
    // Five failures in a thousand are below 1 %.
    assert_verdict(
        Verdict::Fine,
        Client,
        counts! { attempts: 1000, answered: 995, unanswered: 5 },
    );
    assert_verdict(
        Verdict::Fine,
        Client,
        counts! { attempts: 1000, answered: 995, refused: 5 },
    );
}

#[test]
fn refused_depends_on_rst_ttls_and_direction() {
    let refused = counts! { attempts: 5, refused: 5 };
    for vantage in [Client, Server, Local, Transit] {
        assert_verdict(Verdict::Refused, vantage, refused);
    }
    let verdict_with_ttls = |vantage, rsts: &[u8], synacks: &[u8]| {
        let evidence = Evidence {
            rst_ttls: ttls(rsts),
            synack_ttls: ttls(synacks),
            ..evidence(vantage, refused)
        };
        (
            verdict(&evidence),
            confidence(verdict(&evidence), &evidence),
        )
    };
    assert_eq!(
        verdict_with_ttls(Client, &[64], &[57]),
        (Verdict::RefusedOnTheWay, Confidence::Medium)
    );
    assert_eq!(
        verdict_with_ttls(Transit, &[64, 63], &[57]),
        (Verdict::RefusedOnTheWay, Confidence::Medium)
    );
    assert_eq!(
        verdict_with_ttls(Client, &[57], &[57]),
        (Verdict::Refused, Confidence::High)
    );
    // Anycast, or several paths: one matching TTL is enough to accept the RST as the server's.
    assert_eq!(
        verdict_with_ttls(Client, &[64, 57], &[57, 58]),
        (Verdict::Refused, Confidence::High)
    );
    assert_eq!(
        verdict_with_ttls(Client, &[64], &[]),
        (Verdict::Refused, Confidence::Medium)
    );
    // RSTs that this host sends as the server are genuine.
    assert_eq!(
        verdict_with_ttls(Server, &[64], &[57]),
        (Verdict::Refused, Confidence::High)
    );
    let forged = counts! { refused_by_this_host: 5, ..refused };
    assert_verdict(Verdict::RefusedOnTheWay, Transit, forged);
    assert_verdict(
        Verdict::Refused,
        Transit,
        counts! { refused_by_this_host: 1, ..refused },
    );
    assert_eq!(
        verdict(&Evidence {
            one_interface: true,
            ..evidence(Transit, forged)
        }),
        Verdict::Refused
    );
    assert_verdict(
        Verdict::Fine,
        Client,
        counts! { attempts: 200, answered: 199, refused: 1 },
    );
    assert_verdict(
        Verdict::Refused,
        Client,
        counts! { attempts: 200, answered: 190, refused: 10 },
    );
}

#[test]
fn rejected_if_icmp_ends_most_attempts() {
    assert_verdict(
        Verdict::Rejected,
        Client,
        counts! { attempts: 3, unreachable: 2, prohibited: 1 },
    );
    assert_verdict(
        Verdict::Rejected,
        Client,
        counts! { attempts: 9, prohibited: 5, refused: 4 },
    );
    assert_verdict(
        Verdict::Refused,
        Client,
        counts! { attempts: 9, prohibited: 4, refused: 5 },
    );
    assert_verdict(
        Verdict::SilentDrop,
        Client,
        counts! { attempts: 9, prohibited: 1, unanswered: 8 },
    );
}

#[test]
fn silence_verdict_depends_on_vantage() {
    let silent = counts! { attempts: 4, syns: 28, syn_retransmissions: 24, unanswered: 4 };
    assert_verdict(Verdict::SilentDrop, Client, silent);
    assert_verdict(Verdict::SilentDrop, Local, silent);
    assert_verdict(Verdict::HostSilent, Server, silent);
    assert_verdict(Verdict::SilentDrop, Transit, silent);
    assert_verdict(
        Verdict::SilentDrop,
        Transit,
        counts! { syns_received: 28, syns_forwarded: 28, ..silent },
    );
    assert_verdict(
        Verdict::DroppedHere,
        Transit,
        counts! { syns_received: 28, ..silent },
    );
    let one_interface = Evidence {
        one_interface: true,
        ..evidence(Transit, counts! { syns_received: 28, ..silent })
    };
    assert_eq!(verdict(&one_interface), Verdict::SilentDrop);
    // Only a host in transit can drop packets that it forwards.
    assert_verdict(
        Verdict::HostSilent,
        Server,
        counts! { syns_received: 28, ..silent },
    );
    // Forwarded port: the host behind this one is silent.
    assert_verdict(
        Verdict::SilentDrop,
        Server,
        counts! { syns_received: 28, syns_forwarded: 28, ..silent },
    );
    let synacks_lost = counts! {
        attempts: 3, answered: 3, synacks: 24,
        synack_retransmissions: 21, syns_received: 21, syns_forwarded: 21,
    };
    assert_verdict(
        Verdict::DroppedHere,
        Transit,
        counts! { synacks_received: 24, ..synacks_lost },
    );
    assert_verdict(
        Verdict::DroppedHere,
        Server,
        counts! { synacks_received: 24, ..synacks_lost },
    );
    // No SYN/ACK was captured on its way out, but none was retransmitted either: all arrived.
    assert_verdict(
        Verdict::Fine,
        Transit,
        counts! { synacks: 3, synack_retransmissions: 0, synacks_received: 3, ..synacks_lost },
    );
    assert_verdict(
        Verdict::AckLost,
        Transit,
        counts! { synacks_received: 24, synacks_forwarded: 24, ..synacks_lost },
    );
    // A capture of one interface has no packet that leaves.
    assert_verdict(
        Verdict::Fine,
        Transit,
        counts! { attempts: 3, answered: 3, syns_received: 3, synacks: 3 },
    );
}

#[test]
fn partly_answered_attempts_are_overload_or_loss() {
    let some = counts! { attempts: 40, answered: 20, unanswered: 20 };
    assert_verdict(Verdict::FarOverloaded, Client, some);
    assert_verdict(Verdict::FarOverloaded, Transit, some);
    assert_verdict(Verdict::HostOverloaded, Server, some);
    // Random loss causes many retransmissions before an attempt fails.
    assert_verdict(
        Verdict::Loss,
        Client,
        counts! { attempts: 100, answered: 98, unanswered: 2, answered_after_repeat: 30 },
    );
    assert_verdict(
        Verdict::FarOverloaded,
        Client,
        counts! { attempts: 100, answered: 60, unanswered: 40, answered_after_repeat: 5 },
    );
    assert_verdict(
        Verdict::Loss,
        Client,
        counts! { attempts: 100, answered: 100, answered_after_repeat: 1 },
    );
    assert_verdict(
        Verdict::Fine,
        Client,
        counts! { attempts: 1000, answered: 1000, answered_after_repeat: 9 },
    );
}

#[test]
fn late_answers_are_not_silence() {
    assert_verdict(
        Verdict::Late,
        Client,
        counts! { attempts: 2, unanswered: 2, late: 2 },
    );
    assert_verdict(
        Verdict::Late,
        Server,
        counts! { attempts: 4, unanswered: 4, late: 2 },
    );
    assert_verdict(
        Verdict::SilentDrop,
        Client,
        counts! { attempts: 4, unanswered: 4, late: 1 },
    );
}

#[test]
fn client_aborts_before_answers_are_late() {
    assert_verdict(
        Verdict::Late,
        Client,
        counts! { attempts: 4, answered: 4, client_aborts: 4, answered_after_repeat: 4 },
    );
    assert_verdict(
        Verdict::Late,
        Server,
        counts! { attempts: 4, answered: 4, client_aborts: 1 },
    );
    assert_verdict(
        Verdict::Fine,
        Client,
        counts! { attempts: 1000, answered: 1000, client_aborts: 9 },
    );
    // If SYN retransmissions exceed twice the client aborts, the verdict is loss.
    assert_verdict(
        Verdict::Loss,
        Client,
        counts! { attempts: 40, answered: 40, client_aborts: 4, answered_after_repeat: 9 },
    );
}

#[test]
fn long_round_trip_is_slow_not_loss() {
    let far = counts! {
        attempts: 5, answered: 5, answered_after_repeat: 5,
        syns: 10, syn_retransmissions: 5,
    };
    assert_verdict(
        Verdict::Slow,
        Client,
        counts! { synacks: 10, synack_retransmissions: 5, ..far },
    );
    assert_verdict(
        Verdict::Slow,
        Client,
        counts! { synacks: 15, synack_retransmissions: 10, ..far },
    );
    assert_verdict(Verdict::Loss, Client, counts! { synacks: 5, ..far });
    assert_verdict(
        Verdict::Loss,
        Client,
        counts! { attempts: 6, answered: 6, synacks: 11, synack_retransmissions: 5, ..far },
    );
    assert_verdict(
        Verdict::Loss,
        Client,
        counts! {
            attempts: 1, answered: 1, answered_after_repeat: 1,
            synack_retransmissions: 1, ..far
        },
    );
}

#[test]
fn repeated_synacks_are_ack_loss_unless_completed() {
    assert_verdict(
        Verdict::AckLost,
        Server,
        counts! { attempts: 3, answered: 3, synacks: 24, synack_retransmissions: 21 },
    );
    assert_verdict(
        Verdict::AckLost,
        Client,
        counts! { attempts: 3, answered: 3, synacks: 9, synack_retransmissions: 6 },
    );
    // If ACKs are captured and arrive, retransmitted SYN/ACKs are harmless.
    assert_verdict(
        Verdict::Fine,
        Server,
        counts! { attempts: 3, answered: 3, synack_retransmissions: 3, completed: 3 },
    );
    // One retransmission per answer is loss, not a broken return path.
    assert_verdict(
        Verdict::Loss,
        Server,
        counts! { attempts: 3, answered: 3, synack_retransmissions: 3 },
    );
    assert_verdict(
        Verdict::Loss,
        Server,
        counts! { attempts: 30, answered: 30, synack_retransmissions: 3 },
    );
    assert_verdict(
        Verdict::Fine,
        Server,
        counts! { attempts: 100, answered: 100, synack_retransmissions: 4 },
    );
    assert_verdict(
        Verdict::Fine,
        Server,
        counts! { attempts: 1, answered: 1, synack_retransmissions: 1 },
    );
    assert_verdict(
        Verdict::Fine,
        Client,
        counts! { attempts: 30, answered: 30, synack_retransmissions: 3 },
    );
}

#[test]
fn ecn_dropped_requires_answers_without_ecn() {
    let repeats = counts! {
        attempts: 5, answered: 5, syns: 10,
        syn_retransmissions: 5, answered_after_repeat: 5,
    };
    let dropped = counts! { ecn_attempts: 5, ecn_answered_without: 5, ..repeats };
    assert_verdict(Verdict::EcnDropped, Client, dropped);
    assert_verdict(
        Verdict::Loss,
        Client,
        counts! { ecn_answered: 1, ecn_answered_without: 4, ..dropped },
    );
    assert_verdict(
        Verdict::SilentDrop,
        Client,
        counts! { attempts: 5, unanswered: 5, ecn_attempts: 5 },
    );
    assert_verdict(
        Verdict::Loss,
        Client,
        counts! { ecn_attempts: 2, ecn_answered_without: 2, attempts: 2, answered: 2, ..dropped },
    );
}

#[test]
fn tripled_latency_is_slow() {
    let answers = |millis: u64, count: u32| {
        let mut counts = counts! { attempts: count };
        for _ in 0..count {
            let latency = Duration::from_millis(millis);
            let answer = AnswerRecord {
                latency,
                late: false,
                four_tuple: None,
            };
            counts.record(&RecordKind::Answered(LabelSetId::from_number(0), answer));
        }
        counts
    };
    let verdict_of_change = |earlier: AttemptCounts, recent: AttemptCounts| {
        let mut in_span = earlier;
        in_span.add(&recent);
        verdict(&Evidence {
            window: WindowCounts {
                in_span,
                recent,
                earlier,
            },
            ..evidence(Client, AttemptCounts::default())
        })
    };
    assert_eq!(
        verdict_of_change(answers(10, 50), answers(80, 50)),
        Verdict::Slow
    );
    assert_eq!(
        verdict_of_change(answers(10, 50), answers(20, 50)),
        Verdict::Fine
    );
    assert_eq!(
        verdict_of_change(answers(80, 50), answers(10, 50)),
        Verdict::Fine
    );
    assert_eq!(
        verdict_of_change(answers(10, 5), answers(80, 50)),
        Verdict::Fine
    );
    assert_eq!(
        verdict_of_change(answers(0, 50), answers(1, 50)),
        Verdict::Fine
    );
}
