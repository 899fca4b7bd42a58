//! Tests that the README's tables of metrics and flags match the program.

use std::fs;
use std::sync::Mutex;

use tcp_handshake_exporter::decode::Undecodable;
use tcp_handshake_exporter::metrics::rows;

use crate::program::{file, has_tool, run, stdout};

const METRICS_BEGIN: &str =
    "<!-- metrics: from the table in the code; UPDATE_README=1 cargo test readme rewrites it -->\n";
const REASONS_BEGIN: &str =
    "<!-- reasons: from the code; UPDATE_README=1 cargo test readme rewrites it -->\n";
const REASONS_END: &str = "<!-- end of reasons -->\n";
const METRICS_END: &str = "<!-- end of metrics -->\n";

#[test]
fn readme_has_the_table_of_metrics() {
    assert_or_update_table((METRICS_BEGIN, METRICS_END), &metrics_table());
}

#[test]
fn readme_has_every_reason_of_undecodable_packets() {
    let row = |reason: Undecodable| format!("| `{}` | {} |\n", reason.as_str(), reason.meaning());
    let rows: String = Undecodable::ALL.into_iter().map(row).collect();
    assert_or_update_table(
        (REASONS_BEGIN, REASONS_END),
        &format!("| `reason` | |\n|---|---|\n{rows}"),
    );
}

/// Panics unless the table between these marks is `expected`. With `UPDATE_README` set, it rewrites
/// the table instead.
fn assert_or_update_table((begin, end): (&str, &str), expected: &str) {
    // Serializes the tests, because two of them write the file.
    static README: Mutex<()> = Mutex::new(());
    let _lock = README.lock();
    let path = file("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme
        .split_once(begin)
        .expect("the README marks the begin of the table");
    let (table, after) = rest
        .split_once(end)
        .expect("the README marks the end of the table");
    if std::env::var_os("UPDATE_README").is_some() {
        return fs::write(&path, format!("{before}{begin}{expected}{end}{after}")).unwrap();
    }
    assert!(
        table == expected,
        "the README's table does not match the code: {begin}"
    );
}

#[test]
fn readme_names_every_flag() {
    let readme = fs::read_to_string(file("README.md")).unwrap();
    let help_of = |command: &str| stdout(&run(&[command, "--help"]));
    let help = stdout(&run(&["--help"])) + &help_of("diagnose") + &help_of("compare");
    let flags = help
        .split_whitespace()
        .filter(|word| word.starts_with("--") && word.len() > 2);
    let flags: std::collections::BTreeSet<_> = flags
        .map(|flag| {
            flag.split('[')
                .next()
                .unwrap()
                .trim_end_matches([',', ';', '.'])
        })
        .collect();
    assert!(flags.len() > 20, "{flags:?}");
    for flag in flags {
        assert!(
            readme.contains(&format!("`{flag}`")),
            "the README does not describe {flag}"
        );
    }
}

#[test]
fn promtool_accepts_metrics_without_warnings() {
    if !has_tool("promtool") {
        return;
    }
    let output = run(&[
        "diagnose",
        "--output",
        "metrics",
        "--capture.acks",
        &file("tests/captures/demo.pcap"),
    ]);
    assert!(output.status.success());
    let mut check = std::process::Command::new("promtool");
    check
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped());
    let mut check = check
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut check.stdin.take().unwrap(), &output.stdout).unwrap();
    let checked = check.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&checked.stdout) + String::from_utf8_lossy(&checked.stderr),
        ""
    );
    assert!(checked.status.success());
}

fn metrics_table() -> String {
    let mut table = "| metric | kind | labels | what it says |\n|---|---|---|---|\n".to_owned();
    for row in rows() {
        let labels: Vec<String> = row
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let common =
            labels
                .join(", ")
                .replacen("`vantage`, `local_address`, `port`, `peer`", "*set*", 1);
        table += &format!(
            "| `{}` | {} | {common} | {} |\n",
            row.name,
            row.kind,
            row.help.replace('|', "\\|")
        );
    }
    table
}
