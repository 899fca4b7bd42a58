//! Output of each format, byte by byte, and the cost of a scrape to the capture.

mod formats;
mod protobuf_reader;
mod scrape_cost;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;

use super::*;
use crate::handshake::{FailureReason, FourTuple};
use crate::labels::{LabelSet, LabelSetId, Peer, Port, Vantage};
use crate::packet::Endpoint;
use crate::record::{AnswerRecord, FailureRecord, NewAttemptRecord, RecordBatch, RecordKind};
use crate::time::Timestamp;

/// An answer or a failure, with its client port and its time in milliseconds.
#[derive(Clone, Copy)]
struct Outcome {
    result: Result<Duration, FailureReason>,
    port: u16,
    millis: u64,
}

/// Applies one record to the store.
fn apply(store: &mut MetricStore, at: Timestamp, kind: RecordKind) {
    let mut batch = RecordBatch::default();
    batch.push(at, None, kind);
    apply_batch(store, &batch);
}

fn apply_batch(store: &mut MetricStore, batch: &RecordBatch) {
    for record in batch.records() {
        store.apply(record, batch);
    }
}

fn create(store: &mut MetricStore, id: LabelSetId, label_set: LabelSet, at: Timestamp) {
    apply(
        store,
        at,
        RecordKind::LabelSetCreated(id, Box::new(label_set)),
    );
}

fn count(store: &mut MetricStore, id: LabelSetId, outcome: Outcome) {
    let mut batch = RecordBatch::default();
    let four_tuple = batch.add_four_tuple(four_tuple(outcome.port));
    let kind = match outcome.result {
        Ok(latency) => {
            let answer = AnswerRecord {
                latency,
                late: false,
                four_tuple,
            };
            RecordKind::Answered(id, answer)
        }
        Err(reason) => RecordKind::Failed(id, FailureRecord { reason, four_tuple }),
    };
    batch.push(at(outcome.millis), None, kind);
    apply_batch(store, &batch);
}

/// Returns a store with one server's label set, with these outcomes counted.
fn store(bounds: &[f64], native: bool, outcomes: &[Outcome]) -> MetricStore {
    let mut store = MetricStore::new(
        ConfigInfo::default(),
        Bounds::new(bounds.to_vec()).unwrap(),
        native,
    );
    let set = LabelSetId::from_number(0);
    create(
        &mut store,
        set,
        label_set(Ipv4Addr::new(10, 0, 0, 2)),
        at(1_000),
    );
    outcomes
        .iter()
        .for_each(|outcome| count(&mut store, set, *outcome));
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

fn four_tuple(client_port: u16) -> FourTuple {
    FourTuple {
        client: Endpoint {
            address: Ipv4Addr::new(10, 0, 0, 1).into(),
            port: client_port,
        },
        server: Endpoint {
            address: Ipv6Addr::LOCALHOST.into(),
            port: 80,
        },
    }
}

/// Returns an answer to the attempt from this client port, counted at this time.
fn answered(latency: Duration, port: u16, millis: u64) -> Outcome {
    Outcome {
        result: Ok(latency),
        port,
        millis,
    }
}

/// Returns a failure of the attempt from this client port, counted at this time.
fn failed(reason: FailureReason, port: u16, millis: u64) -> Outcome {
    Outcome {
        result: Err(reason),
        port,
        millis,
    }
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
