//! Verdicts from the records of a tracker's events.

use std::time::Duration;

use super::super::counts::AttemptCounts;
use super::super::{Diagnosis, DiagnosisSpan, Report};
use super::{address, evidence};
use crate::handshake::{
    Assignment, AttemptLimits, AttemptRef, Event, EventSink, Opening, OwnerId, PeerHistory, Tracker,
};
use crate::labels::LabelSetId;
use crate::labels::Vantage::Client;
use crate::packet::{CapturePoint, Direction, Endpoint, Flags, IcmpError, Packet, Segment};
use crate::record::{Attribution, NewAttemptRecord, RecordBatch, RecordKind};
use crate::time::Timestamp;

const SET: LabelSetId = LabelSetId::from_number(0);
const SYNACK: Flags = Flags::SYN.with(Flags::ACK);
const RST: Flags = Flags::RST.with(Flags::ACK);

/// A client at 10.0.0.1, with a tracker; its events are applied to one label set of a diagnosis.
struct TrackedClient {
    tracker: Tracker,
    diagnosis: Diagnosis,
    now: Timestamp,
    /// `true` if new attempts overflow, and so share a burst.
    overflows: bool,
}

/// Records events, all of one label set.
struct RecordSink {
    batch: RecordBatch,
    overflows: bool,
}

impl EventSink for RecordSink {
    fn opened(&mut self, now: Timestamp, opening: Opening<'_>) -> Assignment {
        let opened = NewAttemptRecord {
            vantage: Client,
            by_syn: true,
            overflowed: false,
        };
        match opening {
            Opening::Syn(syn) if self.overflows => {
                self.batch.record_overflow(now, Some(0), SET, Client, syn);
            }
            _ => self
                .batch
                .push(now, Some(0), RecordKind::Opened(SET, opened)),
        }
        Assignment {
            owner: OwnerId(SET.number()),
            history: PeerHistory::New,
        }
    }

    fn event(&mut self, now: Timestamp, event: Event, _: Option<AttemptRef<'_>>) {
        if let Event::Evicted(_) = event {
            return self.batch.record_eviction(now, SET);
        }
        let attribution = Attribution {
            label_set: Some(SET),
            ..Attribution::default()
        };
        let kind = RecordKind::from_event(event, attribution);
        self.batch.push(now, Some(0), kind.expect("a record"));
    }

    fn unmatched_icmp(&mut self, _: &IcmpError) -> bool {
        false
    }
}

impl TrackedClient {
    fn new() -> Self {
        let timeout = Duration::from_secs(5);
        let mut diagnosis = Diagnosis::new(DiagnosisSpan::Whole, timeout);
        let mut batch = RecordBatch::default();
        let label_set = evidence(Client, AttemptCounts::default()).label_set;
        batch.create_label_set(Timestamp::default(), SET, label_set);
        batch
            .records()
            .iter()
            .for_each(|record| diagnosis.apply(record, None));
        let tracker = Tracker::new(AttemptLimits {
            timeout,
            max_attempts: 64,
        });
        Self {
            tracker,
            diagnosis,
            now: Timestamp::default(),
            overflows: false,
        }
    }

    /// Creates a client with new attempts that overflow.
    fn with_overflow() -> Self {
        Self {
            overflows: true,
            ..Self::new()
        }
    }

    /// Processes a segment `after` milliseconds later. With an ACK it goes from the server to this
    /// client port, otherwise from the client to the server.
    fn segment(&mut self, after: u64, flags: Flags, (port, ecn): (u16, bool)) {
        self.now = self.now + Duration::from_millis(after);
        let packet = self.packet(flags, port, ecn);
        let key = self.tracker.flow_hasher().key_of(&packet);
        let mut sink = self.sink();
        self.tracker
            .handle_packet(self.now, &packet, &key, &mut sink);
        self.apply(&sink, Some(&packet));
    }

    fn packet(&self, flags: Flags, port: u16, ecn: bool) -> Packet {
        let [client, server] =
            [("10.0.0.1", port), ("10.0.0.9", 3306)].map(|(host, port)| Endpoint {
                address: address(host),
                port,
            });
        let to_client = flags.has(Flags::ACK);
        let (from, to) = if to_client {
            (server, client)
        } else {
            (client, server)
        };
        let isn = u32::from(port) * 1000;
        Packet::Segment(Segment {
            via: CapturePoint {
                interface: 0,
                direction: Direction::Unknown,
                loopback: false,
            },
            from,
            to,
            sequence: if to_client {
                7
            } else {
                isn + u32::from(flags.has(Flags::RST))
            },
            acknowledgment: if to_client { isn + 1 } else { 0 },
            flags,
            timestamp: Some(u32::try_from(self.now.as_nanos() / 1_000_000).unwrap()),
            identification: None,
            hop_limit: 60,
            payload_length: 0,
            ecn_setup: ecn,
        })
    }

    /// Lets time pass without packets.
    fn idle(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        let mut sink = self.sink();
        let now = self.now;
        while self.tracker.handle_timeout(now, 100, &mut sink) {}
        self.apply(&sink, None);
    }

    fn sink(&self) -> RecordSink {
        RecordSink {
            batch: RecordBatch::default(),
            overflows: self.overflows,
        }
    }

