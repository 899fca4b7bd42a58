//! The numbers of one set.

use std::time::Duration;

use super::histogram::{Bounds, Histogram};
use crate::handshake::{Answer, Reason, Repeat, Side, SynKind};
use crate::labels::Reporter;
use crate::packet::IcmpCode;

/// All counts of one (vantage, local address, port, peer), made together at zero.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetCounts {
    pub(super) syns: u64,
    pub(super) syn_retransmissions: u64,
    pub(super) synacks: u64,
    pub(super) synack_retransmissions: u64,
    pub(super) rsts_by_client: u64,
    pub(super) rsts_by_server: u64,
    pub(super) attempts: u64,
    pub(super) answered: u64,
    pub(super) failures: [u64; REASONS.len()],
    pub(super) late_answers: u64,
    pub(super) evicted: u64,
    pub(super) completed: u64,
    pub(super) latency: Histogram,
    pub(super) ack_latency: Histogram,
    pub(super) icmp_errors: Vec<IcmpCount>,
}

/// ICMP errors of one code from one kind of reporter. No code: all those for which there was no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IcmpCount {
    pub(super) code: Option<IcmpCode>,
    pub(super) reporter: Reporter,
    pub(super) count: u64,
}

/// One fact that a set counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetEvent {
    /// An attempt began.
    Opened,
    /// A SYN.
    Syn(SynKind),
    /// A SYN that opens nothing.
    OddSyn,
    /// An acceptable SYN/ACK.
    SynAck(Repeat),
    /// A RST.
    Rst(Side),
    /// An ICMP error.
    IcmpError(IcmpCode, Reporter),
    /// An answer.
    Answered(Answer),
    /// A failure.
    Failed(Reason),
    /// The third leg.
    Completed(Duration),
    /// Forgotten while it waited.
    Evicted,
}

impl SetCounts {
    /// All at zero.
    pub fn new(bounds: &Bounds) -> Self {
        Self {
            syns: 0,
            syn_retransmissions: 0,
            synacks: 0,
            synack_retransmissions: 0,
            rsts_by_client: 0,
            rsts_by_server: 0,
            attempts: 0,
            answered: 0,
            failures: [0; REASONS.len()],
            late_answers: 0,
            evicted: 0,
            completed: 0,
            latency: Histogram::new(bounds),
            ack_latency: Histogram::new(bounds),
            icmp_errors: Vec::new(),
        }
    }

    /// Counts one fact.
    pub fn count(&mut self, bounds: &Bounds, event: SetEvent) {
        match event {
            SetEvent::Opened => self.attempts += 1,
            SetEvent::Syn(kind) => {
                self.syns += 1;
                self.syn_retransmissions += u64::from(kind == SynKind::Retransmission);
            }
            SetEvent::OddSyn => self.syns += 1,
            SetEvent::SynAck(repeat) => {
                self.synacks += 1;
                self.synack_retransmissions += u64::from(repeat == Repeat::Retransmission);
            }
            SetEvent::Rst(Side::Client) => self.rsts_by_client += 1,
            SetEvent::Rst(Side::Server) => self.rsts_by_server += 1,
            SetEvent::IcmpError(code, reporter) => self.count_icmp_error(code, reporter),
            SetEvent::Answered(Answer { latency, late }) => {
                *(if late { &mut self.late_answers } else { &mut self.answered }) += 1;
                self.latency.observe(bounds, latency);
            }
            SetEvent::Failed(reason) => {
                for (count, _) in self.failures.iter_mut().zip(REASONS).filter(|(_, of)| of.0 == reason) {
                    *count += 1;
                }
            }
            SetEvent::Completed(latency) => {
                self.completed += 1;
                self.ack_latency.observe(bounds, latency);
            }
            SetEvent::Evicted => self.evicted += 1,
        }
    }

    /// Who answers with what is up to the network: past four kinds they are counted together.
    fn count_icmp_error(&mut self, code: IcmpCode, reporter: Reporter) {
        let is = |count: &IcmpCount, code| count.code == code && count.reporter == reporter;
        let known = self.icmp_errors.iter().any(|count| is(count, Some(code)));
        let named = self.icmp_errors.iter().filter(|count| count.code.is_some()).count();
        let code = (known || named < MAX_ICMP).then_some(code);
        match self.icmp_errors.iter_mut().find(|count| is(count, code)) {
            Some(counted) => counted.count += 1,
            None => self.icmp_errors.push(IcmpCount { code, reporter, count: 1 }),
        }
    }
}

/// The reasons of failure, in the order they are shown, with their label values.
pub(super) const REASONS: [(Reason, &str); 4] = [
    (Reason::Unanswered, "unanswered"),
    (Reason::Refused, "refused"),
    (Reason::Unreachable, "unreachable"),
    (Reason::Prohibited, "prohibited"),
];

/// The label value of an ICMP code.
pub(super) const fn name_of(code: Option<IcmpCode>) -> &'static str {
    match code {
        Some(code) => code.as_str(),
        None => "other",
    }
}

/// Different (code, reporter) that a set tells apart.
const MAX_ICMP: usize = 4;
