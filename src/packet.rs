//! Facts about one packet, as read from its headers: a TCP segment, or an ICMP error that quotes one.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};

/// What decoding makes of a frame that has to do with handshakes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packet {
    /// A TCP segment.
    Segment(Segment),
    /// An ICMP error about one.
    IcmpError(IcmpError),
}

impl Packet {
    /// The two ends it is about: who sent it, or what it quotes, and to whom.
    pub const fn ends(&self) -> (&Endpoint, &Endpoint) {
        match self {
            Self::Segment(segment) => (&segment.from, &segment.to),
            Self::IcmpError(error) => (&error.quote.from, &error.quote.to),
        }
    }

    /// Whether it is a segment that asks for a connection.
    pub const fn is_syn(&self) -> bool {
        matches!(self, Self::Segment(segment) if segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK))
    }

    /// Whether it is about a connection over IPv4.
    pub const fn is_v4(&self) -> bool {
        self.ends().0.address.is_v4()
    }

    /// Where it was met.
    pub const fn via(&self) -> CapturePoint {
        match self {
            Self::Segment(segment) => segment.via,
            Self::IcmpError(error) => error.via,
        }
    }
}

/// A TCP segment (RFC 9293 section 3.1), with what its IP header adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Where it was met.
    pub via: CapturePoint,
    /// Who sent it.
    pub from: Endpoint,
    /// Whom it is for.
    pub to: Endpoint,
    /// Sequence number; of a SYN, the initial one (ISN).
    pub sequence: u32,
    /// Acknowledgment number; meaningless without the ACK flag.
    pub acknowledgment: u32,
    /// Control bits.
    pub flags: Flags,
    /// TSval of the timestamps option (RFC 7323), where it has one.
    pub timestamp: Option<u32>,
    /// IPv4 identification; IPv6 has none.
    pub identification: Option<u16>,
    /// TTL, or hop limit.
    pub hop_limit: u8,
    /// Bytes of data it says it carries, whether they were captured or not.
    pub payload_length: u16,
    /// Whether ECE and CWR are both set: of a SYN, that it asks for ECN (RFC 3168 section 6.1.1).
    pub ecn_setup: bool,
}

/// An ICMP or ICMPv6 error message, and the TCP segment it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpError {
    /// Where it was met.
    pub via: CapturePoint,
    /// Who says so.
    pub reporter: Address,
    /// Who is told: the sender of the quoted segment, as a rule.
    pub recipient: Address,
    /// What is said.
    pub code: IcmpCode,
    /// About which segment.
    pub quote: Quote,
}

/// The start of the segment that an ICMP error quotes: at least ports and sequence number (RFC 792, RFC 4443).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Quote {
    /// Who sent the quoted segment.
    pub from: Endpoint,
    /// Whom it was for.
    pub to: Endpoint,
    /// Its sequence number.
    pub sequence: u32,
    /// Its control bits, where the quote is long enough to hold them.
    pub flags: Option<Flags>,
}

/// Where a packet was met, as far as the capture knows: one packet is met again and again on its way through a host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CapturePoint {
    /// Which interface: its index on this host where the link header has one, else the number of the capture.
    pub interface: u32,
    /// Into the host, out of it, or not known.
    pub direction: Direction,
    /// Whether that interface is the loopback.
    pub loopback: bool,
}

/// Which way a packet goes, seen from the host that captured it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// It came in.
    Entering,
    /// It went out.
    Leaving,
    /// The capture does not say.
    Unknown,
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Endpoint {
    /// The host.
    pub address: Address,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address.ip() {
            IpAddr::V4(v4) => write!(f, "{v4}:{}", self.port),
            IpAddr::V6(v6) => write!(f, "[{v6}]:{}", self.port),
        }
    }
}

/// An IP address of either family in one form, so that nothing is written twice: IPv4 as v4-mapped IPv6. It is compared,
/// masked and hashed far more often than it is written, so it is kept as a number, in two halves; aligned as little as ports
/// allow, for many packets wait at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C, packed(4))]
pub struct Address {
    high: u64,
    low: u64,
}

impl Address {
    /// Nobody's: `::`.
    pub const UNSPECIFIED: Self = Self { high: 0, low: 0 };

    /// The address as people write it; v4-mapped as IPv4.
    pub fn ip(self) -> IpAddr {
        Ipv6Addr::from_bits(self.bits()).to_canonical()
    }

    /// Whether it is IPv4.
    pub const fn is_v4(self) -> bool {
        self.high == 0 && self.low >> 32 == 0xffff
    }

    /// Whether it is one of the loopback's: 127.0.0.0/8, or `::1`.
    pub const fn is_loopback(self) -> bool {
        self.high == 0 && (self.low >> 24 == 0x00ff_ff7f || self.low == 1)
    }

    /// From the one form as a number.
    pub const fn from_bits(bits: u128) -> Self {
        Self {
            high: (bits >> 64) as u64,
            low: (bits & 0xffff_ffff_ffff_ffff) as u64,
        }
    }

    /// The one form as a number.
    pub const fn bits(self) -> u128 {
        (self.high as u128) << 64 | self.low as u128
    }

    /// All of it in four bytes: of IPv4 the address itself, of IPv6 a fold that tells most addresses apart.
    pub const fn folded(self) -> u32 {
        let both = if self.is_v4() {
            self.low & 0xffff_ffff
        } else {
            self.high ^ self.low
        };
        ((both ^ both >> 32) & 0xffff_ffff) as u32
    }

