//! IP prefixes as integers: the prefix that an address belongs to, and sets of prefixes.
//!
//! `peers` truncates the address of each attempt's peer to a prefix. `vantage` checks whether an
//! address is in a configured prefix.

use std::fmt;

use ipnet::IpNet;

use crate::packet::Address;

/// An IP prefix. A full-length prefix is a single host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct IpPrefix {
    first: Address,
    /// In bits of the address family: at most 32 for IPv4.
    length: u8,
}

/// The prefix length that addresses of one family are truncated to.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrefixLength {
    length: u8,
    mask: u128,
}

/// A set of prefixes of either family.
#[derive(Clone, Default, Debug)]
pub struct PrefixSet(Vec<MaskedPrefix>);

/// The bits that all addresses of a prefix share, and the mask that selects these bits.
#[derive(Clone, Copy, Debug)]
struct MaskedPrefix {
    bits: u128,
    mask: u128,
    is_v4: bool,
}

impl PrefixLength {
    /// Creates the prefix length for addresses of `address_bits` bits. Limits `length` to
    /// `address_bits`.
    pub(super) fn new(length: u8, address_bits: u8) -> Self {
        let length = length.min(address_bits);
        Self {
            length,
            mask: prefix_mask(length, address_bits),
        }
    }

    /// Returns the prefix that an address of this family belongs to.
    pub(super) const fn truncate(self, address: Address) -> IpPrefix {
        IpPrefix {
            first: Address::from_bits(address.bits() & self.mask),
            length: self.length,
        }
    }
}

impl IpPrefix {
    /// Returns the first address.
    pub(super) const fn first(self) -> Address {
        self.first
    }

    /// Returns the length in bits of the address family.
    pub(super) const fn length(self) -> u8 {
        self.length
    }

    /// Returns the prefix as an `ipnet` network.
    pub fn to_ipnet(self) -> IpNet {
        let first = self.first.ip();
        IpNet::new(first, self.length).unwrap_or_else(|_| first.into())
    }

    /// Returns `true` if the prefix is a single address.
    pub const fn is_host(self) -> bool {
        self.length == if self.first.is_v4() { 32 } else { 128 }
    }

    pub(super) fn contains(self, address: Address) -> bool {
        self.to_ipnet().contains(&address.ip())
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
            self.to_ipnet().fmt(f)
        }
    }
}

impl PrefixSet {
    pub(super) fn new(networks: &[IpNet]) -> Self {
        let masked = |network: &IpNet| {
            let mask = prefix_mask(network.prefix_len(), network.max_prefix_len());
            let first = Address::from(network.network());
            // `Address` represents IPv4 as v4-mapped IPv6, but no IPv6 prefix contains an IPv4
            // address.
            MaskedPrefix {
                bits: first.bits() & mask,
                mask,
                is_v4: matches!(network, IpNet::V4(_)),
            }
        };
        Self(networks.iter().map(masked).collect())
    }

    pub(super) fn contains(&self, address: Address) -> bool {
        self.0.iter().any(|prefix| {
            address.bits() & prefix.mask == prefix.bits && address.is_v4() == prefix.is_v4
        })
    }
}

/// Returns the mask of a prefix of `length` bits, for addresses of `address_bits` bits.
fn prefix_mask(length: u8, address_bits: u8) -> u128 {
    u128::MAX
        .checked_shl(u32::from(address_bits - length))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(IpAddr::from),
            any::<[u8; 16]>().prop_map(IpAddr::from),
            (0..4_u8).prop_map(|last| IpAddr::from([10, 0, 0, last])),
            (0..4_u16).prop_map(|last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])),
        ]
    }

    proptest! {
        #[test]
        fn truncate_equals_ipnet_trunc(address in any::<IpAddr>(), length in 0..=128_u8) {
            let address_bits = if address.is_ipv4() { 32 } else { 128 };
            let length = length.min(address_bits);
            let converted = Address::from(address);
            // A v4-mapped IPv6 address becomes an IPv4 address.
            prop_assume!(converted.ip() == address);
            let network = IpNet::new(address, length).unwrap().trunc();
            let prefix = PrefixLength::new(length, address_bits).truncate(converted);
            prop_assert_eq!(prefix.to_ipnet(), network);
            prop_assert_eq!(prefix, IpPrefix::from(network));
            prop_assert!(prefix.contains(converted));
            let text = if length == address_bits { address.to_string() } else { network.to_string() };
            prop_assert_eq!(prefix.to_string(), text);
        }

        #[test]
        fn prefix_set_contains_equals_ipnet_contains(one in address(), other in address(), prefix in 0..=128_u8) {
            let address_bits = if one.is_ipv4() { 32 } else { 128 };
            let network = IpNet::new(one, prefix.min(address_bits)).unwrap();
            prop_assert_eq!(
                PrefixSet::new(&[network]).contains(other.into()),
                network.contains(&Address::from(other).ip())
            );
        }
    }
}
