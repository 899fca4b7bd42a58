//! The `compare` command: for each fault, the captures of client and server give the expected
//! verdict.

use serde_json::Value;

use crate::program::{file, run, stderr, stdout};

/// Returns the JSON report on two golden captures, and the exit status.
fn compare(client: &str, server: &str) -> (Value, i32) {
    let capture = |name: &str| file(&format!("tests/captures/{name}.pcap"));
    let output = run(&[
        "compare",
        "--output",
        "json",
        &capture(client),
        &capture(server),
    ]);
    assert_eq!(stderr(&output), "");
    (
        serde_json::from_slice(&output.stdout).unwrap(),
        output.status.code().unwrap(),
    )
}

/// Returns the port and verdict of each path, sorted by port.
fn verdicts(report: &Value) -> Vec<(u64, String)> {
    let paths = report["paths"].as_array().unwrap().iter();
    let mut all: Vec<_> = paths
        .map(|path| {
            (
                path["port"].as_u64().unwrap(),
                path["verdict"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    all.sort();
    all
}

#[test]
fn each_fault_gets_its_verdict() {
    let cases: [(&str, &str, u64, &str); 21] = [
        ("open", "open-server", 8001, "fine"),
        ("open", "demo-server", 8001, "fine"),
        ("closed", "demo-server", 8002, "refused_by_server"),
        ("path-drop-client", "path-drop-server", 8003, "lost_there"),
        ("path-drop-client", "demo-server", 8003, "lost_there"),
        (
            "input-drop-client",
            "input-drop-server",
            8004,
            "never_answered",
        ),
        (
            "full-queue-client",
            "full-queue-server",
            8012,
            "never_answered",
        ),
        ("reply-lost-client", "reply-lost-server", 8007, "lost_back"),
        ("reset", "demo-server", 8006, "answered_between"),
        ("prohibited", "demo-server", 8005, "answered_between"),
        ("nobody-there", "demo-server", 8009, "answered_between"),
        (
            "rejected-by-default",
            "demo-server",
            8015,
            "answered_between",
        ),
        (
            "rejected-by-server",
            "rejected-by-server-server",
            8016,
            "refused_by_server",
        ),
        ("late", "demo-server", 8011, "loss_there"),
        ("forward-client", "demo-server", 33306, "fine"),
        ("loss-client", "loss-server", 8020, "loss_there"),
        ("loss-back-client", "loss-back-server", 8021, "loss_back"),
        ("hurry-client", "hurry-server", 8025, "loss_back"),
        ("ecn", "demo-server", 80, "elsewhere"),
        ("too-short", "path-drop-server", 8003, "undecided"),
        // The SYNs enter the firewall, which drops them.
        (
            "path-drop-client",
            "path-drop-firewall",
            8003,
            "never_answered",
        ),
    ];
    for (client, server, port, verdict) in cases {
        let (report, status) = compare(client, server);
        assert_eq!(
            verdicts(&report),
            [(port, verdict.to_owned())],
            "{client} {server}"
        );
        let is_wrong = !["fine", "elsewhere", "undecided"].contains(&verdict);
        assert_eq!(status, if is_wrong { 3 } else { 0 }, "{client} {server}");
    }
}

#[test]
fn demo_captures_get_one_verdict_per_port() {
    let (report, _) = compare("demo", "demo-server");
    let expected = [
        (8001, "fine"),
        (8002, "refused_by_server"),
        (8003, "lost_there"),
        (8004, "never_answered"),
        (8005, "answered_between"),
        (8006, "answered_between"),
        (8007, "lost_back"),
        (8009, "answered_between"),
        (8011, "loss_there"),
        (8012, "never_answered"),
        (33306, "fine"),
    ];
    assert_eq!(
        verdicts(&report),
        expected.map(|(port, verdict)| (port, verdict.to_owned()))
    );
    assert_eq!(report["attempts_at_both"], 31);
    assert_eq!(report["attempts_at_server_only"], 0);
}

#[test]
fn clock_difference_of_hours_changes_no_verdict() {
    let mut shifted = std::fs::read(file("tests/captures/demo-server.pcap")).unwrap();
    shift(&mut shifted, 5 * 3600);
    let folder = tempfile::tempdir().unwrap();
    let shifted_file = folder.path().join("late.pcap");
    std::fs::write(&shifted_file, shifted).unwrap();
    let output = run(&[
        "compare",
        "--output",
        "json",
        &file("tests/captures/demo.pcap"),
        shifted_file.to_str().unwrap(),
    ]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (unshifted, _) = compare("demo", "demo-server");
    assert_eq!(verdicts(&report), verdicts(&unshifted));
    let offset = |report: &Value| report["clock"]["offset_seconds"].as_f64().unwrap();
    assert!((offset(&report) - offset(&unshifted) - 18_000.0).abs() < 1e-6);
    assert!(
        offset(&unshifted).abs() < 0.001,
        "the namespaces of one host share a clock"
    );
}

#[test]
fn nat_is_reported_with_translated_addresses() {
    let (report, _) = compare("forward-client", "demo-server");
    assert_eq!(
        report["paths"][0]["arrives_as"],
        "10.77.2.1 -> 10.77.2.2 port 3306"
    );
}

#[test]
fn text_report_quotes_clocks_paths_and_attempts() {
    let capture = |name: &str| file(&format!("tests/captures/{name}.pcap"));
    let output = run(&[
        "compare",
        "-p",
        "8001",
        &capture("path-drop-client"),
        &capture("path-drop-server"),
    ]);
    assert_eq!(
        stdout(&output),
        "No attempt is in both captures, so their clocks cannot be compared: make sure that they are of the same time.\n\
         The client's capture has no attempt: was it made at the client, at that time?\n"
    );
    let output = run(&["compare", &capture("closed"), &capture("demo-server")]);
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("The server's clock is "), "{text}");
    assert!(
        lines[0].ends_with(", by 3 attempts seen at both ends)."),
        "{text}"
    );
    assert_eq!(
        lines[1],
        "WRONG 10.77.1.2 -> 10.77.2.2 port 8002             3 of 3 attempts: refused by the server"
    );
    assert_eq!(
        lines[2],
        "      nothing listens there, or the server's own firewall rejects: look at the server (ss -ltnp)"
    );
    assert_eq!(
        lines[3],
        "      SYNs 3 left, 3 arrived; SYN/ACKs 0 left, 0 arrived; RSTs 3 left, 3 arrived"
    );
    assert!(lines[5].starts_with("      10.77.1.2:34388 at "), "{text}");
    assert!(
        lines[5].ends_with(": SYN left 0.000, arrived 0.000; RST left 0.000, arrived 0.000"),
        "{text}"
    );
}

/// Adds this number of seconds to the time of every packet of a little-endian pcap file.
fn shift(pcap: &mut [u8], seconds: u32) {
    let mut at = 24;
    while at < pcap.len() {
        let word = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap());
        let shifted = word(at) + seconds;
        let length = word(at + 8) as usize;
        pcap[at..at + 4].copy_from_slice(&shifted.to_le_bytes());
        at += 16 + length;
    }
}
