//! Which addresses are this host's, and so from where it sees an attempt.

use std::net::IpAddr;

use ipnet::IpNet;

use super::name::Vantage;
use super::networks::PrefixSet;
use crate::packet::{Address, Direction};

/// How it is told what is local.
#[derive(Clone, Debug)]
pub enum LocalAddressSource {
    /// A live host: the addresses of its interfaces, all of the loopback, and networks that were declared.
    Host {
        /// Of its interfaces.
        addresses: Addresses,
        /// Declared to be its own: container networks, virtual addresses.
        networks: PrefixSet,
    },
    /// A capture from somewhere: networks that were declared, and nothing else.
    Declared(PrefixSet),
    /// A capture from somewhere of which nothing was said: a cooked link header's packet type is taken for a hint.
    /// On a router it misleads, for what it forwards comes in and leaves like its own.
    Guess,
}

/// Few addresses, asked for at every attempt about one of all there are.
#[derive(Clone, Debug)]
pub struct Addresses {
    sorted: Vec<Address>,
    /// By their last bits: of most addresses it says at once that they are none of these.
    last_bits: u64,
}

impl Addresses {
    fn of(addresses: impl Iterator<Item = Address>) -> Self {
        let mut sorted: Vec<Address> = addresses.collect();
        sorted.sort_unstable();
        let last_bits = sorted
            .iter()
            .fold(0, |bits, address| bits | last_bits(*address));
        Self { sorted, last_bits }
    }

    fn have(&self, address: Address) -> bool {
        self.last_bits & last_bits(address) != 0 && self.sorted.binary_search(&address).is_ok()
    }
}

const fn last_bits(address: Address) -> u64 {
    1 << (address.bits() & 63)
}

impl LocalAddressSource {
    /// A live host with these addresses.
    pub fn host(addresses: impl IntoIterator<Item = IpAddr>, networks: &[IpNet]) -> Self {
        let addresses = Addresses::of(addresses.into_iter().map(Address::from));
        Self::Host {
            addresses,
            networks: PrefixSet::of(networks),
        }
    }

    /// A capture file, of which these networks are known to be its host's.
    pub fn of_file(networks: &[IpNet]) -> Self {
        if networks.is_empty() {
            Self::Guess
        } else {
            Self::Declared(PrefixSet::of(networks))
        }
    }

    /// Whether the address is known to be this host's.
    #[inline(always)]
    pub fn is_local(&self, address: Address) -> bool {
        match self {
            Self::Host {
                addresses,
                networks,
            } => addresses.have(address) || address.is_loopback() || networks.have(address),
            Self::Declared(networks) => networks.have(address),
            Self::Guess => false,
        }
    }

    /// Whether the address is this host's, as far as a packet from its loopback can tell: there both ends are.
    pub fn is_own(&self, address: Address) -> bool {
        matches!(self, Self::Guess) || self.is_local(address)
    }

    /// From where an attempt is seen whose SYN was met going this way.
    #[inline(always)]
    pub(super) fn vantage(
        &self,
        client: Address,
        server: Address,
        direction: Direction,
        loopback: bool,
    ) -> Vantage {
        if let Self::Guess = self {
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
