//! Each verdict when it holds and when it must not, from made-up counts; then what is said.

use std::time::Duration;

use super::case::Ttls;
use super::exam::{Evidence, compare};
use super::rules::{RULES, confidence, verdict};
use super::tally::AttemptCounts;
use super::window::Sums;
use super::{
    CaptureQuality, ColorMode, Confidence, Diagnosis, Findings, Report, Span, Verdict, text,
};
use crate::handshake::{Answer, AttemptLimits, Event, OwnerId, Tracker};
use crate::labels::Vantage::{self, Client, Local, Server, Transit};
use crate::labels::{LabelSet, LabelSetId, Peer, Port};
use crate::packet::{Address, CapturePoint, Direction, Endpoint, Flags, Packet, Segment};
use crate::time::Timestamp;

fn address(text: &str) -> Address {
    text.parse::<std::net::IpAddr>().unwrap().into()
}

fn exam(vantage: Vantage, judged: AttemptCounts) -> Evidence {
    let peer =
        Peer::Network(ipnet::IpNet::from("10.0.0.9".parse::<std::net::IpAddr>().unwrap()).into());
    let local = (vantage != Transit).then(|| address("10.0.0.1"));
    Evidence {
        name: LabelSet {
            vantage,
            local,
            port: Port::Number(3306),
            peer,
        },
        sums: Sums {
            judged,
            ..Sums::default()
        },
        trails: Vec::new(),
        reports: Vec::new(),
        refusals: Ttls::default(),
        answers: Ttls::default(),
        first_seen: Timestamp::default(),
        last_seen: Timestamp::default() + Duration::from_secs(10),
        ports_in_vain: 0,
        peers_in_vain: 0,
        some_peer_said_no: false,
        half_open_peers: 0,
        silence_means_nothing: false,
        one_interface: false,
    }
}

fn ttls(all: &[u8]) -> Ttls {
    let mut ttls = Ttls::default();
    all.iter().for_each(|ttl| ttls.note(*ttl));
    ttls
}

fn none() -> AttemptCounts {
    AttemptCounts::default()
}

#[track_caller]
fn is(wanted: Verdict, vantage: Vantage, tally: AttemptCounts) {
    assert_eq!(
        verdict(&exam(vantage, tally)),
        wanted,
        "{vantage:?} {tally:?}"
    );
}

#[test]
fn every_verdict_has_one_rule() {
    let mut by_rule: Vec<_> = RULES.iter().map(|rule| rule.verdict).collect();
    by_rule.sort_unstable();
    assert_eq!(by_rule, Verdict::ALL.to_vec());
}

#[test]
fn fine_and_undecided() {
    is(
        Verdict::Fine,
        Client,
        AttemptCounts {
            attempts: 10,
            syns: 10,
            answered: 10,
            ..none()
        },
    );
    is(
        Verdict::Fine,
        Server,
        AttemptCounts {
            attempts: 1,
            answered: 1,
            ..none()
        },
    );
    is(
        Verdict::Undecided,
        Client,
        AttemptCounts {
            attempts: 3,
            syns: 3,
            ..none()
        },
    );
    is(Verdict::Undecided, Client, none());
    // One failure in a thousand is no fault.
    is(
        Verdict::Fine,
        Client,
        AttemptCounts {
            attempts: 1000,
            answered: 995,
            unanswered: 5,
            ..none()
        },
    );
    is(
        Verdict::Fine,
        Client,
        AttemptCounts {
            attempts: 1000,
            answered: 995,
            refused: 5,
            ..none()
        },
    );
}

