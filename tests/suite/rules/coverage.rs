//! No alert without its tests: each case that has gone wrong somewhere is met by each alert, or it is said why it cannot be.

use std::collections::BTreeSet;

use super::files::{RuleTest, alerts, rule_tests};

/// What promtool must have been asked of every alert, by the words in a test's name.
const CASES: [(&str, &[&str], Must); 6] = [
    ("it fires", &["fires"], Must::Fire),
    (
        "just below its threshold",
        &["just below", "in time", "one missed scrape"],
        Must::BeSilent,
    ),
    (
        "on low volume",
        &["low volume", "minimum volume"],
        Must::BeSilent,
    ),
    ("over a counter reset", &["counter reset"], Must::Say),
    (
        "a series never seen before",
        &[
            "never seen before",
            "first time",
            "never came up",
            "that starts on",
        ],
        Must::Say,
    ),
    (
        "over an exporter's restart",
        &[
            "exporter restart",
            "exporter that restarts",
            "s exporter is no",
            "s exporter:",
        ],
        Must::Say,
    ),
];

/// Alerts on what does not count, and has no volume.
const CANNOT: [(&str, &str, &str); 9] = [
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
        "the exporter itself wants a volume before it says so",
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

/// For alerts that know what is usual, in a file of their own: it takes days.
const USUAL: [(&str, &[&str], Must); 2] = [
    (
        "an outage that lasts for longer than a day",
        &["for days"],
        Must::Fire,
    ),
    (
        "what comes and goes every day",
        &["daily rise and fall"],
        Must::Say,
    ),
];

enum Must {
    Fire,
    BeSilent,
    Say,
}

#[test]
fn every_alert_is_tested_in_every_case() {
    let mut missing = vec![];
    for alert in alerts() {
        let name = alert.name();
        let tests = rule_tests(name);
        for (case, words, must) in &CASES {
            let cannot = CANNOT
                .iter()
                .any(|(who, what, _)| (who, what) == (&name, case));
            if is_tested(&tests, name, words, must) == cannot {
                missing.push(format!(
                    "tests/rules/{name}.yml, {case}: {}",
                    if cannot {
                        "it can, after all"
                    } else {
                        "missing"
                    }
                ));
            }
        }
        if alert.expr.contains(":usual_") {
            let tests = rule_tests(&format!("{name}_usual"));
            let cases = USUAL
                .iter()
                .filter(|(_, words, must)| !is_tested(&tests, name, words, must));
            missing.extend(
                cases.map(|(case, ..)| format!("tests/rules/{name}_usual.yml, {case}: missing")),
            );
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn what_an_alert_cannot_meet_is_said_of_alerts_there_are() {
    let known: BTreeSet<_> = alerts()
        .iter()
        .map(|alert| alert.name().to_owned())
        .collect();
    for (alert, case, reason) in CANNOT {
        assert!(
            known.contains(alert) && CASES.iter().any(|(known, ..)| *known == case),
            "{alert}, {case}: {reason}"
        );
    }
}

/// That every firing is told in words: labels and annotations, as somebody will read them.
#[test]
fn the_words_of_every_alert_are_tested() {
    for alert in alerts() {
        let name = alert.name();
        let tests = rule_tests(name);
        let texts = tests.iter().flat_map(|test| &test.alert_rule_test);
        let fired = texts
            .filter(|test| test.alertname == name && !test.exp_alerts.is_empty())
            .count();
        assert!(fired > 0, "no test holds the words of {name}");
    }
}

fn is_tested(tests: &[RuleTest], alert: &str, words: &[&str], must: &Must) -> bool {
    let named = tests
        .iter()
        .filter(|test| words.iter().any(|word| test.name.contains(word)));
    named.into_iter().any(|test| match must {
        Must::Fire => fires(test, alert),
        Must::BeSilent => looks(test) && !fires(test, alert),
        Must::Say => looks(test),
    })
}

/// Whether it asks for alerts at all.
fn looks(test: &RuleTest) -> bool {
    !test.alert_rule_test.is_empty()
        || test
            .promql_expr_test
            .iter()
            .any(|query| query.expr.contains("ALERTS"))
}

/// Whether it expects the alert at some moment.
fn fires(test: &RuleTest, alert: &str) -> bool {
    let told = test
        .alert_rule_test
        .iter()
        .any(|told| told.alertname == alert && !told.exp_alerts.is_empty());
    let named = format!("alertname=\"{alert}\"");
    let asked = test
        .promql_expr_test
        .iter()
        .filter(|query| query.expr.contains("ALERTS"));
    told || asked
        .flat_map(|query| &query.exp_samples)
        .any(|sample| sample.labels.contains(&named))
}
