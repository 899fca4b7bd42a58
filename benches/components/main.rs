//! Measures the cost of a packet in each module: `cargo bench --bench components`.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tcp_handshake_exporter::decode::decode;
use tcp_handshake_exporter::frame::{Frame, Interface, Link};
use tcp_handshake_exporter::handshake::{
    Assignment, AttemptLimits, AttemptRef, Event, EventSink, FailureReason, FourTuple, Opening,
    OwnerId, PREFETCH_BATCH, PeerHistory, Tracker,
};
use tcp_handshake_exporter::labels::{LabelResolver, LabelSetRegistry, LocalAddressSource, Peers};
use tcp_handshake_exporter::metrics::{
    Bounds, ConfigInfo, Exposition, ExpositionFormat, MetricStore,
};
use tcp_handshake_exporter::packet::{CapturePoint, Direction, Endpoint, IcmpError, Packet};
use tcp_handshake_exporter::record::{
    AnswerRecord, FailureRecord, NewAttemptRecord, RecordBatch, RecordKind,
};
use tcp_handshake_exporter::time::Timestamp;

#[allow(dead_code, reason = "the end-to-end benchmark uses all of it")]
#[path = "../end_to_end/sender.rs"]
mod sender;

use sender::{Random, frame};

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Discards all events.
struct Discarding;

impl EventSink for Discarding {
    fn opened(&mut self, _: Timestamp, _: Opening<'_>) -> Assignment {
        Assignment {
            owner: OwnerId(1),
            history: PeerHistory::Known,
        }
    }

    fn event(&mut self, _: Timestamp, event: Event, _: Option<AttemptRef<'_>>) {
        black_box(event);
    }

    fn unmatched_icmp(&mut self, _: &IcmpError) -> bool {
        false
    }
}

criterion_group!(
    benches,
    bench_decode,
    bench_tracker,
    bench_labels,
    bench_scrape
);
criterion_main!(benches);

fn bench_decode(criterion: &mut Criterion) {
    let interface = Interface {
        id: 0,
        number: 0,
        link: Link::Ethernet,
        hardware_address: None,
    };
    let bytes = frame((0x0a01_0001, 40_000), (0x0a02_0001, 80), [7, 0], SYN, 9);
    let frame = Frame {
        at: at(0),
        interface: &interface,
        wire_length: 66,
        bytes: &bytes,
    };
    criterion.bench_function("decode a SYN", |bencher| {
        bencher.iter(|| decode(black_box(&frame)));
    });
}

