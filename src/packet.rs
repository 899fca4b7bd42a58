//! Facts about one packet, as read from its headers: a TCP segment, or an ICMP error that quotes
//! one.
//!
//! `decode` produces packets; all later modules read them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};

/// A decoded packet that is relevant to handshakes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packet {
    /// A TCP segment.
    Segment(Segment),
    /// An ICMP error that quotes a TCP segment.
    IcmpError(IcmpError),
}

impl Packet {
    /// Returns the source and the destination of the segment, or of the quoted segment.
    pub const fn endpoints(&self) -> (&Endpoint, &Endpoint) {
        match self {
            Self::Segment(segment) => (&segment.from, &segment.to),
            Self::IcmpError(error) => (&error.quote.from, &error.quote.to),
        }
    }

    /// Returns `true` if it is a segment that requests a connection: SYN set, ACK not set.
    pub const fn is_syn(&self) -> bool {
        matches!(self, Self::Segment(segment) if segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK))
    }

    /// Returns `true` if the segment, or the quoted segment, is IPv4.
    pub const fn is_v4(&self) -> bool {
        self.endpoints().0.address.is_v4()
    }

    /// Returns where it was captured.
    pub const fn via(&self) -> CapturePoint {
        match self {
            Self::Segment(segment) => segment.via,
            Self::IcmpError(error) => error.via,
        }
    }
}

/// A TCP segment (RFC 9293 section 3.1), with fields of its IP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Where it was captured.
    pub via: CapturePoint,
    /// Source.
    pub from: Endpoint,
    /// Destination.
    pub to: Endpoint,
    /// Sequence number; in a SYN, the initial sequence number (ISN).
    pub sequence: u32,
    /// Acknowledgment number; meaningless without the ACK flag.
    pub acknowledgment: u32,
    /// Control bits.
    pub flags: Flags,
    /// TSval of the timestamps option (RFC 7323). `None` if the segment has no such option.
    pub timestamp: Option<u32>,
    /// IPv4 identification. `None` for IPv6.
    pub identification: Option<u16>,
    /// TTL, or hop limit.
    pub hop_limit: u8,
    /// Payload length in bytes according to the headers, captured or not.
    pub payload_length: u16,
    /// `true` if ECE and CWR are both set: a SYN then requests ECN (RFC 3168 section 6.1.1).
    pub ecn_setup: bool,
}

/// An ICMP or ICMPv6 error message, and the TCP segment it quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpError {
    /// Where it was captured.
    pub via: CapturePoint,
    /// Source of the error.
    pub reporter: Address,
    /// Destination of the error: normally the source of the quoted segment.
    pub recipient: Address,
    /// Type and code.
    pub code: IcmpCode,
    /// The quoted segment.
    pub quote: Quote,
}

/// The start of the segment that an ICMP error quotes: at least ports and sequence number (RFC 792,
/// RFC 4443).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Quote {
    /// Source of the quoted segment.
    pub from: Endpoint,
    /// Destination of the quoted segment.
    pub to: Endpoint,
    /// Its sequence number.
    pub sequence: u32,
    /// Its control bits. `None` if the quote is too short to hold them.
    pub flags: Option<Flags>,
}

/// Where a packet was captured, as far as the capture knows.
///
/// One packet can be captured several times on its way through a host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CapturePoint {
    /// Index of the interface on this host if the link header has one; otherwise the number of the
    /// capture.
    pub interface: u32,
    /// Into the host, out of the host, or unknown.
    pub direction: Direction,
    /// `true` if the interface is the loopback.
    pub loopback: bool,
}

/// Direction of a packet, as seen from the capturing host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// It entered the host.
    Entering,
    /// It left the host.
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

/// An IP address of either family. IPv4 is stored as v4-mapped IPv6, so that no code exists once
/// per family.
///
/// It is compared, masked and hashed far more often than it is formatted, so it is stored as two
/// 64-bit halves of one number. The 4-byte alignment keeps queued packets small.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C, packed(4))]
pub struct Address {
    high: u64,
    low: u64,
}

impl Address {
    /// The unspecified address `::`.
    pub const UNSPECIFIED: Self = Self { high: 0, low: 0 };

    /// Returns the address in its own family; v4-mapped as IPv4.
    pub fn ip(self) -> IpAddr {
        Ipv6Addr::from_bits(self.bits()).to_canonical()
    }

    /// Returns `true` if it is IPv4.
    pub const fn is_v4(self) -> bool {
        self.high == 0 && self.low >> 32 == 0xffff
    }