#[test]
fn refused_and_by_whom() {
    let refused = AttemptCounts {
        attempts: 5,
        refused: 5,
        ..none()
    };
    for vantage in [Client, Server, Local, Transit] {
        is(Verdict::Refused, vantage, refused);
    }
    let with = |vantage, rsts: &[u8], synacks: &[u8]| {
        let exam = Evidence {
            refusals: ttls(rsts),
            answers: ttls(synacks),
            ..exam(vantage, refused)
        };
        (verdict(&exam), confidence(verdict(&exam), &exam))
    };
    assert_eq!(
        with(Client, &[64], &[57]),
        (Verdict::RefusedOnTheWay, Confidence::Medium)
    );
    assert_eq!(
        with(Transit, &[64, 63], &[57]),
        (Verdict::RefusedOnTheWay, Confidence::Medium)
    );
    assert_eq!(
        with(Client, &[57], &[57]),
        (Verdict::Refused, Confidence::High)
    );
    // Anycast, or several paths: one RST that fits is enough to doubt.
    assert_eq!(
        with(Client, &[64, 57], &[57, 58]),
        (Verdict::Refused, Confidence::High)
    );
    assert_eq!(
        with(Client, &[64], &[]),
        (Verdict::Refused, Confidence::Medium)
    );
    // This host's own RSTs are its own.
    assert_eq!(
        with(Server, &[64], &[57]),
        (Verdict::Refused, Confidence::High)
    );
    let forged = AttemptCounts {
        refused_from_here: 5,
        ..refused
    };
    is(Verdict::RefusedOnTheWay, Transit, forged);
    is(
        Verdict::Refused,
        Transit,
        AttemptCounts {
            refused_from_here: 1,
            ..refused
        },
    );
    assert_eq!(
        verdict(&Evidence {
            one_interface: true,
            ..exam(Transit, forged)
        }),
        Verdict::Refused
    );
    is(
        Verdict::Fine,
        Client,
        AttemptCounts {
            attempts: 200,
            answered: 199,
            refused: 1,
            ..none()
        },
    );
    is(
        Verdict::Refused,
        Client,
        AttemptCounts {
            attempts: 200,
            answered: 190,
            refused: 10,
            ..none()
        },
    );
}

#[test]
fn rejected_where_icmp_ends_most() {
    is(
        Verdict::Rejected,
        Client,
        AttemptCounts {
            attempts: 3,
            unreachable: 2,
            prohibited: 1,
            ..none()
        },
    );
    is(
        Verdict::Rejected,
        Client,
        AttemptCounts {
            attempts: 9,
            prohibited: 5,
            refused: 4,
            ..none()
        },
    );
    is(
        Verdict::Refused,
        Client,
        AttemptCounts {
            attempts: 9,
            prohibited: 4,
            refused: 5,
            ..none()
        },
    );
    is(
        Verdict::SilentDrop,
        Client,
        AttemptCounts {
            attempts: 9,
            prohibited: 1,
            unanswered: 8,
            ..none()
        },
    );
}

#[test]
fn silence_by_vantage() {
    let silent = AttemptCounts {
        attempts: 4,
        syns: 28,
        syn_repeats: 24,
        unanswered: 4,
        ..none()
    };
    is(Verdict::SilentDrop, Client, silent);
    is(Verdict::SilentDrop, Local, silent);
    is(Verdict::HostSilent, Server, silent);
    is(Verdict::SilentDrop, Transit, silent);
    is(
        Verdict::SilentDrop,
        Transit,
        AttemptCounts {
            syns_in: 28,
            syns_on: 28,
            ..silent
        },
    );
    is(
        Verdict::DroppedHere,
        Transit,
        AttemptCounts {
            syns_in: 28,
            ..silent
        },
    );
    let one_interface = Evidence {
        one_interface: true,
        ..exam(
            Transit,
            AttemptCounts {
                syns_in: 28,
                ..silent
            },
        )
    };
    assert_eq!(verdict(&one_interface), Verdict::SilentDrop);
    // Only who stands between can drop on the way through.
    is(
        Verdict::HostSilent,
        Server,
        AttemptCounts {
            syns_in: 28,
            ..silent
        },
    );
    // A forwarded port: the silence is that of the host behind.
    is(
        Verdict::SilentDrop,
        Server,
        AttemptCounts {
            syns_in: 28,
            syns_on: 28,
            ..silent
        },
    );
    let lost_back = AttemptCounts {
        attempts: 3,
        answered: 3,
        synacks: 24,
        synack_repeats: 21,
        syns_in: 21,
        syns_on: 21,
        ..none()
    };
    is(
        Verdict::DroppedHere,
        Transit,
        AttemptCounts {
            synacks_in: 24,
            ..lost_back
        },
    );
    is(
        Verdict::DroppedHere,
        Server,
        AttemptCounts {
            synacks_in: 24,
            ..lost_back
        },
    );
    // Nobody saw them leave, but nobody asked again: they arrived.
    is(
        Verdict::Fine,
        Transit,
        AttemptCounts {
            synacks: 3,
            synack_repeats: 0,
            synacks_in: 3,
            ..lost_back
        },
    );
    is(
        Verdict::AckLost,
        Transit,
        AttemptCounts {
            synacks_in: 24,
            synacks_on: 24,
            ..lost_back
        },
    );
    // Behind a capture of one interface nothing is seen to leave.
    is(
        Verdict::Fine,
        Transit,
        AttemptCounts {
            attempts: 3,
            answered: 3,
            syns_in: 3,
            synacks: 3,
            ..none()
        },
    );
}