/// Measures the tracker with a full table, as in a flood and on a busy server.
///
/// Packets are processed in batches, as the program does.
fn bench_tracker(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tracker, 131,072 tracked attempts");
    group.throughput(Throughput::Elements(PREFETCH_BATCH as u64));
    for (name, answered) in [
        ("SYN and SYN/ACK", true),
        ("SYNs from spoofed sources", false),
    ] {
        let mut tracker = Tracker::new(AttemptLimits {
            timeout: Duration::from_secs(5),
            max_attempts: 131_072,
        });
        let mut random = Random::new(1);
        let mut number = 0;
        let mut batch = move || packets(&mut random, &mut number, answered);
        for _ in 0..4_096 {
            track(&mut tracker, &batch());
        }
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                &mut batch,
                |packets| track(&mut tracker, &packets),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn bench_labels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("labels, 500 label sets");
    let server = end(Ipv4Addr::new(192, 0, 2, 2), 80);
    let locality = || LocalAddressSource::for_host([IpAddr::from([192, 0, 2, 2])], &[]);
    for (name, peers) in [
        ("peer with a label set", 500_u32),
        ("peer without a label set", u32::MAX),
    ] {
        let mut labels = LabelResolver::new(
            locality(),
            Peers::new(vec![], 32, 128),
            LabelSetRegistry::new(500),
        );
        let via = CapturePoint {
            interface: 0,
            direction: Direction::Entering,
            loopback: false,
        };
        let mut random = Random::new(1);
        let mut now = 0;
        let mut admit = move || {
            now += 1_000;
            let client = end(Ipv4Addr::from(random.below(peers)), 40_000);
            let lookup = labels.resolve(0, &client, &server, via);
            let admission = labels.admit(lookup, at(now));
            labels.registry_mut().record_decided(admission.set, at(now));
            admission.overflowed
        };
        for _ in 0..100_000 {
            admit();
        }
        group.bench_function(name, |bencher| bencher.iter(&mut admit));
    }
    group.finish();
}

/// Measures an exposition of 2,000 label sets, each with a failure and answers slow enough for
/// exemplars.
fn bench_scrape(criterion: &mut Criterion) {
    let server = end(Ipv4Addr::new(192, 0, 2, 2), 80);
    let now = at(1_000);
    let mut labels = LabelResolver::new(
        LocalAddressSource::for_host([IpAddr::from([192, 0, 2, 2])], &[]),
        Peers::new(vec![], 32, 128),
        LabelSetRegistry::new(2_000),
    );
    let mut store = MetricStore::new(ConfigInfo::default(), Bounds::default(), false);
    for number in 0..2_000_u32 {
        let client = end(Ipv4Addr::from(0x0a00_0000 + number), 40_000);
        let via = CapturePoint {
            interface: 0,
            direction: Direction::Entering,
            loopback: false,
        };
        let lookup = labels.resolve(0, &client, &server, via);
        let admission = labels.admit(lookup, now);
        let label_set = labels
            .registry_mut()
            .labels(admission.set)
            .expect("the registry is not full");
        let mut batch = RecordBatch::default();
        batch.create_label_set(now, admission.set, label_set.clone());
        let opened = NewAttemptRecord {
            vantage: label_set.vantage,
            by_syn: true,
            overflowed: false,
        };
        batch.push(now, None, RecordKind::Opened(admission.set, opened));
        let four_tuple = batch.add_four_tuple(FourTuple { client, server });
        let failure = FailureRecord {
            reason: FailureReason::Unanswered,
            four_tuple,
        };
        batch.push(now, None, RecordKind::Failed(admission.set, failure));
        for millis in [1, 30, 1_100] {
            let answer = AnswerRecord {
                latency: Duration::from_millis(millis),
                late: false,
                four_tuple,
            };
            batch.push(now, None, RecordKind::Answered(admission.set, answer));
        }
        for record in batch.records() {
            store.apply(record, &batch);
        }
    }
    let mut group = criterion.benchmark_group("scrape, 2,000 label sets");
    group.bench_function("copy under the lock", |bencher| {
        bencher.iter(|| black_box(store.clone()));
    });
    for format in ExpositionFormat::ALL {
        let copy = store.clone();
        let exposition = Exposition::new(move || copy.clone(), false);
        let mut exposition_text = Vec::new();
        group.bench_function(format!("{format:?}"), |bencher| {
            bencher.iter(|| {
                exposition_text.clear();
                exposition
                    .write(format, &mut exposition_text)
                    .expect("writing to memory succeeds");
            });
        });
    }
    group.finish();
}

/// Returns a batch of packets: attempts with their answers if `answered` is `true`, else SYNs only.
fn packets(random: &mut Random, number: &mut u64, answered: bool) -> Vec<(Timestamp, Packet)> {
    let interface = Interface {
        id: 0,
        number: 0,
        link: Link::Ethernet,
        hardware_address: None,
    };
    let segment = |at, from, to, numbers, flags| {
        let bytes = frame(from, to, numbers, flags, 9);
        (
            at,
            decode(&Frame {
                at,
                interface: &interface,
                wire_length: 66,
                bytes: &bytes,
            })
            .expect("the frame contains a segment"),
        )
    };
    let attempts = if answered {
        PREFETCH_BATCH / 2
    } else {
        PREFETCH_BATCH
    };
    let mut packets = Vec::with_capacity(PREFETCH_BATCH);
    for _ in 0..attempts {
        *number += 1;
        let client = (random.next(), 40_000);
        let server = (0x0a02_0001, 80);
        let isn = random.next();
        packets.push(segment(at(*number * 2_000), client, server, [isn, 0], SYN));
        if answered {
            packets.push(segment(
                at(*number * 2_000 + 500),
                server,
                client,
                [1, isn.wrapping_add(1)],
                SYN | ACK,
            ));
        }
    }
    packets
}

/// Processes a batch, with the prefetching that the program does.
fn track(tracker: &mut Tracker, packets: &[(Timestamp, Packet)]) {
    let hasher = tracker.flow_hasher();
    let latest = packets.last().map_or(at(0), |(latest, _)| *latest);
    let keyed: Vec<_> = packets
        .iter()
        .map(|(_, packet)| (*packet, hasher.key_of(packet)))
        .collect();
    tracker.prefetch_index(keyed.iter());
    tracker.prefetch(keyed.iter(), [].iter(), latest);
    for ((at, _), (packet, key)) in packets.iter().zip(&keyed) {
        tracker.handle_packet(*at, packet, key, &mut Discarding);
    }
}

fn end(address: Ipv4Addr, port: u16) -> Endpoint {
    Endpoint {
        address: IpAddr::V4(address).into(),
        port,
    }
}

const fn at(nanos: u64) -> Timestamp {
    Timestamp::from_nanos(1_700_000_000_000_000_000 + nanos)
}