    /// The last four of its bytes: of IPv4 the address.
    pub const fn last_word(self) -> u32 {
        (self.low & 0xffff_ffff) as u32
    }

    /// The first twelve of its bytes, as words. With what is [folded](Self::folded) they are all of it.
    pub const fn first_words(self) -> [u32; 3] {
        [
            (self.high >> 32) as u32,
            (self.high & 0xffff_ffff) as u32,
            (self.low >> 32) as u32,
        ]
    }

    /// The address that begins with these words and folds to that.
    pub fn unfolded(folded: u32, first_words: [u32; 3]) -> Self {
        let [one, two, three] = first_words.map(u64::from);
        let start = Self {
            high: one << 32 | two,
            low: three << 32,
        };
        let last = if start.is_v4() {
            folded
        } else {
            folded ^ start.folded()
        };
        Self {
            low: start.low | u64::from(last),
            ..start
        }
    }
}

/// As one number.
impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.bits());
    }
}

impl<A: Into<IpAddr>> From<A> for Address {
    fn from(address: A) -> Self {
        match address.into() {
            IpAddr::V4(v4) => Self {
                high: 0,
                low: 0xffff << 32 | u64::from(v4.to_bits()),
            },
            IpAddr::V6(v6) => Self::from_bits(v6.to_bits()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

/// The control bits of a segment that matter here. ECE, CWR and the rest may stand beside them (RFC 3168): they are
/// masked away, so that an ECN-setup SYN is a SYN.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flags(u8);

impl Flags {
    /// FIN.
    pub const FIN: Self = Self(0x01);
    /// SYN.
    pub const SYN: Self = Self(0x02);
    /// RST.
    pub const RST: Self = Self(0x04);
    /// ACK.
    pub const ACK: Self = Self(0x10);

    /// From the thirteenth byte of a TCP header; bits of no interest here are dropped.
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte & (Self::FIN.0 | Self::SYN.0 | Self::RST.0 | Self::ACK.0))
    }

    /// These bits and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other`'s bits are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The ICMP and ICMPv6 errors, each with the name that its counter carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IcmpCode {
    /// 3/0, v6 1/0: no route there.
    NetUnreachable,
    /// 3/1, v6 1/3: the last router finds nobody at that address.
    HostUnreachable,
    /// 3/2: the host has no TCP.
    ProtocolUnreachable,
    /// 3/3, v6 1/4: what iptables' and nftables' REJECT say by default.
    PortUnreachable,
    /// 3/4, v6 2/0: too big to pass. Ends no attempt.
    FragmentationNeeded,
    /// 3/5.
    SourceRouteFailed,
    /// 3/6.
    NetUnknown,
    /// 3/7.
    HostUnknown,
    /// 3/8.
    SourceIsolated,
    /// 3/9.
    NetProhibited,
    /// 3/10.
    HostProhibited,
    /// 3/11.
    NetTos,
    /// 3/12.
    HostTos,
    /// 3/13, v6 1/1: a firewall says no.
    AdminProhibited,
    /// 3/14.
    PrecedenceViolation,
    /// 3/15.
    PrecedenceCutoff,
    /// v6 1/2.
    BeyondScope,
    /// v6 1/5: ingress or egress policy.
    PolicyFailed,
    /// v6 1/6: a reject route.
    RejectRoute,
    /// 4/0: obsolete (RFC 6633). Ends no attempt.
    SourceQuench,
    /// 11, v6 3: TTL or hop limit used up, as in a routing loop.
    TimeExceeded,
    /// 12, v6 4.
    ParameterProblem,
    /// Any other code of destination unreachable.
    UnreachableOther,
}

impl IcmpCode {
    /// The code by name: a label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NetUnreachable => "net_unreachable",
            Self::HostUnreachable => "host_unreachable",
            Self::ProtocolUnreachable => "protocol_unreachable",
            Self::PortUnreachable => "port_unreachable",
            Self::FragmentationNeeded => "fragmentation_needed",
            Self::SourceRouteFailed => "source_route_failed",
            Self::NetUnknown => "net_unknown",
            Self::HostUnknown => "host_unknown",
            Self::SourceIsolated => "source_isolated",
            Self::NetProhibited => "net_prohibited",
            Self::HostProhibited => "host_prohibited",
            Self::NetTos => "net_unreachable_for_tos",
            Self::HostTos => "host_unreachable_for_tos",
            Self::AdminProhibited => "admin_prohibited",
            Self::PrecedenceViolation => "precedence_violation",
            Self::PrecedenceCutoff => "precedence_cutoff",
            Self::BeyondScope => "beyond_scope",
            Self::PolicyFailed => "policy_failed",
            Self::RejectRoute => "reject_route",
            Self::SourceQuench => "source_quench",
            Self::TimeExceeded => "time_exceeded",
            Self::ParameterProblem => "parameter_problem",
            Self::UnreachableOther => "unreachable_other",
        }
    }

    /// Whether it ends a connection attempt; what only concerns size or speed does not (RFC 5461 section 3, RFC 6633).
    pub const fn ends_an_attempt(self) -> bool {
        !matches!(self, Self::FragmentationNeeded | Self::SourceQuench)
    }
}
