//! The report: all label sets with their verdicts, worst first, as data for text and JSON.
//!
//! `Diagnosis` creates the [`Findings`] of a report under its lock; [`Report::of`] evaluates the
//! rules without it. The names of serialized fields are the JSON keys of docs/diagnosis.md.

use std::time::Duration;

use serde::Serialize;

use super::advice::{self, NextStep};
use super::capture_quality::{CaptureIssue, CaptureQuality};
use super::counts::AttemptCounts;
use super::evidence::{Evidence, IcmpReport, correlate};
use super::rules::{confidence, verdict};
use super::summary;
use super::timeline::{AttemptTimeline, TimelineEntry, TimelineOutcome, TimelinePacket};
use super::verdict::Verdict;
use super::window::DiagnosisSpan;
use crate::handshake::{FailureReason, Side};
use crate::time::Timestamp;

/// The version of the report's format. It changes if a field is renamed, removed or given another
/// meaning. New fields do not change it.
pub const VERSION: u32 = 1;

/// A copy of all facts that a report needs, so that the report can be created without the lock of
/// the diagnosis.
#[derive(Debug)]
pub struct Findings {
    pub(super) evidence: Vec<Evidence>,
    pub(super) span: DiagnosisSpan,
    /// Time of the first and of the latest event.
    pub(super) observed: Option<(Timestamp, Timestamp)>,
    pub(super) capture: CaptureQuality,
}

