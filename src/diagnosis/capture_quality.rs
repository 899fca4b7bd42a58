//! Quality of the capture: packets lost, missing directions, and clock steps.
//!
//! `Diagnosis` records [`CaptureQuality`] snapshots here. `report` lists the [`CaptureIssue`]s, and
//! the rules do not conclude anything from missing answers if an issue explains them.

use std::collections::VecDeque;
use std::time::Duration;

use super::evidence::Evidence;
use super::window::DiagnosisSpan;
use crate::time::Timestamp;

/// Minimum time between two recorded snapshots.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(60);

/// Facts about the capture since it began. Counts only grow.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct CaptureQuality {
    /// Packets that passed the filter and were read.
    pub packets: u64,
    /// Packets lost before they could be read.
    pub dropped: u64,
    /// SYN/ACKs that match no attempt.
    pub unmatched_synacks: u64,
    /// Backward steps of the clock.
    pub clock_steps: u64,
    /// `true` if the capture contains SYNs and no packets of servers, although servers must have
    /// answered.
    pub answers_missing: bool,
    /// `true` if the capture contains SYN/ACKs without the SYNs they answer.
    pub syns_missing: bool,
    /// Connections that this host's kernel rejected because an accept queue was full. `None` if the
    /// kernel's count is not available.
    pub listen_overflows: Option<u64>,
    /// `true` if a single interface of a host is captured, so that forwarded packets can enter or
    /// leave uncaptured.
    pub one_interface: bool,
}

/// A reason to doubt the capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum CaptureIssue {
    /// The capture lost `lost` of `of` packets.
    Dropped { lost: u64, of: u64 },
    /// This number of attempts was evicted from the full attempt table before they were decided.
    Evicted(u32),
    /// This number of SYN/ACKs answers SYNs that are not in the capture.
    AnswersOnly(u64),
    /// The capture contains attempts to these servers and no packet from them.
    SynsOnly { attempts: u32, servers: usize },
    /// The clock was set back this number of times.
    ClockSteps(u64),
}

/// Snapshots of the capture quality, so that issues before the window do not count.
#[derive(Default, Debug)]
pub(super) struct CaptureHistory {
    snapshots: VecDeque<(Timestamp, CaptureQuality)>,
    latest: CaptureQuality,
    /// The first known overflow count. The kernel's count began before the capture.
    initial_overflows: Option<u64>,
}

impl CaptureHistory {
    /// Records the current quality. Snapshots older than the window are dropped, except the latest
    /// of these.
    pub(super) fn record(&mut self, at: Timestamp, quality: CaptureQuality, span: DiagnosisSpan) {
        let is_due = self
            .snapshots
            .back()
            .is_none_or(|(last, _)| at >= *last + SNAPSHOT_INTERVAL);
        if let (Some(length), true) = (span.length(), is_due) {
            self.snapshots.push_back((at, quality));
            while self.snapshots.len() > 1
                && self
                    .snapshots
                    .front()
                    .is_some_and(|(taken, _)| *taken + length < at)
            {
                self.snapshots.pop_front();
            }
        }
        self.latest = quality;
        self.initial_overflows = self.initial_overflows.or(quality.listen_overflows);
    }

    /// Returns the quality with the counts since the window began.
    pub(super) fn in_window(&self) -> CaptureQuality {
        let first = self
            .snapshots
            .front()
            .map(|(_, quality)| *quality)
            .unwrap_or_default();
        let earlier_overflows = first.listen_overflows.or(self.initial_overflows);
        let new_overflows = |now: u64| now.saturating_sub(earlier_overflows.unwrap_or(now));
        CaptureQuality {
            packets: self.latest.packets.saturating_sub(first.packets),
            dropped: self.latest.dropped.saturating_sub(first.dropped),
            unmatched_synacks: self
                .latest
                .unmatched_synacks
                .saturating_sub(first.unmatched_synacks),
            clock_steps: self.latest.clock_steps.saturating_sub(first.clock_steps),
            listen_overflows: self.latest.listen_overflows.map(new_overflows),
            ..self.latest
        }
    }
}

impl CaptureIssue {
    /// Returns all issues that the capture quality and the attempts show.
    pub(super) fn find(quality: &CaptureQuality, evidence: &[Evidence]) -> Vec<Self> {
        let sum =
            |count: fn(&Evidence) -> u32| evidence.iter().map(count).fold(0, u32::saturating_add);
        let evicted = sum(|evidence| evidence.counts().evicted);
        let decided = sum(|evidence| evidence.counts().decided());
        let mut servers: Vec<_> = evidence
            .iter()
            .filter(|evidence| evidence.counts().decided() > 0)
            .map(Evidence::server)
            .collect();
        servers.sort_unstable();
        servers.dedup();
        let issues = [
            (quality.dropped > 0).then_some(Self::Dropped {
                lost: quality.dropped,
                of: quality.packets.saturating_add(quality.dropped),
            }),
            (evicted > 0).then_some(Self::Evicted(evicted)),
            quality
                .syns_missing
                .then_some(Self::AnswersOnly(quality.unmatched_synacks)),
            quality.answers_missing.then_some(Self::SynsOnly {
                attempts: decided,
                servers: servers.len(),
            }),
            (quality.clock_steps > 0).then_some(Self::ClockSteps(quality.clock_steps)),
        ];
        issues.into_iter().flatten().collect()
    }

    /// Returns `true` if missing answers prove nothing because of this issue.
    pub(super) const fn makes_silence_inconclusive(&self) -> bool {
        match self {
            Self::Dropped { lost, of } => *lost >= *of / 1000,
            Self::AnswersOnly(_) | Self::SynsOnly { .. } => true,
            Self::Evicted(_) | Self::ClockSteps(_) => false,
        }
    }

    /// Returns the key of the issue in JSON reports.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Dropped { .. } => "packets_dropped",
            Self::Evicted(_) => "attempts_evicted",
            Self::AnswersOnly(_) => "answers_only",
            Self::SynsOnly { .. } => "syns_only",
            Self::ClockSteps(_) => "clock_steps",
        }
    }

    /// Returns a sentence about the consequence of the issue and its remedy.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Dropped { lost, of } => format!(
                "The capture lost {lost} of {of} packets: what looks unanswered may have been answered. Raise \
                 --capture.buffer-size, or narrow it with --capture.port."
            ),
            Self::Evicted(count) => format!(
                "{count} attempts were forgotten while they waited, for want of room: raise --handshake.max-attempts."
            ),
            Self::AnswersOnly(count) => format!(
                "{count} SYN/ACKs belong to no SYN that was seen: the capture sees one direction only (an \
                 asymmetric path, half a mirror port)."
            ),
            Self::SynsOnly { attempts, servers } => format!(
                "{attempts} attempts to {servers} servers and not one packet back, while no client asked twice: the \
                 capture sees one direction only (an asymmetric path, half a mirror port)."
            ),
            Self::ClockSteps(count) => {
                format!("The clock was set back {count} times: latencies near that are not exact.")
            }
        }
    }
}
