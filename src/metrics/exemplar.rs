//! Exemplars: for each failure reason and latency bucket the last connection, to find its packets.
//!
//! `set_metrics` records an exemplar with a failure or a slow answer; OpenMetrics and protobuf
//! expose it.
//!
//! Invariant: a label set keeps at most one exemplar for each key, and a later one replaces an
//! earlier one.

use crate::handshake::FailureReason;
use crate::packet::Endpoint;
use crate::time::Timestamp;

/// A connection attempt that was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Connection {
    /// The sender of the SYN.
    pub(super) client: Endpoint,
    /// The destination of the SYN.
    pub(super) server: Endpoint,
    /// When the attempt was counted.
    pub(super) at: Timestamp,
}

/// One connection as an example of what a series counts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Exemplar {
    pub(super) connection: Connection,
    pub(super) value: f64,
}

/// The series of a label set that an exemplar belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ExemplarKey {
    Failure(FailureReason),
    /// The latency bucket with this index.
    LatencyBucket(usize),
}

/// The exemplars of one label set. The number of failure reasons and latency buckets bounds it.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Exemplars(Vec<(ExemplarKey, Exemplar)>);

impl Exemplars {
    /// Records an exemplar. It replaces an earlier one with the same key.
    pub(super) fn insert(&mut self, key: ExemplarKey, connection: Connection, value: f64) {
        let exemplar = Exemplar { connection, value };
        match self.0.iter_mut().find(|(existing, _)| *existing == key) {
            Some((_, existing)) => *existing = exemplar,
            None => self.0.push((key, exemplar)),
        }
    }

    pub(super) fn get(&self, key: ExemplarKey) -> Option<&Exemplar> {
        self.0
            .iter()
            .find(|(existing, _)| *existing == key)
            .map(|(_, exemplar)| exemplar)
    }
}

impl Exemplar {
    /// Returns the labels of the exemplar. With the longest addresses they have 122 characters;
    /// OpenMetrics allows 128.
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
    fn longest_exemplar_labels_fit_open_metrics_limit() {
        let longest: Ipv6Addr = "2001:1db8:1111:2222:3333:4444:5555:6666".parse().unwrap();
        let endpoint = Endpoint {
            address: longest.into(),
            port: 65_535,
        };
        let connection = Connection {
            client: endpoint,
            server: endpoint,
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
