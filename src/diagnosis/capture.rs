//! Whether the capture itself can be trusted: what it lost, what it sees of a conversation, how its clock went.

use std::collections::VecDeque;
use std::time::Duration;

use super::exam::Evidence;
use super::window::Span;
use crate::time::Timestamp;

/// What is known about the capture since it began.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct CaptureQuality {
    /// Packets that passed the filter and were read.
    pub packets: u64,
    /// Packets lost before they could be read.
    pub dropped: u64,
    /// SYN/ACKs that belong to no attempt.
    pub unmatched_synacks: u64,
    /// Steps of the clock.
    pub clock_steps: u64,
    /// Whether it sees SYNs, and nothing back, though somebody must have answered.
    pub answers_missing: bool,
    /// Whether it sees SYN/ACKs, and not what they answer.
    pub syns_missing: bool,
    /// Connections that this host's kernel turned away for a full accept queue, where it says so.
    pub listen_overflows: Option<u64>,
    /// Whether one interface of a host is watched, so that what passes through may come or go unseen.
    pub one_interface: bool,
}

/// What makes a capture doubtful.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum CaptureIssue {
    /// It lost so many packets of so many.
    Dropped { lost: u64, of: u64 },
    /// It had no room to follow so many attempts to their end.
    Evicted(u32),
    /// It sees answers to SYNs that it does not see.
    AnswersOnly(u64),
    /// It sees so many attempts to so many servers, and not one packet back.
    SynsOnly { attempts: u32, servers: usize },
    /// Its clock was set back so often.
    ClockSteps(u64),
}

/// The facts as they were a while ago, so that what is long past is not held against the capture.
#[derive(Default, Debug)]
pub(super) struct CaptureHistory {
    then: VecDeque<(Timestamp, CaptureQuality)>,
    now: CaptureQuality,
    /// The host's own count did not begin with the capture.
    overflows_before: Option<u64>,
}

impl CaptureHistory {
    pub(super) fn note(&mut self, at: Timestamp, facts: CaptureQuality, span: Span) {
        let due = self.then.back().is_none_or(|(last, _)| at >= *last + APART);
        if let (Some(length), true) = (span.length(), due) {
            self.then.push_back((at, facts));
            while self.then.len() > 1
                && self
                    .then
                    .front()
                    .is_some_and(|(then, _)| *then + length < at)
            {
                self.then.pop_front();
            }
        }
        self.now = facts;
        self.overflows_before = self.overflows_before.or(facts.listen_overflows);
    }

    /// What was added since the window began.
    pub(super) fn lately(&self) -> CaptureQuality {
        let then = self
            .then
            .front()
            .map(|(_, facts)| *facts)
            .unwrap_or_default();
        let before = then.listen_overflows.or(self.overflows_before);
        let overflows = |now: u64| now.saturating_sub(before.unwrap_or(now));
        CaptureQuality {
            packets: self.now.packets.saturating_sub(then.packets),
            dropped: self.now.dropped.saturating_sub(then.dropped),
            unmatched_synacks: self
                .now
                .unmatched_synacks
                .saturating_sub(then.unmatched_synacks),
            clock_steps: self.now.clock_steps.saturating_sub(then.clock_steps),
            listen_overflows: self.now.listen_overflows.map(overflows),
            ..self.now
        }
    }
}

impl CaptureIssue {
    /// All that these facts and attempts give reason for.
    pub(super) fn all(facts: &CaptureQuality, exams: &[Evidence]) -> Vec<Self> {
        let sum =
            |count: fn(&Evidence) -> u32| exams.iter().map(count).fold(0, u32::saturating_add);
        let evicted = sum(|exam| exam.judged().evicted);
        let decided = sum(|exam| exam.judged().decided());
        let mut servers: Vec<_> = exams
            .iter()
            .filter(|exam| exam.judged().decided() > 0)
            .map(Evidence::server)
            .collect();
        servers.sort_unstable();
        servers.dedup();
        let doubts = [
            (facts.dropped > 0).then_some(Self::Dropped {
                lost: facts.dropped,
                of: facts.packets.saturating_add(facts.dropped),
            }),
            (evicted > 0).then_some(Self::Evicted(evicted)),
            facts
                .syns_missing
                .then_some(Self::AnswersOnly(facts.unmatched_synacks)),
            facts.answers_missing.then_some(Self::SynsOnly {
                attempts: decided,
                servers: servers.len(),
            }),
            (facts.clock_steps > 0).then_some(Self::ClockSteps(facts.clock_steps)),
        ];
        doubts.into_iter().flatten().collect()
    }

    /// Whether silence means nothing any more: a verdict that rests on packets not seen cannot be given.
    pub(super) const fn forbids_silence(&self) -> bool {
        match self {
            Self::Dropped { lost, of } => *lost >= *of / 1000,
            Self::AnswersOnly(_) | Self::SynsOnly { .. } => true,
            Self::Evicted(_) | Self::ClockSteps(_) => false,
        }
    }

    /// Its name in reports for programs.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Dropped { .. } => "packets_dropped",
            Self::Evicted(_) => "attempts_evicted",
            Self::AnswersOnly(_) => "answers_only",
            Self::SynsOnly { .. } => "syns_only",
            Self::ClockSteps(_) => "clock_steps",
        }
    }

    /// What it means, and what helps.
    pub(super) fn sentence(&self) -> String {
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

const APART: Duration = Duration::from_secs(60);