    /// Returns `true` if it is a loopback address: in 127.0.0.0/8, or `::1`.
    pub const fn is_loopback(self) -> bool {
        self.high == 0 && (self.low >> 24 == 0x00ff_ff7f || self.low == 1)
    }

    /// Creates an address from its 128 bits, IPv4 as v4-mapped IPv6.
    pub const fn from_bits(bits: u128) -> Self {
        Self {
            high: (bits >> 64) as u64,
            low: (bits & 0xffff_ffff_ffff_ffff) as u64,
        }
    }

    /// Returns the 128 bits of the address, IPv4 as v4-mapped IPv6.
    pub const fn bits(self) -> u128 {
        (self.high as u128) << 64 | self.low as u128
    }

    /// Returns the address in 32 bits: an IPv4 address itself, or the XOR of the four words of an
    /// IPv6 address.
    ///
    /// The XOR fold distinguishes most IPv6 addresses.
    pub const fn xor_folded(self) -> u32 {
        let half = if self.is_v4() {
            self.low & 0xffff_ffff
        } else {
            self.high ^ self.low
        };
        ((half ^ half >> 32) & 0xffff_ffff) as u32
    }

    /// Returns the last 4 bytes: for IPv4 the whole address.
    pub const fn last_word(self) -> u32 {
        (self.low & 0xffff_ffff) as u32
    }

    /// Returns the first 12 bytes as three words. Together with [`Self::xor_folded`] they determine
    /// the address.
    pub const fn first_words(self) -> [u32; 3] {
        [
            (self.high >> 32) as u32,
            (self.high & 0xffff_ffff) as u32,
            (self.low >> 32) as u32,
        ]
    }

    /// Reconstructs the address from its XOR fold and its first 12 bytes.
    pub fn from_xor_folded(folded: u32, first_words: [u32; 3]) -> Self {
        let [one, two, three] = first_words.map(u64::from);
        let start = Self {
            high: one << 32 | two,
            low: three << 32,
        };
        let last = if start.is_v4() {
            folded
        } else {
            folded ^ start.xor_folded()
        };
        Self {
            low: start.low | u64::from(last),
            ..start
        }
    }
}

/// Hashes the address as one 128-bit number.
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

/// The control bits FIN, SYN, RST and ACK of a segment.
///
/// All other bits are masked out, so that an ECN-setup SYN, which has ECE and CWR set (RFC 3168),
/// is a SYN.
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

    /// Creates flags from the byte at offset 13 of a TCP header. Other bits are dropped.
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte & (Self::FIN.0 | Self::SYN.0 | Self::RST.0 | Self::ACK.0))
    }

    /// Returns the union of both sets of bits.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns `true` if all bits of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The ICMP and ICMPv6 errors. [`Self::as_str`] is the value of the label `code`.
///
/// Variants are annotated with type/code; `v6` marks those of ICMPv6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IcmpCode {
    /// 3/0, v6 1/0: no route to the network.
    NetUnreachable,
    /// 3/1, v6 1/3: the last router gets no reply to its address resolution.
    HostUnreachable,
    /// 3/2: the host does not support TCP.
    ProtocolUnreachable,
    /// 3/3, v6 1/4: the default of REJECT in iptables and nftables.
    PortUnreachable,
    /// 3/4, v6 2/0: the packet exceeds the MTU. Ends no attempt.
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
    /// 3/13, v6 1/1: prohibited by a firewall.
    AdminProhibited,
    /// 3/14.
    PrecedenceViolation,
    /// 3/15.
    PrecedenceCutoff,
    /// v6 1/2.
    BeyondScope,
    /// v6 1/5: the source address failed the ingress or egress policy.
    PolicyFailed,
    /// v6 1/6: the destination has a reject route.
    RejectRoute,
    /// 4/0: obsolete (RFC 6633). Ends no attempt.
    SourceQuench,
    /// 11, v6 3: TTL or hop limit exceeded, as in a routing loop.
    TimeExceeded,
    /// 12, v6 4.
    ParameterProblem,
    /// Any other code of destination unreachable.
    UnreachableOther,
}

impl IcmpCode {
    /// Returns the name of the code, a label value.
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

    /// Returns `true` if it ends a connection attempt.
    ///
    /// Errors about packet size or sending rate do not (RFC 5461 section 3, RFC 6633).
    pub const fn ends_an_attempt(self) -> bool {
        !matches!(self, Self::FragmentationNeeded | Self::SourceQuench)
    }
}
