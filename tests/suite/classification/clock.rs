//! Rules 13 and 14: time from packets outside handshakes, and a RST that a router forwards.

use crate::oracle::{self, Acks, exporter_counts, page};
use crate::packet_builder::{Format, Link, capture, parse_script};
use crate::program::{run, stdout};

#[test]
fn other_packets_can_step_the_clock() {
    let script = "
        0     c > t S seq=100
        10000 c > s UDP
        3000  c > s UDP
        3100  c > s UDP
        8000  c > s UDP
        3000  c > s UDP
        3500  c > s S seq=100
        3540  s > c SA seq=1 ack=101";
    let count = counts_of(Link::Ethernet, script);
    assert_eq!(count("clock_steps_total"), 2.0);
    assert_eq!(
        count("pending_attempts"),
        0.0,
        "the attempt to t is unanswered at 10 s"
    );
}

#[test]
fn forwarded_late_rst_is_not_unmatched() {
    // The attempt is long forgotten, and the addresses of the router are not given.
    let script = "
        0     c > s S  seq=100 ts=1 in=2
        0.1   c > s S  seq=100 ts=1 ttl=63 out=3
        1     s > c SA seq=1 ack=101 id=1 in=3
        1.1   s > c SA seq=1 ack=101 id=1 ttl=63 out=2
        99000 s > c RA seq=2 ack=102 id=2 in=3
        99001 s > c RA seq=2 ack=102 id=2 ttl=63 out=2";
    for link in [Link::Sll, Link::Sll2] {
        assert_eq!(
            counts_of(link, script)("unmatched_segments_total{kind=\"rst\"}"),
            0.0,
            "{link:?}"
        );
    }
}

#[test]
fn file_of_days_keeps_idle_label_sets() {
    // Such a capture is the result of merging several.
    let text = format!(
        "{}0 c > t S seq=100\n40 t > c SA seq=1 ack=101\n200000000 c > s S seq=200",
        super::ENDPOINTS
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        capture(&parse_script(&text), Link::Ethernet, Format::PLAIN, 65_535),
    )
    .unwrap();
    let name = file.path().to_string_lossy();
    let shown = stdout(&run(&["diagnose", "--output", "metrics", &name]));
    assert!(
        shown.contains("tcp_handshake_exporter_label_sets 2\n"),
        "{shown}"
    );
    let shown = stdout(&run(&[
        "diagnose",
        "--output",
        "metrics",
        "--labels.idle-timeout",
        "24h",
        &name,
    ]));
    assert!(
        shown.contains("tcp_handshake_exporter_label_sets 1\n"),
        "--labels.idle-timeout applies if given: {shown}"
    );
}

/// Returns the exporter's own counts for the capture of a script, after checking that all counts agree with the oracle.
fn counts_of(link: Link, text: &str) -> impl Fn(&str) -> f64 {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!("{}{text}", super::ENDPOINTS);
    std::fs::write(
        file.path(),
        capture(&parse_script(&text), link, Format::PLAIN, 65_535),
    )
    .unwrap();
    if oracle::tshark::is_installed() {
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
    let counts = exporter_counts(&page(file.path(), ""));
    move |name| counts[name]
}