#[test]
fn some_answered_some_not() {
    let some = AttemptCounts {
        attempts: 40,
        answered: 20,
        unanswered: 20,
        ..none()
    };
    is(Verdict::FarOverloaded, Client, some);
    is(Verdict::FarOverloaded, Transit, some);
    is(Verdict::HostOverloaded, Server, some);
    // Random loss repeats many SYNs before it fells an attempt.
    is(
        Verdict::Loss,
        Client,
        AttemptCounts {
            attempts: 100,
            answered: 98,
            unanswered: 2,
            after_a_repeat: 30,
            ..none()
        },
    );
    is(
        Verdict::FarOverloaded,
        Client,
        AttemptCounts {
            attempts: 100,
            answered: 60,
            unanswered: 40,
            after_a_repeat: 5,
            ..none()
        },
    );
    is(
        Verdict::Loss,
        Client,
        AttemptCounts {
            attempts: 100,
            answered: 100,
            after_a_repeat: 1,
            ..none()
        },
    );
    is(
        Verdict::Fine,
        Client,
        AttemptCounts {
            attempts: 1000,
            answered: 1000,
            after_a_repeat: 9,
            ..none()
        },
    );
}

#[test]
fn answered_late_is_not_silence() {
    is(
        Verdict::Late,
        Client,
        AttemptCounts {
            attempts: 2,
            unanswered: 2,
            late: 2,
            ..none()
        },
    );
    is(
        Verdict::Late,
        Server,
        AttemptCounts {
            attempts: 4,
            unanswered: 4,
            late: 2,
            ..none()
        },
    );
    is(
        Verdict::SilentDrop,
        Client,
        AttemptCounts {
            attempts: 4,
            unanswered: 4,
            late: 1,
            ..none()
        },
    );
}

#[test]
fn clients_that_gave_up_before_the_answer() {
    is(
        Verdict::Late,
        Client,
        AttemptCounts {
            attempts: 4,
            answered: 4,
            given_up: 4,
            after_a_repeat: 4,
            ..none()
        },
    );
    is(
        Verdict::Late,
        Server,
        AttemptCounts {
            attempts: 4,
            answered: 4,
            given_up: 1,
            ..none()
        },
    );
    is(
        Verdict::Fine,
        Client,
        AttemptCounts {
            attempts: 1000,
            answered: 1000,
            given_up: 9,
            ..none()
        },
    );
    // Where more were lost than given up, it is loss.
    is(
        Verdict::Loss,
        Client,
        AttemptCounts {
            attempts: 40,
            answered: 40,
            given_up: 4,
            after_a_repeat: 9,
            ..none()
        },
    );
}

