//! Tests of recording rules, alerts, runbooks and PromQL recipes.
//!
//! Queries use only metrics, labels and label values that exist; alerts fire as expected; one
//! outage sends one page.

mod alertmanager;
mod coverage;
mod files;
mod fleet;
mod prometheus;
mod promtool;
pub(crate) mod query;

use std::collections::BTreeSet;

use files::{Rule, alerts, queries_in, recordings, rule_tests, runbooks};
use query::Vocabulary;

use crate::program::file;

#[test]
fn every_alert_has_required_labels_and_annotations() {
    for alert in alerts() {
        let name = alert.name();
        assert!(name.starts_with("TCPHandshake"), "{name}");
        assert!(
            ["critical", "warning", "info"].contains(&alert.label("severity")),
            "{name}: {}",
            alert.label("severity")
        );
        assert!(
            ["connection", "host", "path", "exporter"].contains(&alert.label("subject")),
            "{name}"
        );
        assert!(alert.duration.is_some(), "{name} has no `for`");
        assert_eq!(
            alert.label("server_address").is_empty(),
            alert.label("subject") == "exporter",
            "{name}"
        );
        let summary = alert.annotation("summary");
        assert!(
            summary.ends_with('.') && !summary.contains(". "),
            "{name}: the summary must be one sentence: {summary}"
        );
        let description = alert.annotation("description");
        assert!(
            description.contains("$labels") || description.contains("$value"),
            "{name}: the description has no value or label: {description}"
        );
    }
}

#[test]
fn alerts_and_runbooks_correspond() {
    let named: BTreeSet<_> = alerts()
        .iter()
        .map(|alert| alert.name().to_owned())
        .collect();
    assert_eq!(runbooks(), named);
    let index = std::fs::read_to_string(file("docs/runbooks/README.md")).unwrap();
    for alert in alerts() {
        let name = alert.name();
        let page = format!("docs/runbooks/{name}.md");
        assert!(
            alert.annotation("runbook_url").ends_with(&page),
            "{name}: {}",
            alert.annotation("runbook_url")
        );
        let text = std::fs::read_to_string(file(&page)).unwrap();
        for heading in [
            "What it means",
            "How to confirm",
            "Usual causes",
            "What to do",
        ] {
            assert!(
                text.contains(&format!("\n## {heading}\n\n")),
                "{page} has no `{heading}`"
            );
        }
        assert!(
            index.contains(&format!("({name}.md)")),
            "the index of runbooks leaves out {name}"
        );
    }
}

#[test]
fn rules_and_alerts_use_existing_metrics() {
    let vocabulary = Vocabulary::new(&recordings());
    for rule in recordings().iter().chain(&alerts()) {
        vocabulary
            .check(&rule.expr)
            .unwrap_or_else(|error| panic!("{}: {error}", rule.name()));
    }
}

#[test]
fn alert_annotations_name_existing_metrics() {
    let vocabulary = Vocabulary::new(&recordings());
    for alert in alerts() {
        let texts = alert
            .annotations
            .iter()
            .filter(|(key, _)| *key != "runbook_url")
            .map(|(_, text)| text);
        for name in texts.flat_map(|text| query::metric_names(text)) {
            assert!(
                vocabulary.has(name),
                "{} names {name}, which does not exist",
                alert.name()
            );
        }
    }
}

#[test]
fn queries_in_docs_use_existing_metrics() {
    let vocabulary = Vocabulary::new(&recordings());
    let pages = runbooks()
        .into_iter()
        .map(|name| format!("docs/runbooks/{name}.md"));
    for page in pages.chain(["docs/promql.md".to_owned()]) {
        let queries = queries_in(&page);
        assert!(!queries.is_empty(), "{page} has no query");
        for query in queries {
            vocabulary
                .check(&query)
                .unwrap_or_else(|error| panic!("{page}: {error}\n{query}"));
        }
    }
}

#[test]
fn every_promql_recipe_is_tested() {
    let tests = rule_tests("recipes");
    let tested: BTreeSet<_> = tests
        .iter()
        .flat_map(|t| &t.promql_expr_test)
        .map(|t| t.expr.trim().to_owned())
        .collect();
    let written: BTreeSet<_> = queries_in("docs/promql.md").into_iter().collect();
    assert_eq!(written, tested);
}

#[test]
fn vocabulary_rejects_unknown_names() {
    let vocabulary = Vocabulary::new(&recordings());
    for wrong in [
        "tcp_handshake_sins_total",
        "tcp_handshake_syns_total{role=\"client\"}",
        "tcp_handshake_syns_total{vantage=\"clients\"}",
        "tcp_handshake_failures_total{reason=~\"refused|timeout\"}",
        "sum by (addres) (tcp_handshake_local_address_info)",
        "tcp_handshake_syns_total_bucket",
        "rate(tcp_handshake_syns_total[5m]",
        "peer:tcp_handshake_syns:ratio5m",
    ] {
        assert!(vocabulary.check(wrong).is_err(), "{wrong}");
    }
}

/// Returns the metrics of the code and of the recording rules.
pub(crate) fn vocabulary() -> Vocabulary {
    Vocabulary::new(&recordings())
}

impl Rule {
    fn name(&self) -> &str {
        self.record
            .as_deref()
            .or(self.alert.as_deref())
            .expect("a rule records or alerts")
    }

    fn label(&self, key: &str) -> &str {
        self.labels.get(key).map_or("", String::as_str)
    }

    fn annotation(&self, key: &str) -> &str {
        self.annotations.get(key).map_or("", String::as_str)
    }
}
