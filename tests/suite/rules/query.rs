//! Checker of PromQL queries: they parse, and use only metrics, labels and label values that exist.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorSelector, parse,
};
use promql_parser::util::{ExprVisitor, walk_expr};
use tcp_handshake_exporter::metrics::rows;

use super::files::Rule;

/// Labels that Prometheus adds to scraped series.
const TARGET_LABELS: &[&str] = &["job", "instance"];

/// Metrics that Prometheus itself creates for targets and alerts.
const PROMETHEUS_METRICS: [&str; 4] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "ALERTS",
];

/// Labels with a closed set of values.
const CLOSED_LABEL_VALUES: [(&str, &[&str]); 7] = [
    ("vantage", &["client", "server", "local", "transit"]),
    (
        "reason",
        &["unanswered", "refused", "unreachable", "prohibited"],
    ),
    ("sender", &["client", "server"]),
    ("reporter", &["peer", "router", "self"]),
    ("kind", &["syn", "synack", "rst", "icmp"]),
    ("by", &["kernel", "interface"]),
    (
        "where",
        &[
            "way_there",
            "way_there_or_translated",
            "server_host",
            "server_refuses",
            "way_back",
            "unclear",
            "fine",
        ],
    ),
];

/// All metric and label names that queries may use.
pub(crate) struct Vocabulary {
    /// Metrics and recording rules with their labels; `None` if the labels are unknown.
    metrics: BTreeMap<String, Option<BTreeSet<String>>>,
    labels: BTreeSet<String>,
}

impl Vocabulary {
    /// Creates a vocabulary of the metrics of the code, of these recording rules, and of Prometheus
    /// itself.
    pub(crate) fn new(recordings: &[Rule]) -> Self {
        let mut metrics = BTreeMap::new();
        for row in rows() {
            let labels_with = |more: &[&str]| {
                Some(
                    row.labels
                        .iter()
                        .chain(TARGET_LABELS)
                        .chain(more)
                        .map(|&l| l.to_owned())
                        .collect(),
                )
            };
            if row.kind == "histogram" {
                metrics.insert(format!("{}_bucket", row.name), labels_with(&["le"]));
                metrics.insert(format!("{}_sum", row.name), labels_with(&[]));
                metrics.insert(format!("{}_count", row.name), labels_with(&[]));
            } else {
                metrics.insert(row.name.to_owned(), labels_with(&[]));
            }
        }
        metrics.extend(PROMETHEUS_METRICS.map(|name| (name.to_owned(), None)));
        metrics.extend(
            recordings
                .iter()
                .filter_map(|rule| Some((rule.record.clone()?, None))),
        );
        let mut labels: BTreeSet<String> = metrics.values().flatten().flatten().cloned().collect();
        for rule in recordings {
            labels.extend(
                parse(&rule.expr)
                    .map(|query| made_labels(&query))
                    .unwrap_or_default(),
            );
        }
        Self { metrics, labels }
    }

    pub(super) fn has(&self, metric: &str) -> bool {
        self.metrics.contains_key(metric)
    }

    /// Returns an error if the query does not parse or uses an unknown name.
    pub(crate) fn check(&self, query: &str) -> Result<(), String> {
        let query = parse(query)?;
        let mut labels = self.labels.clone();
        labels.extend(made_labels(&query));
        walk_expr(
            &mut NameChecker {
                vocabulary: self,
                labels: &labels,
            },
            &query,
        )
        .map(|_| ())
    }
}

struct NameChecker<'v> {
    vocabulary: &'v Vocabulary,
    /// Labels of all metrics, and labels that the query creates.
    labels: &'v BTreeSet<String>,
}

impl ExprVisitor for NameChecker<'_> {
    type Error = String;

    fn pre_visit(&mut self, part: &Expr) -> Result<bool, String> {
        match part {
            Expr::VectorSelector(selector) => self.select(selector)?,
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs)?,
            Expr::Aggregate(AggregateExpr {
                modifier: Some(by), ..
            }) => self.modify(by)?,
            Expr::Binary(BinaryExpr {
                modifier: Some(modifier),
                ..
            }) => {
                modifier
                    .matching
                    .iter()
                    .try_for_each(|by| self.modify(by))?;
                modifier
                    .card
                    .labels()
                    .into_iter()
                    .flat_map(|labels| &labels.labels)
                    .try_for_each(|l| self.label(l))?;
            }
            _ => {}
        }
        Ok(true)
    }
}

