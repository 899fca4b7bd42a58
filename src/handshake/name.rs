//! Who asks whom: a four-tuple with its roles, whole and packed.

use super::event::Side;
use crate::packet::{Address, Endpoint};

/// A four-tuple with its roles.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Name {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
}

impl Default for Name {
    fn default() -> Self {
        let nobody = Endpoint { address: Address::from([0, 0, 0, 0]), port: 0 };
        Self { client: nobody, server: nobody }
    }
}

impl Name {
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

/// A name in 12 bytes. Of IPv4 it is all there is; of IPv6, whose addresses are folded, it tells most names apart and the
/// whole name must be kept beside it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct PackedName {
    client: u32,
    server: u32,
    client_port: u16,
    server_port: u16,
}

impl PackedName {
    pub(super) fn of(client: &Endpoint, server: &Endpoint) -> Self {
        let (client_port, server_port) = (client.port, server.port);
        Self { client: folded(client.address), server: folded(server.address), client_port, server_port }
    }

    /// Both ends as numbers.
    pub(super) fn numbers(self) -> (u64, u64) {
        let number = |address: u32, port: u16| (address as u64) << 16 | port as u64;
        (number(self.client, self.client_port), number(self.server, self.server_port))
    }

    /// The other way round.
    pub(super) const fn back(self) -> Self {
        let Self { client, server, client_port, server_port } = self;
        Self { client: server, server: client, client_port: server_port, server_port: client_port }
    }

    /// The whole name, if these are IPv4 addresses.
    pub(super) fn unpacked(self) -> Name {
        let end = |address: u32, port| Endpoint { address: Address::from(address.to_be_bytes()), port };
        Name { client: end(self.client, self.client_port), server: end(self.server, self.server_port) }
    }
}

/// The last four bytes, which are all of an IPv4 address, with all the others folded in.
fn folded(address: Address) -> u32 {
    let word = |shift: u32| (address.bits() >> shift & 0xffff_ffff) as u32;
    if address.is_v4() { word(0) } else { word(0) ^ word(32) ^ word(64) ^ word(96) }
}
