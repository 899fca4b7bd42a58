//! The report: every set with its verdict, worst first; what programs read is this as JSON.

use std::time::Duration;

use serde::Serialize;

use super::capture::CaptureIssue;
use super::exam::{Evidence, compare};
use super::rules::{confidence, verdict};
use super::trail::{AttemptTimeline, TimelineOutcome, TimelinePacket};
use super::verdict::Verdict;
use super::{CaptureQuality, Findings, step, words};
use crate::handshake::{FailureReason, Side};

/// The version of the report's form. It changes when a field is renamed, removed or given another meaning; fields may
/// be added without.
pub const VERSION: u32 = 1;

/// All sets with their verdicts. Its fields are documented in docs/diagnosis.md.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    version: u32,
    /// Unix time of the first and the last packet, or of the silence after it.
    since: Option<f64>,
    until: Option<f64>,
    /// What the verdicts reach back; null for all that was captured.
    window_seconds: Option<f64>,
    pub(super) capture: Capture,
    /// How many sets there are, and with how many something is wrong.
    pub(super) sets_total: usize,
    pub(super) sets_wrong: usize,
    pub(super) sets: Vec<Set>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Capture {
    pub(super) trusted: bool,
    pub(super) packets: u64,
    pub(super) dropped: u64,
    pub(super) listen_overflows: Option<u64>,
    pub(super) doubts: Vec<CaptureIssueReport>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct CaptureIssueReport {
    pub(super) doubt: &'static str,
    pub(super) sentence: String,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Set {
    pub(super) vantage: &'static str,
    pub(super) local_address: String,
    pub(super) port: String,
    pub(super) peer: String,
    pub(super) verdict: &'static str,
    pub(super) title: &'static str,
    pub(super) wrong: bool,
    /// 0 nothing to do, 1 it works but badly, 2 some attempts fail, 3 none gets through.
    pub(super) severity: u8,
    pub(super) confidence: &'static str,
    pub(super) sentence: String,
    pub(super) alternatives: Vec<&'static str>,
    pub(super) next: Option<Step>,
    /// Shows the same packets.
    pub(super) capture_command: String,
    pub(super) attempts_per_second: f64,
    pub(super) counts: Counts,
    pub(super) latency_seconds: Option<Latency>,
    pub(super) icmp: Vec<Icmp>,
    pub(super) rst_ttls: Vec<u8>,
    pub(super) synack_ttls: Vec<u8>,
    pub(super) last_attempts: Vec<Attempt>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Step {
    pub(super) what: String,
    pub(super) command: String,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Counts {
    pub(super) attempts: u32,
    pub(super) answered: u32,
    pub(super) answered_after_repeat: u32,
    pub(super) late: u32,
    pub(super) unanswered: u32,
    pub(super) refused: u32,
    pub(super) unreachable: u32,
    pub(super) prohibited: u32,
    pub(super) evicted: u32,
    pub(super) completed: u32,
    pub(super) syns: u32,
    pub(super) syn_retransmissions: u32,
    pub(super) synacks: u32,
    pub(super) synack_retransmissions: u32,
    pub(super) rsts_by_client: u32,
    pub(super) rsts_by_server: u32,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Latency {
    p50: f64,
    p99: f64,
    max: f64,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Icmp {
    code: &'static str,
    by: String,
    reporter: &'static str,
    count: u32,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Attempt {
    client: String,
    server: String,
    began: f64,
    outcome: &'static str,
    packets: Vec<Packet>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
struct Packet {
    after_seconds: f64,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

impl Report {
    /// Judges what was found.
    pub fn of(findings: Findings) -> Self {
        let Findings {
            mut exams,
            span,
            heard,
            capture,
        } = findings;
        compare(&mut exams);
        let doubts = CaptureIssue::all(&capture, &exams);
        let silence_means_nothing = doubts.iter().any(CaptureIssue::forbids_silence);
        for exam in &mut exams {
            exam.silence_means_nothing = silence_means_nothing;
            exam.one_interface = capture.one_interface;
        }
        let mut sets: Vec<Set> = exams
            .iter()
            .map(|exam| Set::of(exam, span.length(), &capture))
            .collect();
        sets.sort_by(|one, other| {
            let rank = |set: &Set| {
                (
                    set.severity,
                    set.counts.attempts.saturating_sub(set.counts.answered),
                )
            };
            rank(other)
                .cmp(&rank(one))
                .then_with(|| one.name().cmp(&other.name()))
        });
        Self {
            version: VERSION,
            since: heard.map(|(since, _)| since.as_secs_f64()),
            until: heard.map(|(_, until)| until.as_secs_f64()),
            window_seconds: span.length().map(|length| length.as_secs_f64()),
            capture: Capture::of(&capture, &doubts),
            sets_total: sets.len(),
            sets_wrong: sets.iter().filter(|set| set.wrong).count(),
            sets,
        }
    }

    /// Whether nothing is wrong, with the network or with the capture.
    pub const fn all_fine(&self) -> bool {
        self.sets_wrong == 0 && self.capture.trusted
    }

    /// The report for programs.
    ///
    /// # Errors
    ///
    /// None that is known: nothing in it can fail to become JSON.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// How long it reaches, from the first packet to the last.
    pub(super) fn reach(&self) -> Duration {
        let reach = self.until.unwrap_or_default() - self.since.unwrap_or_default();
        Duration::try_from_secs_f64(
            self.window_seconds
                .map_or(reach, |window| window.min(reach)),
        )
        .unwrap_or_default()
    }
}

impl Capture {
    fn of(facts: &CaptureQuality, doubts: &[CaptureIssue]) -> Self {
        let said = |doubt: &CaptureIssue| CaptureIssueReport {
            doubt: doubt.as_str(),
            sentence: doubt.sentence(),
        };
        Self {
            trusted: doubts.is_empty(),
            packets: facts.packets,
            dropped: facts.dropped,
            listen_overflows: facts.listen_overflows,
            doubts: doubts.iter().map(said).collect(),
        }
    }
}

impl Set {
    fn of(exam: &Evidence, span: Option<Duration>, capture: &CaptureQuality) -> Self {
        let verdict = verdict(exam);
        let [vantage, local_address, port, peer] = exam.name.values();
        let t = exam.judged();
        let heard_for = exam.heard_for(span).as_secs_f64();
        let latency = t
            .quantile(0.5)
            .zip(t.quantile(0.99))
            .map(|(p50, p99)| Latency {
                p50: p50.as_secs_f64(),
                p99: p99.as_secs_f64(),
                max: t.longest().as_secs_f64(),
            });
        debug_assert_eq!(vantage, exam.name.vantage.as_str());
        Self {
            vantage: exam.name.vantage.as_str(),
            local_address,
            port,
            peer,
            verdict: verdict.as_str(),
            title: verdict.title(),
            wrong: verdict.is_wrong(),
            severity: severity(verdict, exam),
            confidence: confidence(verdict, exam).as_str(),
            sentence: words::sentence(verdict, exam) + &words::overflows(verdict, capture),
            alternatives: step::alternatives(verdict, exam, capture),
            next: step::next(verdict, exam, capture).map(|next| Step {
                what: next.what,
                command: next.command,
            }),
            capture_command: step::capture(exam),
            attempts_per_second: if heard_for > 0.0 {
                f64::from(t.attempts) / heard_for.max(1.0)
            } else {
                0.0
            },
            counts: Counts::of(exam),
            latency_seconds: latency,
            icmp: exam.reports.iter().map(Icmp::of).collect(),
            rst_ttls: exam.refusals.iter().collect(),
            synack_ttls: exam.answers.iter().collect(),
            last_attempts: exam.trails.iter().map(Attempt::of).collect(),
        }
    }

    fn name(&self) -> (&str, &str, u16, &str, &str) {
        (
            self.vantage,
            &self.local_address,
            self.port.parse().unwrap_or(u16::MAX),
            &self.port,
            &self.peer,
        )
    }
}

impl Counts {
    const fn of(exam: &Evidence) -> Self {
        let t = exam.judged();
        Self {
            attempts: t.attempts,
            answered: t.answered,
            answered_after_repeat: t.after_a_repeat,
            late: t.late,
            unanswered: t.unanswered,
            refused: t.refused,
            unreachable: t.unreachable,
            prohibited: t.prohibited,
            evicted: t.evicted,
            completed: t.completed,
            syns: t.syns,
            syn_retransmissions: t.syn_repeats,
            synacks: t.synacks,
            synack_retransmissions: t.synack_repeats,
            rsts_by_client: t.client_rsts,
            rsts_by_server: t.server_rsts,
        }
    }
}

impl Icmp {
    fn of(report: &super::case::Report) -> Self {
        let reporter = report.reporter.as_str();
        Self {
            code: report.code.as_str(),
            by: report.by.to_string(),
            reporter,
            count: report.count,
        }
    }
}

impl Attempt {
    fn of(trail: &AttemptTimeline) -> Self {
        let outcome = match trail.end {
            TimelineOutcome::Waiting => "waiting",
            TimelineOutcome::Answered => "answered",
            TimelineOutcome::Failed(FailureReason::Unanswered) => "unanswered",
            TimelineOutcome::Failed(FailureReason::Refused) => "refused",
            TimelineOutcome::Failed(FailureReason::Unreachable) => "unreachable",
            TimelineOutcome::Failed(FailureReason::Prohibited) => "prohibited",
        };
        let packet = |after: Duration, met: TimelinePacket| {
            let (what, ttl, icmp, by) = match met {
                TimelinePacket::Syn { ttl, ecn: false } => ("SYN", Some(ttl), None, None),
                TimelinePacket::Syn { ttl, ecn: true } => ("SYN, ECE, CWR", Some(ttl), None, None),
                TimelinePacket::SynAck { ttl } => ("SYN/ACK", Some(ttl), None, None),
                TimelinePacket::Rst {
                    ttl,
                    by: Side::Server,
                } => ("RST from the server", Some(ttl), None, None),
                TimelinePacket::Rst {
                    ttl,
                    by: Side::Client,
                } => ("RST from the client", Some(ttl), None, None),
                TimelinePacket::Icmp { code, reporter } => (
                    "ICMP error",
                    None,
                    Some(code.as_str()),
                    Some(reporter.to_string()),
                ),
            };
            Packet {
                after_seconds: after.as_secs_f64(),
                what,
                ttl,
                icmp,
                by,
            }
        };
        Self {
            client: trail.client.to_string(),
            server: trail.server.to_string(),
            began: trail.began.as_secs_f64(),
            outcome,
            packets: trail
                .marks
                .iter()
                .map(|mark| packet(mark.after, mark.packet))
                .collect(),
        }
    }
}

fn severity(verdict: Verdict, exam: &Evidence) -> u8 {
    match verdict {
        Verdict::Fine | Verdict::Undecided => 0,
        Verdict::Slow | Verdict::Scan | Verdict::EcnDropped => 1,
        Verdict::AckLost | Verdict::DroppedHere => 3,
        _ if exam.judged().answered == 0 => 3,
        Verdict::Loss => 1,
        _ => 2,
    }
}
