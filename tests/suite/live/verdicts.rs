//! What is said in words: live, of a recording of the same time, and of the recordings of both ends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::lab::exporter::{Exporter, PROGRAM};

/// The verdicts on each port; several where they differ by peer.
pub(super) type Verdicts = BTreeMap<u16, BTreeSet<String>>;

/// What an exporter says now.
pub(super) fn live(exporter: &Exporter<'_>) -> Value {
    let (status, page) = exporter.get("/api/v1/diagnosis");
    assert_eq!(status, 200, "{page}");
    serde_json::from_str(&page).expect("the report is JSON")
}

/// What `diagnose` says of a recording, made by the host with these addresses.
pub(super) fn recorded(recording: &Path, own: &[&str]) -> Value {
    let locals = own.iter().flat_map(|address| ["--capture.local", *address]);
    let (report, status) = said(
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

/// What `compare` says of the recordings of both ends.
pub(super) fn compared(client: &Path, server: &Path) -> Value {
    said(
        Command::new(PROGRAM)
            .args(["compare", "--output", "json"])
            .args([client, server]),
    )
    .0
}

fn said(program: &mut Command) -> (Value, i32) {
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

/// The verdicts of a report of `diagnose`.
pub(super) fn of_sets(report: &Value) -> Verdicts {
    verdicts(&report["sets"])
}

/// The verdicts of a report of `compare`.
pub(super) fn of_paths(report: &Value) -> Verdicts {
    verdicts(&report["paths"])
}

fn verdicts(rows: &Value) -> Verdicts {
    let mut all = Verdicts::new();
    for row in rows.as_array().expect("a list") {
        let port = match &row["port"] {
            Value::String(port) => port.parse().expect("no port is folded here"),
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

/// Panics unless each of these ports has this verdict and no other.
pub(super) fn assert_are(
    whose: &str,
    report: &Value,
    verdicts: &Verdicts,
    expected: &[(u16, &str)],
) {
    assert!(!expected.is_empty(), "{whose}: nothing is expected");
    for (port, verdict) in expected {
        let found = verdicts.get(port).cloned().unwrap_or_default();
        assert_eq!(
            found,
            BTreeSet::from([(*verdict).to_owned()]),
            "{whose}, port {port}:\n{report:#}"
        );
    }
}

/// The sentence on a port.
pub(super) fn sentence(report: &Value, port: u16) -> String {
    let port = port.to_string();
    let sets = report["sets"].as_array().expect("a list");
    let set = sets
        .iter()
        .find(|set| set["port"] == port.as_str())
        .unwrap_or_else(|| panic!("port {port}: {report:#}"));
    set["sentence"].as_str().expect("a sentence").to_owned()
}

/// A port, and what is to be said at the client, at the firewall, at the server, and from both ends.
type Said = (
    u16,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

/// By port, what is to be said of the cases of the road: at the client, at the firewall, at the server, and from both
/// ends. None where nothing of it is there, or, of both ends, where it is not on the cable.
#[rustfmt::skip]
const OF_THE_ROAD: [Said; 18] = [
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

/// What must be said at each of the road's hosts: `client`, `firewall` or `server`, or of `both` ends.
pub(super) fn of_the_road(place: &str) -> Vec<(u16, &'static str)> {
    let all = OF_THE_ROAD
        .iter()
        .filter_map(|(port, client, firewall, server, both)| {
            let verdict = match place {
                "client" => client,
                "firewall" => firewall,
                "server" => server,
                _ => both,
            };
            Some((*port, (*verdict)?))
        });
    all.collect()
}
