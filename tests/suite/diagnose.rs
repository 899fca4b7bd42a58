//! The `diagnose` command: each golden capture gives the expected verdict and text.

use serde_json::Value;
use tcp_handshake_exporter::diagnosis::rules;

use crate::golden::difference;
use crate::golden_captures::GOLDEN_CAPTURES;
use crate::program::{file, run, stderr, stdout};

/// Start of the table of rules in docs/diagnosis.md.
const RULES_BEGIN: &str =
    "<!-- rules: from the table in the code; UPDATE_README=1 cargo test manual rewrites it -->\n";
/// End of the table of rules in docs/diagnosis.md.
const RULES_END: &str = "<!-- end of rules -->\n";

/// The expected verdicts by port for each capture. A forged RST is recognized by its TTL if the
/// same address also answers (`demo`), and by the forging host itself. Otherwise it is a refusal.
const EXPECTED: [(&str, &[(u16, &str)]); GOLDEN_CAPTURES.len()] = [
    (
        "demo",
        &[
            (8001, "fine"),
            (8002, "refused"),
            (8003, "silent_drop"),
            (8004, "silent_drop"),
            (8005, "rejected"),
            (8006, "refused_on_the_way"),
            (8007, "silent_drop"),
            (8009, "rejected"),
            (8010, "rejected"),
            (8011, "late"),
            (8012, "far_overloaded"),
            (33306, "fine"),
        ],
    ),
    (
        "demo-server",
        &[
            (3306, "fine"),
            (8001, "fine"),
            (8002, "refused"),
            (8004, "host_silent"),
            (8007, "ack_lost"),
            (8011, "fine"),
            (8012, "host_overloaded"),
        ],
    ),
    ("open", &[(8001, "fine")]),
    ("open-v6", &[(8001, "fine")]),
    ("open-server", &[(8001, "fine")]),
    ("closed", &[(8002, "refused")]),
    ("closed-v6", &[(8002, "refused")]),
    ("path-drop-client", &[(8003, "silent_drop")]),
    ("path-drop-client-v6", &[(8003, "silent_drop")]),
    ("path-drop-firewall", &[(8003, "dropped_here")]),
    ("path-drop-server", &[]),
    ("input-drop-client", &[(8004, "silent_drop")]),
    ("input-drop-server", &[(8004, "host_silent")]),
    ("prohibited", &[(8005, "rejected")]),
    ("prohibited-v6", &[(8005, "rejected")]),
    ("prohibited-firewall", &[(8005, "rejected")]),
    ("reset", &[(8006, "refused")]),
    ("reset-firewall", &[(8006, "refused_on_the_way")]),
    ("reply-lost-client", &[(8007, "silent_drop")]),
    ("reply-lost-server", &[(8007, "ack_lost")]),
    ("reply-lost-firewall", &[(8007, "dropped_here")]),
    ("forward-client", &[(33306, "fine")]),
    ("forward-firewall", &[(33306, "fine")]),
    ("forward-firewall-v6", &[(33306, "fine")]),
    ("nobody-there", &[(8009, "rejected")]),
    ("nobody-there-v6", &[(8009, "rejected")]),
    ("nobody-here", &[(8010, "rejected")]),
    ("nobody-here-v6", &[(8010, "rejected")]),
    ("late", &[(8011, "late")]),
    ("late-v6", &[(8011, "late")]),
    ("full-queue-client", &[(8012, "far_overloaded")]),
    ("full-queue-server", &[(8012, "host_overloaded")]),
    ("loopback", &[(8013, "fine"), (8014, "refused")]),
    ("container-published", &[(80, "fine"), (8080, "fine")]),
    ("container-egress", &[(9000, "fine"), (9001, "refused")]),
    ("container-bridged", &[(8000, "fine")]),
    ("rejected-by-default", &[(8015, "rejected")]),
    ("rejected-by-server", &[(8016, "rejected")]),
    ("rejected-by-server-server", &[(8016, "rejected")]),
    ("hops-used-up", &[(8017, "rejected")]),
    ("own-reject", &[(8018, "rejected")]),
    ("ecn", &[(80, "fine")]),
    ("ecn-v6", &[(80, "fine")]),
    ("too-short", &[(8003, "undecided")]),
    (
        "one-way",
        &[
            (8001, "capture_untrusted"),
            (8002, "capture_untrusted"),
            (8006, "capture_untrusted"),
            (8099, "undecided"),
            (33306, "capture_untrusted"),
        ],
    ),
    ("loss-client", &[(8020, "loss")]),
    ("loss-server", &[(8020, "fine")]),
    ("loss-back-client", &[(8021, "loss")]),
    ("loss-back-server", &[(8021, "loss")]),
    ("ecn-drop", &[(8022, "ecn_dropped")]),
    ("hurry-client", &[(8025, "late")]),
    ("hurry-server", &[(8025, "late")]),
    ("slow", &[(8026, "slow")]),
    ("scan-client", &[(8100, "scan")]),
    ("scan-server", &[(8100, "scan")]),
    ("flood", &[(8024, "flood")]),
    (
        "forward-faults",
        &[
            (33302, "refused"),
            (33303, "host_silent"),
            (33304, "silent_drop"),
            (33307, "dropped_here"),
        ],
    ),
];

