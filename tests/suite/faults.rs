//! Faults that need no network: a disk that is full, a clock that is set.

use std::process::Stdio;

use crate::forge::{Format, Link, capture, story};
use crate::netns::exporter::diagnose;
use crate::program::{file, program, said};

#[test]
fn where_standard_output_is_full_it_says_so_and_fails() {
    let demo = [
        file("tests/captures/demo.pcap"),
        file("tests/captures/demo-server.pcap"),
    ];
    let [client, server] = demo.each_ref().map(String::as_str);
    let cases: [&[&str]; 6] = [
        &["diagnose", client],
        &["diagnose", "--output", "json", client],
        &["diagnose", "--output", "metrics", client],
        &["compare", client, server],
        &["interfaces"],
        &["--config.check"],
    ];
    for arguments in cases {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let output = program()
            .args(arguments)
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .expect("it runs");
        assert_eq!(
            said(&output),
            "tcp_handshake_exporter: cannot write to standard output: No space left on device (os error 28)\n",
            "{arguments:?}"
        );
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}

/// Attempts answered after 40 ms, with one that waits, before the clock is set by `step` milliseconds, and after.
fn around(step: i64) -> String {
    let at = |millis: i64| 7_200_000 + millis;
    let mut text =
        "c = 10.0.0.2:40000\nd = 10.0.0.2:40001\ne = 10.0.0.2:40002\nf = 10.0.0.2:40003\ns = 10.0.0.9:443\n".to_owned();
    let mut line = |at: i64, words: &str| text += &format!("{at} {words}\n");
    line(at(0), "c > s S seq=100 ts=1");
    line(at(40), "s > c SA seq=900 ack=101 ts=1");
    // It is answered, but in between the clock is set.
    line(at(1000), "d > s S seq=200 ts=1");
    line(at(1040) + step, "s > d SA seq=900 ack=201 ts=2");
    line(at(2000) + step, "e > s S seq=300 ts=1");
    line(at(2040) + step, "s > e SA seq=900 ack=301 ts=3");
    line(at(3000) + step, "f > s S seq=400 ts=1");
    line(at(9000) + step, "c > s S seq=500 ts=9");
    line(at(9040) + step, "s > c SA seq=900 ack=501 ts=9");
    text
}

/// What the program shows of it: answered, late, unanswered, steps, seconds of latency.
fn shown(step: i64) -> [f64; 5] {
    let path = tempfile::NamedTempFile::new()
        .expect("a file")
        .into_temp_path();
    std::fs::write(
        &path,
        capture(&story(&around(step)), Link::Ethernet, Format::PLAIN, 65_535),
    )
    .expect("it can be written");
    let page = diagnose(&path, &["--capture.local", "10.0.0.2"]);
    let sum = |name: &str| {
        page.only(|series| series.name == format!("tcp_handshake_{name}"))
            .values()
            .iter()
            .sum::<f64>()
    };
    assert_eq!(
        sum("attempts_total"),
        sum("answered_total") + sum("failures_total"),
        "the books balance\n{page}"
    );
    let steps = page
        .get("tcp_handshake_exporter_clock_steps_total", &[])
        .expect("it is there");
    [
        sum("answered_total"),
        sum("late_answers_total"),
        sum("failures_total"),
        steps,
        sum("latency_seconds_sum"),
    ]
}

#[test]
fn a_clock_set_by_an_hour_costs_no_attempt() {
    let [answered, late, unanswered, steps, latency] = shown(0);
    assert_eq!([answered, late, unanswered, steps], [4.0, 0.0, 1.0, 0.0]);
    assert!((latency - 0.16).abs() < 1e-6, "{latency}");

    let [answered, late, unanswered, steps, latency] = shown(-3_600_000);
    assert_eq!(
        [answered, late, unanswered, steps],
        [4.0, 0.0, 1.0, 1.0],
        "an hour back"
    );
    assert!(
        (0.11..=0.17).contains(&latency),
        "no negative latency, and none of an hour: {latency}"
    );

    // Nobody can tell an hour forward from an hour of silence: who waited then is unanswered, and his answer late.
    let [answered, _, unanswered, steps, latency] = shown(3_600_000);
    assert_eq!(
        [answered, unanswered, steps],
        [3.0, 2.0, 0.0],
        "an hour forward"
    );
    assert!((0.11..=3601.0).contains(&latency), "{latency}");
}
