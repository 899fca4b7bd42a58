//! Tests that each alert has a promtool test for each case, or a reason why the case is impossible.

use std::collections::BTreeSet;

use super::files::{RuleTest, alerts, rule_tests};

/// Cases that each alert's tests must contain, recognized by parts of a test's name.
const CASES: [(&str, &[&str], Requirement); 6] = [
    ("it fires", &["fires"], Requirement::Fire),
    (
        "just below its threshold",
        &["just below", "in time", "one missed scrape"],
        Requirement::NotFire,
    ),
    (
        "on low volume",
        &["low volume", "minimum volume"],
        Requirement::NotFire,
    ),
    (
        "over a counter reset",
        &["counter reset"],
        Requirement::Query,
    ),
    (
        "a series never seen before",
        &[
            "never seen before",
            "first time",
            "never came up",
            "that starts on",
        ],
        Requirement::Query,
    ),
    (
        "over an exporter's restart",
        &[
            "exporter restart",
            "exporter that restarts",
            "s exporter is no",
            "s exporter:",
        ],
        Requirement::Query,
    ),
];

/// Cases that are impossible for an alert, with the reason.
const IMPOSSIBLE_CASES: [(&str, &str, &str); 9] = [
    ("TCPHandshakeExporterDown", "on low volume", "`up` has none"),
    (
        "TCPHandshakeExporterDown",
        "over a counter reset",
        "`up` is a gauge",
    ),
    (
        "TCPHandshakeCaptureDown",
        "on low volume",
        "one interface is enough",
    ),
    (
        "TCPHandshakeCaptureDown",
        "over a counter reset",
        "`capture_up` is a gauge",
    ),
    (
        "TCPHandshakeCaptureOneSided",
        "on low volume",
        "the exporter sets `one_sided` only above a minimum volume",
    ),
    (
        "TCPHandshakeCaptureOneSided",
        "over a counter reset",
        "`one_sided` is a gauge",
    ),
    (
        "TCPHandshakeClockSteps",
        "on low volume",
        "a single step is enough",
    ),
    (
        "TCPHandshakeConfigReloadFailed",
        "on low volume",
        "one broken file is enough",
    ),
    (
        "TCPHandshakeConfigReloadFailed",
        "over a counter reset",
        "`config_last_reload_successful` is a gauge",
    ),
];

/// Cases of alerts that compare with usual values, in a separate file because they take days.
const BASELINE_CASES: [(&str, &[&str], Requirement); 2] = [
    (
        "an outage that lasts for longer than a day",
        &["for days"],
        Requirement::Fire,
    ),
    (
        "what comes and goes every day",
        &["daily rise and fall"],
        Requirement::Query,
    ),
];

/// What a test of a case must expect.
enum Requirement {
    /// The test expects the alert to fire.
    Fire,
    /// The test queries alerts and expects the alert not to fire.
    NotFire,
    /// The test queries alerts.
    Query,
}

#[test]
fn every_alert_is_tested_in_every_case() {
    let mut missing = vec![];
    for alert in alerts() {
        let name = alert.name();
        let tests = rule_tests(name);
        for (case, name_parts, requirement) in &CASES {
            let is_impossible = IMPOSSIBLE_CASES
                .iter()
                .any(|(alert, impossible, _)| (alert, impossible) == (&name, case));
            if is_tested(&tests, name, name_parts, requirement) == is_impossible {
                missing.push(format!(
                    "tests/rules/{name}.yml, {case}: {}",
                    if is_impossible {
                        "a test exists: remove it from the list"
                    } else {
                        "missing"
                    }
                ));
            }
        }
        if alert.expr.contains(":baseline_") {
            let tests = rule_tests(&format!("{name}_baseline"));
            let cases = BASELINE_CASES
                .iter()
                .filter(|(_, name_parts, requirement)| {
                    !is_tested(&tests, name, name_parts, requirement)
                });
            missing.extend(
                cases.map(|(case, ..)| format!("tests/rules/{name}_baseline.yml, {case}: missing")),
            );
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn impossible_cases_name_existing_alerts() {
    let known: BTreeSet<_> = alerts()
        .iter()
        .map(|alert| alert.name().to_owned())
        .collect();
    for (alert, case, reason) in IMPOSSIBLE_CASES {
        assert!(
            known.contains(alert) && CASES.iter().any(|(known, ..)| *known == case),
            "{alert}, {case}: {reason}"
        );
    }
}

/// Each alert needs a test of the labels and annotations that it fires with.
#[test]
fn labels_and_annotations_of_every_alert_are_tested() {
    for alert in alerts() {
        let name = alert.name();
        let tests = rule_tests(name);
        let texts = tests.iter().flat_map(|test| &test.alert_rule_test);
        let fired = texts
            .filter(|test| test.alertname == name && !test.exp_alerts.is_empty())
            .count();
        assert!(
            fired > 0,
            "no test has the labels and annotations of {name}"
        );
    }
}

fn is_tested(
    tests: &[RuleTest],
    alert: &str,
    name_parts: &[&str],
    requirement: &Requirement,
) -> bool {
    let named = tests
        .iter()
        .filter(|test| name_parts.iter().any(|part| test.name.contains(part)));
    named.into_iter().any(|test| match requirement {
        Requirement::Fire => fires(test, alert),
        Requirement::NotFire => queries_alerts(test) && !fires(test, alert),
        Requirement::Query => queries_alerts(test),
    })
}

/// Returns `true` if the test queries alerts.
fn queries_alerts(test: &RuleTest) -> bool {
    !test.alert_rule_test.is_empty()
        || test
            .promql_expr_test
            .iter()
            .any(|query| query.expr.contains("ALERTS"))
}

/// Returns `true` if the test expects the alert to fire.
fn fires(test: &RuleTest, alert: &str) -> bool {
    let fired = test
        .alert_rule_test
        .iter()
        .any(|test| test.alertname == alert && !test.exp_alerts.is_empty());
    let named = format!("alertname=\"{alert}\"");
    let queries = test
        .promql_expr_test
        .iter()
        .filter(|query| query.expr.contains("ALERTS"));
    fired
        || queries
            .flat_map(|query| &query.exp_samples)
            .any(|sample| sample.labels.contains(&named))
}
