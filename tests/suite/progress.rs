//! Progress of long files: a bar on a terminal, nothing in a pipe.

use std::path::Path;
use std::process::Command;

use crate::packet_builder::{ACK, Format, Link, Packet, capture};
use crate::program::{has_tool, program, stderr};

/// Writes a file of about 20 MiB.
fn long_file(folder: &Path) -> String {
    let [from, to] = ["10.0.0.1:1000", "10.0.0.2:80"].map(|endpoint| endpoint.parse().unwrap());
    let packets: Vec<Packet> = (0..350)
        .map(|nth| Packet::tcp(nth * 1000, from, to, ACK).data(60_000))
        .collect();
    let path = folder.join("long.pcap");
    std::fs::write(
        &path,
        capture(&packets, Link::ALL[0], Format::PLAIN, 65_535),
    )
    .unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn terminal_shows_progress_bar() {
    if !has_tool("script") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = long_file(folder.path());
    let report = folder.path().join("report");
    for command in [format!("diagnose {file}"), format!("compare {file} {file}")] {
        // Standard error is the terminal, standard output a file.
        let line = format!(
            "{} {command} > {}",
            env!("CARGO_BIN_EXE_tcp_handshake_exporter"),
            report.display()
        );
        let shown = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("TERM", "xterm")
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(
            shown.contains("MiB of 20.") && shown.contains(" packets, "),
            "{command}: {shown:?}"
        );
        let last = shown.rsplit("\x1b[2K").next().unwrap();
        assert_eq!(
            last.trim(),
            "",
            "{command}: the bar is removed at the end: {shown:?}"
        );
        let report = std::fs::read_to_string(&report).unwrap();
        assert!(
            !report.is_empty() && !report.contains('\x1b') && !report.contains("MiB"),
            "{report}"
        );
    }
}

#[test]
fn pipe_shows_no_progress() {
    let folder = tempfile::tempdir().unwrap();
    let file = long_file(folder.path());
    let output = program().args(["diagnose", &file]).output().unwrap();
    assert_eq!(stderr(&output), "");
}
