//! Test of every query of every panel against a real Prometheus.
//!
//! `stage.py` starts hosts with real faults, exporters on them, and a Prometheus that scrapes the
//! exporters.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::board::{Board, substitute_variables};
use crate::netns::Laboratory;
use crate::program::{file, has_tool, stderr, stdout};

/// Values of the dashboard variables with everything chosen.
pub(super) const VALUES: [(&str, &str); 11] = [
    ("job", ".+"),
    ("instance", ".+"),
    ("server", ".+"),
    ("vantage", "client"),
    ("port", ".+"),
    ("peer", ".+"),
    ("against", "10s"),
    ("__rate_interval", "12s"),
    ("__rate_interval_ms", "12000"),
    ("__range", "30s"),
    ("__range_ms", "30000"),
];

#[test]
fn every_panel_shows_data_from_prometheus() {
    let test = "every_panel_shows_data_from_prometheus";
    if Laboratory::open(test).is_none()
        || !["prometheus", "promtool", "python3"]
            .into_iter()
            .all(has_tool)
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let queries: Vec<_> = Board::all().iter().flat_map(Board::queries).collect();
    for (number, query) in queries.iter().enumerate() {
        fs::write(
            folder.path().join(number.to_string()),
            substitute_variables(&query.expression, &VALUES),
        )
        .unwrap();
    }

    run_queries_on_stage(folder.path());

    let answer =
        |number: usize| fs::read_to_string(folder.path().join(format!("{number}.answer"))).unwrap();
    let mut without_data = vec![];
    for (number, query) in queries.iter().enumerate() {
        let answer = answer(number);
        assert!(
            !answer.contains("query error"),
            "{}:\n{answer}",
            query.location
        );
        if !answer
            .lines()
            .any(|line| line.contains(" => ") && !line.contains("=> NaN"))
        {
            without_data.push(&query.location);
        }
    }
    assert!(without_data.is_empty(), "no data: {without_data:#?}");
    let fault_location = queries.iter().position(|query| {
        query.location.starts_with("path") && query.location.contains("\"Fault location\"")
    });
    assert_fault_location(&answer(fault_location.unwrap()));
}

/// Panics unless the panel `Fault location` shows the code of each fault of the testbed.
fn assert_fault_location(answer: &str) {
    const FINE: u8 = 0;
    const LOST_THERE: u8 = 1;
    const SILENT: u8 = 2;
    const LOST_BACK: u8 = 3;
    const REFUSED: u8 = 4;
    const REJECTED: u8 = 6;
    const LOST_THERE_OR_TRANSLATED: u8 = 7;
    for (client, server, port, code) in [
        ("web-1", "db-1", 3306, FINE),
        ("web-1", "cache-1", 6379, FINE),
        ("batch-1", "db-1", 3306, LOST_THERE),
        // The exporter on the server's host has no attempt of this client.
        ("web-2", "db-2", 5432, LOST_THERE_OR_TRANSLATED),
        ("web-1", "api-1", 8080, SILENT),
        ("web-2", "cache-1", 6379, LOST_BACK),
        ("batch-1", "api-1", 8443, REFUSED),
        ("batch-1", "api-1", 9200, REJECTED),
    ] {
        let line =
            format!("{{instance=\"{client}\", port=\"{port}\", server=\"{server}\"}} => {code} ");
        assert!(answer.contains(&line), "{line}\n{answer}");
    }
    // Its exporter evicts attempts and has a capture down, so that its counts are not compared.
    assert!(!answer.contains("server=\"edge-1\""), "{answer}");
}

/// Runs every query in the folder by promtool on the stage. Writes each result beside its query.
fn run_queries_on_stage(folder: &Path) {
    let script = "cd \"$1\"; for query in *; do \
                  promtool query instant http://127.0.0.1:9090 \"$(cat \"$query\")\" >\"$query.answer\" 2>&1; done; true";
    let mut stage = Command::new("python3");
    stage
        .arg(file("tests/dashboards/testbed.py"))
        .args(["--exporter", env!("CARGO_BIN_EXE_tcp_handshake_exporter")]);
    stage
        .args([
            "--scrape",
            "1",
            "--healthy",
            "16",
            "--faults",
            "24",
            "--",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(folder);
    let output = stage.output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
}
