//! Runs promtool: checks of rules and configuration, and the tests in `tests/rules`.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

use tempfile::TempDir;

use super::files::{ALERT_RULES, RECORDING_RULES};
use crate::program::{file, has_tool};

#[test]
fn promtool_accepts_rules_and_configuration() {
    if !has_tool("promtool") {
        return;
    }
    for arguments in [
        &[
            "check",
            "rules",
            "--lint=all",
            "--lint-fatal",
            RECORDING_RULES,
            ALERT_RULES,
        ][..],
        &[
            "check",
            "config",
            "--lint=all",
            "--lint-fatal",
            "deploy/prometheus/prometheus.yml",
        ],
    ] {
        let output = promtool(arguments);
        assert!(
            output.status.success(),
            "promtool {arguments:?}: {}",
            output_text(&output)
        );
    }
}

/// Runs two test files at a time, and the longest first.
#[test]
fn promtool_rule_tests_pass() {
    if !has_tool("promtool") {
        return;
    }
    let mut tests: Vec<_> = fs::read_dir(file("tests/rules"))
        .unwrap()
        .map(|test| test.unwrap().path())
        .collect();
    tests.sort_by_key(|test| !is_baseline(test));
    assert!(tests.len() > 17, "{tests:?}");
    let queue = Mutex::new(VecDeque::from(tests));
    let failed = Mutex::new(String::new());
    let work = || {
        while let Some(test) = { queue.lock().unwrap().pop_front() } {
            let output = if is_baseline(&test) {
                let short = with_short_days(&test);
                promtool(&[
                    "test",
                    "rules",
                    &short.path().join("test.yml").to_string_lossy(),
                ])
            } else {
                promtool(&["test", "rules", &test.to_string_lossy()])
            };
            if !output.status.success() {
                *failed.lock().unwrap() += &output_text(&output);
            }
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{failed}");
}

/// Returns `true` for the tests of alerts that compare with usual values of the hour of the day.
fn is_baseline(test: &Path) -> bool {
    test.to_string_lossy().ends_with("_baseline.yml")
}

/// Writes the test and the rules to a folder, with a day of 48 min and an hour of 2 min.
fn with_short_days(test: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut text = fs::read_to_string(test).unwrap();
    for (rules, name) in [
        (RECORDING_RULES, "recording.yml"),
        (ALERT_RULES, "alerts.yml"),
    ] {
        let mut short = fs::read_to_string(file(rules))
            .unwrap()
            .replace("[1h]", "[2m]");
        for days in 1..=7 {
            short = short.replace(
                &format!("offset {}h30m", 24 * days - 1),
                &format!("offset {}m", 48 * days - 1),
            );
        }
        short = short.replace("offset 1h", "offset 2m");
        assert!(!short.contains("h30m"), "{rules}: a day is left long");
        fs::write(folder.path().join(name), short).unwrap();
        text = text.replace(&format!("../../{rules}"), name);
    }
    fs::write(folder.path().join("test.yml"), text).unwrap();
    folder
}

fn promtool(arguments: &[&str]) -> Output {
    Command::new("promtool")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

fn output_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