#[test]
fn a_long_way_is_not_loss() {
    let far = AttemptCounts {
        attempts: 5,
        answered: 5,
        after_a_repeat: 5,
        syns: 10,
        syn_repeats: 5,
        ..none()
    };
    is(
        Verdict::Slow,
        Client,
        AttemptCounts {
            synacks: 10,
            synack_repeats: 5,
            ..far
        },
    );
    is(
        Verdict::Slow,
        Client,
        AttemptCounts {
            synacks: 15,
            synack_repeats: 10,
            ..far
        },
    );
    is(Verdict::Loss, Client, AttemptCounts { synacks: 5, ..far });
    is(
        Verdict::Loss,
        Client,
        AttemptCounts {
            attempts: 6,
            answered: 6,
            synacks: 11,
            synack_repeats: 5,
            ..far
        },
    );
    is(
        Verdict::Loss,
        Client,
        AttemptCounts {
            attempts: 1,
            answered: 1,
            after_a_repeat: 1,
            synack_repeats: 1,
            ..far
        },
    );
}

#[test]
fn the_ack_that_never_comes() {
    is(
        Verdict::AckLost,
        Server,
        AttemptCounts {
            attempts: 3,
            answered: 3,
            synacks: 24,
            synack_repeats: 21,
            ..none()
        },
    );
    is(
        Verdict::AckLost,
        Client,
        AttemptCounts {
            attempts: 3,
            answered: 3,
            synacks: 9,
            synack_repeats: 6,
            ..none()
        },
    );
    // Where the ACKs are captured and came, a repeated SYN/ACK is just that.
    is(
        Verdict::Fine,
        Server,
        AttemptCounts {
            attempts: 3,
            answered: 3,
            synack_repeats: 3,
            completed: 3,
            ..none()
        },
    );
    // Once is loss, not the end of the way back.
    is(
        Verdict::Loss,
        Server,
        AttemptCounts {
            attempts: 3,
            answered: 3,
            synack_repeats: 3,
            ..none()
        },
    );
    is(
        Verdict::Loss,
        Server,
        AttemptCounts {
            attempts: 30,
            answered: 30,
            synack_repeats: 3,
            ..none()
        },
    );
    is(
        Verdict::Fine,
        Server,
        AttemptCounts {
            attempts: 100,
            answered: 100,
            synack_repeats: 4,
            ..none()
        },
    );
    is(
        Verdict::Fine,
        Server,
        AttemptCounts {
            attempts: 1,
            answered: 1,
            synack_repeats: 1,
            ..none()
        },
    );
    is(
        Verdict::Fine,
        Client,
        AttemptCounts {
            attempts: 30,
            answered: 30,
            synack_repeats: 3,
            ..none()
        },
    );
}

#[test]
fn ecn_only_where_plain_syns_are_answered() {
    let repeats = AttemptCounts {
        attempts: 5,
        answered: 5,
        syns: 10,
        syn_repeats: 5,
        after_a_repeat: 5,
        ..none()
    };
    let dropped = AttemptCounts {
        ecn: 5,
        ecn_answered_plain: 5,
        ..repeats
    };
    is(Verdict::EcnDropped, Client, dropped);
    is(
        Verdict::Loss,
        Client,
        AttemptCounts {
            ecn_answered: 1,
            ecn_answered_plain: 4,
            ..dropped
        },
    );
    is(
        Verdict::SilentDrop,
        Client,
        AttemptCounts {
            attempts: 5,
            unanswered: 5,
            ecn: 5,
            ..none()
        },
    );
    is(
        Verdict::Loss,
        Client,
        AttemptCounts {
            ecn: 2,
            ecn_answered_plain: 2,
            attempts: 2,
            answered: 2,
            ..dropped
        },
    );
}

