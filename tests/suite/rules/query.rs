//! Queries: whether they parse, and name only metrics, labels and label values that exist.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorSelector, parse,
};
use promql_parser::util::{ExprVisitor, walk_expr};
use tcp_handshake_exporter::metrics::rows;

use super::files::Rule;

/// Every name there is.
pub(crate) struct Vocabulary {
    /// Metrics and recording rules, with the labels one may select them by; none where those are not known.
    metrics: BTreeMap<String, Option<BTreeSet<String>>>,
    labels: BTreeSet<String>,
}

impl Vocabulary {
    /// The table in the code, what these rules record, and what Prometheus itself knows.
    pub(crate) fn new(recordings: &[Rule]) -> Self {
        let mut metrics = BTreeMap::new();
        for row in rows() {
            let own = |more: &[&str]| {
                Some(
                    row.labels
                        .iter()
                        .chain(TARGET)
                        .chain(more)
                        .map(|&l| l.to_owned())
                        .collect(),
                )
            };
            if row.kind == "histogram" {
                metrics.insert(format!("{}_bucket", row.name), own(&["le"]));
                metrics.insert(format!("{}_sum", row.name), own(&[]));
                metrics.insert(format!("{}_count", row.name), own(&[]));
            } else {
                metrics.insert(row.name.to_owned(), own(&[]));
            }
        }
        metrics.extend(PROMETHEUS_OWN.map(|name| (name.to_owned(), None)));
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

    /// Says what is wrong with the query, if something is.
    pub(crate) fn check(&self, query: &str) -> Result<(), String> {
        let query = parse(query)?;
        let mut labels = self.labels.clone();
        labels.extend(made_labels(&query));
        walk_expr(
            &mut Reader {
                known: self,
                labels: &labels,
            },
            &query,
        )
        .map(|_| ())
    }
}

struct Reader<'v> {
    known: &'v Vocabulary,
    /// Those of all metrics, and those that the query makes.
    labels: &'v BTreeSet<String>,
}

impl ExprVisitor for Reader<'_> {
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

impl Reader<'_> {
    fn select(&self, selector: &VectorSelector) -> Result<(), String> {
        let name = selector
            .name
            .as_deref()
            .ok_or("a selector without a metric's name")?;
        let labels = self
            .known
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

/// Where a label's values are a closed set, what a query asks for is one of them.
fn check_value(matcher: &Matcher) -> Result<(), String> {
    let Some((_, values)) = CLOSED.iter().find(|(label, _)| *label == matcher.name) else {
        return Ok(());
    };
    let asked: Vec<&str> = match matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => vec![&matcher.value],
        MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.split('|').collect(),
    };
    match asked.into_iter().find(|value| !values.contains(value)) {
        None => Ok(()),
        Some(value) => Err(format!("{} is never {value}", matcher.name)),
    }
}

/// Labels that `label_replace` and `label_join` make.
fn made_labels(query: &Expr) -> BTreeSet<String> {
    struct Made(BTreeSet<String>);
    impl ExprVisitor for Made {
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
    let mut made = Made(BTreeSet::new());
    let _ = walk_expr(&mut made, query);
    made.0
}

/// All selectors of a query.
pub(crate) fn selectors(query: &str) -> Result<Vec<VectorSelector>, String> {
    struct Found(Vec<VectorSelector>);
    impl ExprVisitor for Found {
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
    let mut found = Found(vec![]);
    walk_expr(&mut found, &parse(query)?)?;
    Ok(found.0)
}

/// What looks like a metric's name of ours in running text.
pub(super) fn metric_names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    words
        .map(|word| word.trim_end_matches(':'))
        .filter(|word| word.contains("tcp_handshake_"))
}

/// Labels that Prometheus puts on what it scrapes.
const TARGET: &[&str] = &["job", "instance"];

/// What Prometheus itself says of targets and alerts.
const PROMETHEUS_OWN: [&str; 4] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "ALERTS",
];

const CLOSED: [(&str, &[&str]); 7] = [
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

#[test]
fn what_does_not_exist_is_named() {
    let complaint = |query| Vocabulary::new(&[]).check(query).err().unwrap_or_default();
    assert_eq!(
        complaint("sum by (port) (rate(tcp_handshake_syns_total{job=\"a\"}[5m]))"),
        ""
    );
    assert_eq!(
        complaint("rate(tcp_handshake_sins_total[5m])"),
        "there is no metric tcp_handshake_sins_total"
    );
    assert_eq!(
        complaint("tcp_handshake_syns_total{role=\"client\"}"),
        "tcp_handshake_syns_total has no label role"
    );
    assert_eq!(
        complaint("tcp_handshake_syns_total{vantage=\"router\"}"),
        "vantage is never router"
    );
    assert_eq!(
        complaint("sum by (server) (up)"),
        "there is no label server"
    );
    assert_eq!(
        complaint(
            "sum by (server) (label_replace(up, \"server\", \"$1\", \"instance\", \"(.*)\"))"
        ),
        ""
    );
    assert_ne!(complaint("sum by (port"), "");
}
