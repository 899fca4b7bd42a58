//! A network as a peer is one, in whole numbers: cut out of an address for every attempt, and compared.

use std::fmt;

use ipnet::IpNet;

use super::networks::mask;
use crate::packet::Address;

/// The addresses of one prefix; one address where it is as long as can be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IpPrefix {
    first: Address,
    /// As it is written for the family.
    length: u8,
}

/// How long the prefixes of a family are.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrefixLength {
    length: u8,
    mask: u128,
}

impl PrefixLength {
    /// Prefixes of this length, of addresses that have so many bits.
    pub(super) fn new(length: u8, of: u8) -> Self {
        let length = length.min(of);
        Self {
            length,
            mask: mask(length, of),
        }
    }

    /// The block that an address of this family lies in.
    pub(super) const fn of(self, address: Address) -> IpPrefix {
        IpPrefix {
            first: Address::from_bits(address.bits() & self.mask),
            length: self.length,
        }
    }
}

impl IpPrefix {
    /// The same as other libraries know it.
    pub fn net(self) -> IpNet {
        let first = self.first.ip();
        IpNet::new(first, self.length).unwrap_or_else(|_| first.into())
    }

    /// Whether it is one address.
    pub const fn is_host(self) -> bool {
        self.length == if self.first.is_v4() { 32 } else { 128 }
    }

    pub(super) fn has(self, address: Address) -> bool {
        self.net().contains(&address.ip())
    }

    pub(super) const fn first(self) -> Address {
        self.first
    }

    pub(super) const fn length(self) -> u8 {
        self.length
    }
}

impl From<IpNet> for IpPrefix {
    fn from(network: IpNet) -> Self {
        Self {
            first: network.network().into(),
            length: network.prefix_len(),
        }
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_host() {
            self.first.fmt(f)
        } else {
            self.net().fmt(f)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_network_that_the_address_lies_in(address in any::<IpAddr>(), length in 0..=128_u8) {
            let longest = if address.is_ipv4() { 32 } else { 128 };
            let (length, address_here) = (length.min(longest), Address::from(address));
            // An IPv6 address that stands for an IPv4 one is one.
            prop_assume!(address_here.ip() == address);
            let network = IpNet::new(address, length).unwrap().trunc();
            let block = PrefixLength::new(length, longest).of(address_here);
            prop_assert_eq!(block.net(), network);
            prop_assert_eq!(block, IpPrefix::from(network));
            prop_assert!(block.has(address_here));
            let written = if length == longest { address.to_string() } else { network.to_string() };
            prop_assert_eq!(block.to_string(), written);
        }
    }
}
