//! `compare` as people run it: for each fault, the captures of both ends and the right answer.

use serde_json::Value;

use crate::program::{file, printed, run, said};

/// The comparison of two golden captures, as programs get it.
fn compared(client: &str, server: &str) -> (Value, i32) {
    let capture = |name: &str| file(&format!("tests/captures/{name}.pcap"));
    let output = run(&[
        "compare",
        "--output",
        "json",
        &capture(client),
        &capture(server),
    ]);
    assert_eq!(said(&output), "");
    (
        serde_json::from_slice(&output.stdout).unwrap(),
        output.status.code().unwrap(),
    )
}

/// Port and verdict of each path, in the order of ports.
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
fn each_fault_is_found_where_it_is() {
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
        // At the firewall the SYNs came in: it is where they are lost.
        (
            "path-drop-client",
            "path-drop-firewall",
            8003,
            "never_answered",
        ),
    ];
    for (client, server, port, verdict) in cases {
        let (report, status) = compared(client, server);
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
fn all_faults_at_once() {
    let (report, _) = compared("demo", "demo-server");
    let wanted = [
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
        wanted.map(|(port, verdict)| (port, verdict.to_owned()))
    );
    assert_eq!(report["attempts_at_both"], 31);
    assert_eq!(report["attempts_at_server_only"], 0);
}

#[test]
fn clocks_may_differ_by_hours() {
    let mut shifted = std::fs::read(file("tests/captures/demo-server.pcap")).unwrap();
    shift(&mut shifted, 5 * 3600);
    let folder = tempfile::tempdir().unwrap();
    let late = folder.path().join("late.pcap");
    std::fs::write(&late, shifted).unwrap();
    let output = run(&[
        "compare",
        "--output",
        "json",
        &file("tests/captures/demo.pcap"),
        late.to_str().unwrap(),
    ]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (same, _) = compared("demo", "demo-server");
    assert_eq!(verdicts(&report), verdicts(&same));
    let offset = |report: &Value| report["clock"]["offset_seconds"].as_f64().unwrap();
    assert!((offset(&report) - offset(&same) - 18_000.0).abs() < 1e-6);
    assert!(
        offset(&same).abs() < 0.001,
        "one host's namespaces have one clock"
    );
}

#[test]
fn nat_is_shown_by_both_names() {
    let (report, _) = compared("forward-client", "demo-server");
    assert_eq!(
        report["paths"][0]["arrives_as"],
        "10.77.2.1 -> 10.77.2.2 port 3306"
    );
}

#[test]
fn the_words_for_people() {
    let capture = |name: &str| file(&format!("tests/captures/{name}.pcap"));
    let output = run(&[
        "compare",
        "-p",
        "8001",
        &capture("path-drop-client"),
        &capture("path-drop-server"),
    ]);
    assert_eq!(
        printed(&output),
        "No attempt is in both captures, so their clocks cannot be compared: make sure that they are of the same time.\n\
         The client's capture has no attempt: was it made at the client, at that time?\n"
    );
    let output = run(&["compare", &capture("closed"), &capture("demo-server")]);
    let words = printed(&output);
    let lines: Vec<&str> = words.lines().collect();
    assert!(lines[0].starts_with("The server's clock is "), "{words}");
    assert!(
        lines[0].ends_with(", by 3 attempts seen at both ends)."),
        "{words}"
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
    assert!(lines[5].starts_with("      10.77.1.2:34388 at "), "{words}");
    assert!(
        lines[5].ends_with(": SYN left 0.000, arrived 0.000; RST left 0.000, arrived 0.000"),
        "{words}"
    );
}

/// Moves every packet of a little-endian pcap file.
fn shift(pcap: &mut [u8], seconds: u32) {
    let mut at = 24;
    while at < pcap.len() {
        let word = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap());
        let (moved, length) = (word(at) + seconds, word(at + 8) as usize);
        pcap[at..at + 4].copy_from_slice(&moved.to_le_bytes());
        at += 16 + length;
    }
}
