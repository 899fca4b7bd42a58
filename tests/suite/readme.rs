//! What the README says of metrics and flags is what the program has.

use std::fs;
use std::sync::Mutex;

use tcp_handshake_exporter::decode::Undecodable;
use tcp_handshake_exporter::metrics::rows;

use crate::program::{file, has_tool, printed, run};

const BEGIN: &str =
    "<!-- metrics: from the table in the code; UPDATE_README=1 cargo test readme rewrites it -->\n";
const BEGIN_REASONS: &str =
    "<!-- reasons: from the code; UPDATE_README=1 cargo test readme rewrites it -->\n";
const END_REASONS: &str = "<!-- end of reasons -->\n";
const END: &str = "<!-- end of metrics -->\n";

#[test]
fn the_readme_has_the_table_of_metrics() {
    has_the_table((BEGIN, END), &metrics_table());
}

#[test]
fn the_readme_has_every_reason_why_a_packet_is_not_read() {
    let row = |reason: Undecodable| format!("| `{}` | {} |\n", reason.as_str(), reason.meaning());
    let rows: String = Undecodable::ALL.into_iter().map(row).collect();
    has_the_table(
        (BEGIN_REASONS, END_REASONS),
        &format!("| `reason` | |\n|---|---|\n{rows}"),
    );
}

/// The table between these marks, which `UPDATE_README` writes anew.
fn has_the_table((begin, end): (&str, &str), wanted: &str) {
    // Two tests write into one file.
    static README: Mutex<()> = Mutex::new(());
    let _alone = README.lock();
    let path = file("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme
        .split_once(begin)
        .expect("the README marks where its table begins");
    let (table, after) = rest
        .split_once(end)
        .expect("the README marks where its table ends");
    if std::env::var_os("UPDATE_README").is_some() {
        return fs::write(&path, format!("{before}{begin}{wanted}{end}{after}")).unwrap();
    }
    assert!(
        table == wanted,
        "the README's table is not the code's: {begin}"
    );
}

#[test]
fn the_readme_names_every_flag() {
    let readme = fs::read_to_string(file("README.md")).unwrap();
    let of = |command: &str| printed(&run(&[command, "--help"]));
    let help = printed(&run(&["--help"])) + &of("diagnose") + &of("compare");
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
            "the README does not say what {flag} does"
        );
    }
}

#[test]
fn promtool_has_nothing_to_say() {
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
    let said = check.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr),
        ""
    );
    assert!(said.status.success());
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
