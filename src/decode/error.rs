//! The closed set of reasons to discard a frame.

pub(super) const TRUNCATED: Discard = Discard::Undecodable(Undecodable::Truncated);
pub(super) const MALFORMED: Discard = Discard::Undecodable(Undecodable::Malformed);

/// Why a frame was discarded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Discard {
    /// Not IP, for example ARP.
    NotIp,
    /// The transport is neither TCP nor ICMP, or the packet has no transport header.
    NotTcp,
    /// A later fragment. The first one contains the transport header.
    LaterFragment,
    /// A TCP segment that is not part of a handshake.
    NotHandshake,
    /// An ICMP message that is not an error, or an error that does not quote TCP.
    NotTcpError,
    /// A frame that may be relevant but cannot be decoded.
    Undecodable(Undecodable),
}

/// Why a frame that may be relevant could not be decoded: the values of the label `reason`.
///
/// The kernel filter rejects tunnels and frames truncated before the TCP flags. Live captures
/// therefore count almost none of them; capture files count all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Undecodable {
    /// Truncated before the end of a required header.
    Truncated,
    /// A header contradicts itself or the preceding header.
    Malformed,
    /// The link layer is not supported.
    LinkType,
    /// Encrypted: a protected IEEE 802.11 frame, MACsec, or ESP of IPsec.
    Encrypted,
    /// Several frames in one IEEE 802.11 frame (A-MSDU).
    Aggregate,
    /// Inside GRE (RFC 2784), ERSPAN and NVGRE included.
    Gre,
    /// IPv4 inside IP (RFC 2003, RFC 2473).
    Ipip,
    /// IPv6 inside IP (RFC 4213, RFC 2473).
    SixInFour,
    /// Ethernet inside IP (RFC 3378).
    EtherIp,
    /// Inside MPLS, but not an IP packet (a pseudowire, RFC 4385); or MPLS inside IP (RFC 4023).
    Mpls,
    /// Inside VXLAN (RFC 7348), on its port or the earlier port of Linux.
    Vxlan,
    /// Inside Geneve (RFC 8926).
    Geneve,
    /// Inside GTP-U of mobile networks (3GPP TS 29.281).
    Gtp,
    /// Inside L2TP (RFC 2661, RFC 3931).
    L2tp,
    /// Inside Teredo (RFC 4380).
    Teredo,
}

impl Undecodable {
    /// All reasons, in the order of the exposition.
    pub const ALL: [Self; 15] = [
        Self::Truncated,
        Self::Malformed,
        Self::LinkType,
        Self::Encrypted,
        Self::Aggregate,
        Self::Gre,
        Self::Ipip,
        Self::SixInFour,
        Self::EtherIp,
        Self::Mpls,
        Self::Vxlan,
        Self::Geneve,
        Self::Gtp,
        Self::L2tp,
        Self::Teredo,
    ];

    /// Returns the label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::LinkType => "link_type",
            Self::Encrypted => "encrypted",
            Self::Aggregate => "aggregate",
            Self::Gre => "gre",
            Self::Ipip => "ipip",
            Self::SixInFour => "6in4",
            Self::EtherIp => "etherip",
            Self::Mpls => "mpls",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gtp => "gtp",
            Self::L2tp => "l2tp",
            Self::Teredo => "teredo",
        }
    }

    /// Returns an explanation of the label value.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Truncated => {
                "the capture truncated the frame before the end of a required header"
            }
            Self::Malformed => "a header contradicts itself or the preceding header",
            Self::LinkType => {
                "a link layer that is not supported (files only: an interface with one is rejected)"
            }
            Self::Encrypted => "ESP of IPsec, MACsec, or a protected IEEE 802.11 frame",
            Self::Aggregate => "several frames in one IEEE 802.11 frame (A-MSDU)",
            Self::Gre => "inside GRE, including ERSPAN and NVGRE",
            Self::Ipip => "IPv4 inside IP",
            Self::SixInFour => "IPv6 inside IP",
            Self::EtherIp => "Ethernet inside IP",
            Self::Mpls => "inside MPLS, but not an IP packet (a pseudowire); or MPLS inside IP",
            Self::Vxlan => "inside VXLAN, detected by its UDP ports 4789 and 8472",
            Self::Geneve => "inside Geneve, detected by its UDP port 6081",
            Self::Gtp => "inside GTP-U of mobile networks, detected by its UDP port 2152",
            Self::L2tp => "inside L2TP, over IP or by its UDP port 1701",
            Self::Teredo => "inside Teredo, detected by its UDP port 3544",
        }
    }
}

impl From<Undecodable> for Discard {
    fn from(reason: Undecodable) -> Self {
        Self::Undecodable(reason)
    }
}