/// Returns the local addresses of the host that recorded a capture. A mirror port has no local
/// address in it.
fn local_addresses(story: &str, seen_from: &str) -> &'static str {
    if story == "one-way" {
        return "203.0.113.1";
    }
    match seen_from.split(' ').next().unwrap() {
        "client" => "10.77.1.2,2001:db8:1::2,127.0.0.0/8,::1",
        "firewall" => "10.77.1.1,10.77.2.1,2001:db8:1::1,2001:db8:2::1",
        "server" => "10.77.2.2,10.77.2.3,2001:db8:2::2",
        "host" => "192.0.2.1,10.88.0.1,2001:db8:9::1,2001:db8:88::1",
        "near" => "192.0.2.1,2001:db8:9::1",
        unknown => panic!("the addresses of {unknown} are not known"),
    }
}

/// Returns the JSON report on a capture, and the exit status.
fn report(story: &str, seen_from: &str) -> (Value, i32) {
    let capture = file(&format!("tests/captures/{story}.pcap"));
    let output = run(&[
        "diagnose",
        "--output",
        "json",
        "--capture.local",
        local_addresses(story, seen_from),
        &capture,
    ]);
    assert_eq!(stderr(&output), "");
    (
        serde_json::from_slice(&output.stdout).unwrap(),
        output.status.code().unwrap(),
    )
}

