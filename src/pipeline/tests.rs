//! What the pipeline writes, batch by batch.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::aggregate::{Aggregator, exposition};
use super::batch_writer::BatchWriter;
use super::*;
use crate::capture::Filter;
use crate::config::CaptureSource;
use crate::diagnosis::{DiagnosisSpan, Report};
use crate::handshake::{AttemptLimits, FailureReason, FlowHasher};
use crate::labels::{LocalAddressSource, Peers};
use crate::metrics::{Bounds, ExpositionFormat};
use crate::packet::{CapturePoint, Direction, Endpoint, IcmpCode, IcmpError, Quote, Segment};
use crate::record::{Burst, Record, RecordKind};

const SYNS: u32 = 10_000;
const SERVERS: &str = "192.0.2.0/24";

/// Bounds the memory of a batch, and the time that a scrape waits for its lock.
#[test]
fn unanswered_flood_is_split_into_batches() {
    let mut pipeline = pipeline(&counting());
    let hasher = pipeline.flow_hasher();
    let mut batch = Batch::default();
    let frames: Vec<DecodedFrame> = (0..SYNS).map(|client| syn(client, &hasher)).collect();
    pipeline.process(&frames, &mut batch);

    let later = Timestamp::default() + Duration::from_secs(60);
    let mut unanswered = 0;
    let mut more = true;
    while more {
        batch = Batch::default();
        more = pipeline.handle_timeout(&mut batch, later);
        let records = batch.records.records();
        assert!(records.len() <= MAX_BATCH_DEADLINES, "{}", records.len());
        unanswered += records
            .iter()
            .filter(|record| is_failure(record, FailureReason::Unanswered))
            .count();
    }
    assert_eq!(unanswered, SYNS as usize);
}

/// The attempt that takes the place may begin after deadlines, or with a local ICMP rejection.
#[test]
fn eviction_is_recorded_with_its_cause() {
    let counting = CountingConfig {
        limits: AttemptLimits {
            timeout: Duration::from_secs(5),
            max_attempts: 16,
        },
        ..counting()
    };
    // Each client is a new peer.
    let mut pipeline = pipeline(&counting);
    let hasher = pipeline.flow_hasher();
    let at = |millis, frame: DecodedFrame| DecodedFrame {
        at: Timestamp::default() + Duration::from_millis(millis),
        ..frame
    };
    let first = at(0, syn(0, &hasher));
    let others = (1..16).map(|client| at(1_000, syn(client, &hasher)));
    // By then the first attempt is unanswered; the second one is evicted.
    let last = at(5_500, syn(16, &hasher));
    let frames: Vec<DecodedFrame> = [first].into_iter().chain(others).chain([last]).collect();
    let mut batch = Batch::default();
    pipeline.process(&frames, &mut batch);
    assert_eq!(evicted(&batch), 1);

    let rejection = at(5_600, local_rejection(&hasher));
    batch = Batch::default();
    pipeline.process(&[rejection], &mut batch);
    let mut records = batch.records.records().iter();
    assert!(records.any(|record| is_failure(record, FailureReason::Unreachable)));
    assert_eq!(evicted(&batch), 1);
}

/// Attempts that overflow within a burst share a record; attempts further apart have one each.
#[test]
fn burst_counts_as_its_single_attempts() {
    let together = overflowed(Duration::ZERO);
    let apart = overflowed(Duration::from_millis(2));
    assert_eq!((together.bursts, together.opened), (1, 1 + 16));
    assert_eq!((apart.bursts, apart.opened), (0, 1_000));
    assert_eq!(together.exposed, apart.exposed);
    let attempts = |line: &&String| line.contains("_attempts_total{");
    let attempts = together.exposed.iter().find(attempts);
    assert!(
        attempts.is_some_and(|line| line.ends_with(" 999")),
        "{:#?}",
        together.exposed
    );
}

/// With a writer thread, frames and batch travel together.
#[test]
fn records_refer_to_frames_of_their_batch() {
    for threaded in [false, true] {
        let source = CaptureSource::Files(Vec::new());
        let aggregator = Aggregator::shared(&source, &counting(), DiagnosisSpan::Whole);
        let mut pipeline = pipeline(&counting());
        let hasher = pipeline.flow_hasher();
        let mut writer = BatchWriter::new(Arc::clone(&aggregator));
        if threaded {
            writer.spawn_writer();
        }
        for client in 0..4 {
            // Frames of other clients stand before, so that a wrong index finds one of them.
            let before = (0..client).map(|other| syn(100 + other, &hasher));
            let mut frames: Vec<DecodedFrame> = before
                .chain([syn(client, &hasher), rst(client, &hasher)])
                .collect();
            pipeline.process(&frames, &mut writer.batch);
            writer.submit(&mut frames);
            frames.clear();
            writer.flush();
        }
        writer.join_writer();
        let report = Report::of(aggregator.lock().diagnosis.findings());
        let report = String::from_utf8(report.json().expect("JSON")).expect("UTF-8");
        for client in 0..4 {
            let attempt = format!("\"client\": \"10.0.0.{client}:40000\"");
            assert!(report.contains(&attempt), "{threaded} {client}: {report}");
        }
        assert_eq!(
            report.matches("\"outcome\": \"refused\"").count(),
            4,
            "{report}"
        );
    }
}

