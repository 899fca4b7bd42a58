//! Peers: many addresses under one label, by named groups or by prefix.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;

use super::block::PrefixLength;
use super::name::{OTHER, Peer};
use crate::packet::Address;

/// How an address becomes a peer.
#[derive(Clone, Debug)]
pub struct Peers {
    /// The network of each group, longest prefix first.
    groups: Vec<(IpNet, GroupName)>,
    of_v4: PrefixLength,
    of_v6: PrefixLength,
}

/// The name of a group of peers; cannot be mistaken for an address or for the rest.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupName(Arc<str>);

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A group of peers as people write it: `office=10.1.0.0/16,10.9.0.0/16`.
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

/// Reads an address or a network in CIDR notation.
///
/// # Errors
///
/// A sentence that says how to write it.
pub fn network(text: &str) -> Result<IpNet, String> {
    let host = text.parse::<IpAddr>().map(IpNet::from);
    let network = host.or_else(|_| text.parse::<IpNet>().map(|network| network.trunc()));
    network.map_err(|_| {
        format!(
            "`{text}` is no network: write an address or CIDR, such as 10.0.0.0/8 or 2001:db8::/32"
        )
    })
}

impl Peers {
    /// Peers by group where one has the address, else by prefix.
    pub fn new(groups: Vec<PeerGroup>, prefix_v4: u8, prefix_v6: u8) -> Self {
        let mut groups: Vec<_> = groups
            .into_iter()
            .flat_map(|group| {
                group
                    .networks
                    .into_iter()
                    .map(move |network| (network, group.name.clone()))
            })
            .collect();
        groups.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
        Self {
            groups,
            of_v4: PrefixLength::new(prefix_v4, 32),
            of_v6: PrefixLength::new(prefix_v6, 128),
        }
    }

    /// The peer that an address belongs to.
    #[inline]
    pub fn of(&self, address: Address) -> Peer {
        let group = if self.groups.is_empty() {
            None
        } else {
            self.group_of(address)
        };
        match group {
            Some(name) => Peer::Group(name.clone()),
            None => Peer::Network(
                if address.is_v4() {
                    self.of_v4
                } else {
                    self.of_v6
                }
                .of(address),
            ),
        }
    }

    #[inline(never)]
    fn group_of(&self, address: Address) -> Option<&GroupName> {
        let ip = address.ip();
        self.groups
            .iter()
            .find(|(network, _)| network.contains(&ip))
            .map(|(_, name)| name)
    }
}
