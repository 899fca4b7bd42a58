//! What happened to the attempts of one set in a while, as counts.

use std::sync::LazyLock;
use std::time::Duration;

use crate::handshake::{Answer, Event, FailureReason, Side, SynKind};

/// Counts of one slice of time, or the sum of many.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct AttemptCounts {
    pub(super) attempts: u32,
    pub(super) syns: u32,
    pub(super) syn_repeats: u32,
    pub(super) synacks: u32,
    pub(super) synack_repeats: u32,
    pub(super) client_rsts: u32,
    pub(super) server_rsts: u32,
    pub(super) answered: u32,
    pub(super) late: u32,
    pub(super) unanswered: u32,
    pub(super) refused: u32,
    pub(super) unreachable: u32,
    pub(super) prohibited: u32,
    pub(super) evicted: u32,
    pub(super) completed: u32,
    /// Answers in time that came after the SYN was due again.
    pub(super) after_a_repeat: u32,
    /// Attempts that began with an ECN-setup SYN.
    pub(super) ecn: u32,
    /// Answers to a SYN with ECN, to one without that repeated one with it, and to one that never had it.
    pub(super) ecn_answered: u32,
    pub(super) ecn_answered_plain: u32,
    pub(super) plain_answered: u32,
    /// In transit: SYNs and SYN/ACKs that came in, and those that were seen to go out again.
    pub(super) syns_in: u32,
    pub(super) syns_on: u32,
    pub(super) synacks_in: u32,
    pub(super) synacks_on: u32,
    /// In transit: refusals that were first met on their way out.
    pub(super) refused_from_here: u32,
    /// Answers that met a client which had given up: it sent a RST and no ACK.
    pub(super) given_up: u32,
    pub(super) latency: [u32; BINS],
    pub(super) longest_micros: u32,
}

impl AttemptCounts {
    /// Counts one fact. Whether the SYN of an attempt that begins was met, the packet tells.
    pub(super) fn count(&mut self, event: &Event) {
        match *event {
            Event::Opened(_) => self.attempts += 1,
            Event::Syn(_, kind) => {
                self.syns += 1;
                self.syn_repeats += u32::from(kind == SynKind::Retransmission);
            }
            Event::SynAck(_) => {
                self.synacks += 1;
                self.synack_repeats += 1;
            }
            Event::Rst(_, Side::Client) => self.client_rsts += 1,
            Event::Rst(_, Side::Server) => self.server_rsts += 1,
            Event::Answered(_, Answer { latency, late }) => self.answer(latency, late),
            Event::Failed(_, FailureReason::Unanswered) => self.unanswered += 1,
            Event::Failed(_, FailureReason::Refused) => {
                self.server_rsts += 1;
                self.refused += 1;
            }
            Event::Failed(_, FailureReason::Unreachable) => self.unreachable += 1,
            Event::Failed(_, FailureReason::Prohibited) => self.prohibited += 1,
            Event::Evicted(_) => self.evicted += 1,
            Event::Completed(..) => self.completed += 1,
            _ => {}
        }
    }

    fn answer(&mut self, latency: Duration, late: bool) {
        self.synacks += 1;
        if late {
            self.late += 1;
        } else {
            self.answered += 1;
            self.after_a_repeat += u32::from(latency >= REPEATED);
        }
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        self.longest_micros = self.longest_micros.max(micros);
        if let Some(bin) = self.latency.get_mut(bin_of(micros)) {
            *bin += 1;
        }
    }

    /// Adds what happened in another while.
    pub(super) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.attempts, other.attempts),
            (&mut self.syns, other.syns),
            (&mut self.syn_repeats, other.syn_repeats),
            (&mut self.synacks, other.synacks),
            (&mut self.synack_repeats, other.synack_repeats),
            (&mut self.client_rsts, other.client_rsts),
            (&mut self.server_rsts, other.server_rsts),
            (&mut self.answered, other.answered),
            (&mut self.late, other.late),
            (&mut self.unanswered, other.unanswered),
            (&mut self.refused, other.refused),
            (&mut self.unreachable, other.unreachable),
            (&mut self.prohibited, other.prohibited),
            (&mut self.evicted, other.evicted),
            (&mut self.completed, other.completed),
            (&mut self.after_a_repeat, other.after_a_repeat),
            (&mut self.ecn, other.ecn),
            (&mut self.ecn_answered, other.ecn_answered),
            (&mut self.ecn_answered_plain, other.ecn_answered_plain),
            (&mut self.plain_answered, other.plain_answered),
            (&mut self.syns_in, other.syns_in),
            (&mut self.syns_on, other.syns_on),
            (&mut self.synacks_in, other.synacks_in),
            (&mut self.synacks_on, other.synacks_on),
            (&mut self.refused_from_here, other.refused_from_here),
            (&mut self.given_up, other.given_up),
        ];
        for (own, others) in pairs
            .into_iter()
            .chain(self.latency.iter_mut().zip(other.latency))
        {
            *own = own.saturating_add(others);
        }
        self.longest_micros = self.longest_micros.max(other.longest_micros);
    }

    /// Attempts that failed, for whatever reason.
    pub(super) const fn failed(&self) -> u32 {
        self.unanswered
            .saturating_add(self.refused)
            .saturating_add(self.rejected())
    }

    /// Attempts that an ICMP error ended.
    pub(super) const fn rejected(&self) -> u32 {
        self.unreachable.saturating_add(self.prohibited)
    }

    /// Attempts of which it is known how they ended.
    pub(super) const fn decided(&self) -> u32 {
        self.answered.saturating_add(self.failed())
    }

    /// How long the given share of answers took at most, to a quarter or so.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let all: u32 = self.latency.iter().sum();
        let wanted = (f64::from(all) * share).ceil().max(1.0);
        let mut seen = 0;
        let bin = self.latency.iter().position(|count| {
            seen += count;
            f64::from(seen) >= wanted
        })?;
        let top = FIRST_BIN * FACTOR.powi(i32::try_from(bin).unwrap_or(0));
        Some(Duration::from_secs_f64(top).min(self.longest()))
    }

    /// How long the slowest answer took.
    pub(super) const fn longest(&self) -> Duration {
        Duration::from_micros(self.longest_micros as u64)
    }
}

fn bin_of(micros: u32) -> usize {
    TOPS.partition_point(|top| *top < micros)
}

/// The bounds of all bins but the last, in microseconds.
static TOPS: LazyLock<[u32; BINS - 1]> = LazyLock::new(|| {
    std::array::from_fn(|bin| {
        let top = Duration::from_secs_f64(FIRST_BIN * FACTOR.powi(i32::try_from(bin).unwrap_or(0)));
        u32::try_from(top.as_micros()).unwrap_or(u32::MAX)
    })
});

/// An answer that took so long came after the SYN was due again, for clients repeat it after a second (RFC 6298).
const REPEATED: Duration = Duration::from_millis(950);
const BINS: usize = 32;
/// Upper bound of the first bin, in seconds; each next is wider by the factor. The last holds all above 14 s.
const FIRST_BIN: f64 = 50e-6;
const FACTOR: f64 = 1.5;
