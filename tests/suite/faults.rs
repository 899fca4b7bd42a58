//! Faults without a network: a full disk, a clock that is set.

use std::process::Stdio;

use crate::netns::exporter::diagnose;
use crate::packet_builder::{Format, Link, capture, parse_script};
use crate::program::{file, program, stderr};

#[test]
fn full_standard_output_is_an_error() {
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
            .expect("/dev/full can be opened");
        let output = program()
            .args(arguments)
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .expect("the program runs");
        assert_eq!(
            stderr(&output),
            "tcp_handshake_exporter: cannot write to standard output: No space left on device (os error 28)\n",
            "{arguments:?}"
        );
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}

/// Returns a script in which the clock is set by `step` milliseconds. Attempts before and after are answered after 40 ms; one
/// stays unanswered.
fn script_with_step(step: i64) -> String {
    let at = |millis: i64| 7_200_000 + millis;
    let mut text =
        "c = 10.0.0.2:40000\nd = 10.0.0.2:40001\ne = 10.0.0.2:40002\nf = 10.0.0.2:40003\ns = 10.0.0.9:443\n".to_owned();
    let mut line = |at: i64, packet: &str| text += &format!("{at} {packet}\n");
    line(at(0), "c > s S seq=100 ts=1");
    line(at(40), "s > c SA seq=900 ack=101 ts=1");
    // The clock is set between this SYN and its answer.
    line(at(1000), "d > s S seq=200 ts=1");
    line(at(1040) + step, "s > d SA seq=900 ack=201 ts=2");
    line(at(2000) + step, "e > s S seq=300 ts=1");
    line(at(2040) + step, "s > e SA seq=900 ack=301 ts=3");
    line(at(3000) + step, "f > s S seq=400 ts=1");
    line(at(9000) + step, "c > s S seq=500 ts=9");
    line(at(9040) + step, "s > c SA seq=900 ack=501 ts=9");
    text
}

/// Runs the program on the script. Returns answered, late, unanswered, steps and seconds of latency.
fn counts(step: i64) -> [f64; 5] {
    let path = tempfile::NamedTempFile::new()
        .expect("a temporary file")
        .into_temp_path();
    std::fs::write(
        &path,
        capture(
            &parse_script(&script_with_step(step)),
            Link::Ethernet,
            Format::PLAIN,
            65_535,
        ),
    )
    .expect("the capture can be written");
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
        "attempts = answered + failed\n{page}"
    );
    let steps = page
        .get("tcp_handshake_exporter_clock_steps_total", &[])
        .expect("the series exists");
    [
        sum("answered_total"),
        sum("late_answers_total"),
        sum("failures_total"),
        steps,
        sum("latency_seconds_sum"),
    ]
}

#[test]
fn clock_step_of_an_hour_loses_no_attempt() {
    let [answered, late, unanswered, steps, latency] = counts(0);
    assert_eq!([answered, late, unanswered, steps], [4.0, 0.0, 1.0, 0.0]);
    assert!((latency - 0.16).abs() < 1e-6, "{latency}");

    let [answered, late, unanswered, steps, latency] = counts(-3_600_000);
    assert_eq!(
        [answered, late, unanswered, steps],
        [4.0, 0.0, 1.0, 1.0],
        "an hour back"
    );
    assert!(
        (0.11..=0.17).contains(&latency),
        "a latency is neither negative nor an hour: {latency}"
    );

    // A step of an hour forward looks like an hour of silence: the pending attempt is unanswered, and its answer is late.
    let [answered, _, unanswered, steps, latency] = counts(3_600_000);
    assert_eq!(
        [answered, unanswered, steps],
        [3.0, 2.0, 0.0],
        "an hour forward"
    );
    assert!((0.11..=3601.0).contains(&latency), "{latency}");
}
