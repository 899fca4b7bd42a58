//! Reads PromQL as Prometheus does, and holds the names in it against the table of metrics.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::Matchers;
use promql_parser::parser::{BinaryExpr, Call, Expr, VectorSelector, parse};
use tcp_handshake_exporter::metrics::rows;

/// Every series there is, and its labels.
pub(crate) struct Vocabulary(BTreeMap<String, BTreeSet<String>>);

impl Vocabulary {
    /// What the exporter exposes, and what Prometheus says of each scrape.
    pub(crate) fn new() -> Self {
        let mut series = BTreeMap::new();
        for row in rows() {
            let labels = |more: &[&str]| row.labels.iter().chain(&TARGET).chain(more).map(|&l| l.to_owned()).collect();
            if row.kind == "histogram" {
                series.insert(format!("{}_bucket", row.name), labels(&["le"]));
                series.insert(format!("{}_sum", row.name), labels(&[]));
                series.insert(format!("{}_count", row.name), labels(&[]));
            } else {
                series.insert(row.name.to_owned(), labels(&[]));
            }
        }
        for name in OF_EACH_SCRAPE {
            series.insert(name.to_owned(), TARGET.map(str::to_owned).into());
        }
        Self(series)
    }

    /// What is wrong with an expression: it does not parse, or it names what does not exist.
    pub(crate) fn complaints(&self, expression: &str) -> Vec<String> {
        match parse(expression) {
            Ok(tree) => {
                let mut reading = Reading { vocabulary: self, made: BTreeSet::new(), complaints: vec![] };
                reading.note_made(&tree);
                reading.read(&tree);
                reading.complaints
            }
            Err(error) => vec![format!("does not parse: {error}")],
        }
    }

    /// The selectors of an expression, each with its matchers as they are written.
    pub(crate) fn selectors(expression: &str) -> Vec<(String, Vec<String>)> {
        let mut found = vec![];
        if let Ok(tree) = parse(expression) {
            visit(&tree, &mut |part| {
                if let Some(selector) = selector(part) {
                    let matchers = selector.matchers.matchers.iter().map(ToString::to_string).collect();
                    found.push((selector.name.clone().unwrap_or_default(), matchers));
                }
            });
        }
        found
    }

    fn knows_label(&self, label: &str) -> bool {
        self.0.values().any(|labels| labels.contains(label))
    }
}

struct Reading<'a> {
    vocabulary: &'a Vocabulary,
    /// Labels that the expression makes itself.
    made: BTreeSet<String>,
    complaints: Vec<String>,
}

impl Reading<'_> {
    fn note_made(&mut self, tree: &Expr) {
        visit(tree, &mut |part| {
            if let Expr::Call(Call { func, args }) = part
                && matches!(func.name, "label_replace" | "label_join")
                && let Some(Expr::StringLiteral(label)) = args.args.get(1).map(|label| &**label)
            {
                self.made.insert(label.val.clone());
            }
        });
    }

    fn read(&mut self, tree: &Expr) {
        visit(tree, &mut |part| match part {
            Expr::Aggregate(aggregate) => {
                self.labels(aggregate.modifier.iter().flat_map(|modifier| &modifier.labels().labels));
            }
            Expr::Binary(BinaryExpr { modifier: Some(modifier), .. }) => {
                self.labels(modifier.matching.iter().flat_map(|matching| &matching.labels().labels));
                self.labels(modifier.card.labels().into_iter().flat_map(|labels| &labels.labels));
            }
            _ => {
                if let Some(selector) = selector(part) {
                    self.selector(selector);
                }
            }
        });
    }

    fn labels<'b>(&mut self, labels: impl Iterator<Item = &'b String>) {
        for label in labels {
            if !self.vocabulary.knows_label(label) && !self.made.contains(label) {
                self.complaints.push(format!("no metric has a label {label}"));
            }
        }
    }

    fn selector(&mut self, selector: &VectorSelector) {
        let Some(name) = &selector.name else {
            self.complaints.push("a selector names no metric".to_owned());
            return;
        };
        let Some(labels) = self.vocabulary.0.get(name) else {
            self.complaints.push(format!("there is no metric {name}"));
            return;
        };
        let Matchers { matchers, or_matchers } = &selector.matchers;
        for matcher in matchers.iter().chain(or_matchers.iter().flatten()) {
            if !labels.contains(&matcher.name) {
                self.complaints.push(format!("{name} has no label {}", matcher.name));
            }
        }
    }
}

/// Shows every part of an expression, from the outside in.
fn visit<'a>(tree: &'a Expr, see: &mut impl FnMut(&'a Expr)) {
    see(tree);
    match tree {
        Expr::Aggregate(aggregate) => {
            visit(&aggregate.expr, see);
            if let Some(parameter) = &aggregate.param {
                visit(parameter, see);
            }
        }
        Expr::Binary(binary) => {
            visit(&binary.lhs, see);
            visit(&binary.rhs, see);
        }
        Expr::Unary(unary) => visit(&unary.expr, see),
        Expr::Paren(paren) => visit(&paren.expr, see),
        Expr::Subquery(subquery) => visit(&subquery.expr, see),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| visit(argument, see)),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => {}
    }
}

fn selector(part: &Expr) -> Option<&VectorSelector> {
    match part {
        Expr::VectorSelector(selector) => Some(selector),
        Expr::MatrixSelector(matrix) => Some(&matrix.vs),
        _ => None,
    }
}

/// Labels that every scraped series gets.
const TARGET: [&str; 2] = ["job", "instance"];
const OF_EACH_SCRAPE: [&str; 3] = ["up", "scrape_duration_seconds", "scrape_samples_scraped"];

#[test]
fn what_does_not_exist_is_named() {
    let vocabulary = Vocabulary::new();
    let complaints = |expression| vocabulary.complaints(expression);
    assert_eq!(complaints("sum by (port) (rate(tcp_handshake_syns_total{job=\"a\"}[5m]))"), [""; 0]);
    assert_eq!(complaints("rate(tcp_handshake_sins_total[5m])"), ["there is no metric tcp_handshake_sins_total"]);
    assert_eq!(complaints("tcp_handshake_syns_total{role=\"client\"}"), ["tcp_handshake_syns_total has no label role"]);
    assert_eq!(complaints("sum by (server) (up)"), ["no metric has a label server"]);
    assert_eq!(complaints("sum by (server) (label_replace(up, \"server\", \"$1\", \"instance\", \"(.*)\"))"), [""; 0]);
    assert_eq!(complaints("up / on (jobs) group_left (home) up").len(), 2);
    assert!(complaints("sum by (port")[0].starts_with("does not parse"));
}