    fn apply(&mut self, sink: &RecordSink, packet: Option<&Packet>) {
        for record in sink.batch.records() {
            self.diagnosis.apply(record, packet);
        }
    }

    fn report(&self) -> Report {
        Report::of(self.diagnosis.findings())
    }
}

#[test]
fn ecn_drop_is_detected_from_packets() {
    let mut client = TrackedClient::new();
    for port in 1..=4 {
        client.segment(100, Flags::SYN, (port, true));
        client.segment(1000, Flags::SYN, (port, false));
        client.segment(10, SYNACK, (port, false));
    }
    let report = client.report();
    assert_eq!(report.sets[0].verdict, "ecn_dropped");
    assert_eq!(
        report.sets[0].sentence,
        "None of 4 SYNs to port 3306 of 10.0.0.9 with ECN was answered, 4 without it were."
    );
    // One answer to a SYN with ECN turns the verdict into loss.
    client.segment(100, Flags::SYN, (9, true));
    client.segment(10, SYNACK, (9, true));
    assert_eq!(client.report().sets[0].verdict, "loss");
}

#[test]
fn ecn_answered_in_overflow_is_not_dropped() {
    let verdict = |is_answered: bool| {
        let mut client = TrackedClient::with_overflow();
        for port in (1..=8).step_by(2) {
            client.segment(100, Flags::SYN, (port, false));
            client.segment(0, Flags::SYN, (port + 1, true));
            client.segment(10, SYNACK, (port, false));
            if !is_answered {
                client.segment(1000, Flags::SYN, (port + 1, false));
            }
            client.segment(0, SYNACK, (port + 1, is_answered));
        }
        client.report().sets.remove(0).verdict
    };
    assert_eq!((verdict(true), verdict(false)), ("fine", "ecn_dropped"));
}

#[test]
fn client_rst_without_ack_marks_answer_late() {
    let result_after = |millis: u64| {
        let mut client = TrackedClient::new();
        for port in 1..=4 {
            client.segment(100, Flags::SYN, (port, false));
            client.segment(millis, SYNACK, (port, false));
            client.segment(0, Flags::RST, (port, false));
            client.segment(0, Flags::RST, (port, false));
        }
        let set = client.report().sets.remove(0);
        (set.verdict, set.sentence)
    };
    let sentence = "All 4 answers from port 3306 of 10.0.0.9 found that the client had given up, and met a RST instead of an \
                 ACK: the slowest took 600 ms.";
    assert_eq!(result_after(600), ("late", sentence.to_owned()));
    // A health check that resets the connection at once.
    assert_eq!(result_after(10).0, "fine");
}

#[test]
fn failed_attempts_are_listed_with_packets() {
    let mut client = TrackedClient::new();
    for port in 1..=9 {
        client.segment(10, Flags::SYN, (port, false));
        client.segment(10, RST, (port, false));
    }
    client.segment(10, Flags::SYN, (50, false));
    client.segment(1000, Flags::SYN, (50, false));
    client.idle(6000);
    let report = client.report();
    let attempts = serde_json::to_value(&report.sets[0].last_attempts).unwrap();
    assert_eq!(attempts.as_array().unwrap().len(), 5);
    assert_eq!(attempts[0]["outcome"], "unanswered");
    assert_eq!(
        attempts[0]["packets"],
        serde_json::json!([
            { "after_seconds": 0.0, "what": "SYN", "ttl": 60 },
            { "after_seconds": 1.0, "what": "SYN", "ttl": 60 },
        ])
    );
    assert_eq!(attempts[1]["client"], "10.0.0.1:9");
    assert_eq!(attempts[1]["packets"][1]["what"], "RST from the server");
}

#[test]
fn flood_keeps_a_bounded_sample() {
    let mut client = TrackedClient::new();
    for port in 1..=60_000 {
        client.segment(1, Flags::SYN, (port, false));
    }
    client.idle(10_000);
    let report = client.report();
    assert_eq!(
        report.sets[0].verdict, "capture_untrusted",
        "the attempt table holds 64 attempts"
    );
    assert_eq!(report.sets[0].last_attempts.len(), 5);
}

/// Attempts beyond the sample of a burst are counted, and do not hide what the sample shows.
#[test]
fn burst_beyond_sample_is_counted() {
    let mut batch = RecordBatch::default();
    let label_set = evidence(Client, AttemptCounts::default()).label_set;
    batch.create_label_set(Timestamp::default(), SET, label_set);
    let mut client = TrackedClient::with_overflow();
    let mut sink = client.sink();
    let packets: Vec<Packet> = (1..=40)
        .map(|port| client.packet(Flags::SYN, port, false))
        .collect();
    for packet in &packets {
        let key = client.tracker.flow_hasher().key_of(packet);
        client
            .tracker
            .handle_packet(client.now, packet, &key, &mut sink);
    }
    for record in sink.batch.records() {
        let packet = record.packet.map(|_| &packets[0]);
        client.diagnosis.apply(record, packet);
    }
    assert!(sink.batch.len() < 20, "{}", sink.batch.len());
    assert_eq!(client.report().sets[0].counts.attempts, 40);
}
