//! The closed set of reasons why a frame is no packet for us.

/// Why a frame was passed over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Skip {
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Undecodable {
    /// Cut before the end of a header that is needed.
    Truncated,
    /// A header contradicts itself.
    Malformed,
    /// The outermost packet carries another one: GRE, IP in IP, VXLAN, Geneve, GTP.
    Tunnel,
}

impl Undecodable {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 3] = [Self::Truncated, Self::Malformed, Self::Tunnel];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Tunnel => "tunnel",
        }
    }
}

pub(super) const TRUNCATED: Skip = Skip::Undecodable(Undecodable::Truncated);
pub(super) const MALFORMED: Skip = Skip::Undecodable(Undecodable::Malformed);
pub(super) const TUNNEL: Skip = Skip::Undecodable(Undecodable::Tunnel);
