//! Comparisons of generated captures: each outcome, with different clocks, NAT, and equal ISNs.

use std::time::Duration;

use super::{CaptureSide, Comparison, ComparisonReport, text};
use crate::packet::{
    Address, CapturePoint, Direction, Endpoint, Flags, IcmpCode, IcmpError, Packet, Quote, Segment,
};
use crate::time::Timestamp;

const CLIENT: &str = "10.0.0.1";
const SERVER: &str = "10.0.0.9";
const SYNACK: Flags = Flags::SYN.with(Flags::ACK);
const RST: Flags = Flags::RST.with(Flags::ACK);

fn endpoint(address: &str, port: u16) -> Endpoint {
    Endpoint {
        address: host(address),
        port,
    }
}

fn host(address: &str) -> Address {
    address.parse::<std::net::IpAddr>().unwrap().into()
}

/// Returns a segment. The timestamp value `ts` distinguishes it from retransmissions.
fn segment(
    from: Endpoint,
    to: Endpoint,
    flags: Flags,
    (sequence, acknowledgment): (u32, u32),
    ts: u32,
) -> Packet {
    Packet::Segment(Segment {
        via: CapturePoint {
            interface: 0,
            direction: Direction::Unknown,
            loopback: false,
        },
        from,
        to,
        sequence,
        acknowledgment,
        flags,
        timestamp: Some(ts),
        identification: Some(0),
        hop_limit: 64,
        payload_length: 0,
        ecn_setup: false,
    })
}

/// Two captures of one attempt to port 80 with ISN 99; times are milliseconds by the client's
/// clock.
struct CapturePair {
    comparison: Comparison,
    /// The server's clock minus the client's.
    ahead: Duration,
    /// The server's endpoint in the client's capture.
    server: Endpoint,
    /// The endpoints of client and server in the server's capture.
    arrives_as: (Endpoint, Endpoint),
}

impl CapturePair {
    fn new() -> Self {
        let server = endpoint(SERVER, 80);
        Self {
            comparison: Comparison::default(),
            ahead: Duration::ZERO,
            server,
            arrives_as: (endpoint(CLIENT, 1000), server),
        }
    }

    fn at_client(&mut self, at: u64, packet: &Packet) {
        self.comparison
            .observe(CaptureSide::Client, millis(at), packet);
    }

    fn at_server(&mut self, at: u64, packet: &Packet) {
        self.comparison
            .observe(CaptureSide::Server, millis(at) + self.ahead, packet);
    }

    fn syn_leaves(&mut self, at: u64, ts: u32) {
        self.at_client(
            at,
            &segment(endpoint(CLIENT, 1000), self.server, Flags::SYN, (99, 0), ts),
        );
    }

    fn syn_arrives(&mut self, at: u64, ts: u32) {
        self.at_server(
            at,
            &segment(
                self.arrives_as.0,
                self.arrives_as.1,
                Flags::SYN,
                (99, 0),
                ts,
            ),
        );
    }

    fn synack_leaves(&mut self, at: u64, ts: u32) {
        self.at_server(
            at,
            &segment(self.arrives_as.1, self.arrives_as.0, SYNACK, (500, 100), ts),
        );
    }

    fn synack_arrives(&mut self, at: u64, ts: u32) {
        self.at_client(
            at,
            &segment(self.server, endpoint(CLIENT, 1000), SYNACK, (500, 100), ts),
        );
    }

    fn rst_arrives(&mut self, at: u64) {
        self.at_client(
            at,
            &segment(self.server, endpoint(CLIENT, 1000), RST, (0, 100), 0),
        );
    }

    /// Ends both captures a minute after the attempt, and asserts the verdict on the only path.
    #[track_caller]
    fn assert_verdict(mut self, verdict: &str) -> ComparisonReport {
        self.comparison.end(CaptureSide::Client, millis(60_000));
        self.comparison
            .end(CaptureSide::Server, millis(60_000) + self.ahead);
        let report = self.comparison.report();
        assert_eq!(
            report
                .paths
                .iter()
                .map(|path| path.verdict)
                .collect::<Vec<_>>(),
            [verdict]
        );
        report
    }
}

fn millis(millis: u64) -> Timestamp {
    Timestamp::from_nanos(1_000_000_000_000) + Duration::from_millis(millis)
}

#[test]
fn answered_attempt_is_fine_and_gives_offset() {
    let mut captures = CapturePair::new();
    captures.ahead = Duration::from_secs(7200);
    captures.syn_leaves(0, 1);
    captures.syn_arrives(10, 1);
    captures.synack_leaves(10, 2);
    captures.synack_arrives(30, 2);
    let report = captures.assert_verdict("fine");
    let clock = report.clock.unwrap();
    // The delays are 10 ms there and 20 ms back; the packets fit 15 ms and 15 ms as well.
    assert!((clock.offset_seconds - 7199.995).abs() < 1e-6, "{clock:?}");
    assert!(
        (clock.error_seconds.unwrap() - 0.015).abs() < 1e-6,
        "{clock:?}"
    );
    assert!(report.all_fine());
    assert!(text(&report).starts_with(
        "The server's clock is 7199.995 s ahead of the client's (± 15.000 ms, by 1 attempt seen"
    ));
}

