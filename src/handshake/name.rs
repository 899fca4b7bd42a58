//! Who asks whom: a four-tuple with its roles, whole and packed.

use super::event::Side;
use crate::packet::{Address, Endpoint};

/// A four-tuple with its roles.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct FourTuple {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
}

impl FourTuple {
    /// Which side `from` is where it talks to `to`, if these are the two ends.
    pub(super) fn side_of(&self, from: &Endpoint, to: &Endpoint) -> Option<Side> {
        if self.client == *from && self.server == *to {
            Some(Side::Client)
        } else if self.server == *from && self.client == *to {
            Some(Side::Server)
        } else {
            None
        }
    }

    /// Whether that end of both is the same.
    pub(super) fn shares(&self, side: Side, other: &Self) -> bool {
        match side {
            Side::Client => self.client == other.client,
            Side::Server => self.server == other.server,
        }
    }
}

/// A name in 12 bytes. Of IPv4 it is all there is; of IPv6, whose addresses are folded, it tells most names apart, and with
/// the [rest](Ipv6Remainder) of them it is whole.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct CompactTuple {
    client: u32,
    server: u32,
    client_port: u16,
    server_port: u16,
}

/// What the packed name of IPv6 addresses does not tell: the first twelve bytes of each, in four-byte words.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Ipv6Remainder {
    client: [u32; 3],
    server: [u32; 3],
}

impl CompactTuple {
    pub(super) fn of(client: &Endpoint, server: &Endpoint) -> Self {
        let (client_port, server_port) = (client.port, server.port);
        Self {
            client: client.address.xor_folded(),
            server: server.address.xor_folded(),
            client_port,
            server_port,
        }
    }

    /// The same of IPv4 addresses.
    pub(super) const fn of_v4(client: &Endpoint, server: &Endpoint) -> Self {
        let (client_port, server_port) = (client.port, server.port);
        Self {
            client: client.address.last_word(),
            server: server.address.last_word(),
            client_port,
            server_port,
        }
    }

    /// Both ends as numbers.
    pub(super) fn numbers(self) -> (u64, u64) {
        let number = |address: u32, port: u16| (address as u64) << 16 | port as u64;
        (
            number(self.client, self.client_port),
            number(self.server, self.server_port),
        )
    }

    /// The other way round.
    pub(super) const fn back(self) -> Self {
        let Self {
            client,
            server,
            client_port,
            server_port,
        } = self;
        Self {
            client: server,
            server: client,
            client_port: server_port,
            server_port: client_port,
        }
    }

    /// The whole name, if these are IPv4 addresses.
    pub(super) fn unpacked(self) -> FourTuple {
        let end = |address: u32, port| Endpoint {
            address: Address::from(address.to_be_bytes()),
            port,
        };
        FourTuple {
            client: end(self.client, self.client_port),
            server: end(self.server, self.server_port),
        }
    }

    /// The whole name, of which this is the rest.
    pub(super) fn with(self, rest: &Ipv6Remainder) -> FourTuple {
        let end = |folded, words, port| Endpoint {
            address: Address::from_xor_folded(folded, words),
            port,
        };
        FourTuple {
            client: end(self.client, rest.client, self.client_port),
            server: end(self.server, rest.server, self.server_port),
        }
    }
}

impl Ipv6Remainder {
    pub(super) fn of(client: &Endpoint, server: &Endpoint) -> Self {
        Self {
            client: client.address.first_words(),
            server: server.address.first_words(),
        }
    }
}
