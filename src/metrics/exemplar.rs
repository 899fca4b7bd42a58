//! Exemplars: the last connection of a kind, so that a number leads to packets.

use crate::handshake::FailureReason;
use crate::packet::Endpoint;
use crate::time::Timestamp;

/// A connection attempt, and when it was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connection {
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// When it was counted.
    pub at: Timestamp,
}

/// The concrete case behind a series.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Exemplar {
    pub(super) connection: Connection,
    pub(super) value: f64,
}

/// Which series of a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Slot {
    Failure(FailureReason),
    /// The bucket of the latency at this place.
    Latency(usize),
}

/// At most one a slot: there are as many as reasons and buckets.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Exemplars(Vec<(Slot, Exemplar)>);

impl Exemplars {
    /// Takes the place of the one before.
    pub(super) fn note(&mut self, slot: Slot, connection: Connection, value: f64) {
        let exemplar = Exemplar { connection, value };
        match self.0.iter_mut().find(|(of, _)| *of == slot) {
            Some((_, known)) => *known = exemplar,
            None => self.0.push((slot, exemplar)),
        }
    }

    pub(super) fn of(&self, slot: Slot) -> Option<&Exemplar> {
        self.0
            .iter()
            .find(|(of, _)| *of == slot)
            .map(|(_, exemplar)| exemplar)
    }
}

impl Exemplar {
    /// Its labels. With the longest addresses they have 122 characters; OpenMetrics allows for 128.
    pub(super) fn labels(&self) -> [(&'static str, String); 3] {
        let Connection { client, server, .. } = self.connection;
        [
            ("client_address", client.address.to_string()),
            ("client_port", client.port.to_string()),
            ("server_address", server.address.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn the_longest_labels_are_not_too_long() {
        let long: Ipv6Addr = "2001:1db8:1111:2222:3333:4444:5555:6666".parse().unwrap();
        let end = Endpoint {
            address: long.into(),
            port: 65_535,
        };
        let connection = Connection {
            client: end,
            server: end,
            at: Timestamp::default(),
        };
        let labels = Exemplar {
            connection,
            value: 1.0,
        }
        .labels();
        let length: usize = labels
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        assert_eq!(length, 122);
    }
}
