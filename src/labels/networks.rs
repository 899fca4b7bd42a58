//! Networks as numbers: asked for every attempt whether they have an address.

use ipnet::IpNet;

use crate::packet::Address;

/// Some networks of either family.
#[derive(Clone, Default, Debug)]
pub struct PrefixSet(Vec<Masked>);

/// The bits that all its addresses share, and which these are.
#[derive(Clone, Copy, Debug)]
struct Masked {
    bits: u128,
    mask: u128,
    is_v4: bool,
}

impl PrefixSet {
    pub(super) fn of(networks: &[IpNet]) -> Self {
        let masked = |network: &IpNet| {
            let mask = mask(network.prefix_len(), network.max_prefix_len());
            let first = Address::from(network.network());
            // IPv4 addresses are written as IPv6 ones, but lie in no network of these.
            Masked {
                bits: first.bits() & mask,
                mask,
                is_v4: matches!(network, IpNet::V4(_)),
            }
        };
        Self(networks.iter().map(masked).collect())
    }

    #[inline(always)]
    pub(super) fn have(&self, address: Address) -> bool {
        !self.0.is_empty() && self.has_one_with(address)
    }

    fn has_one_with(&self, address: Address) -> bool {
        let has = |network: &Masked| {
            address.bits() & network.mask == network.bits && address.is_v4() == network.is_v4
        };
        self.0.iter().any(has)
    }
}

/// The bits that a prefix of this length keeps, of addresses that have so many.
pub(super) fn mask(length: u8, of: u8) -> u128 {
    u128::MAX.checked_shl(u32::from(of - length)).unwrap_or(0)
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
        fn they_have_what_an_ip_network_contains(one in address(), other in address(), prefix in 0..=128_u8) {
            let longest = if one.is_ipv4() { 32 } else { 128 };
            let network = IpNet::new(one, prefix.min(longest)).unwrap();
            prop_assert_eq!(PrefixSet::of(&[network]).have(other.into()), network.contains(&Address::from(other).ip()));
        }
    }
}
