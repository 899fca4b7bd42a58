//! What the river writes down, sheet by sheet.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::IpNet;

use super::*;
use crate::capture::Filter;
use crate::config::CaptureSource;
use crate::diagnosis::DiagnosisSpan;
use crate::handshake::{AttemptLimits, Event, FailureReason};
use crate::labels::Peers;
use crate::metrics::{Bounds, ExpositionFormat};
use crate::packet::{CapturePoint, Direction, Endpoint, IcmpCode, IcmpError, Quote, Segment};
use crate::pipeline::aggregate::Aggregator;
use crate::pipeline::batch_writer::BatchWriter;
use crate::pipeline::exposition;

const SYNS: u32 = 10_000;

/// So the memory that they take is that of a sheet, and whoever waits for the books waits no longer than for one.
#[test]
fn what_a_flood_left_waiting_is_written_a_sheet_at_a_time() {
    let mut river = Pipeline::new(&counting(), LocalAddressSource::for_file(&[]), None);
    let (flow_hasher, mut sheet) = (river.flow_hasher(), RecordBatch::default());
    let readings: Vec<DecodedFrame> = (0..SYNS).map(|source| syn(source, &flow_hasher)).collect();
    river.flow(&readings, &mut sheet);

    let (later, mut unanswered, mut is_all) =
        (Timestamp::default() + Duration::from_secs(60), 0, false);
    while !is_all {
        sheet = RecordBatch::default();
        is_all = river.pass_time(&mut sheet, later);
        assert_eq!(sheet.entries.len(), sheet.events.len());
        assert!(
            sheet.entries.len() <= A_SHEETFUL,
            "{} at once",
            sheet.entries.len()
        );
        unanswered += sheet
            .events
            .iter()
            .filter(|event| matches!(event, Event::Failed(_, FailureReason::Unanswered)))
            .count();
    }
    assert_eq!(unanswered, SYNS as usize);
}

/// Whether deadlines come before the packet that needs room, or it is this host's own word that does.
#[test]
fn whoever_makes_room_is_counted_with_what_took_it() {
    let room = CountingConfig {
        limits: AttemptLimits {
            timeout: Duration::from_secs(5),
            max_attempts: 16,
        },
        ..counting()
    };
    // Each client is a peer that was never seen.
    let served: IpNet = "192.0.2.0/24".parse().expect("it is a network");
    let mut river = Pipeline::new(&room, LocalAddressSource::for_file(&[served]), None);
    let flow_hasher = river.flow_hasher();
    let at = |millis, reading: DecodedFrame| DecodedFrame {
        at: Timestamp::default() + Duration::from_millis(millis),
        ..reading
    };
    let first = at(0, syn(0, &flow_hasher));
    let others = (1..16).map(|source| at(1_000, syn(source, &flow_hasher)));
    // The first is unanswered by then; who goes is the second.
    let last = at(5_500, syn(16, &flow_hasher));
    let readings: Vec<DecodedFrame> = [first].into_iter().chain(others).chain([last]).collect();
    let mut sheet = RecordBatch::default();
    river.flow(&readings, &mut sheet);
    assert_eq!(evicted(&sheet), 1);

    let own_word = at(5_600, own_word(&flow_hasher));
    sheet = RecordBatch::default();
    river.flow(&[own_word], &mut sheet);
    assert!(
        sheet
            .events
            .iter()
            .any(|event| matches!(event, Event::Failed(_, FailureReason::Unreachable)))
    );
    assert_eq!(evicted(&sheet), 1);
}

fn evicted(sheet: &RecordBatch) -> u32 {
    let lines = sheet.lines.iter().map(|(_, line)| {
        if let Line::Crowd(crowd) = line {
            crowd.evicted
        } else {
            0
        }
    });
    lines.sum()
}

/// Strangers who come in one moment are written as a crowd, those who come one after the other by themselves.
#[test]
fn a_crowd_counts_as_its_attempts_do_one_by_one() {
    let page = |apart: Duration| {
        let counting = CountingConfig {
            max_sets: 1,
            ..counting()
        };
        let served: IpNet = "192.0.2.0/24".parse().expect("it is a network");
        let mut river = Pipeline::new(&counting, LocalAddressSource::for_file(&[served]), None);
        let books = Aggregator::shared(
            &CaptureSource::Files(Vec::new()),
            &counting,
            DiagnosisSpan::Whole,
        );
        let (flow_hasher, mut desk) = (river.flow_hasher(), BatchWriter::new(Arc::clone(&books)));
        let at = |source: u32| Timestamp::default() + apart * source;
        let mut readings: Vec<DecodedFrame> = (0..1_000)
            .map(|source| DecodedFrame {
                at: at(source),
                ..syn(source, &flow_hasher)
            })
            .collect();
        river.flow(&readings, &mut desk.sheet);
        let lines = desk
            .sheet
            .lines
            .iter()
            .filter(|(_, line)| matches!(line, Line::Crowd(_)))
            .count();
        desk.put(&mut readings);
        let mut page = Vec::new();
        exposition(&books, false)
            .write(ExpositionFormat::Text, &mut page)
            .expect("there is room");
        let page = String::from_utf8(page).expect("it is text");
        let about_sets = |line: &&str| {
            line.contains("peer=\"other\"") || line.contains("overflowed_attempts_total ")
        };
        let counts: Vec<String> = page.lines().filter(about_sets).map(str::to_owned).collect();
        (lines, counts)
    };
    let (crowd, of_a_crowd) = page(Duration::ZERO);
    let (alone, one_by_one) = page(Duration::from_millis(2));
    assert_eq!((crowd, alone), (1, 999));
    assert_eq!(of_a_crowd, one_by_one);
    let attempts = of_a_crowd
        .iter()
        .find(|line| line.contains("_attempts_total{"));
    assert!(
        attempts.is_some_and(|line| line.ends_with(" 999")),
        "{of_a_crowd:#?}"
    );
}

/// Nobody on the link has the address that this host asked for.
fn own_word(flow_hasher: &FlowHasher) -> DecodedFrame {
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
    DecodedFrame {
        at: Timestamp::default(),
        interface: 0,
        packet: Ok((packet, flow_hasher.ends(&packet))),
    }
}

fn syn(source: u32, flow_hasher: &FlowHasher) -> DecodedFrame {
    let end = |address: u32, port| Endpoint {
        address: Ipv4Addr::from_bits(address).into(),
        port,
    };
    let packet = Packet::Segment(Segment {
        via: CapturePoint {
            interface: 0,
            direction: Direction::Unknown,
            loopback: false,
        },
        from: end(0x0a00_0000 | source, 40_000),
        to: end(0xc000_0201, 80),
        sequence: source,
        acknowledgment: 0,
        flags: Flags::SYN,
        timestamp: None,
        identification: None,
        hop_limit: 60,
        payload_length: 0,
        ecn_setup: false,
    });
    DecodedFrame {
        at: Timestamp::default(),
        interface: 0,
        packet: Ok((packet, flow_hasher.ends(&packet))),
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
