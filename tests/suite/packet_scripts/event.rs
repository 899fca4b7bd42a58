//! Events of the tracker in the words of the scripts: `open`, `syn retransmission`, `answered 35`, `failed refused`.

use std::fmt;
use std::time::Duration;

use tcp_handshake_exporter::handshake::{
    Answer, Event, FailureReason, OwnerId, PacketKind, Side, SynKind,
};
use tcp_handshake_exporter::packet::{Address, IcmpCode};

use super::icmp;

use crate::invariants::Emitted;

/// The phrases without parameters.
pub(super) const PHRASES: [(&str, EventKind); 24] = [
    ("open", EventKind::Open),
    ("syn", EventKind::Syn(SynKind::First)),
    (
        "syn retransmission",
        EventKind::Syn(SynKind::Retransmission),
    ),
    ("syn simultaneous", EventKind::Syn(SynKind::Simultaneous)),
    ("synack", EventKind::SynAck),
    ("synack retransmission", EventKind::SynAckRetransmission),
    ("rst by client", EventKind::Rst(Side::Client)),
    ("rst by server", EventKind::Rst(Side::Server)),
    (
        "failed unanswered",
        EventKind::Failed(FailureReason::Unanswered),
    ),
    ("failed refused", EventKind::Failed(FailureReason::Refused)),
    (
        "failed unreachable",
        EventKind::Failed(FailureReason::Unreachable),
    ),
    (
        "failed prohibited",
        EventKind::Failed(FailureReason::Prohibited),
    ),
    ("evicted", EventKind::Evicted),
    ("duplicate syn", EventKind::Duplicate(PacketKind::Syn)),
    ("duplicate synack", EventKind::Duplicate(PacketKind::SynAck)),
    ("duplicate rst", EventKind::Duplicate(PacketKind::Rst)),
    ("duplicate icmp", EventKind::Duplicate(PacketKind::Icmp)),
    (
        "unacceptable synack",
        EventKind::Unacceptable(PacketKind::SynAck),
    ),
    ("unacceptable rst", EventKind::Unacceptable(PacketKind::Rst)),
    ("invalid syn", EventKind::InvalidSyn),
    ("unmatched synack", EventKind::Unmatched(PacketKind::SynAck)),
    ("unmatched rst", EventKind::Unmatched(PacketKind::Rst)),
    ("unmatched icmp", EventKind::Unmatched(PacketKind::Icmp)),
    ("clock step", EventKind::ClockStep),
];

/// An event with the attempt's name in the script. The only attempt of a script needs no name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ScriptEvent {
    pub(super) attempt: Option<String>,
    pub(super) kind: EventKind,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum EventKind {
    Open,
    Syn(SynKind),
    SynAck,
    SynAckRetransmission,
    Rst(Side),
    Icmp(IcmpCode, Address),
    Answered(Answer),
    Failed(FailureReason),
    Completed(Duration),
    Evicted,
    Duplicate(PacketKind),
    Unacceptable(PacketKind),
    InvalidSyn,
    Unmatched(PacketKind),
    ClockStep,
}

impl EventKind {
    /// Returns the phrases of an event and the attempt it belongs to: first the packet, then its effect.
    pub(super) fn of(emitted: &Emitted, by_segment: bool) -> (Option<OwnerId>, Vec<Self>) {
        let event = match emitted {
            // `Opened` stands for the first SYN as well, which scripts name separately.
            Emitted::Opened(owner) if by_segment => {
                return (Some(*owner), vec![Self::Open, Self::Syn(SynKind::First)]);
            }
            Emitted::Opened(owner) => return (Some(*owner), vec![Self::Open]),
            Emitted::Event(event) => event,
        };
        let (owner, effect) = Self::effect(event);
        let packet = match *event {
            Event::Answered(..) => Some(Self::SynAck),
            Event::Failed(_, FailureReason::Refused) => Some(Self::Rst(Side::Server)),
            _ => None,
        };
        (owner, packet.into_iter().chain([effect]).collect())
    }

    fn effect(event: &Event) -> (Option<OwnerId>, Self) {
        match *event {
            Event::Syn(owner, kind) => (Some(owner), Self::Syn(kind)),
            Event::SynAckRetransmission(owner) => (Some(owner), Self::SynAckRetransmission),
            Event::Rst(owner, side) => (Some(owner), Self::Rst(side)),
            Event::IcmpError(owner, code, reporter) => (Some(owner), Self::Icmp(code, reporter)),
            Event::Answered(owner, answer) => (Some(owner), Self::Answered(answer)),
            Event::Failed(owner, reason) => (Some(owner), Self::Failed(reason)),
            Event::Completed(owner, after) => (Some(owner), Self::Completed(after)),
            Event::Evicted(owner) => (Some(owner), Self::Evicted),
            Event::Duplicate(kind) => (None, Self::Duplicate(kind)),
            Event::Unacceptable(kind) => (None, Self::Unacceptable(kind)),
            Event::ClockStep => (None, Self::ClockStep),
            Event::InvalidSyn => (None, Self::InvalidSyn),
            Event::Unmatched(kind) => (None, Self::Unmatched(kind)),
        }
    }

    /// `true` if the event belongs to an attempt, so that scripts with several attempts name it.
    pub(super) fn has_attempt(&self) -> bool {
        !matches!(
            self,
            Self::Duplicate(_)
                | Self::Unacceptable(_)
                | Self::InvalidSyn
                | Self::Unmatched(_)
                | Self::ClockStep
        )
    }
}

impl fmt::Display for ScriptEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.attempt {
            Some(name) => write!(f, "{name}: {}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(Answer {
                latency,
                late: false,
            }) => write!(f, "answered {}", millis(*latency)),
            Self::Answered(Answer {
                latency,
                late: true,
            }) => write!(f, "answered late {}", millis(*latency)),
            Self::Completed(after) => write!(f, "completed {}", millis(*after)),
            Self::Icmp(code, reporter) => write!(f, "icmp {} by {reporter}", icmp::name(*code)),
            fixed => match PHRASES.iter().find(|(_, kind)| kind == fixed) {
                Some((phrase, _)) => f.write_str(phrase),
                None => write!(f, "{fixed:?}"),
            },
        }
    }
}

/// Formats milliseconds as scripts write them: `35`, `0.25`.
fn millis(duration: Duration) -> String {
    let whole = duration.as_millis();
    let nanos = duration.as_nanos() % 1_000_000;
    if nanos == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{nanos:06}")
            .trim_end_matches('0')
            .to_string()
    }
}
