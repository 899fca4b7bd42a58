//! Made-up captures of both ends: what was lost where, whatever the clocks say.

use std::time::Duration;

use super::{Comparison, End, text};
use crate::packet::{
    Address, CapturePoint, Direction, Endpoint, Flags, IcmpCode, IcmpError, Packet, Quote, Segment,
};
use crate::time::Timestamp;

const CLIENT: &str = "10.0.0.1";
const SERVER: &str = "10.0.0.9";

fn end(address: &str, port: u16) -> Endpoint {
    Endpoint {
        address: host(address),
        port,
    }
}

fn host(address: &str) -> Address {
    address.parse::<std::net::IpAddr>().unwrap().into()
}

/// Who says what to whom; the timestamp value tells one from the next.
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

/// Two captures of one attempt to port 80 with ISN 99; times are milliseconds by the client's clock.
struct Both {
    comparison: Comparison,
    /// What the server's clock is ahead by.
    ahead: Duration,
    asked: Endpoint,
    seen_as: (Endpoint, Endpoint),
}

impl Both {
    fn new() -> Self {
        let asked = end(SERVER, 80);
        Self {
            comparison: Comparison::default(),
            ahead: Duration::ZERO,
            asked,
            seen_as: (end(CLIENT, 1000), asked),
        }
    }

    fn client(&mut self, at: u64, packet: &Packet) {
        self.comparison.observe(End::Client, millis(at), packet);
    }

    fn server(&mut self, at: u64, packet: &Packet) {
        self.comparison
            .observe(End::Server, millis(at) + self.ahead, packet);
    }

    fn syn_leaves(&mut self, at: u64, ts: u32) {
        self.client(
            at,
            &segment(end(CLIENT, 1000), self.asked, Flags::SYN, (99, 0), ts),
        );
    }

    fn syn_arrives(&mut self, at: u64, ts: u32) {
        self.server(
            at,
            &segment(self.seen_as.0, self.seen_as.1, Flags::SYN, (99, 0), ts),
        );
    }

    fn synack_leaves(&mut self, at: u64, ts: u32) {
        self.server(
            at,
            &segment(self.seen_as.1, self.seen_as.0, SYNACK, (500, 100), ts),
        );
    }

    fn synack_arrives(&mut self, at: u64, ts: u32) {
        self.client(
            at,
            &segment(self.asked, end(CLIENT, 1000), SYNACK, (500, 100), ts),
        );
    }

    fn rst_arrives(&mut self, at: u64) {
        self.client(
            at,
            &segment(self.asked, end(CLIENT, 1000), RST, (0, 100), 0),
        );
    }

    /// The verdict on the only path, after both captures went on for a while.
    #[track_caller]
    fn is(mut self, verdict: &str) -> super::ComparisonReport {
        self.comparison.end(End::Client, millis(60_000));
        self.comparison
            .end(End::Server, millis(60_000) + self.ahead);
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

const SYNACK: Flags = Flags::SYN.with(Flags::ACK);
const RST: Flags = Flags::RST.with(Flags::ACK);

#[test]
fn an_answer_that_arrives_is_fine_and_tells_the_offset() {
    let mut both = Both::new();
    both.ahead = Duration::from_secs(7200);
    both.syn_leaves(0, 1);
    both.syn_arrives(10, 1);
    both.synack_leaves(10, 2);
    both.synack_arrives(30, 2);
    let report = both.is("fine");
    let clock = report.clock.unwrap();
    // The way is 10 ms there and 20 ms back; by the two alone nobody can tell that from 15 and 15.
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
fn nothing_arrives() {
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.syn_leaves(1000, 2);
    let report = both.is("lost_there");
    assert!(text(&report).starts_with("No attempt is in both captures"));
    assert!(!report.all_fine());
}

#[test]
fn the_server_says_nothing() {
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.syn_arrives(1, 1);
    both.is("never_answered");
}

#[test]
fn the_answer_is_lost() {
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.syn_arrives(1, 1);
    both.synack_leaves(1, 2);
    both.synack_leaves(1001, 3);
    both.is("lost_back");
}

#[test]
fn a_rst_that_the_server_never_sent() {
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.rst_arrives(1);
    both.is("answered_between");
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.syn_arrives(1, 1);
    both.rst_arrives(1);
    both.is("answered_between");
}

#[test]
fn a_rst_of_the_server() {
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.syn_arrives(1, 1);
    both.server(
        1,
        &segment(end(SERVER, 80), end(CLIENT, 1000), RST, (0, 100), 0),
    );
    both.rst_arrives(2);
    both.is("refused_by_server");
}

#[test]
fn a_rejection_by_its_reporter() {
    let quote = Quote {
        from: end(CLIENT, 1000),
        to: end(SERVER, 80),
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
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.syn_arrives(1, 1);
    both.server(1, &error(SERVER));
    both.client(2, &error(SERVER));
    both.is("refused_by_server");
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.client(2, &error("10.0.0.254"));
    both.is("answered_between");
}

#[test]
fn a_proxy_answers_with_a_number_of_its_own() {
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.client(
        1,
        &segment(end(SERVER, 80), end(CLIENT, 1000), SYNACK, (77, 100), 5),
    );
    both.syn_arrives(5, 1);
    both.synack_leaves(5, 2);
    both.is("answered_between");
}

#[test]
fn through_nat_and_port_forwarding() {
    let mut both = Both::new();
    both.seen_as = (end("192.0.2.1", 40_000), end("172.16.0.5", 8080));
    both.syn_leaves(0, 1);
    both.syn_arrives(1, 1);
    both.synack_leaves(1, 2);
    both.synack_arrives(2, 2);
    let report = both.is("fine");
    assert_eq!(
        report.paths[0].arrives_as.as_deref(),
        Some("192.0.2.1 -> 172.16.0.5 port 8080")
    );
}

#[test]
fn loss_on_either_way_before_an_answer() {
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.syn_leaves(1000, 2);
    both.syn_arrives(1001, 2);
    both.synack_leaves(1001, 3);
    both.synack_arrives(1002, 3);
    both.is("loss_there");
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.syn_arrives(1, 1);
    both.synack_leaves(1, 2);
    both.syn_leaves(1000, 3);
    both.syn_arrives(1001, 3);
    both.synack_leaves(1001, 4);
    both.synack_arrives(1002, 4);
    both.is("loss_back");
}

#[test]
fn who_began_at_the_end_is_not_judged() {
    let mut both = Both::new();
    both.syn_leaves(59_900, 1);
    both.is("undecided");
}

#[test]
fn an_answer_from_a_server_that_the_capture_does_not_know() {
    let mut both = Both::new();
    both.asked = end("10.0.0.77", 443);
    both.syn_leaves(0, 1);
    both.synack_arrives(5, 2);
    assert!(both.is("elsewhere").all_fine());
}

#[test]
fn the_same_number_twice_is_told_apart_by_timestamps() {
    let mut both = Both::new();
    both.syn_leaves(0, 1);
    both.syn_arrives(1, 1);
    both.synack_leaves(1, 2);
    both.synack_arrives(2, 2);
    let other = end("10.0.0.2", 1000);
    both.server(
        3,
        &segment(other, end(SERVER, 80), Flags::SYN, (99, 0), 777),
    );
    let report = both.is("fine");
    assert_eq!(
        (report.attempts_at_both, report.attempts_at_server_only),
        (1, 1)
    );
}
