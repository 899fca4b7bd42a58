//! Rules 13 and 14: what other packets than those of handshakes tell of time, and a RST that a router forwards.

use crate::forge::{Format, Link, capture, story};
use crate::oracle::{self, Acks, own_figures, page};
use crate::program::{printed, run};

#[test]
fn the_clock_of_other_packets_may_step_back_too() {
    let story = "
        0     c > t S seq=100
        10000 c > s UDP
        3000  c > s UDP
        3100  c > s UDP
        8000  c > s UDP
        3000  c > s UDP
        3500  c > s S seq=100
        3540  s > c SA seq=1 ack=101";
    let told = told(Link::Ethernet, story);
    assert_eq!(told("clock_steps_total"), 2.0);
    assert_eq!(
        told("pending_attempts"),
        0.0,
        "the one to t was unanswered at 10 s"
    );
}

#[test]
fn a_router_that_forwards_a_late_rst_sees_it_come_in_and_go_out() {
    // Long after the attempt is forgotten, and nothing is said of the router's addresses.
    let story = "
        0     c > s S  seq=100 ts=1 in=2
        0.1   c > s S  seq=100 ts=1 ttl=63 out=3
        1     s > c SA seq=1 ack=101 id=1 in=3
        1.1   s > c SA seq=1 ack=101 id=1 ttl=63 out=2
        99000 s > c RA seq=2 ack=102 id=2 in=3
        99001 s > c RA seq=2 ack=102 id=2 ttl=63 out=2";
    for link in [Link::Sll, Link::Sll2] {
        assert_eq!(
            told(link, story)("unmatched_segments_total{kind=\"rst\"}"),
            0.0,
            "{link:?}"
        );
    }
}

#[test]
fn a_capture_of_days_keeps_what_was_long_ago() {
    // As captures are that were put together from several.
    let text = format!(
        "{}0 c > t S seq=100\n40 t > c SA seq=1 ack=101\n200000000 c > s S seq=200",
        super::NAMES
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        capture(&story(&text), Link::Ethernet, Format::PLAIN, 65_535),
    )
    .unwrap();
    let name = file.path().to_string_lossy();
    let shown = printed(&run(&["diagnose", "--output", "metrics", &name]));
    assert!(
        shown.contains("tcp_handshake_exporter_label_sets 2\n"),
        "{shown}"
    );
    let shown = printed(&run(&[
        "diagnose",
        "--output",
        "metrics",
        "--labels.idle-timeout",
        "24h",
        &name,
    ]));
    assert!(
        shown.contains("tcp_handshake_exporter_label_sets 1\n"),
        "as asked for: {shown}"
    );
}

/// What the program tells of the capture of a story, on all of which it agrees with the oracle.
fn told(link: Link, text: &str) -> impl Fn(&str) -> f64 {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!("{}{text}", super::NAMES);
    std::fs::write(
        file.path(),
        capture(&story(&text), link, Format::PLAIN, 65_535),
    )
    .unwrap();
    if oracle::tshark::is_here() {
        let agreement = oracle::agree(
            file.path(),
            &oracle::facts(file.path()),
            (&[], ""),
            Acks::Ignored,
        );
        assert!(
            agreement.differences.is_empty(),
            "{text}\n{}",
            agreement.differences.join("\n")
        );
    }
    let figures = own_figures(&page(file.path(), ""));
    move |name| figures[name]
}