/// All label sets with their verdicts. Its fields are documented in docs/diagnosis.md.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    version: u32,
    /// Unix time of the first packet.
    since: Option<f64>,
    /// Unix time of the last packet, or of the end of the silence after it.
    until: Option<f64>,
    /// Length of the period that the verdicts cover. `None` if they cover the whole capture.
    window_seconds: Option<f64>,
    pub(super) capture: CaptureReport,
    /// Number of label sets.
    pub(super) sets_total: usize,
    /// Number of label sets with a fault.
    pub(super) sets_wrong: usize,
    pub(super) sets: Vec<LabelSetReport>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct CaptureReport {
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
pub(super) struct LabelSetReport {
    pub(super) vantage: &'static str,
    pub(super) local_address: String,
    pub(super) port: String,
    pub(super) peer: String,
    pub(super) verdict: &'static str,
    pub(super) title: &'static str,
    pub(super) wrong: bool,
    /// 0: nothing to do; 1: it works, but badly; 2: some attempts fail; 3: no attempt succeeds.
    pub(super) severity: u8,
    pub(super) confidence: &'static str,
    pub(super) sentence: String,
    pub(super) alternatives: Vec<&'static str>,
    pub(super) next: Option<NextStep>,
    /// The tcpdump command that shows the same packets.
    pub(super) capture_command: String,
    pub(super) attempts_per_second: f64,
    pub(super) counts: AttemptCounts,
    pub(super) latency_seconds: Option<LatencySummary>,
    pub(super) icmp: Vec<ReportedIcmpError>,
    pub(super) rst_ttls: Vec<u8>,
    pub(super) synack_ttls: Vec<u8>,
    pub(super) last_attempts: Vec<ReportedAttempt>,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct LatencySummary {
    p50: f64,
    p99: f64,
    max: f64,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct ReportedIcmpError {
    code: &'static str,
    by: String,
    reporter: &'static str,
    count: u32,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct ReportedAttempt {
    client: String,
    server: String,
    began: f64,
    outcome: &'static str,
    packets: Vec<ReportedPacket>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
struct ReportedPacket {
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
    /// Creates a report: evaluates the rules for each label set.
    pub fn of(findings: Findings) -> Self {
        let Findings {
            mut evidence,
            span,
            observed,
            capture,
        } = findings;
        correlate(&mut evidence);
        let issues = CaptureIssue::find(&capture, &evidence);
        let silence_inconclusive = issues.iter().any(CaptureIssue::makes_silence_inconclusive);
        for evidence in &mut evidence {
            evidence.silence_inconclusive = silence_inconclusive;
            evidence.one_interface = capture.one_interface;
        }
        let mut sets: Vec<LabelSetReport> = evidence
            .iter()
            .map(|evidence| LabelSetReport::of(evidence, span.length(), &capture))
            .collect();
        sets.sort_by(|one, other| {
            let rank = |set: &LabelSetReport| {
                let not_answered = set.counts.attempts.saturating_sub(set.counts.answered);
                (set.severity, not_answered)
            };
            rank(other)
                .cmp(&rank(one))
                .then_with(|| one.sort_key().cmp(&other.sort_key()))
        });
        Self {
            version: VERSION,
            since: observed.map(|(first, _)| first.as_secs_f64()),
            until: observed.map(|(_, latest)| latest.as_secs_f64()),
            window_seconds: span.length().map(|length| length.as_secs_f64()),
            capture: CaptureReport::of(&capture, &issues),
            sets_total: sets.len(),
            sets_wrong: sets.iter().filter(|set| set.wrong).count(),
            sets,
        }
    }

    /// Returns `true` if there is no fault in the network and no issue with the capture.
    pub const fn all_fine(&self) -> bool {
        self.sets_wrong == 0 && self.capture.trusted
    }

    /// Returns the report as JSON.
    ///
    /// # Errors
    ///
    /// No error is known: every value in the report can be serialized.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Returns the time from the first packet to the last, at most the window.
    pub(super) fn duration(&self) -> Duration {
        let captured = self.until.unwrap_or_default() - self.since.unwrap_or_default();
        let seconds = self
            .window_seconds
            .map_or(captured, |window| window.min(captured));
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

impl CaptureReport {
    fn of(capture: &CaptureQuality, issues: &[CaptureIssue]) -> Self {
        let reported = |issue: &CaptureIssue| CaptureIssueReport {
            doubt: issue.as_str(),
            sentence: issue.summary(),
        };
        Self {
            trusted: issues.is_empty(),
            packets: capture.packets,
            dropped: capture.dropped,
            listen_overflows: capture.listen_overflows,
            doubts: issues.iter().map(reported).collect(),
        }
    }
}

impl LabelSetReport {
    fn of(evidence: &Evidence, span: Option<Duration>, capture: &CaptureQuality) -> Self {
        let verdict = verdict(evidence);
        let [vantage, local_address, port, peer] = evidence.label_set.values();
        debug_assert_eq!(vantage, evidence.label_set.vantage.as_str());
        let counts = evidence.counts();
        let observed_seconds = evidence.observed_for(span).as_secs_f64();
        let attempts_per_second = if observed_seconds > 0.0 {
            f64::from(counts.attempts) / observed_seconds.max(1.0)
        } else {
            0.0
        };
        Self {
            vantage: evidence.label_set.vantage.as_str(),
            local_address,
            port,
            peer,
            verdict: verdict.as_str(),
            title: verdict.title(),
            wrong: verdict.is_wrong(),
            severity: severity(verdict, evidence),
            confidence: confidence(verdict, evidence).as_str(),
            sentence: summary::summary(verdict, evidence)
                + &summary::overflow_summary(verdict, capture),
            alternatives: advice::alternatives(verdict, evidence, capture),
            next: advice::next_step(verdict, evidence, capture),
            capture_command: advice::capture_command(evidence),
            attempts_per_second,
            counts: *counts,
            latency_seconds: LatencySummary::of(counts),
            icmp: evidence
                .icmp_reports
                .iter()
                .map(ReportedIcmpError::of)
                .collect(),
            rst_ttls: evidence.rst_ttls.iter().collect(),
            synack_ttls: evidence.synack_ttls.iter().collect(),
            last_attempts: evidence.timelines.iter().map(ReportedAttempt::of).collect(),
        }
    }

    /// Returns the label values, with the port as a number for sorting.
    fn sort_key(&self) -> (&str, &str, u16, &str, &str) {
        (
            self.vantage,
            &self.local_address,
            self.port.parse().unwrap_or(u16::MAX),
            &self.port,
            &self.peer,
        )
    }
}

impl LatencySummary {
    /// Returns `None` if there are no answers.
    fn of(counts: &AttemptCounts) -> Option<Self> {
        let p50 = counts.quantile(0.5)?;
        let p99 = counts.quantile(0.99)?;
        Some(Self {
            p50: p50.as_secs_f64(),
            p99: p99.as_secs_f64(),
            max: counts.longest_latency().as_secs_f64(),
        })
    }
}

impl ReportedIcmpError {
    fn of(report: &IcmpReport) -> Self {
        Self {
            code: report.code.as_str(),
            by: report.by.to_string(),
            reporter: report.reporter.as_str(),
            count: report.count,
        }
    }
}

impl ReportedAttempt {
    fn of(timeline: &AttemptTimeline) -> Self {
        let outcome = match timeline.outcome {
            TimelineOutcome::Pending => "waiting",
            TimelineOutcome::Answered => "answered",
            TimelineOutcome::Failed(FailureReason::Unanswered) => "unanswered",
            TimelineOutcome::Failed(FailureReason::Refused) => "refused",
            TimelineOutcome::Failed(FailureReason::Unreachable) => "unreachable",
            TimelineOutcome::Failed(FailureReason::Prohibited) => "prohibited",
        };
        Self {
            client: timeline.client.to_string(),
            server: timeline.server.to_string(),
            began: timeline.began.as_secs_f64(),
            outcome,
            packets: timeline.entries.iter().map(ReportedPacket::of).collect(),
        }
    }
}

impl ReportedPacket {
    fn of(entry: &TimelineEntry) -> Self {
        let (what, ttl, icmp, by) = match entry.packet {
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
        Self {
            after_seconds: entry.after.as_secs_f64(),
            what,
            ttl,
            icmp,
            by,
        }
    }
}

fn severity(verdict: Verdict, evidence: &Evidence) -> u8 {
    match verdict {
        Verdict::Fine | Verdict::Undecided => 0,
        Verdict::Slow | Verdict::Scan | Verdict::EcnDropped => 1,
        Verdict::AckLost | Verdict::DroppedHere => 3,
        _ if evidence.counts().answered == 0 => 3,
        Verdict::Loss => 1,
        _ => 2,
    }
}