#[test]
fn slower_than_before() {
    let answers = |millis: u64, count: u32| {
        let mut tally = AttemptCounts {
            attempts: count,
            ..none()
        };
        for _ in 0..count {
            let latency = Duration::from_millis(millis);
            tally.count(&Event::Answered(
                OwnerId(0),
                Answer {
                    latency,
                    late: false,
                },
            ));
        }
        tally
    };
    let change = |before: AttemptCounts, lately: AttemptCounts| {
        let mut judged = before;
        judged.add(&lately);
        verdict(&Evidence {
            sums: Sums {
                judged,
                lately,
                before,
            },
            ..exam(Client, none())
        })
    };
    assert_eq!(change(answers(10, 50), answers(80, 50)), Verdict::Slow);
    assert_eq!(change(answers(10, 50), answers(20, 50)), Verdict::Fine);
    assert_eq!(change(answers(80, 50), answers(10, 50)), Verdict::Fine);
    assert_eq!(change(answers(10, 5), answers(80, 50)), Verdict::Fine);
    assert_eq!(change(answers(0, 50), answers(1, 50)), Verdict::Fine);
}

#[test]
fn scans_and_floods() {
    let in_vain = |vantage: Vantage, ports: u16, tally: AttemptCounts| {
        let port = |n: u16| {
            let set = exam(vantage, tally);
            Evidence {
                name: LabelSet {
                    port: Port::Number(n),
                    ..set.name.clone()
                },
                ..set
            }
        };
        let mut exams: Vec<Evidence> = (1..=ports).map(port).collect();
        compare(&mut exams);
        verdict(&exams[0])
    };
    let once = AttemptCounts {
        attempts: 1,
        refused: 1,
        ..none()
    };
    assert_eq!(in_vain(Server, 10, once), Verdict::Scan);
    assert_eq!(in_vain(Server, 9, once), Verdict::Refused);
    assert_eq!(in_vain(Client, 20, once), Verdict::Scan);
    assert_eq!(in_vain(Client, 19, once), Verdict::Refused);
    assert_eq!(in_vain(Transit, 99, once), Verdict::Refused);
    let of_peers = |said_no: bool| {
        let exam = Evidence {
            peers_in_vain: 20,
            some_peer_said_no: said_no,
            ..exam(
                Client,
                AttemptCounts {
                    attempts: 1,
                    unanswered: 1,
                    ..none()
                },
            )
        };
        verdict(&exam)
    };
    assert_eq!(of_peers(true), Verdict::Scan);
    // Twenty peers that all fell silent are no scan: the way out is cut.
    assert_eq!(of_peers(false), Verdict::SilentDrop);
    assert_eq!(
        in_vain(
            Server,
            99,
            AttemptCounts {
                attempts: 50,
                refused: 50,
                ..none()
            }
        ),
        Verdict::Refused
    );
    assert_eq!(
        in_vain(
            Server,
            99,
            AttemptCounts {
                attempts: 1,
                answered: 1,
                ..none()
            }
        ),
        Verdict::Fine
    );

    let half_open = AttemptCounts {
        attempts: 1,
        answered: 1,
        synacks: 4,
        synack_repeats: 3,
        ..none()
    };
    let from = |peers: u8, tally: AttemptCounts| {
        let peer = |n: u8| {
            let set = exam(Server, tally);
            let peer =
                Peer::Network(ipnet::IpNet::from(std::net::IpAddr::from([198, 51, 100, n])).into());
            Evidence {
                name: LabelSet {
                    peer,
                    ..set.name.clone()
                },
                ..set
            }
        };
        let mut exams: Vec<Evidence> = (1..=peers).map(peer).collect();
        compare(&mut exams);
        verdict(&exams[0])
    };
    assert_eq!(from(50, half_open), Verdict::Flood);
    assert_eq!(from(49, half_open), Verdict::AckLost);
    assert_eq!(
        from(
            49,
            AttemptCounts {
                synack_repeats: 1,
                ..half_open
            }
        ),
        Verdict::Fine
    );
    assert_eq!(
        from(
            50,
            AttemptCounts {
                completed: 1,
                ..half_open
            }
        ),
        Verdict::Fine
    );
}

