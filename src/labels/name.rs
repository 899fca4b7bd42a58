//! The name of a set: the values of its four labels.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::block::Block;
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
pub struct SetName {
    /// From where it is seen.
    pub vantage: Vantage,
    /// This host's own address in it; none in transit.
    pub local: Option<Address>,
    /// The server's port.
    pub port: Port,
    /// The far end.
    pub peer: Peer,
}

impl SetName {
    /// The values of the labels `vantage`, `local_address`, `port`, `peer`.
    pub fn values(&self) -> [String; 4] {
        let local = self.local.map(|address| address.to_string()).unwrap_or_default();
        [self.vantage.as_str().to_owned(), local, self.port.to_string(), self.peer.to_string()]
    }
}

/// In few and whole numbers: asked for every attempt.
impl Hash for SetName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let port = match self.port {
            Port::Number(number) => u32::from(number),
            Port::Other => 1 << 16,
        };
        let (peer, kind) = match &self.peer {
            Peer::Network(block) => (block.first().bits(), u32::from(block.length())),
            Peer::Group(name) => {
                name.hash(state);
                (0, 254)
            }
            Peer::Other => (0, 255),
        };
        state.write_u128(self.local.map_or(0, Address::bits));
        state.write_u128(peer);
        state.write_u64(u64::from(port) << 32 | u64::from(kind) << 8 | self.vantage as u64);
    }
}

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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Peer {
    /// A host, or a network where peers are cut to prefixes.
    Network(Block),
    /// A named group.
    Group(GroupName),
    /// The rest.
    Other,
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
