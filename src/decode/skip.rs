//! The closed set of reasons why a frame is no packet for us.

/// Why a frame was passed over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Discard {
    /// ARP and the like.
    NotIp,
    /// Another transport than TCP or ICMP, or no transport header at all in it.
    NotTcp,
    /// A later fragment: the header was in the first one.
    LaterFragment,
    /// A TCP segment that no handshake needs.
    NotHandshake,
    /// An ICMP message that is no error, or an error about something else than TCP.
    NotTcpError,
    /// Counted as undecodable.
    Undecodable(Undecodable),
}

/// Why a frame that may matter could not be read. A label's values.
///
/// The kernel's filter lets no tunnel pass, nor what is cut before the TCP flags: of a live interface these count next
/// to nothing, of a capture file everything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Undecodable {
    /// Cut before the end of a header that is needed.
    Truncated,
    /// A header contradicts itself, or the one before it.
    Malformed,
    /// Of a link layer that is not understood.
    LinkType,
    /// Encrypted: a protected IEEE 802.11 frame, MACsec, or IPsec's ESP.
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
    /// Inside MPLS, but no IP packet (a pseudowire, RFC 4385); or MPLS inside IP (RFC 4023).
    Mpls,
    /// Inside VXLAN (RFC 7348), on its port or the one Linux had before.
    Vxlan,
    /// Inside Geneve (RFC 8926).
    Geneve,
    /// Inside a mobile network's GTP-U (3GPP TS 29.281).
    Gtp,
    /// Inside L2TP (RFC 2661, RFC 3931).
    L2tp,
    /// Inside Teredo (RFC 4380).
    Teredo,
}

impl Undecodable {
    /// All of them, in the order they are shown.
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

    /// The label's value.
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
}

impl Undecodable {
    /// What it means to whoever reads the label's value.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Truncated => {
                "the capture cut the frame before the end of a header that is needed"
            }
            Self::Malformed => "a header contradicts itself, or the one before it",
            Self::LinkType => {
                "a link layer that is not understood (files only: an interface with one is refused)"
            }
            Self::Encrypted => "IPsec's ESP, MACsec, or a protected IEEE 802.11 frame",
            Self::Aggregate => "several frames in one of IEEE 802.11 (A-MSDU)",
            Self::Gre => "inside GRE, ERSPAN and NVGRE included",
            Self::Ipip => "IPv4 inside IP",
            Self::SixInFour => "IPv6 inside IP",
            Self::EtherIp => "Ethernet inside IP",
            Self::Mpls => "inside MPLS, but no IP packet (a pseudowire); or MPLS inside IP",
            Self::Vxlan => "inside VXLAN, known by its UDP ports 4789 and 8472",
            Self::Geneve => "inside Geneve, known by its UDP port 6081",
            Self::Gtp => "inside a mobile network's GTP-U, known by its UDP port 2152",
            Self::L2tp => "inside L2TP, over IP or by its UDP port 1701",
            Self::Teredo => "inside Teredo, known by its UDP port 3544",
        }
    }
}

impl From<Undecodable> for Discard {
    fn from(reason: Undecodable) -> Self {
        Self::Undecodable(reason)
    }
}

pub(super) const TRUNCATED: Discard = Discard::Undecodable(Undecodable::Truncated);
pub(super) const MALFORMED: Discard = Discard::Undecodable(Undecodable::Malformed);