fn report(facts: CaptureQuality, exams: Vec<Evidence>) -> Report {
    let heard = Some((
        Timestamp::default(),
        Timestamp::default() + Duration::from_secs(10),
    ));
    Report::of(Findings {
        exams,
        span: Span::Whole,
        heard,
        capture: facts,
    })
}

#[test]
fn a_capture_that_loses_packets_is_said_first() {
    let silent = exam(
        Client,
        AttemptCounts {
            attempts: 4,
            unanswered: 4,
            ..none()
        },
    );
    let refused = exam(
        Client,
        AttemptCounts {
            attempts: 4,
            refused: 4,
            server_rsts: 4,
            ..none()
        },
    );
    let facts = CaptureQuality {
        packets: 990,
        dropped: 10,
        ..CaptureQuality::default()
    };
    let verdicts = |report: &Report| {
        report
            .sets
            .iter()
            .map(|set| set.verdict)
            .collect::<Vec<_>>()
    };
    let doubtful = report(facts, vec![silent.clone(), refused]);
    assert_eq!(verdicts(&doubtful), ["capture_untrusted", "refused"]);
    assert!(text(&doubtful, ColorMode::Off).starts_with(
        "CAPTURE The capture lost 10 of 1000 packets: what looks unanswered may have been answered. Raise \
         --capture.buffer-size, or narrow it with --capture.port.\nDEAD  client "
    ));
    // One in ten thousand is said, and changes no verdict.
    let nearly = report(
        CaptureQuality {
            packets: 99_999,
            dropped: 1,
            ..CaptureQuality::default()
        },
        vec![silent.clone()],
    );
    assert_eq!(verdicts(&nearly), ["silent_drop"]);
    assert!(!nearly.all_fine());
    let evicted = exam(
        Server,
        AttemptCounts {
            attempts: 9,
            answered: 2,
            evicted: 7,
            ..none()
        },
    );
    assert_eq!(
        verdicts(&report(CaptureQuality::default(), vec![evicted])),
        ["capture_untrusted"]
    );
    let answers_only = CaptureQuality {
        unmatched_synacks: 10,
        syns_missing: true,
        ..CaptureQuality::default()
    };
    assert_eq!(
        verdicts(&report(answers_only, vec![silent])),
        ["capture_untrusted"]
    );
}

#[test]
fn silence_means_nothing_where_the_answers_are_missing() {
    let silent = exam(
        Client,
        AttemptCounts {
            attempts: 5,
            unanswered: 5,
            ..none()
        },
    );
    let verdict = |answers_missing| {
        let facts = CaptureQuality {
            answers_missing,
            ..CaptureQuality::default()
        };
        report(facts, vec![silent.clone()]).sets[0].verdict
    };
    assert_eq!(verdict(true), "capture_untrusted");
    assert_eq!(
        verdict(false),
        "silent_drop",
        "dead peers are no half of a capture"
    );
}

#[test]
fn the_report_for_people() {
    let fine = exam(
        Transit,
        AttemptCounts {
            attempts: 12,
            answered: 12,
            synacks: 12,
            ..none()
        },
    );
    let silent = exam(
        Client,
        AttemptCounts {
            attempts: 4,
            syns: 28,
            unanswered: 4,
            ..none()
        },
    );
    let report = report(
        CaptureQuality {
            packets: 52,
            ..CaptureQuality::default()
        },
        vec![fine, silent],
    );
    assert_eq!(
        text(&report, ColorMode::Off),
        "\
DEAD  client  10.0.0.1 -> 10.0.0.9 port 3306               0 of 4 answered    silent drop
      None of 4 attempts to port 3306 of 10.0.0.9 was answered: 28 SYNs left, and not one packet came back. (confidence: high)
      It may also be: a firewall or security group on the way drops the SYNs; the server's own firewall drops them, or its accept queue is full; the server answers, and its SYN/ACKs are lost on the way back; the host is down, or the address leads elsewhere.
      Next: on the server, see whether the SYNs arrive (then its host drops them) or not (then the path does), or capture at both ends and `compare`:
          tcpdump -nni any '(tcp and port 3306 and host 10.0.0.1 and host 10.0.0.9) or icmp or icmp6'
ok    transit -> 10.0.0.9 port 3306                        12 of 12 answered  fine
something is wrong with 1 of 2 sets; 52 packets in 10 s
"
    );
    assert!(text(&report, ColorMode::On).starts_with("\x1b[1;31mDEAD \x1b[0m client  "));
    assert!(!report.all_fine());
}

