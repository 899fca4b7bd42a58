//! Readers of the files under test: rules, promtool tests, runbooks, and queries in documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::program::file;

pub(super) const RECORDING_RULES: &str = "deploy/prometheus/rules/tcp_handshake_recording.yml";
pub(super) const ALERT_RULES: &str = "deploy/prometheus/rules/tcp_handshake_alerts.yml";

/// A recording rule or an alert.
#[derive(Deserialize)]
pub(crate) struct Rule {
    pub(super) record: Option<String>,
    pub(super) alert: Option<String>,
    pub(super) expr: String,
    #[serde(rename = "for")]
    pub(super) duration: Option<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

/// One test in a promtool test file.
#[derive(Deserialize)]
pub(super) struct RuleTest {
    pub(super) name: String,
    #[serde(default)]
    pub(super) alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    pub(super) promql_expr_test: Vec<QueryTest>,
}

#[derive(Deserialize)]
pub(super) struct AlertTest {
    pub(super) alertname: String,
    #[serde(default)]
    pub(super) exp_alerts: Vec<ExpectedAlert>,
}

/// An expected alert. Its labels and annotations are not read, because promtool compares them.
#[derive(Deserialize)]
pub(super) struct ExpectedAlert {}

#[derive(Deserialize)]
pub(super) struct QueryTest {
    pub(super) expr: String,
    #[serde(default)]
    pub(super) exp_samples: Vec<ExpectedSample>,
}

#[derive(Deserialize)]
pub(super) struct ExpectedSample {
    #[serde(default)]
    pub(super) labels: String,
}

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct TestFile {
    tests: Vec<RuleTest>,
}

pub(super) fn recordings() -> Vec<Rule> {
    rules(RECORDING_RULES)
}

pub(super) fn alerts() -> Vec<Rule> {
    rules(ALERT_RULES)
}

fn rules(path: &str) -> Vec<Rule> {
    read::<RuleFile>(path)
        .groups
        .into_iter()
        .flat_map(|group| group.rules)
        .collect()
}

pub(super) fn rule_tests(name: &str) -> Vec<RuleTest> {
    read::<TestFile>(&format!("tests/rules/{name}.yml")).tests
}

fn read<T: DeserializeOwned>(path: &str) -> T {
    let text = fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the names of the pages in `docs/runbooks`, without the index.
pub(super) fn runbooks() -> BTreeSet<String> {
    let pages = fs::read_dir(file("docs/runbooks"))
        .unwrap()
        .map(|page| page.unwrap().file_name());
    let names = pages.filter_map(|page| Some(page.to_str()?.strip_suffix(".md")?.to_owned()));
    names.filter(|name| name != "README").collect()
}

/// Returns the code blocks of a page that are marked as PromQL, one query each.
pub(super) fn queries_in(page: &str) -> Vec<String> {
    let text = fs::read_to_string(file(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
    let blocks = text
        .split("```promql\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default());
    blocks.map(|block| block.trim().to_owned()).collect()
}
