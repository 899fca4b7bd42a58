//! Captures that are reported as one-sided, and captures that must not be.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::oracle::{IN_TRANSIT, exporter_counts, page};
use crate::packet_builder::{Format, Link, capture, parse_script};
use crate::program::{run, stdout};

/// A later packet that is not part of a handshake, so that all pending attempts are decided.
const LATER: &str = "z = 10.0.9.9:1\nq = 10.0.9.8:1\n19000 z > q UDP\n";

#[test]
fn syns_without_retransmission_or_reply_miss_answers() {
    assert_eq!(missing(&attempts(4, 4, &[0]), IN_TRANSIT), "answers");
}

#[test]
fn diagnosis_reports_one_sided_capture() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("half.pcap");
    std::fs::write(
        &file,
        capture(
            &parse_script(&attempts(4, 4, &[0])),
            Link::Ethernet,
            Format::PLAIN,
            65_535,
        ),
    )
    .unwrap();
    let report = stdout(&run(&[
        "diagnose",
        "--capture.local",
        "203.0.113.255/32",
        &file.to_string_lossy(),
    ]));
    assert!(
        report.contains("the capture sees one direction only"),
        "{report}"
    );
}

#[test]
fn retransmissions_to_dead_peers_are_not_one_sided() {
    assert_eq!(missing(&attempts(4, 4, &[0, 1000, 3000]), IN_TRANSIT), "");
}

#[test]
fn unanswered_local_attempts_are_not_one_sided() {
    assert_eq!(
        missing(&attempts(4, 4, &[0]), "--capture.local 10.0.0.2/32"),
        ""
    );
}

#[test]
fn scan_is_not_one_sided() {
    assert_eq!(
        missing(&attempts(250, 1, &[0]), IN_TRANSIT),
        "",
        "of a network"
    );
    let mut ports = String::from("c = 10.0.0.2:40000\n");
    for port in 1..=200 {
        write!(
            ports,
            "s{port} = 10.0.1.1:{port}\n{port} c > s{port} S seq={port} ts=1\n"
        )
        .unwrap();
    }
    assert_eq!(missing(&(ports + LATER), IN_TRANSIT), "", "of one host");
}

#[test]
fn flood_is_not_one_sided() {
    let mut flood = String::from("s = 10.0.0.9:443\n");
    for n in 1..=250 {
        write!(flood, "c{n} = 10.9.1.{n}:{n}\n{n} c{n} > s S seq={n}\n").unwrap();
    }
    assert_eq!(missing(&(flood + LATER), IN_TRANSIT), "");
}

#[test]
fn one_reply_makes_capture_two_sided() {
    let attempt = "x = 10.0.3.1:80\ny = 10.0.3.2:9\n6000 y > x S seq=1\n";
    for answer in [
        "SA seq=9 ack=2",
        "RA seq=0 ack=2",
        "SA seq=9 ack=77",
        "3/1 of y > x S seq=1",
    ] {
        let text = attempts(4, 4, &[0]) + attempt + &format!("6001 x > y {answer}\n");
        assert_eq!(missing(&text, IN_TRANSIT), "", "{answer}");
    }
}

#[test]
fn synacks_without_syns_miss_syns() {
    assert_eq!(missing(&synacks(12, ""), IN_TRANSIT), "syns");
    // One direction of a link that has clients and servers on one side.
    assert_eq!(
        missing(&(attempts(4, 4, &[0]) + &synacks(12, "")), IN_TRANSIT),
        "syns"
    );
    assert_eq!(missing(&synacks(9, ""), IN_TRANSIT), "", "too few SYN/ACKs");
}

#[test]
fn backscatter_rejected_by_rst_is_not_one_sided() {
    assert_eq!(missing(&synacks(12, "R seq=78"), IN_TRANSIT), "");
}

#[test]
fn unmatched_synacks_then_reply_are_not_one_sided() {
    let text = synacks(12, "")
        + "x = 10.0.3.1:80\ny = 10.0.3.2:9\n6000 y > x S seq=1\n6001 x > y SA seq=9 ack=2\n";
    assert_eq!(missing(&text, IN_TRANSIT), "");
}

#[test]
fn recorded_captures_are_not_one_sided() {
    for name in [
        "demo",
        "path-drop-client",
        "path-drop-firewall",
        "reply-lost-firewall",
        "full-queue-client",
    ] {
        let figures = exporter_counts(&page(format!("tests/captures/{name}.pcap").as_ref(), ""));
        assert_eq!(missing_in(&figures), "", "{name}");
    }
}

/// Returns the packets of `per_server` attempts to each of `servers` servers, without answers.
/// `syns` are the times of the SYNs of an attempt in milliseconds.
fn attempts(servers: u8, per_server: u16, syns: &[u64]) -> String {
    let mut text = String::new();
    for server in 1..=servers {
        writeln!(text, "s{server} = 10.0.1.{server}:443").unwrap();
    }
    for client in 0..per_server {
        writeln!(text, "c{client} = 10.0.0.2:{}", 40_000 + client).unwrap();
    }
    let pairs =
        (0..per_server).flat_map(|client| (1..=servers).map(move |server| (client, server)));
    for (at, (client, server)) in (0_u64..).zip(pairs) {
        for syn in syns {
            writeln!(
                text,
                "{} c{client} > s{server} S seq={at} ts={}",
                at + syn,
                at + syn
            )
            .unwrap();
        }
    }
    let mut packets: Vec<&str> = text.lines().collect();
    packets.sort_by_key(|line| {
        line.split_once(" c")
            .and_then(|(at, _)| at.parse::<u64>().ok())
    });
    packets.join("\n") + "\n" + LATER
}

/// Returns SYN/ACKs without SYNs, each with this reply of its receiver unless it is empty.
fn synacks(count: u8, reply: &str) -> String {
    let mut text = String::from("t = 10.0.2.1:443\n");
    for n in 1..=count {
        writeln!(
            text,
            "h{n} = 10.0.2.{}:{n}\n{} t > h{n} SA seq=7 ack=78",
            n + 1,
            20_000 + u32::from(n)
        )
        .unwrap();
        if !reply.is_empty() {
            writeln!(text, "{} h{n} > t {reply}", 20_000 + u32::from(n)).unwrap();
        }
    }
    text
}

/// Returns the direction that the metrics report as missing.
fn missing(text: &str, arguments: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        capture(&parse_script(text), Link::Ethernet, Format::PLAIN, 65_535),
    )
    .unwrap();
    missing_in(&exporter_counts(&page(file.path(), arguments)))
}

fn missing_in(figures: &BTreeMap<String, f64>) -> String {
    let is = |missing: &&str| figures[&format!("one_sided{{missing=\"{missing}\"}}")] > 0.0;
    ["answers", "syns"]
        .into_iter()
        .filter(is)
        .collect::<Vec<_>>()
        .join(" ")
}