impl NameChecker<'_> {
    fn select(&self, selector: &VectorSelector) -> Result<(), String> {
        let name = selector
            .name
            .as_deref()
            .ok_or("a selector without a metric's name")?;
        let labels = self
            .vocabulary
            .metrics
            .get(name)
            .ok_or_else(|| format!("there is no metric {name}"))?;
        for matcher in &selector.matchers.matchers {
            if !labels
                .as_ref()
                .unwrap_or(self.labels)
                .contains(&matcher.name)
            {
                return Err(format!("{name} has no label {}", matcher.name));
            }
            check_value(matcher)?;
        }
        Ok(())
    }

    fn modify(&self, by: &LabelModifier) -> Result<(), String> {
        by.labels()
            .labels
            .iter()
            .try_for_each(|label| self.label(label))
    }

    fn label(&self, label: &String) -> Result<(), String> {
        if self.labels.contains(label) {
            Ok(())
        } else {
            Err(format!("there is no label {label}"))
        }
    }
}

/// Returns an error if the matcher selects a value outside the closed set of its label.
fn check_value(matcher: &Matcher) -> Result<(), String> {
    let Some((_, values)) = CLOSED_LABEL_VALUES
        .iter()
        .find(|(label, _)| *label == matcher.name)
    else {
        return Ok(());
    };
    let selected: Vec<&str> = match matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => vec![&matcher.value],
        MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.split('|').collect(),
    };
    match selected.into_iter().find(|value| !values.contains(value)) {
        None => Ok(()),
        Some(value) => Err(format!("{} is never {value}", matcher.name)),
    }
}

/// Returns the labels that `label_replace` and `label_join` create.
fn made_labels(query: &Expr) -> BTreeSet<String> {
    struct MadeLabels(BTreeSet<String>);
    impl ExprVisitor for MadeLabels {
        type Error = ();
        fn pre_visit(&mut self, part: &Expr) -> Result<bool, ()> {
            if let Expr::Call(Call { func, args }) = part
                && matches!(func.name, "label_replace" | "label_join")
                && let Some(Expr::StringLiteral(label)) = args.args.get(1).map(|arg| &**arg)
            {
                self.0.insert(label.val.clone());
            }
            Ok(true)
        }
    }
    let mut labels = MadeLabels(BTreeSet::new());
    let _ = walk_expr(&mut labels, query);
    labels.0
}

/// Returns all selectors of a query.
pub(crate) fn selectors(query: &str) -> Result<Vec<VectorSelector>, String> {
    struct SelectorCollector(Vec<VectorSelector>);
    impl ExprVisitor for SelectorCollector {
        type Error = String;
        fn pre_visit(&mut self, part: &Expr) -> Result<bool, String> {
            match part {
                Expr::VectorSelector(selector) => self.0.push(selector.clone()),
                Expr::MatrixSelector(matrix) => self.0.push(matrix.vs.clone()),
                _ => {}
            }
            Ok(true)
        }
    }
    let mut found = SelectorCollector(vec![]);
    walk_expr(&mut found, &parse(query)?)?;
    Ok(found.0)
}

/// Returns the words of a text that look like names of the exporter's metrics.
pub(super) fn metric_names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    words
        .map(|word| word.trim_end_matches(':'))
        .filter(|word| word.contains("tcp_handshake_"))
}

#[test]
fn unknown_name_is_in_the_error() {
    let error = |query| Vocabulary::new(&[]).check(query).err().unwrap_or_default();
    assert_eq!(
        error("sum by (port) (rate(tcp_handshake_syns_total{job=\"a\"}[5m]))"),
        ""
    );
    assert_eq!(
        error("rate(tcp_handshake_sins_total[5m])"),
        "there is no metric tcp_handshake_sins_total"
    );
    assert_eq!(
        error("tcp_handshake_syns_total{role=\"client\"}"),
        "tcp_handshake_syns_total has no label role"
    );
    assert_eq!(
        error("tcp_handshake_syns_total{vantage=\"router\"}"),
        "vantage is never router"
    );
    assert_eq!(error("sum by (server) (up)"), "there is no label server");
    assert_eq!(
        error("sum by (server) (label_replace(up, \"server\", \"$1\", \"instance\", \"(.*)\"))"),
        ""
    );
    assert_ne!(error("sum by (port"), "");
}
