//! The two ends of a packet, as its attempts are looked up.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::name::{Name, PackedName};
use crate::packet::{Endpoint, Packet};

/// Makes [`Ends`], wherever packets are decoded. Its hashes are keyed by a random seed, for addresses come from the network.
#[derive(Clone, Default)]
pub struct Sight(RandomState);

/// Who sent a packet to whom, packed and hashed for the tracker that gave the [`Sight`].
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// As if its sender were the client.
    pub(super) name: PackedName,
    pub(super) tag: Tag,
    /// Whether addresses are IPv6, of which the packed name does not tell all.
    pub(super) are_long: bool,
}

/// What two ends hash to, in either order. Ends with the same tag are mostly the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Tag(pub(super) u32);

impl Ends {
    /// Those of a packet the other way.
    pub(super) const fn back(self) -> Self {
        Self { name: self.name.back(), ..self }
    }
}

impl Sight {
    /// The ends that a packet is about: its own, or those that it quotes.
    pub fn ends(&self, packet: &Packet) -> Ends {
        let (from, to) = packet.ends();
        self.between(from, to)
    }

    pub(super) fn between(&self, from: Endpoint, to: Endpoint) -> Ends {
        let name = PackedName::of(from, to);
        let are_long = !(from.address.is_v4() && to.address.is_v4());
        Ends { name, are_long, tag: if are_long { self.long_tag(from, to) } else { self.tag(name) } }
    }

    /// The tag of a name of IPv4 addresses.
    pub(super) fn tag(&self, name: PackedName) -> Tag {
        let (one, other) = name.numbers();
        self.hash((one.min(other), one.max(other)))
    }

    /// The tag of any name.
    pub(super) fn tag_of(&self, name: &Name) -> Tag {
        self.between(name.client, name.server).tag
    }

    fn long_tag(&self, one: Endpoint, other: Endpoint) -> Tag {
        let number = |end: Endpoint| (u128::from_ne_bytes(end.address.octets()), end.port);
        let (one, other) = (number(one), number(other));
        self.hash((one.min(other), one.max(other)))
    }

    fn hash(&self, ends: impl std::hash::Hash) -> Tag {
        Tag((self.0.hash_one(ends) >> 32) as u32)
    }
}
