//! What a tracker tells, in the words of the stories: `open`, `syn again`, `answered 35`, `failed refused`.

use std::fmt;
use std::time::Duration;

use tcp_handshake_exporter::handshake::{
    Answer, Event, FailureReason, OwnerId, PacketKind, Side, SynKind,
};
use tcp_handshake_exporter::packet::{Address, IcmpCode};

use super::icmp;

/// An event, with the attempt's name in the story; the only attempt of a story needs none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fact {
    pub(super) attempt: Option<String>,
    pub(super) what: What,
}

/// What is said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum What {
    Open,
    Syn(SynKind),
    SynAck,
    SynAckAgain,
    Rst(Side),
    Icmp(IcmpCode, Address),
    Answered(Answer),
    Failed(FailureReason),
    Completed(Duration),
    Evicted,
    Copy(PacketKind),
    Unacceptable(PacketKind),
    OddSyn,
    Unmatched(PacketKind),
    ClockStep,
}

impl What {
    /// Puts an event into words, with the attempt it is about: first what was met, then what that means.
    pub(super) fn of(event: &Event, by_segment: bool) -> (Option<OwnerId>, Vec<Self>) {
        let (owner, what) = Self::meant(event);
        let met = match *event {
            Event::Answered(..) => Some(Self::SynAck),
            Event::Failed(_, FailureReason::Refused) => Some(Self::Rst(Side::Server)),
            _ => None,
        };
        // The SYN that opens an attempt is told by that.
        let first = (by_segment && what == Self::Open).then_some(Self::Syn(SynKind::First));
        (owner, met.into_iter().chain([what]).chain(first).collect())
    }

    fn meant(event: &Event) -> (Option<OwnerId>, Self) {
        match *event {
            Event::Opened(_) => (None, Self::Open),
            Event::Syn(owner, kind) => (Some(owner), Self::Syn(kind)),
            Event::SynAck(owner) => (Some(owner), Self::SynAckAgain),
            Event::Rst(owner, side) => (Some(owner), Self::Rst(side)),
            Event::IcmpError(owner, code, reporter) => (Some(owner), Self::Icmp(code, reporter)),
            Event::Answered(owner, answer) => (Some(owner), Self::Answered(answer)),
            Event::Failed(owner, reason) => (Some(owner), Self::Failed(reason)),
            Event::Completed(owner, after) => (Some(owner), Self::Completed(after)),
            Event::Evicted(owner) => (Some(owner), Self::Evicted),
            Event::Duplicate(kind) => (None, Self::Copy(kind)),
            Event::Unacceptable(kind) => (None, Self::Unacceptable(kind)),
            Event::ClockStep => (None, Self::ClockStep),
            Event::InvalidSyn => (None, Self::OddSyn),
            Event::Unmatched(kind) => (None, Self::Unmatched(kind)),
        }
    }

    /// Whether it is about an attempt, and so goes by a name where there are several.
    pub(super) fn has_attempt(&self) -> bool {
        !matches!(
            self,
            Self::Copy(_)
                | Self::Unacceptable(_)
                | Self::OddSyn
                | Self::Unmatched(_)
                | Self::ClockStep
        )
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.attempt {
            Some(name) => write!(f, "{name}: {}", self.what),
            None => self.what.fmt(f),
        }
    }
}

impl fmt::Display for What {
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
            fixed => match PHRASES.iter().find(|(_, what)| what == fixed) {
                Some((phrase, _)) => f.write_str(phrase),
                None => write!(f, "{fixed:?}"),
            },
        }
    }
}

/// Milliseconds as the stories write them: `35`, `0.25`.
fn millis(duration: Duration) -> String {
    let (whole, nanos) = (duration.as_millis(), duration.as_nanos() % 1_000_000);
    if nanos == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{nanos:06}")
            .trim_end_matches('0')
            .to_string()
    }
}

/// What is said in fixed words.
pub(super) const PHRASES: [(&str, What); 24] = [
    ("open", What::Open),
    ("syn", What::Syn(SynKind::First)),
    ("syn again", What::Syn(SynKind::Retransmission)),
    ("syn simultaneous", What::Syn(SynKind::Simultaneous)),
    ("synack", What::SynAck),
    ("synack again", What::SynAckAgain),
    ("rst by client", What::Rst(Side::Client)),
    ("rst by server", What::Rst(Side::Server)),
    ("failed unanswered", What::Failed(FailureReason::Unanswered)),
    ("failed refused", What::Failed(FailureReason::Refused)),
    (
        "failed unreachable",
        What::Failed(FailureReason::Unreachable),
    ),
    ("failed prohibited", What::Failed(FailureReason::Prohibited)),
    ("evicted", What::Evicted),
    ("copy syn", What::Copy(PacketKind::Syn)),
    ("copy synack", What::Copy(PacketKind::SynAck)),
    ("copy rst", What::Copy(PacketKind::Rst)),
    ("copy icmp", What::Copy(PacketKind::Icmp)),
    (
        "unacceptable synack",
        What::Unacceptable(PacketKind::SynAck),
    ),
    ("unacceptable rst", What::Unacceptable(PacketKind::Rst)),
    ("odd syn", What::OddSyn),
    ("unmatched synack", What::Unmatched(PacketKind::SynAck)),
    ("unmatched rst", What::Unmatched(PacketKind::Rst)),
    ("unmatched icmp", What::Unmatched(PacketKind::Icmp)),
    ("clock step", What::ClockStep),
];
