//! Reports as data and as text.

use std::time::Duration;

use super::super::counts::AttemptCounts;
use super::super::evidence::Evidence;
use super::super::{CaptureQuality, ColorMode, DiagnosisSpan, Findings, Report, text};
use super::evidence;
use crate::labels::Vantage::{Client, Server, Transit};
use crate::time::Timestamp;

fn report(capture: CaptureQuality, evidence: Vec<Evidence>) -> Report {
    let observed = Some((
        Timestamp::default(),
        Timestamp::default() + Duration::from_secs(10),
    ));
    Report::of(Findings {
        evidence,
        span: DiagnosisSpan::Whole,
        observed,
        capture,
    })
}

#[test]
fn capture_issues_precede_verdicts_in_report() {
    let silent = evidence(Client, counts! { attempts: 4, unanswered: 4 });
    let refused = evidence(
        Client,
        counts! { attempts: 4, refused: 4, rsts_by_server: 4 },
    );
    let capture = CaptureQuality {
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
    let doubtful = report(capture, vec![silent.clone(), refused]);
    assert_eq!(verdicts(&doubtful), ["capture_untrusted", "refused"]);
    assert!(text(&doubtful, ColorMode::Off).starts_with(
        "CAPTURE The capture lost 10 of 1000 packets: what looks unanswered may have been answered. Raise \
         --capture.buffer-size, or narrow it with --capture.port.\nDEAD  client "
    ));
    // A loss of 0.001 % is reported and changes no verdict.
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
    let evicted = evidence(Server, counts! { attempts: 9, answered: 2, evicted: 7 });
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
fn missing_answers_make_silence_untrusted() {
    let silent = evidence(Client, counts! { attempts: 5, unanswered: 5 });
    let verdict = |answers_missing| {
        let capture = CaptureQuality {
            answers_missing,
            ..CaptureQuality::default()
        };
        report(capture, vec![silent.clone()]).sets[0].verdict
    };
    assert_eq!(verdict(true), "capture_untrusted");
    assert_eq!(
        verdict(false),
        "silent_drop",
        "dead peers do not make a capture one-sided"
    );
}

#[test]
fn text_report_lists_faults_with_next_step() {
    let fine = evidence(Transit, counts! { attempts: 12, answered: 12, synacks: 12 });
    let silent = evidence(Client, counts! { attempts: 4, syns: 28, unanswered: 4 });
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
