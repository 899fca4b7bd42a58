//! The forms, byte by byte, and what a scrape costs the capture.

mod forms;
mod load;
mod wire;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;

use super::*;
use crate::handshake::{Answer, FailureReason};
use crate::labels::{LabelSet, LabelSetId, Peer, Port, Vantage};
use crate::packet::Endpoint;
use crate::time::Timestamp;

/// What happened to a connection.
type Fact = (SetEvent, Connection);

fn tell(ledger: &mut MetricStore, set: LabelSetId, (event, connection): Fact) {
    ledger.count_with_exemplar(set, &event, Some(connection));
}

/// A ledger with one server's set in it, and what happened there.
fn ledger(bounds: &[f64], native: bool, events: &[Fact]) -> MetricStore {
    let mut ledger = MetricStore::new(
        ConfigInfo::default(),
        Bounds::new(bounds.to_vec()).unwrap(),
        native,
    );
    let set = LabelSetId::from_number(0);
    ledger.create(set, &name(Ipv4Addr::new(10, 0, 0, 2)), at(1_000));
    events.iter().for_each(|fact| tell(&mut ledger, set, *fact));
    ledger
}

fn name(peer: Ipv4Addr) -> LabelSet {
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

/// The connection from this port, counted at this time.
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

/// What a scrape without the exporter's own numbers is given.
fn written(ledger: &MetricStore, format: Format) -> Vec<u8> {
    let ledger = ledger.clone();
    let mut page = Vec::new();
    Exposition::new(move || ledger.clone(), false)
        .write(format, &mut page)
        .unwrap();
    page
}
