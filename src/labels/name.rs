//! The name of a set: the values of its four labels.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::block::IpPrefix;
use super::peers::GroupName;
use crate::packet::Address;

/// From where this host sees an attempt. A label's values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Vantage {
    /// A local address sent the SYN.
    Client,
    /// A local address was asked.
    Server,
    /// Both are local.
    Local,
    /// Neither is: this host is a router, a bridge, or looks on.
    Transit,
}

impl Vantage {
    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Local => "local",
            Self::Transit => "transit",
        }
    }
}

/// What names a set of series.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LabelSet {
    /// From where it is seen.
    pub vantage: Vantage,
    /// This host's own address in it; none in transit.
    pub local: Option<Address>,
    /// The server's port.
    pub port: Port,
    /// The far end.
    pub peer: Peer,
}

impl LabelSet {
    pub(super) const fn site(&self) -> Site {
        Site::new(self.vantage, self.local, self.port)
    }

    /// The values of the labels `vantage`, `local_address`, `port`, `peer`.
    pub fn values(&self) -> [String; 4] {
        let local = self
            .local
            .map(|address| address.to_string())
            .unwrap_or_default();
        [
            self.vantage.as_str().to_owned(),
            local,
            self.port.to_string(),
            self.peer.to_string(),
        ]
    }
}

/// Where attempts are met: all of a set's name but for the peer, in few and whole numbers, for it is compared for every attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Site {
    /// Unspecified where there is none.
    local: Address,
    /// Vantage, whether there is a local address, whether it is one port, and that port.
    rest: u32,
}

impl Site {
    #[inline(always)]
    pub(super) const fn new(vantage: Vantage, local: Option<Address>, port: Port) -> Self {
        let (is_one, number) = match port {
            Port::Number(number) => (true, number),
            Port::Other => (false, 0),
        };
        let (has_local, local) = match local {
            Some(local) => (true, local),
            None => (false, Address::UNSPECIFIED),
        };
        Self {
            local,
            rest: vantage as u32
                | (has_local as u32) << 2
                | (is_one as u32) << 3
                | (number as u32) << 16,
        }
    }

    pub(super) const fn vantage(self) -> Vantage {
        match self.rest & 3 {
            CLIENT => Vantage::Client,
            SERVER => Vantage::Server,
            LOCAL => Vantage::Local,
            _ => Vantage::Transit,
        }
    }

    pub(super) const fn local(self) -> Option<Address> {
        if self.rest & 1 << 2 != 0 {
            Some(self.local)
        } else {
            None
        }
    }

    pub(super) const fn port(self) -> Port {
        if self.rest & 1 << 3 != 0 {
            Port::Number((self.rest >> 16) as u16)
        } else {
            Port::Other
        }
    }

    /// The name of the set of this peer.
    pub(super) const fn with(self, peer: Peer) -> LabelSet {
        LabelSet {
            vantage: self.vantage(),
            local: self.local(),
            port: self.port(),
            peer,
        }
    }
}

const CLIENT: u32 = Vantage::Client as u32;
const SERVER: u32 = Vantage::Server as u32;
const LOCAL: u32 = Vantage::Local as u32;

/// A server's port, or all those for which there was no room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Port {
    /// One port.
    Number(u16),
    /// The rest.
    Other,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Other => f.write_str(OTHER),
        }
    }
}

/// The far end of an attempt: an address, a network of them, a named group, or all those for which there was no room.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Peer {
    /// A host, or a network where peers are cut to prefixes.
    Network(IpPrefix),
    /// A named group.
    Group(GroupName),
    /// The rest.
    Other,
}

/// In few and whole numbers: asked for every attempt.
impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (bits, kind) = match self {
            Self::Network(block) => (block.first().bits(), u64::from(block.length())),
            Self::Group(_) => (0, 254),
            Self::Other => (0, 255),
        };
        state.write_u128(bits);
        state.write_u64(kind);
        if let Self::Group(name) = self {
            name.hash(state);
        }
    }
}

impl Peer {
    /// Whether it is this address, or a network with it; what a group has, its name does not tell.
    pub(super) fn has(&self, address: Address) -> bool {
        matches!(self, Self::Network(block) if block.has(address))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(block) => block.fmt(f),
            Self::Group(name) => name.fmt(f),
            Self::Other => f.write_str(OTHER),
        }
    }
}

/// What stands for everything there was no room for.
pub(super) const OTHER: &str = "other";
