//! Peers: the remote end of an attempt as a label value, by named group or by prefix.
//!
//! The configuration supplies the rules; `LabelResolver` applies them to the remote address of each
//! attempt.

use std::cmp::Reverse;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;

use super::prefix::{IpPrefix, PrefixLength};
use crate::packet::Address;

/// The label value of everything that is counted in an overflow set.
pub(super) const OTHER: &str = "other";
/// Hashed in place of a prefix length; no prefix is that long.
const GROUP_KIND: u64 = 254;
/// Hashed in place of a prefix length; no prefix is that long.
const OTHER_KIND: u64 = 255;

/// The remote end of an attempt. The value of a label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Peer {
    /// A host, or a network if peers are truncated to prefixes.
    Network(IpPrefix),
    /// A named group.
    Group(GroupName),
    /// All peers without a label set of their own.
    Other,
}

/// Writes two integers for an address: the derived implementation writes each field, and a peer is
/// hashed for every SYN.
impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (bits, kind) = match self {
            Self::Network(prefix) => (prefix.first().bits(), u64::from(prefix.length())),
            Self::Group(_) => (0, GROUP_KIND),
            Self::Other => (0, OTHER_KIND),
        };
        state.write_u128(bits);
        state.write_u64(kind);
        if let Self::Group(name) = self {
            name.hash(state);
        }
    }
}

impl Peer {
    /// Returns `true` if the peer is this address or a network that contains it. Returns `false`
    /// for a group: its name does not reveal its addresses.
    pub(super) fn contains(&self, address: Address) -> bool {
        matches!(self, Self::Network(prefix) if prefix.contains(address))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(prefix) => prefix.fmt(f),
            Self::Group(name) => name.fmt(f),
            Self::Other => f.write_str(OTHER),
        }
    }
}

/// The rules that map an address to a peer.
#[derive(Clone, Debug)]
pub struct Peers {
    /// The networks of all groups, longest prefix first.
    groups: Vec<(IpNet, GroupName)>,
    v4: PrefixLength,
    v6: PrefixLength,
}

/// The name of a peer group. It is neither an address, nor a network, nor `other`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupName(Arc<str>);

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A peer group as configured: `office=10.1.0.0/16,10.9.0.0/16`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerGroup {
    name: GroupName,
    networks: Vec<IpNet>,
}

impl fmt::Display for PeerGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        write!(f, "{}={}", self.name, networks.join(","))
    }
}

impl FromStr for PeerGroup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, networks) = text
            .split_once('=')
            .ok_or("write it as NAME=CIDR[,CIDR...]")?;
        if name.is_empty()
            || name == OTHER
            || name.parse::<IpAddr>().is_ok()
            || name.parse::<IpNet>().is_ok()
        {
            return Err(format!(
                "a group cannot be called `{name}`: choose a name that is neither an address nor `other`"
            ));
        }
        let networks = networks.split(',').map(network).collect::<Result<_, _>>()?;
        Ok(Self {
            name: GroupName(name.into()),
            networks,
        })
    }
}

/// Parses an address or a network in CIDR notation.
///
/// # Errors
///
/// Returns an error that describes the expected notation if `text` is neither.
pub fn network(text: &str) -> Result<IpNet, String> {
    let host = text.parse::<IpAddr>().map(IpNet::from);
    let network = host.or_else(|_| text.parse::<IpNet>().map(|network| network.trunc()));
    network.map_err(|_| {
        format!(
            "`{text}` is not a network: write an address or CIDR, such as 10.0.0.0/8 or 2001:db8::/32"
        )
    })
}

impl Peers {
    /// Creates the rules: the longest group prefix that contains the address, otherwise the prefix
    /// of the given length.
    pub fn new(groups: Vec<PeerGroup>, prefix_v4: u8, prefix_v6: u8) -> Self {
        let mut groups: Vec<_> = groups
            .into_iter()
            .flat_map(|PeerGroup { name, networks }| {
                networks
                    .into_iter()
                    .map(move |network| (network, name.clone()))
            })
            .collect();
        groups.sort_by_key(|(network, _)| Reverse(network.prefix_len()));
        Self {
            groups,
            v4: PrefixLength::new(prefix_v4, 32),
            v6: PrefixLength::new(prefix_v6, 128),
        }
    }

    /// Returns the peer that an address belongs to.
    pub fn peer_of(&self, address: Address) -> Peer {
        if let Some(name) = self.group_of(address) {
            return Peer::Group(name.clone());
        }
        let prefix_length = if address.is_v4() { self.v4 } else { self.v6 };
        Peer::Network(prefix_length.truncate(address))
    }

    fn group_of(&self, address: Address) -> Option<&GroupName> {
        if self.groups.is_empty() {
            return None;
        }
        let ip = address.ip();
        self.groups
            .iter()
            .find(|(network, _)| network.contains(&ip))
            .map(|(_, name)| name)
    }
}
