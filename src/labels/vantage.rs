//! The vantage: the host's position relative to an attempt, derived from the addresses that are
//! local to it.
//!
//! `pipeline::local_addresses` supplies the addresses of a live host; the configuration supplies
//! prefixes.

use std::net::IpAddr;

use ipnet::IpNet;

use super::prefix::PrefixSet;
use crate::packet::{Address, Direction};

/// The capturing host's position relative to an attempt. The value of a label.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Vantage {
    /// A local address sent the SYN.
    Client,
    /// The SYN was sent to a local address.
    Server,
    /// Both addresses are local.
    Local,
    /// Neither address is local: the host is a router, a bridge or a passive observer.
    Transit,
}

impl Vantage {
    /// Returns the label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Local => "local",
            Self::Transit => "transit",
        }
    }
}

/// The source of the knowledge which addresses are local.
#[derive(Clone, Debug)]
pub enum LocalAddressSource {
    /// A live host: its interface addresses, all loopback addresses, and the configured prefixes.
    Interfaces {
        /// The addresses of its interfaces.
        addresses: AddressSet,
        /// Prefixes configured as local: container networks, virtual addresses.
        networks: PrefixSet,
    },
    /// A capture file with configured local prefixes. No other address is local.
    Configured(PrefixSet),
    /// A capture file without configured prefixes. The vantage is inferred from the packet type in
    /// a cooked link header. On a router the inference is wrong, because forwarded packets enter
    /// and leave like its own.
    Inferred,
}

/// A small set of addresses, queried for every attempt with mostly foreign addresses.
#[derive(Clone, Debug)]
pub struct AddressSet {
    sorted: Vec<Address>,
    /// One bit per value of the last six address bits. Most foreign addresses fail this test, which
    /// saves the search.
    last_bits: u64,
}

impl AddressSet {
    fn new(addresses: impl Iterator<Item = Address>) -> Self {
        let mut sorted: Vec<Address> = addresses.collect();
        sorted.sort_unstable();
        let last_bits = sorted
            .iter()
            .fold(0, |bits, address| bits | last_bits(*address));
        Self { sorted, last_bits }
    }

    fn contains(&self, address: Address) -> bool {
        self.last_bits & last_bits(address) != 0 && self.sorted.binary_search(&address).is_ok()
    }
}

const fn last_bits(address: Address) -> u64 {
    1 << (address.bits() & 63)
}

impl LocalAddressSource {
    /// Creates the source for a live host with these interface addresses and configured prefixes.
    pub fn for_host(addresses: impl IntoIterator<Item = IpAddr>, networks: &[IpNet]) -> Self {
        Self::Interfaces {
            addresses: AddressSet::new(addresses.into_iter().map(Address::from)),
            networks: PrefixSet::new(networks),
        }
    }

    /// Creates the source for a capture file. Infers the vantage from the packet direction if
    /// `networks` is empty.
    pub fn for_file(networks: &[IpNet]) -> Self {
        if networks.is_empty() {
            Self::Inferred
        } else {
            Self::Configured(PrefixSet::new(networks))
        }
    }

    /// Returns `true` if the address is known to be local.
    #[inline(always)]
    pub fn is_local(&self, address: Address) -> bool {
        match self {
            Self::Interfaces {
                addresses,
                networks,
            } => addresses.contains(address) || address.is_loopback() || networks.contains(address),
            Self::Configured(networks) => networks.contains(address),
            Self::Inferred => false,
        }
    }

    /// Returns `true` if the address of a packet on the loopback interface may be local. Without
    /// known addresses every address may be: both ends of a packet on the loopback interface are
    /// local.
    pub fn may_be_local(&self, address: Address) -> bool {
        matches!(self, Self::Inferred) || self.is_local(address)
    }

    /// Returns the vantage of an attempt, given the direction and interface of its captured SYN.
    #[inline(always)]
    pub(super) fn vantage(
        &self,
        client: Address,
        server: Address,
        direction: Direction,
        loopback: bool,
    ) -> Vantage {
        if let Self::Inferred = self {
            return match direction {
                Direction::Unknown => Vantage::Transit,
                _ if loopback => Vantage::Local,
                Direction::Leaving => Vantage::Client,
                Direction::Entering => Vantage::Server,
            };
        }
        match (self.is_local(client), self.is_local(server)) {
            (true, true) => Vantage::Local,
            (true, false) => Vantage::Client,
            (false, true) => Vantage::Server,
            (false, false) => Vantage::Transit,
        }
    }
}
