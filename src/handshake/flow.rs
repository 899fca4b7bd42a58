//! Four-tuples: whole, compact, and hashed for the look-up of attempts.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::event::Side;
use crate::packet::{Address, Endpoint, Packet};

/// A four-tuple with its roles.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FourTuple {
    /// The sender of the SYN.
    pub client: Endpoint,
    /// The destination of the SYN.
    pub server: Endpoint,
}

/// A four-tuple in 12 bytes. For IPv4 it is complete; an IPv6 address is folded into 32 bits, and
/// the [remainder](Ipv6Remainder) makes the tuple complete.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct CompactTuple {
    client: u32,
    server: u32,
    client_port: u16,
    server_port: u16,
}

/// The first twelve bytes of both IPv6 addresses, in four-byte words.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Ipv6Remainder {
    client: [u32; 3],
    server: [u32; 3],
}

/// The key under which the attempts of a packet are looked up, made by the [`FlowHasher`] of one
/// tracker.
#[derive(Clone, Copy, Debug)]
pub struct FlowKey {
    /// The packet's endpoints, with its sender as the client.
    pub(super) tuple: CompactTuple,
    pub(super) hash: FlowHash,
}

/// A hash of two endpoints, equal in both directions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(super) struct FlowHash(pub(super) u32);

/// Makes [`FlowKey`]s, on any thread. Its seed is random, because addresses come from the network.
#[derive(Clone, Default)]
pub struct FlowHasher(RandomState);

impl FourTuple {
    /// Returns the side of `from` in a packet to `to`. `None` if these are not the two endpoints.
    pub(super) fn side_of(&self, from: &Endpoint, to: &Endpoint) -> Option<Side> {
        if self.client == *from && self.server == *to {
            Some(Side::Client)
        } else if self.server == *from && self.client == *to {
            Some(Side::Server)
        } else {
            None
        }
    }

    /// Returns `true` if both have the same endpoint on this side.
    pub(super) fn shares(&self, side: Side, other: &Self) -> bool {
        match side {
            Side::Client => self.client == other.client,
            Side::Server => self.server == other.server,
        }
    }
}

impl CompactTuple {
    pub(super) fn new(client: &Endpoint, server: &Endpoint) -> Self {
        Self {
            client: client.address.xor_folded(),
            server: server.address.xor_folded(),
            client_port: client.port,
            server_port: server.port,
        }
    }

    /// As [`new`](Self::new), for IPv4 addresses only.
    const fn from_ipv4(client: &Endpoint, server: &Endpoint) -> Self {
        Self {
            client: client.address.last_word(),
            server: server.address.last_word(),
            client_port: client.port,
            server_port: server.port,
        }
    }

    /// Returns both endpoints as integers.
    fn endpoint_bits(self) -> (u64, u64) {
        let bits = |address: u32, port: u16| (address as u64) << 16 | port as u64;
        (
            bits(self.client, self.client_port),
            bits(self.server, self.server_port),
        )
    }

    /// Swaps client and server.
    pub(super) const fn reversed(self) -> Self {
        Self {
            client: self.server,
            server: self.client,
            client_port: self.server_port,
            server_port: self.client_port,
        }
    }

    /// Returns the four-tuple of IPv4 addresses.
    pub(super) fn expand_ipv4(self) -> FourTuple {
        let endpoint = |address: u32, port| Endpoint {
            address: Address::from(address.to_be_bytes()),
            port,
        };
        FourTuple {
            client: endpoint(self.client, self.client_port),
            server: endpoint(self.server, self.server_port),
        }
    }

    /// Returns the four-tuple of IPv6 addresses.
    pub(super) fn expand_ipv6(self, remainder: &Ipv6Remainder) -> FourTuple {
        let endpoint = |folded, words, port| Endpoint {
            address: Address::from_xor_folded(folded, words),
            port,
        };
        FourTuple {
            client: endpoint(self.client, remainder.client, self.client_port),
            server: endpoint(self.server, remainder.server, self.server_port),
        }
    }
}

impl Ipv6Remainder {
    pub(super) fn new(client: &Endpoint, server: &Endpoint) -> Self {
        Self {
            client: client.address.first_words(),
            server: server.address.first_words(),
        }
    }
}

impl FlowKey {
    /// Returns the key of a packet in the other direction.
    pub(super) const fn reversed(self) -> Self {
        Self {
            tuple: self.tuple.reversed(),
            ..self
        }
    }
}

impl FlowHasher {
    /// Returns the key of a packet: of its own endpoints, or of those that it quotes.
    pub fn key_of(&self, packet: &Packet) -> FlowKey {
        let (from, to) = packet.endpoints();
        self.key(from, to)
    }

    /// Returns the key of a packet between two endpoints.
    #[inline(always)]
    pub fn key(&self, from: &Endpoint, to: &Endpoint) -> FlowKey {
        if is_ipv6(from, to) {
            // Passed by value: a reference would force the endpoints of every packet into memory.
            return self.key_ipv6(*from, *to);
        }
        let tuple = CompactTuple::from_ipv4(from, to);
        let (one, other) = tuple.endpoint_bits();
        FlowKey {
            tuple,
            hash: self.hash(u128::from(one.min(other)) << 64 | u128::from(one.max(other))),
        }
    }

    /// Returns the hash of a four-tuple.
    pub(super) fn hash_of(&self, tuple: &FourTuple) -> FlowHash {
        self.key(&tuple.client, &tuple.server).hash
    }

    #[inline(never)]
    fn key_ipv6(&self, from: Endpoint, to: Endpoint) -> FlowKey {
        let bits = |endpoint: Endpoint| (endpoint.address.bits(), endpoint.port);
        let one = bits(from);
        let other = bits(to);
        FlowKey {
            tuple: CompactTuple::new(&from, &to),
            hash: self.hash((one.min(other), one.max(other))),
        }
    }

    fn hash(&self, endpoints: impl std::hash::Hash) -> FlowHash {
        FlowHash((self.0.hash_one(endpoints) >> 32) as u32)
    }
}

/// Returns `true` if a [`CompactTuple`] of these endpoints needs an [`Ipv6Remainder`].
pub(super) const fn is_ipv6(one: &Endpoint, other: &Endpoint) -> bool {
    !(one.address.is_v4() && other.address.is_v4())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    fn endpoint() -> impl Strategy<Value = Endpoint> {
        let address = prop_oneof![
            any::<[u8; 4]>().prop_map(IpAddr::from),
            any::<[u8; 16]>().prop_map(IpAddr::from),
            // Addresses of both families that differ in at most a few bits.
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
        fn both_directions_have_one_hash(one in endpoint(), other in endpoint()) {
            let hasher = FlowHasher::default();
            let there = hasher.key(&one, &other);
            let back = hasher.key(&other, &one);
            prop_assert_eq!(there.hash, back.hash);
            prop_assert_eq!(there.reversed().tuple, back.tuple);
            prop_assert_eq!(hasher.hash_of(&FourTuple { client: one, server: other }), there.hash);
        }

        #[test]
        fn compact_tuple_expands_to_its_four_tuple(one in endpoint(), other in endpoint()) {
            let key = FlowHasher::default().key(&one, &other);
            let whole = FourTuple { client: one, server: other };
            prop_assert_eq!(key.tuple.expand_ipv6(&Ipv6Remainder::new(&one, &other)), whole);
            if !is_ipv6(&one, &other) {
                prop_assert_eq!(key.tuple.expand_ipv4(), whole);
            }
        }
    }
}
