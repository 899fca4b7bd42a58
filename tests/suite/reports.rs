//! JSON reports: docs/diagnosis.md names each of their fields, and no others.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::program::{file, run};

#[test]
fn manual_names_all_fields_of_diagnose() {
    let report = |capture: &str| {
        let capture = file(&format!("tests/captures/{capture}.pcap"));
        run(&[
            "diagnose",
            "--output",
            "json",
            "--capture.local",
            "10.77.1.2,10.77.2.2",
            &capture,
        ])
        .stdout
    };
    let found = fields_of(["demo", "demo-server", "one-way", "slow", "flood"].map(report));
    let manual = section("## JSON\n", "## Both ends");
    assert_named(&found, &manual);
    // The reverse: each table row of the section names fields that a report has.
    let rows = manual
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.split(" |").next());
    let named: BTreeSet<String> = rows.flat_map(quoted).collect();
    assert!(named.len() > 25, "{named:?}");
    let stale: Vec<_> = named.difference(&found).collect();
    assert!(
        stale.is_empty(),
        "docs/diagnosis.md names fields that no report has: {stale:?}"
    );
}

#[test]
fn manual_names_all_fields_of_compare() {
    let capture = |name: &str| file(&format!("tests/captures/{name}.pcap"));
    let report = |(client, server): (&str, &str)| {
        run(&[
            "compare",
            "--output",
            "json",
            &capture(client),
            &capture(server),
        ])
        .stdout
    };
    let found = fields_of([("demo", "demo-server"), ("forward-client", "demo-server")].map(report));
    assert_named(
        &found,
        &section(
            "`--output json` gives `version` (1), `clock`",
            "no such end",
        ),
    );
}

/// Returns the names of all fields, including nested ones.
fn fields_of<const N: usize>(reports: [Vec<u8>; N]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for report in reports {
        collect(&serde_json::from_slice(&report).unwrap(), &mut found);
    }
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                found.insert(name.clone());
                collect(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

fn assert_named(found: &BTreeSet<String>, manual: &str) {
    assert!(found.len() > 20, "{found:?}");
    let named: BTreeSet<String> = quoted(manual).collect();
    let missing: Vec<_> = found.difference(&named).collect();
    assert!(
        missing.is_empty(),
        "docs/diagnosis.md does not name {missing:?}"
    );
}

/// Returns the texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

fn section(begin: &str, end: &str) -> String {
    let manual = std::fs::read_to_string(file("docs/diagnosis.md")).unwrap();
    let (_, rest) = manual
        .split_once(begin)
        .expect("docs/diagnosis.md has this section");
    format!("{begin}{}", rest.split(end).next().unwrap())
}