struct Overflowed {
    bursts: usize,
    opened: usize,
    /// The lines about overflow sets.
    exposed: Vec<String>,
}

/// Processes a thousand SYNs of different peers, all but the first of which overflow.
fn overflowed(interval: Duration) -> Overflowed {
    let counting = CountingConfig {
        max_sets: 1,
        ..counting()
    };
    let mut pipeline = pipeline(&counting);
    let source = CaptureSource::Files(Vec::new());
    let aggregator = Aggregator::shared(&source, &counting, DiagnosisSpan::Whole);
    let hasher = pipeline.flow_hasher();
    let mut writer = BatchWriter::new(Arc::clone(&aggregator));
    let mut frames: Vec<DecodedFrame> = (0..1_000)
        .map(|client| DecodedFrame {
            at: Timestamp::default() + interval * client,
            ..syn(client, &hasher)
        })
        .collect();
    pipeline.process(&frames, &mut writer.batch);
    let count = |test: fn(&RecordKind) -> bool| {
        let records = writer.batch.records.records();
        records.iter().filter(|record| test(&record.kind)).count()
    };
    let bursts = count(|kind| matches!(kind, RecordKind::Burst(..)));
    let opened = count(|kind| matches!(kind, RecordKind::Opened(..)));
    writer.submit(&mut frames);
    let mut text = Vec::new();
    exposition(&aggregator, true)
        .write(ExpositionFormat::Text, &mut text)
        .expect("a vector takes all");
    let text = String::from_utf8(text).expect("UTF-8");
    let exposed = text
        .lines()
        .filter(|line| line.contains("peer=\"other\"") || line.contains("overflowed_attempts"))
        .map(str::to_owned)
        .collect();
    Overflowed {
        bursts,
        opened,
        exposed,
    }
}

fn pipeline(counting: &CountingConfig) -> Pipeline {
    let servers: IpNet = SERVERS.parse().expect("a network");
    Pipeline::new(counting, LocalAddressSource::for_file(&[servers]), None)
}

fn evicted(batch: &Batch) -> u32 {
    let evicted = |record: &Record| match record.kind {
        RecordKind::Burst(_, Burst { evicted, .. }) => evicted,
        _ => 0,
    };
    batch.records.records().iter().map(evicted).sum()
}

fn is_failure(record: &Record, reason: FailureReason) -> bool {
    matches!(&record.kind, RecordKind::Failed(_, failure) if failure.reason == reason)
}

/// No host on the link has the address that this host's SYN was for.
fn local_rejection(hasher: &FlowHasher) -> DecodedFrame {
    let address = |last| Ipv4Addr::new(192, 0, 2, last).into();
    let packet = Packet::IcmpError(IcmpError {
        via: CapturePoint {
            interface: 0,
            direction: Direction::Unknown,
            loopback: true,
        },
        reporter: address(2),
        recipient: address(2),
        code: IcmpCode::HostUnreachable,
        quote: Quote {
            from: Endpoint {
                address: address(2),
                port: 40_000,
            },
            to: Endpoint {
                address: address(9),
                port: 80,
            },
            sequence: 7,
            flags: Some(Flags::SYN),
        },
    });
    frame(packet, hasher)
}

/// A SYN from the client with this number.
fn syn(client: u32, hasher: &FlowHasher) -> DecodedFrame {
    let endpoint = |address: u32, port| Endpoint {
        address: Ipv4Addr::from_bits(address).into(),
        port,
    };
    let packet = Packet::Segment(Segment {
        via: CapturePoint {
            interface: 0,
            direction: Direction::Unknown,
            loopback: false,
        },
        from: endpoint(0x0a00_0000 | client, 40_000),
        to: endpoint(0xc000_0201, 80),
        sequence: client,
        acknowledgment: 0,
        flags: Flags::SYN,
        timestamp: None,
        identification: None,
        hop_limit: 60,
        payload_length: 0,
        ecn_setup: false,
    });
    frame(packet, hasher)
}

/// The server's RST for the SYN of this client.
fn rst(client: u32, hasher: &FlowHasher) -> DecodedFrame {
    let DecodedFrame {
        packet: Ok((Packet::Segment(syn), _)),
        ..
    } = syn(client, hasher)
    else {
        unreachable!("a SYN is a segment");
    };
    let packet = Packet::Segment(Segment {
        from: syn.to,
        to: syn.from,
        sequence: 0,
        acknowledgment: syn.sequence + 1,
        flags: Flags::RST.with(Flags::ACK),
        ..syn
    });
    frame(packet, hasher)
}

fn frame(packet: Packet, hasher: &FlowHasher) -> DecodedFrame {
    DecodedFrame {
        at: Timestamp::default(),
        interface: 0,
        packet: Ok((packet, hasher.key_of(&packet))),
    }
}

pub(super) fn counting() -> CountingConfig {
    CountingConfig {
        filter: Filter {
            expression: None,
            acks: false,
        },
        ports: Vec::new(),
        local: Vec::new(),
        limits: AttemptLimits {
            timeout: Duration::from_secs(5),
            max_attempts: SYNS as usize,
        },
        max_sets: 100,
        idle_timeout: Duration::from_secs(3600),
        peers: Peers::new(Vec::new(), 32, 128),
        bounds: Bounds::default(),
        native_histograms: false,
        peer_groups: String::new(),
        peer_prefixes: (32, 128),
    }
}
