//! The numbers of one set.

use std::sync::Arc;
use std::time::Duration;

use super::exemplar::{Connection, Exemplars, Slot};
use super::histogram::{Histogram, Layout};
use crate::handshake::{Answer, FailureReason, Side, SynKind};
use crate::labels::Reporter;
use crate::packet::IcmpCode;

/// All counts of one (vantage, local address, port, peer), made together at zero. A clone shares what is large.
#[derive(Clone, Default, PartialEq, Debug)]
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
    /// Written to a copy of its own while a scrape still reads it.
    pub(super) details: Arc<Details>,
}

/// What takes room of its own, once there is something to tell.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Details {
    pub(super) latency: Histogram,
    pub(super) ack_latency: Histogram,
    pub(super) icmp_errors: Vec<IcmpCount>,
    pub(super) exemplars: Exemplars,
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
    /// Attempts began, each with its first SYN or with the rejection of one that nobody saw.
    Opened {
        /// How many.
        attempts: u32,
        /// Whether the SYN was met.
        by_syn: bool,
    },
    /// A SYN.
    Syn(SynKind),
    /// A SYN that opens nothing.
    InvalidSyn,
    /// A SYN/ACK that was sent again.
    SynAck,
    /// A RST that decided nothing.
    Rst(Side),
    /// An ICMP error.
    IcmpError(IcmpCode, Reporter),
    /// An answer, that is an acceptable SYN/ACK.
    Answered(Answer),
    /// A failure; a refusal is a RST by the server.
    Failed(FailureReason),
    /// The third leg.
    Completed(Duration),
    /// So many attempts were forgotten while they waited.
    Evicted(u32),
}

impl SetCounts {
    /// Counts one fact, about this connection where it is known, which becomes an exemplar of a failure or a slow answer.
    pub(super) fn count(
        &mut self,
        layout: &Layout,
        event: &SetEvent,
        connection: Option<Connection>,
    ) {
        match *event {
            SetEvent::Opened { attempts, by_syn } => {
                self.attempts += u64::from(attempts);
                self.syns += u64::from(if by_syn { attempts } else { 0 });
            }
            SetEvent::Syn(kind) => {
                self.syns += 1;
                self.syn_retransmissions += u64::from(kind == SynKind::Retransmission);
            }
            SetEvent::InvalidSyn => self.syns += 1,
            SetEvent::SynAck => {
                self.synacks += 1;
                self.synack_retransmissions += 1;
            }
            SetEvent::Rst(Side::Client) => self.rsts_by_client += 1,
            SetEvent::Rst(Side::Server) => self.rsts_by_server += 1,
            SetEvent::IcmpError(code, reporter) => self.count_icmp_error(code, reporter),
            SetEvent::Answered(Answer { latency, late }) => {
                self.count_answer(layout, latency, late, connection);
            }
            SetEvent::Failed(reason) => {
                self.rsts_by_server += u64::from(reason == FailureReason::Refused);
                for (count, _) in self
                    .failures
                    .iter_mut()
                    .zip(REASONS)
                    .filter(|(_, of)| of.0 == reason)
                {
                    *count += 1;
                }
                if let Some(connection) = connection {
                    Arc::make_mut(&mut self.details).exemplars.note(
                        Slot::Failure(reason),
                        connection,
                        1.0,
                    );
                }
            }
            SetEvent::Completed(latency) => {
                self.completed += 1;
                Arc::make_mut(&mut self.details)
                    .ack_latency
                    .observe(layout, latency);
            }
            SetEvent::Evicted(attempts) => self.evicted += u64::from(attempts),
        }
    }

    fn count_answer(
        &mut self,
        layout: &Layout,
        latency: Duration,
        late: bool,
        connection: Option<Connection>,
    ) {
        self.synacks += 1;
        *(if late {
            &mut self.late_answers
        } else {
            &mut self.answered
        }) += 1;
        let details = Arc::make_mut(&mut self.details);
        let bucket = details.latency.observe(layout, latency);
        if latency > EXEMPLAR_THRESHOLD
            && let Some(connection) = connection
        {
            details
                .exemplars
                .note(Slot::Latency(bucket), connection, latency.as_secs_f64());
        }
    }

    /// Who answers with what is up to the network: past four kinds they are counted together.
    fn count_icmp_error(&mut self, code: IcmpCode, reporter: Reporter) {
        let is = |count: &IcmpCount, code| count.code == code && count.reporter == reporter;
        let counts = &mut Arc::make_mut(&mut self.details).icmp_errors;
        let known = counts.iter().any(|count| is(count, Some(code)));
        let named = counts.iter().filter(|count| count.code.is_some()).count();
        let code = (known || named < MAX_ICMP).then_some(code);
        match counts.iter_mut().find(|count| is(count, code)) {
            Some(counted) => counted.count += 1,
            None => counts.push(IcmpCount {
                code,
                reporter,
                count: 1,
            }),
        }
    }
}

/// The reasons of failure, in the order they are shown, with their label values.
pub(super) const REASONS: [(FailureReason, &str); 4] = [
    (FailureReason::Unanswered, "unanswered"),
    (FailureReason::Refused, "refused"),
    (FailureReason::Unreachable, "unreachable"),
    (FailureReason::Prohibited, "prohibited"),
];

/// The label value of an ICMP code.
pub(super) const fn name_of(code: Option<IcmpCode>) -> &'static str {
    match code {
        Some(code) => code.as_str(),
        None => "other",
    }
}

/// Above this a latency has an exemplar: most paths that are no detour take less.
pub const EXEMPLAR_THRESHOLD: Duration = Duration::from_millis(100);

/// Different (code, reporter) that a set tells apart.
const MAX_ICMP: usize = 4;