#[test]
fn syn_only_at_client_is_lost_there() {
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.syn_leaves(1000, 2);
    let report = captures.assert_verdict("lost_there");
    assert!(text(&report).starts_with("No attempt is in both captures"));
    assert!(!report.all_fine());
}

#[test]
fn syn_without_answer_is_never_answered() {
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.syn_arrives(1, 1);
    captures.assert_verdict("never_answered");
}

#[test]
fn synack_only_at_server_is_lost_back() {
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.syn_arrives(1, 1);
    captures.synack_leaves(1, 2);
    captures.synack_leaves(1001, 3);
    captures.assert_verdict("lost_back");
}

#[test]
fn rst_only_at_client_is_answered_between() {
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.rst_arrives(1);
    captures.assert_verdict("answered_between");
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.syn_arrives(1, 1);
    captures.rst_arrives(1);
    captures.assert_verdict("answered_between");
}

#[test]
fn rst_at_both_ends_is_refused_by_server() {
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.syn_arrives(1, 1);
    captures.at_server(
        1,
        &segment(
            endpoint(SERVER, 80),
            endpoint(CLIENT, 1000),
            RST,
            (0, 100),
            0,
        ),
    );
    captures.rst_arrives(2);
    captures.assert_verdict("refused_by_server");
}

#[test]
fn icmp_error_is_attributed_to_its_reporter() {
    let quote = Quote {
        from: endpoint(CLIENT, 1000),
        to: endpoint(SERVER, 80),
        sequence: 99,
        flags: None,
    };
    let via = CapturePoint {
        interface: 0,
        direction: Direction::Unknown,
        loopback: false,
    };
    let error = |reporter: &str| {
        let (reporter, recipient) = (host(reporter), host(CLIENT));
        Packet::IcmpError(IcmpError {
            via,
            reporter,
            recipient,
            code: IcmpCode::PortUnreachable,
            quote,
        })
    };
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.syn_arrives(1, 1);
    captures.at_server(1, &error(SERVER));
    captures.at_client(2, &error(SERVER));
    captures.assert_verdict("refused_by_server");
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.at_client(2, &error("10.0.0.254"));
    captures.assert_verdict("answered_between");
}

#[test]
fn synack_with_other_isn_is_answered_between() {
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.at_client(
        1,
        &segment(
            endpoint(SERVER, 80),
            endpoint(CLIENT, 1000),
            SYNACK,
            (77, 100),
            5,
        ),
    );
    captures.syn_arrives(5, 1);
    captures.synack_leaves(5, 2);
    captures.assert_verdict("answered_between");
}

#[test]
fn translated_attempt_is_joined_and_shown() {
    let mut captures = CapturePair::new();
    captures.arrives_as = (endpoint("192.0.2.1", 40_000), endpoint("172.16.0.5", 8080));
    captures.syn_leaves(0, 1);
    captures.syn_arrives(1, 1);
    captures.synack_leaves(1, 2);
    captures.synack_arrives(2, 2);
    let report = captures.assert_verdict("fine");
    assert_eq!(
        report.paths[0].arrives_as.as_deref(),
        Some("192.0.2.1 -> 172.16.0.5 port 8080")
    );
}

#[test]
fn loss_before_answer_is_there_or_back() {
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.syn_leaves(1000, 2);
    captures.syn_arrives(1001, 2);
    captures.synack_leaves(1001, 3);
    captures.synack_arrives(1002, 3);
    captures.assert_verdict("loss_there");
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.syn_arrives(1, 1);
    captures.synack_leaves(1, 2);
    captures.syn_leaves(1000, 3);
    captures.syn_arrives(1001, 3);
    captures.synack_leaves(1001, 4);
    captures.synack_arrives(1002, 4);
    captures.assert_verdict("loss_back");
}

#[test]
fn attempt_at_capture_end_is_undecided() {
    let mut captures = CapturePair::new();
    captures.syn_leaves(59_900, 1);
    captures.assert_verdict("undecided");
}

#[test]
fn answer_of_uncaptured_server_is_elsewhere() {
    let mut captures = CapturePair::new();
    captures.server = endpoint("10.0.0.77", 443);
    captures.syn_leaves(0, 1);
    captures.synack_arrives(5, 2);
    assert!(captures.assert_verdict("elsewhere").all_fine());
}

#[test]
fn attempts_with_equal_isn_differ_by_timestamp() {
    let mut captures = CapturePair::new();
    captures.syn_leaves(0, 1);
    captures.syn_arrives(1, 1);
    captures.synack_leaves(1, 2);
    captures.synack_arrives(2, 2);
    let other = endpoint("10.0.0.2", 1000);
    captures.at_server(
        3,
        &segment(other, endpoint(SERVER, 80), Flags::SYN, (99, 0), 777),
    );
    let report = captures.assert_verdict("fine");
    assert_eq!(
        (report.attempts_at_both, report.attempts_at_server_only),
        (1, 1)
    );
}
