//! When the capture is said to see one direction only, and when it must not be.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::forge::{Format, Link, capture, story};
use crate::oracle::{IN_TRANSIT, own_figures, page};
use crate::program::{printed, run};

#[test]
fn clients_that_are_content_with_nothing_are_half_a_capture() {
    assert_eq!(missing(&asked(4, 4, &[0]), IN_TRANSIT), "answers");
}

#[test]
fn the_diagnosis_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("half.pcap");
    std::fs::write(
        &file,
        capture(
            &story(&asked(4, 4, &[0])),
            Link::Ethernet,
            Format::PLAIN,
            65_535,
        ),
    )
    .unwrap();
    let report = printed(&run(&[
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
fn dead_peers_are_asked_again_and_are_no_half_of_a_capture() {
    assert_eq!(missing(&asked(4, 4, &[0, 1000, 3000]), IN_TRANSIT), "");
}

#[test]
fn a_host_that_gives_up_at_once_sees_both_directions_of_its_own_traffic() {
    assert_eq!(
        missing(&asked(4, 4, &[0]), "--capture.local 10.0.0.2/32"),
        ""
    );
}

#[test]
fn a_scan_is_no_half_of_a_capture() {
    assert_eq!(
        missing(&asked(250, 1, &[0]), IN_TRANSIT),
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
    assert_eq!(missing(&(ports + LATER), IN_TRANSIT), "", "of a host");
}

#[test]
fn a_flood_is_no_half_of_a_capture() {
    let mut flood = String::from("s = 10.0.0.9:443\n");
    for n in 1..=250 {
        write!(flood, "c{n} = 10.9.1.{n}:{n}\n{n} c{n} > s S seq={n}\n").unwrap();
    }
    assert_eq!(missing(&(flood + LATER), IN_TRANSIT), "");
}

#[test]
fn one_packet_back_is_enough_to_trust_the_capture() {
    let asks = "x = 10.0.3.1:80\ny = 10.0.3.2:9\n6000 y > x S seq=1\n";
    for answer in [
        "SA seq=9 ack=2",
        "RA seq=0 ack=2",
        "SA seq=9 ack=77",
        "3/1 of y > x S seq=1",
    ] {
        let text = asked(4, 4, &[0]) + asks + &format!("6001 x > y {answer}\n");
        assert_eq!(missing(&text, IN_TRANSIT), "", "{answer}");
    }
}

#[test]
fn answers_without_questions_are_half_a_capture() {
    assert_eq!(missing(&answers(12, ""), IN_TRANSIT), "syns");
    // One direction of a link: clients and servers on its one side.
    assert_eq!(
        missing(&(asked(4, 4, &[0]) + &answers(12, "")), IN_TRANSIT),
        "syns"
    );
    assert_eq!(missing(&answers(9, ""), IN_TRANSIT), "", "too few to tell");
}

#[test]
fn backscatter_that_a_host_declines_is_no_half_of_a_capture() {
    assert_eq!(missing(&answers(12, "R seq=78"), IN_TRANSIT), "");
}

#[test]
fn a_capture_that_began_in_the_middle_is_no_half_of_one() {
    let text = answers(12, "")
        + "x = 10.0.3.1:80\ny = 10.0.3.2:9\n6000 y > x S seq=1\n6001 x > y SA seq=9 ack=2\n";
    assert_eq!(missing(&text, IN_TRANSIT), "");
}

#[test]
fn no_recorded_capture_is_half_of_one() {
    for name in [
        "demo",
        "path-drop-client",
        "path-drop-firewall",
        "reply-lost-firewall",
        "full-queue-client",
    ] {
        let figures = own_figures(&page(format!("tests/captures/{name}.pcap").as_ref(), ""));
        assert_eq!(said(&figures), "", "{name}");
    }
}

/// So many servers are asked so often, with a SYN at each of these milliseconds, and nothing comes back.
fn asked(servers: u8, times: u16, syns: &[u64]) -> String {
    let mut text = String::new();
    for server in 1..=servers {
        writeln!(text, "s{server} = 10.0.1.{server}:443").unwrap();
    }
    for time in 0..times {
        writeln!(text, "c{time} = 10.0.0.2:{}", 40_000 + time).unwrap();
    }
    let pairs = (0..times).flat_map(|time| (1..=servers).map(move |server| (time, server)));
    for (at, (time, server)) in (0_u64..).zip(pairs) {
        for syn in syns {
            writeln!(
                text,
                "{} c{time} > s{server} S seq={at} ts={}",
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

/// So many SYN/ACKs to nobody who asked; what the host says to each.
fn answers(count: u8, reply: &str) -> String {
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

/// Which direction is said to be missing.
fn missing(text: &str, arguments: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        capture(&story(text), Link::Ethernet, Format::PLAIN, 65_535),
    )
    .unwrap();
    said(&own_figures(&page(file.path(), arguments)))
}

fn said(figures: &BTreeMap<String, f64>) -> String {
    let is = |missing: &&str| figures[&format!("one_sided{{missing=\"{missing}\"}}")] > 0.0;
    ["answers", "syns"]
        .into_iter()
        .filter(is)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Time goes on, so that whoever waits is decided.
const LATER: &str = "z = 10.0.9.9:1\nq = 10.0.9.8:1\n19000 z > q UDP\n";
