//! The verdicts: a closed set.

/// What is wrong with a set, or that nothing is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// What was captured cannot carry a verdict.
    CaptureUntrusted,
    /// One peer asks many ports in vain, or this host does.
    Scan,
    /// Many strangers open and never finish.
    Flood,
    /// An ICMP error says no.
    Rejected,
    /// A RST that does not look like the server's.
    RefusedOnTheWay,
    /// A RST: nothing listens.
    Refused,
    /// This host passes SYNs, or answers, on to others, and does not.
    DroppedHere,
    /// This host is asked and says nothing.
    HostSilent,
    /// This host answers some and says nothing to others.
    HostOverloaded,
    /// SYNs that ask for ECN get no answer, plain ones do.
    EcnDropped,
    /// Answers come after clients may have given up.
    Late,
    /// The server answers, and the handshake is not completed.
    AckLost,
    /// The far side answers some and says nothing to others.
    FarOverloaded,
    /// Single packets are lost: answers come after a repeated SYN.
    Loss,
    /// Nothing comes back at all.
    SilentDrop,
    /// Answers take much longer than they did.
    Slow,
    /// Nothing was decided yet.
    Undecided,
    /// All is well.
    Fine,
}

/// How sure a verdict is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Confidence {
    /// It fits, and so do others.
    Low,
    /// It is the likeliest.
    Medium,
    /// The packets say so themselves.
    High,
}

impl Verdict {
    /// All of them.
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

    /// Its name in reports for programs. These names stay.
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

    /// Its name for people.
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

    /// Whether somebody should do something.
    pub const fn is_wrong(self) -> bool {
        !matches!(self, Self::Undecided | Self::Fine)
    }
}

impl Confidence {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