/// Packets from the client's tracker to the diagnosis of one set, as the river carries them.
struct ObservedEvent {
    tracker: Tracker,
    diagnosis: Diagnosis,
    now: Timestamp,
    /// Where attempts begin many at once, those that were not told yet.
    crowd: Option<Vec<Packet>>,
}

impl ObservedEvent {
    fn of_crowds() -> Self {
        Self {
            crowd: Some(Vec::new()),
            ..Self::new()
        }
    }

    fn new() -> Self {
        let timeout = Duration::from_secs(5);
        let mut diagnosis = Diagnosis::new(Span::Whole, timeout);
        diagnosis.create(SET, &exam(Client, none()).name);
        let tracker = Tracker::new(AttemptLimits {
            timeout,
            max_attempts: 64,
        });
        Self {
            tracker,
            diagnosis,
            now: Timestamp::default(),
            crowd: None,
        }
    }

    /// A segment, so many milliseconds after the last: from the client with this port, or to it.
    fn meets(&mut self, after: u64, flags: Flags, (port, ecn): (u16, bool)) {
        self.now = self.now + Duration::from_millis(after);
        let [client, server] =
            [("10.0.0.1", port), ("10.0.0.9", 3306)].map(|(host, port)| Endpoint {
                address: address(host),
                port,
            });
        let to_client = flags.has(Flags::ACK);
        let (from, to) = if to_client {
            (server, client)
        } else {
            (client, server)
        };
        let isn = u32::from(port) * 1000;
        let packet = Packet::Segment(Segment {
            via: CapturePoint {
                interface: 0,
                direction: Direction::Unknown,
                loopback: false,
            },
            from,
            to,
            sequence: if to_client {
                7
            } else {
                isn + u32::from(flags.has(Flags::RST))
            },
            acknowledgment: if to_client { isn + 1 } else { 0 },
            flags,
            timestamp: Some(u32::try_from(self.now.as_nanos() / 1_000_000).unwrap()),
            identification: None,
            hop_limit: 60,
            payload_length: 0,
            ecn_setup: ecn,
        });
        self.tracker.observe(self.now, &packet);
        self.settle(Some(&packet));
    }

    fn quiet(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.tracker.advance(self.now);
        self.settle(None);
    }

    fn settle(&mut self, packet: Option<&Packet>) {
        while let Some(event) = self.tracker.poll() {
            if let (Event::Opened(_), Some(crowd)) = (&event, &mut self.crowd) {
                crowd.extend(packet);
                continue;
            }
            let heard = super::ObservedEvent {
                at: self.tracker.now(),
                event: &event,
                packet,
                reporter: None,
            };
            self.diagnosis.hear(SET, &heard);
        }
    }

    /// Those that began since are one crowd.
    fn tell_crowd(&mut self) {
        let crowd = self.crowd.replace(Vec::new()).unwrap_or_default();
        let (syns, began): (Vec<&Packet>, _) =
            (crowd.iter().collect(), u32::try_from(crowd.len()).unwrap());
        self.diagnosis.hear_many(
            SET,
            &super::ObservedBurst {
                at: self.now,
                evicted: 0,
                began,
                entering: 0,
                syns: &syns,
            },
        );
    }

    fn report(&self) -> Report {
        Report::of(self.diagnosis.examine())
    }
}

const SET: LabelSetId = LabelSetId::from_number(0);
const SYNACK: Flags = Flags::SYN.with(Flags::ACK);
const RST: Flags = Flags::RST.with(Flags::ACK);

