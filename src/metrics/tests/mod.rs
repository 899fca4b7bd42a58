//! Output of each format, byte by byte, and the cost of a scrape to the capture.

mod formats;
mod protobuf_reader;
mod scrape_cost;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;

use super::*;
use crate::handshake::{Answer, FailureReason};
use crate::labels::{LabelSet, LabelSetId, Peer, Port, Vantage};
use crate::packet::Endpoint;
use crate::time::Timestamp;

/// An event of a label set, and its connection.
type Fact = (SetEvent, Connection);

fn count(store: &mut MetricStore, set: LabelSetId, (event, connection): Fact) {
    store.count_with_exemplar(set, &event, Some(connection));
}

/// Returns a store with one server's label set, with these events counted.
fn store(bounds: &[f64], native: bool, events: &[Fact]) -> MetricStore {
    let mut store = MetricStore::new(
        ConfigInfo::default(),
        Bounds::new(bounds.to_vec()).unwrap(),
        native,
    );
    let set = LabelSetId::from_number(0);
    store.create(set, &label_set(Ipv4Addr::new(10, 0, 0, 2)), at(1_000));
    events.iter().for_each(|fact| count(&mut store, set, *fact));
    store
}

fn label_set(peer: Ipv4Addr) -> LabelSet {
    LabelSet {
        vantage: Vantage::Client,
        local: Some(Ipv4Addr::new(10, 0, 0, 1).into()),
        port: Port::Number(80),
        peer: Peer::Network(IpNet::from(std::net::IpAddr::V4(peer)).into()),
    }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::default() + Duration::from_millis(millis)
}

/// Returns a connection from this client port, counted at this time.
fn connection(port: u16, millis: u64) -> Connection {
    let client = Endpoint {
        address: Ipv4Addr::new(10, 0, 0, 1).into(),
        port,
    };
    let server = Endpoint {
        address: Ipv6Addr::LOCALHOST.into(),
        port: 80,
    };
    Connection {
        client,
        server,
        at: at(millis),
    }
}

fn answered(latency: Duration, connection: Connection) -> Fact {
    (
        SetEvent::Answered(Answer {
            latency,
            late: false,
        }),
        connection,
    )
}

fn failed(reason: FailureReason, connection: Connection) -> Fact {
    (SetEvent::Failed(reason), connection)
}

/// Renders the store without the metrics about the exporter itself.
fn rendered(store: &MetricStore, format: ExpositionFormat) -> Vec<u8> {
    let store = store.clone();
    let mut output = Vec::new();
    Exposition::new(move || store.clone(), false)
        .write(format, &mut output)
        .unwrap();
    output
}
