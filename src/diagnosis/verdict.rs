//! The closed set of verdicts on a label set, and the confidence of a verdict.
//!
//! `rules` selects the verdict; `summary`, `advice` and `report` describe it.

/// The fault that the attempts of a label set show, if any.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// The capture is too incomplete for a verdict.
    CaptureUntrusted,
    /// A peer tries many ports of this host without an answer, or this host tries many ports or
    /// peers.
    Scan,
    /// Many peers open connections and do not complete them.
    Flood,
    /// An ICMP error ends the attempts.
    Rejected,
    /// A RST ends the attempts, and it does not seem to come from the server.
    RefusedOnTheWay,
    /// A RST ends the attempts: no process listens on the port.
    Refused,
    /// This host receives SYNs or SYN/ACKs to forward, and does not send them on.
    DroppedHere,
    /// SYNs arrive at this host, and no answer leaves it.
    HostSilent,
    /// This host answers some attempts, and others not at all.
    HostOverloaded,
    /// ECN-setup SYNs get no answer, and SYNs without ECN do.
    EcnDropped,
    /// Answers come after the client may have closed its socket.
    Late,
    /// The server answers, and the final ACK of the handshake does not arrive.
    AckLost,
    /// The server at the far end answers some attempts, and others not at all.
    FarOverloaded,
    /// Single packets are lost: answers come after a SYN retransmission.
    Loss,
    /// No packet comes back.
    SilentDrop,
    /// Answers take much longer than before.
    Slow,
    /// No attempt has a result yet.
    Undecided,
    /// There is no fault.
    Fine,
}

/// The certainty of a verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Confidence {
    /// The evidence fits the verdict, and it fits others as well.
    Low,
    /// The verdict is the most likely explanation.
    Medium,
    /// The packets themselves state the cause.
    High,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 18] = [
        Self::CaptureUntrusted,
        Self::Scan,
        Self::Flood,
        Self::Rejected,
        Self::RefusedOnTheWay,
        Self::Refused,
        Self::DroppedHere,
        Self::HostSilent,
        Self::HostOverloaded,
        Self::EcnDropped,
        Self::Late,
        Self::AckLost,
        Self::FarOverloaded,
        Self::Loss,
        Self::SilentDrop,
        Self::Slow,
        Self::Undecided,
        Self::Fine,
    ];

    /// Returns the key of the verdict in JSON reports. Keys are stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CaptureUntrusted => "capture_untrusted",
            Self::Scan => "scan",
            Self::Flood => "flood",
            Self::Rejected => "rejected",
            Self::RefusedOnTheWay => "refused_on_the_way",
            Self::Refused => "refused",
            Self::DroppedHere => "dropped_here",
            Self::HostSilent => "host_silent",
            Self::HostOverloaded => "host_overloaded",
            Self::EcnDropped => "ecn_dropped",
            Self::Late => "late",
            Self::AckLost => "ack_lost",
            Self::FarOverloaded => "far_overloaded",
            Self::Loss => "loss",
            Self::SilentDrop => "silent_drop",
            Self::Slow => "slow",
            Self::Undecided => "undecided",
            Self::Fine => "fine",
        }
    }

    /// Returns the name of the verdict in text reports.
    pub const fn title(self) -> &'static str {
        match self {
            Self::CaptureUntrusted => "capture not to be trusted",
            Self::Scan => "scan",
            Self::Flood => "flood of SYNs",
            Self::Rejected => "rejected by ICMP",
            Self::RefusedOnTheWay => "refused on the way",
            Self::Refused => "refused",
            Self::DroppedHere => "dropped by this host on its way through",
            Self::HostSilent => "this host does not answer",
            Self::HostOverloaded => "this host is overloaded",
            Self::EcnDropped => "SYNs with ECN are dropped",
            Self::Late => "answered too late",
            Self::AckLost => "replies leave, the ACK never comes back",
            Self::FarOverloaded => "far side overloaded",
            Self::Loss => "packets are lost",
            Self::SilentDrop => "silent drop",
            Self::Slow => "slow",
            Self::Undecided => "undecided",
            Self::Fine => "fine",
        }
    }

    /// Returns `true` if the verdict is a fault.
    pub const fn is_wrong(self) -> bool {
        !matches!(self, Self::Undecided | Self::Fine)
    }
}

impl Confidence {
    /// Returns the key of the confidence in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