#[test]
fn a_path_that_drops_ecn_is_found_from_its_packets() {
    let mut heard = ObservedEvent::new();
    for port in 1..=4 {
        heard.meets(100, Flags::SYN, (port, true));
        heard.meets(1000, Flags::SYN, (port, false));
        heard.meets(10, SYNACK, (port, false));
    }
    let report = heard.report();
    assert_eq!(report.sets[0].verdict, "ecn_dropped");
    assert_eq!(
        report.sets[0].sentence,
        "None of 4 SYNs to port 3306 of 10.0.0.9 with ECN was answered, 4 without it were."
    );
    // One that is answered with ECN, and it is loss.
    heard.meets(100, Flags::SYN, (9, true));
    heard.meets(10, SYNACK, (9, true));
    assert_eq!(heard.report().sets[0].verdict, "loss");
}

#[test]
fn ecn_that_is_answered_in_a_crowd_is_not_dropped() {
    let of = |answers: bool| {
        let mut heard = ObservedEvent::of_crowds();
        for port in (1..=8).step_by(2) {
            heard.meets(100, Flags::SYN, (port, false));
            heard.meets(0, Flags::SYN, (port + 1, true));
            heard.tell_crowd();
            heard.meets(10, SYNACK, (port, false));
            if !answers {
                heard.meets(1000, Flags::SYN, (port + 1, false));
            }
            heard.meets(0, SYNACK, (port + 1, answers));
        }
        heard.report().sets.remove(0).verdict
    };
    assert_eq!((of(true), of(false)), ("fine", "ecn_dropped"));
}

#[test]
fn a_client_that_gave_up_is_known_by_its_rst() {
    let after = |millis: u64| {
        let mut heard = ObservedEvent::new();
        for port in 1..=4 {
            heard.meets(100, Flags::SYN, (port, false));
            heard.meets(millis, SYNACK, (port, false));
            heard.meets(0, Flags::RST, (port, false));
            heard.meets(0, Flags::RST, (port, false));
        }
        let set = heard.report().sets.remove(0);
        (set.verdict, set.sentence)
    };
    let words = "All 4 answers from port 3306 of 10.0.0.9 found that the client had given up, and met a RST instead of an \
                 ACK: the slowest took 600 ms.";
    assert_eq!(after(600), ("late", words.to_owned()));
    // A health check with half a handshake.
    assert_eq!(after(10).0, "fine");
}

#[test]
fn the_last_attempts_that_failed_are_shown_packet_by_packet() {
    let mut heard = ObservedEvent::new();
    for port in 1..=9 {
        heard.meets(10, Flags::SYN, (port, false));
        heard.meets(10, RST, (port, false));
    }
    heard.meets(10, Flags::SYN, (50, false));
    heard.meets(1000, Flags::SYN, (50, false));
    heard.quiet(6000);
    let report = heard.report();
    let shown = serde_json::to_value(&report.sets[0].last_attempts).unwrap();
    assert_eq!(shown.as_array().unwrap().len(), 5);
    assert_eq!(shown[0]["outcome"], "unanswered");
    assert_eq!(
        shown[0]["packets"],
        serde_json::json!([
            { "after_seconds": 0.0, "what": "SYN", "ttl": 60 },
            { "after_seconds": 1.0, "what": "SYN", "ttl": 60 },
        ])
    );
    assert_eq!(shown[1]["client"], "10.0.0.1:9");
    assert_eq!(shown[1]["packets"][1]["what"], "RST from the server");
}

#[test]
fn a_flood_takes_no_more_room_than_its_sample() {
    let mut heard = ObservedEvent::new();
    for port in 1..=60_000 {
        heard.meets(1, Flags::SYN, (port, false));
    }
    heard.quiet(10_000);
    let report = heard.report();
    assert_eq!(
        report.sets[0].verdict, "capture_untrusted",
        "64 attempts are all it has room for"
    );
    assert_eq!(report.sets[0].last_attempts.len(), 5);
}
