//! The two ends of a packet, as its attempts are looked up.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::name::{CompactTuple, FourTuple};
use crate::packet::{Endpoint, Packet};

/// Makes [`FlowKey`], wherever packets are decoded. Its hashes are keyed by a random seed, for addresses come from the network.
#[derive(Clone, Default)]
pub struct FlowHasher(RandomState);

/// Who sent a packet to whom, packed and hashed for the tracker that gave the [`FlowHasher`].
#[derive(Clone, Copy, Debug)]
pub struct FlowKey {
    /// As if its sender were the client.
    pub(super) name: CompactTuple,
    pub(super) tag: FlowHash,
}

/// What two ends hash to, in either order. Ends with the same tag are mostly the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(super) struct FlowHash(pub(super) u32);

impl FlowKey {
    /// Those of a packet the other way.
    pub(super) const fn back(self) -> Self {
        Self {
            name: self.name.back(),
            ..self
        }
    }
}

impl FlowHasher {
    /// The ends that a packet is about: its own, or those that it quotes.
    pub fn ends(&self, packet: &Packet) -> FlowKey {
        let (from, to) = packet.endpoints();
        self.between(from, to)
    }

    /// Those of a packet from one to the other.
    #[inline(always)]
    pub fn between(&self, from: &Endpoint, to: &Endpoint) -> FlowKey {
        if are_long(from, to) {
            // As copies: whose address is given away stays in memory.
            return self.between_long(*from, *to);
        }
        let name = CompactTuple::of_v4(from, to);
        FlowKey {
            name,
            tag: self.tag(name),
        }
    }

    /// The tag of a name of IPv4 addresses.
    pub(super) fn tag(&self, name: CompactTuple) -> FlowHash {
        let (one, other) = name.numbers();
        self.hash(u128::from(one.min(other)) << 64 | u128::from(one.max(other)))
    }

    /// The tag of any name.
    pub(super) fn tag_of(&self, name: &FourTuple) -> FlowHash {
        self.between(&name.client, &name.server).tag
    }

    #[inline(never)]
    fn between_long(&self, from: Endpoint, to: Endpoint) -> FlowKey {
        let number = |end: Endpoint| (end.address.bits(), end.port);
        let (one, other) = (number(from), number(to));
        FlowKey {
            name: CompactTuple::of(&from, &to),
            tag: self.hash((one.min(other), one.max(other))),
        }
    }

    fn hash(&self, ends: impl std::hash::Hash) -> FlowHash {
        FlowHash((self.0.hash_one(ends) >> 32) as u32)
    }
}

/// Whether these are IPv6 addresses, of which a packed name does not tell all.
pub(super) const fn are_long(one: &Endpoint, other: &Endpoint) -> bool {
    !(one.address.is_v4() && other.address.is_v4())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::super::name::Ipv6Remainder;
    use super::*;

    fn end() -> impl Strategy<Value = Endpoint> {
        let address = prop_oneof![
            any::<[u8; 4]>().prop_map(IpAddr::from),
            any::<[u8; 16]>().prop_map(IpAddr::from),
            // Few bits apart, and of two families.
            (0..3_u8).prop_map(|last| IpAddr::from([10, 0, 0, last])),
            (0..3_u16, 0..3_u16)
                .prop_map(|(one, other)| IpAddr::from([0x2001, 0xdb8, 0, one, 0, other, 0, 0])),
        ];
        (address, 1..4_u16).prop_map(|(address, port)| Endpoint {
            address: address.into(),
            port,
        })
    }

    proptest! {
        #[test]
        fn both_ways_have_one_tag(one in end(), other in end()) {
            let flow_hasher = FlowHasher::default();
            let (there, back) = (flow_hasher.between(&one, &other), flow_hasher.between(&other, &one));
            prop_assert_eq!(there.tag, back.tag);
            prop_assert_eq!(there.back().name, back.name);
            prop_assert_eq!(flow_hasher.tag_of(&FourTuple { client: one, server: other }), there.tag);
        }

        #[test]
        fn a_packed_name_and_its_rest_are_all_of_it(one in end(), other in end()) {
            let ends = FlowHasher::default().between(&one, &other);
            prop_assert_eq!(ends.name.with(&Ipv6Remainder::of(&one, &other)), FourTuple { client: one, server: other });
            if !are_long(&one, &other) {
                prop_assert_eq!(ends.name.unpacked(), FourTuple { client: one, server: other });
            }
        }
    }
}
