//! Verdicts of the live exporter, of `diagnose` on a recording, and of `compare` on two recordings,
//! for the live tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::netns::exporter::{Exporter, PROGRAM};

/// By port, the expected verdicts of the cases of the topology.
///
/// `None` if the host sees no packet of the port. For `compare`, `None` if the port is not between
/// client and server.
#[rustfmt::skip]
const PATH_VERDICTS: [ExpectedVerdicts; 18] = [
    (8001, Some("fine"), Some("fine"), Some("fine"), Some("fine")),
    (8002, Some("refused"), Some("refused"), Some("refused"), Some("refused_by_server")),
    (8003, Some("silent_drop"), Some("dropped_here"), None, Some("lost_there")),
    (8004, Some("silent_drop"), Some("silent_drop"), Some("host_silent"), Some("never_answered")),
    (8005, Some("rejected"), Some("rejected"), None, Some("answered_between")),
    (8006, Some("refused_on_the_way"), Some("refused_on_the_way"), None, Some("answered_between")),
    (8007, Some("silent_drop"), Some("dropped_here"), Some("ack_lost"), Some("lost_back")),
    (33306, Some("fine"), Some("fine"), None, Some("fine")),
    (3306, None, None, Some("fine"), None),
    (8009, Some("rejected"), Some("rejected"), None, Some("answered_between")),
    (8010, Some("rejected"), None, None, None),
    (8011, Some("late"), Some("late"), Some("fine"), Some("loss_there")),
    (8012, Some("far_overloaded"), Some("far_overloaded"), Some("host_overloaded"), Some("never_answered")),
    (8013, Some("fine"), None, None, None),
    (8014, Some("refused"), None, None, None),
    (8015, Some("rejected"), Some("rejected"), None, Some("answered_between")),
    (8016, Some("rejected"), Some("rejected"), Some("rejected"), Some("refused_by_server")),
    (8017, Some("rejected"), Some("rejected"), None, Some("answered_between")),
];

/// The verdicts of each port: several if they differ by peer.
pub(super) type Verdicts = BTreeMap<u16, BTreeSet<String>>;

/// Returns the current diagnosis of an exporter.
pub(super) fn live(exporter: &Exporter<'_>) -> Value {
    let (status, page) = exporter.get("/api/v1/diagnosis");
    assert_eq!(status, 200, "{page}");
    serde_json::from_str(&page).expect("the report is JSON")
}

/// Returns the report of `diagnose` on a recording of the host with these addresses.
pub(super) fn recorded(recording: &Path, local_addresses: &[&str]) -> Value {
    let locals = local_addresses
        .iter()
        .flat_map(|address| ["--capture.local", *address]);
    let (report, status) = run_json(
        Command::new(PROGRAM)
            .args(["diagnose", "--output", "json"])
            .args(locals)
            .arg(recording),
    );
    assert_eq!(
        status == 3,
        report["sets_wrong"] != 0,
        "status {status} of {}",
        recording.display()
    );
    report
}

/// Returns the report of `compare` on the recordings of client and server.
pub(super) fn compared(client: &Path, server: &Path) -> Value {
    run_json(
        Command::new(PROGRAM)
            .args(["compare", "--output", "json"])
            .args([client, server]),
    )
    .0
}

/// Runs a command. Returns its standard output as JSON, and its exit status.
fn run_json(program: &mut Command) -> (Value, i32) {
    let output = program.output().expect("the program runs");
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (
        serde_json::from_slice(&output.stdout).expect("the report is JSON"),
        output.status.code().expect("a status"),
    )
}

/// Returns the verdicts in a report of `diagnose`.
pub(super) fn by_label_set(report: &Value) -> Verdicts {
    verdicts(&report["sets"])
}

/// Returns the verdicts in a report of `compare`.
pub(super) fn by_path(report: &Value) -> Verdicts {
    verdicts(&report["paths"])
}

fn verdicts(rows: &Value) -> Verdicts {
    let mut all = Verdicts::new();
    for row in rows.as_array().expect("a list") {
        let port = match &row["port"] {
            Value::String(port) => port.parse().expect("no port has overflowed"),
            port => port
                .as_u64()
                .and_then(|port| u16::try_from(port).ok())
                .expect("a port"),
        };
        all.entry(port)
            .or_default()
            .insert(row["verdict"].as_str().expect("a verdict").to_owned());
    }
    all
}

/// Panics unless each expected port has exactly its expected verdict.
pub(super) fn assert_equal(
    subject: &str,
    report: &Value,
    verdicts: &Verdicts,
    expected: &[(u16, &str)],
) {
    assert!(!expected.is_empty(), "{subject}: no verdict is expected");
    for (port, verdict) in expected {
        let found = verdicts.get(port).cloned().unwrap_or_default();
        assert_eq!(
            found,
            BTreeSet::from([(*verdict).to_owned()]),
            "{subject}, port {port}:\n{report:#}"
        );
    }
}

/// Returns the sentence of the diagnosis of a port.
pub(super) fn sentence(report: &Value, port: u16) -> String {
    let port = port.to_string();
    let sets = report["sets"].as_array().expect("a list");
    let set = sets
        .iter()
        .find(|set| set["port"] == port.as_str())
        .unwrap_or_else(|| panic!("port {port}: {report:#}"));
    set["sentence"].as_str().expect("a sentence").to_owned()
}

/// A port, and its verdicts at the client, at the firewall, at the server, and by `compare`.
type ExpectedVerdicts = (
    u16,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

/// Returns the expected verdicts on a host (`client`, `firewall` or `server`), or of `compare`
/// (`both`).
pub(super) fn expected_verdicts(host: &str) -> Vec<(u16, &'static str)> {
    let all = PATH_VERDICTS
        .iter()
        .filter_map(|(port, client, firewall, server, both)| {
            let verdict = match host {
                "client" => client,
                "firewall" => firewall,
                "server" => server,
                _ => both,
            };
            Some((*port, (*verdict)?))
        });
    all.collect()
}