/// Returns the port and verdict of each label set, sorted by port.
fn verdicts(report: &Value) -> Vec<(u16, String)> {
    let sets = report["sets"].as_array().unwrap().iter();
    let text = |set: &Value, field: &str| set[field].as_str().unwrap().to_owned();
    let mut all: Vec<_> = sets
        .map(|set| (text(set, "port").parse().unwrap(), text(set, "verdict")))
        .collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn golden_captures_get_expected_verdicts() {
    for story in &GOLDEN_CAPTURES {
        let expected = EXPECTED.iter().find(|(file, _)| *file == story.file);
        let (_, expected) =
            expected.unwrap_or_else(|| panic!("{}: no expected verdict", story.file));
        let (report, status) = report(story.file, story.recorded_on);
        let mut found = verdicts(&report);
        if story.file.starts_with("scan-") {
            assert_eq!(found.len(), 25);
            found.dedup_by(|one, other| one.1 == other.1);
        }
        let expected: Vec<(u16, String)> = expected
            .iter()
            .map(|(port, verdict)| (*port, (*verdict).to_owned()))
            .collect();
        assert_eq!(found, expected, "{}", story.file);
        let all_fine = expected
            .iter()
            .all(|(_, verdict)| verdict == "fine" || verdict == "undecided");
        assert_eq!(status, if all_fine { 0 } else { 3 }, "{}", story.file);
    }
}

/// The expected text is in a `.diagnosis` file beside each capture. `UPDATE_GOLDEN=1` rewrites it.
#[test]
fn golden_captures_get_expected_text() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut mismatches = Vec::new();
    for story in &GOLDEN_CAPTURES {
        let capture = file(&format!("tests/captures/{}.pcap", story.file));
        let path = file(&format!("tests/captures/{}.diagnosis", story.file));
        let found = stdout(&run(&[
            "diagnose",
            "--capture.local",
            local_addresses(story.file, story.recorded_on),
            &capture,
        ]));
        if update {
            std::fs::write(&path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if expected != found {
            println!(
                "{path} (-) compared with the program (+):\n{}",
                difference(&expected, &found)
            );
            mismatches.push(path);
        }
    }
    assert!(
        mismatches.is_empty(),
        "the output differs, see above; if it is correct, UPDATE_GOLDEN=1 rewrites the files: {mismatches:?}"
    );
}

#[test]
fn json_report_contains_evidence() {
    let (report, _) = report("demo", "client any");
    assert_eq!(report["version"], 1);
    let set = |port: &str| {
        report["sets"]
            .as_array()
            .unwrap()
            .iter()
            .find(|set| set["port"] == port)
            .unwrap()
    };
    assert_eq!(set("8006")["rst_ttls"], serde_json::json!([64]));
    assert_eq!(set("8006")["synack_ttls"], serde_json::json!([63]));
    assert_eq!(set("8005")["icmp"][0]["by"], "10.77.1.1");
    assert_eq!(set("8003")["last_attempts"].as_array().unwrap().len(), 4);
    assert_eq!(
        set("8003")["last_attempts"][0]["packets"]
            .as_array()
            .unwrap()
            .len(),
        7
    );
    assert_eq!(set("8003")["last_attempts"][0]["packets"][1]["what"], "SYN");
    let severities: Vec<u64> = report["sets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| set["severity"].as_u64().unwrap())
        .collect();
    assert!(
        severities.is_sorted_by(|one, other| one >= other),
        "label sets are not sorted by severity: {severities:?}"
    );
}

#[test]
fn manual_contains_table_of_rules() {
    let path = file("docs/diagnosis.md");
    let manual = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = manual
        .split_once(RULES_BEGIN)
        .expect("docs/diagnosis.md marks the start of its table of rules");
    let (table, after) = rest
        .split_once(RULES_END)
        .expect("docs/diagnosis.md marks the end of its table of rules");
    let mut rows =
        "| verdict | given when | in reports for programs | shown by |\n|---|---|---|---|\n"
            .to_owned();
    for (verdict, condition) in rules() {
        let examples = examples_of(verdict.as_str());
        assert!(
            !examples.is_empty(),
            "no golden capture has the verdict {}",
            verdict.as_str()
        );
        rows += &format!(
            "| {} | {condition} | `{}` | {} |\n",
            verdict.title(),
            verdict.as_str(),
            examples.join(", ")
        );
    }
    if std::env::var_os("UPDATE_README").is_some() {
        return std::fs::write(
            &path,
            format!("{before}{RULES_BEGIN}{rows}{RULES_END}{after}"),
        )
        .unwrap();
    }
    assert!(
        table == rows,
        "docs/diagnosis.md differs from the table of rules in the code: {RULES_BEGIN}"
    );
    for (verdict, _) in rules() {
        assert!(
            after.contains(&format!("`{}`", verdict.as_str())),
            "docs/diagnosis.md does not explain {}",
            verdict.as_str()
        );
    }
}

/// `make demo` runs without `--capture.local`.
#[test]
fn demo_verdicts_need_no_local_addresses() {
    let demo = file("tests/captures/demo.pcap");
    let output = run(&["diagnose", "--output", "json", &demo]);
    let (with_addresses, _) = report("demo", "client any");
    assert_eq!(
        verdicts(&serde_json::from_slice(&output.stdout).unwrap()),
        verdicts(&with_addresses)
    );
    let quick_start = std::fs::read_to_string(file("README.md")).unwrap();
    for (port, _) in verdicts(&with_addresses) {
        assert!(
            quick_start.contains(&port.to_string()),
            "README.md does not mention port {port}"
        );
    }
}

#[test]
fn output_to_pipe_has_no_colors() {
    let output = run(&["diagnose", &file("tests/captures/demo.pcap")]);
    assert!(!stdout(&output).contains('\x1b'));
    assert_eq!(output.status.code(), Some(3));
}

/// Returns at most three golden captures with this verdict. Captures of many faults and IPv6
/// variants are left out.
fn examples_of(verdict: &str) -> Vec<String> {
    let is_example = |(file, _): &&(&str, _)| !file.starts_with("demo") && !file.ends_with("-v6");
    let has_verdict =
        |(_, verdicts): &&(&str, &[(u16, &str)])| verdicts.iter().any(|(_, one)| *one == verdict);
    EXPECTED
        .iter()
        .filter(is_example)
        .filter(has_verdict)
        .map(|(file, _)| format!("`{file}`"))
        .take(3)
        .collect()
}
