//! The complete text of every error message of the command line.

use std::net::TcpListener;

use crate::program::{file, run, run_with_input, stderr, stdout};

#[track_caller]
fn assert_fails(arguments: &[&str], status: i32, message: &str) {
    let output = run(arguments);
    assert_eq!(stderr(&output), message);
    assert_eq!(output.status.code(), Some(status));
    assert_eq!(stdout(&output), "");
}

fn usage(argument: &str, value: &str, advice: &str) -> String {
    format!(
        "error: invalid value '{value}' for '{argument}': {advice}\n\nFor more information, try '--help'.\n"
    )
}

#[test]
fn unknown_interface_names_the_known_ones() {
    let output = run(&["-i", "nowhere0", "--web.listen-address", "127.0.0.1:0"]);
    let message = stderr(&output);
    let (start, known) = message
        .split_once(" (there are: ")
        .unwrap_or_else(|| panic!("{message}"));
    assert_eq!(start, "tcp_handshake_exporter: no such interface nowhere0");
    let known: Vec<&str> = known.trim_end().trim_end_matches(')').split(", ").collect();
    assert!(known.contains(&"lo"), "{known:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn invalid_filter_names_the_syntax_error() {
    let demo = file("tests/captures/demo.pcap");
    assert_fails(
        &[
            "diagnose",
            "--output",
            "metrics",
            "--capture.filter",
            "prot 80",
            &demo,
        ],
        1,
        "tcp_handshake_exporter: --capture.filter `prot 80` does not compile: can't parse filter expression: syntax error \
         (the syntax is in pcap-filter(7))\n",
    );
}

#[test]
fn address_in_use_names_remedies() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = taken.local_addr().unwrap().port();
    assert_fails(
        &[
            "-r",
            &file("tests/captures/open.pcap"),
            "--web.listen-address",
            &address,
        ],
        1,
        &format!(
            "tcp_handshake_exporter: cannot listen on {address}: address already in use: stop the program that listens there \
             (ss -ltnp 'sport = :{port}') or choose another --web.listen-address\n"
        ),
    );
}

#[test]
fn missing_file_is_an_error() {
    assert_fails(
        &["diagnose", "--output", "metrics", "/nowhere/at.pcap"],
        1,
        "tcp_handshake_exporter: cannot read capture file /nowhere/at.pcap: entity not found\n",
    );
}

#[test]
fn directory_instead_of_file_is_an_error() {
    assert_fails(
        &["diagnose", "--output", "metrics", "/tmp"],
        1,
        "tcp_handshake_exporter: cannot read capture file /tmp: is a directory\n",
    );
}

#[test]
fn file_of_other_type_names_expected_formats() {
    let path = file("Cargo.toml");
    assert_fails(
        &["diagnose", "--output", "metrics", &path],
        1,
        &format!(
            "tcp_handshake_exporter: {path} is not a capture file: expected pcap or pcapng, plain or compressed with gzip or zstd \
             (it begins with 5b 70 61 63)\n"
        ),
    );
}

#[test]
fn truncated_file_counts_complete_packets() {
    let whole = std::fs::read(file("tests/captures/open.pcap")).unwrap();
    let output = run_with_input(
        &["diagnose", "--output", "metrics", "-"],
        &whole[..whole.len() - 7],
    );
    let message = stderr(&output);
    let warning = message.lines().next().unwrap();
    assert!(warning.starts_with("ts="), "{warning}");
    assert!(
        warning.ends_with(
            " level=warn message=\"capture file is corrupt or truncated: the packets before that are counted\" file=\"standard input\" \
             reason=\"packet 30 is cut short: 7 bytes are missing\""
        ),
        "{warning}"
    );
    assert_eq!(
        message.lines().nth(1).unwrap(),
        "tcp_handshake_exporter: the packets before the corrupt or truncated part are counted above, those after it are not"
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("tcp_handshake_attempts_total{"));
}

#[test]
fn invalid_values_name_the_valid_range() {
    let cases = [
        (
            "--capture.port <PORT|A-B>",
            "70000",
            "write a port from 0 to 65535, or a range such as 8000-8099",
        ),
        (
            "--capture.port <PORT|A-B>",
            "90-80",
            "write a port from 0 to 65535, or a range such as 8000-8099",
        ),
        (
            "--capture.buffer-size <SIZE>",
            "1KiB",
            "the ring must have at least 64KiB and less than 2GiB",
        ),
        (
            "--capture.buffer-size <SIZE>",
            "much",
            "write a size such as 16MiB",
        ),
        (
            "--capture.local <CIDR>",
            "10.0.0.0/40",
            "`10.0.0.0/40` is not a network: write an address or CIDR, such as 10.0.0.0/8 or 2001:db8::/32",
        ),
        (
            "--handshake.timeout <DURATION>",
            "1h",
            "write a duration from 100ms to 10m",
        ),
        (
            "--handshake.max-attempts <COUNT>",
            "0",
            "write a number from 16 to 16777216",
        ),
        (
            "--labels.max-sets <COUNT>",
            "0",
            "write a number from 1 to 1000000",
        ),
        (
            "--labels.idle-timeout <DURATION>",
            "1s",
            "write a duration of at least 10m",
        ),
        (
            "--labels.peer-group <NAME=CIDR[,CIDR...]>",
            "office",
            "write it as NAME=CIDR[,CIDR...]",
        ),
        (
            "--labels.peer-group <NAME=CIDR[,CIDR...]>",
            "other=10.0.0.0/8",
            "a group cannot be called `other`: choose a name that is neither an address nor `other`",
        ),
        (
            "--labels.peer-prefix-v4 <BITS>",
            "33",
            "33 is not in 0..=32",
        ),
        (
            "--metrics.latency-buckets <LIST>",
            "0.1,fast",
            "`fast` is not a number of seconds",
        ),
        (
            "--metrics.latency-buckets <LIST>",
            "0",
            "`0` is not a bucket bound: use seconds above zero, such as 0.005",
        ),
        (
            "--web.telemetry-path <PATH>",
            "metrics",
            "write a path such as /metrics",
        ),
    ];
    for (argument, value, advice) in cases {
        let flag = argument.split(' ').next().unwrap();
        let output = run(&[&format!("{flag}={value}")]);
        let message = stderr(&output);
        let expected = usage(argument, value, advice);
        assert!(
            message == expected || message == expected.replacen("'--c", "'-p, --c", 1),
            "{message}"
        );
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn interface_with_file_is_a_usage_error() {
    let output = run(&["-i", "lo", "-r", "x.pcap"]);
    assert!(
        stderr(&output).starts_with(
            "error: the argument '--capture.interface <NAME>' cannot be used with '--capture.file <FILE>'\n"
        ) || stderr(&output).contains("cannot be used with"),
        "{}",
        stderr(&output)
    );
    assert_eq!(output.status.code(), Some(2));
}
