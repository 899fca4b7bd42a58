//! Tests of the dashboards: complete, without unknown metrics or labels, and with data in every
//! panel.

mod board;
mod stage;

use std::collections::BTreeSet;

use promql_parser::label::Matcher;
use serde_json::{Value, json};

use crate::rules::query::{Vocabulary, selectors};
use crate::rules::vocabulary;
use board::{Board, list, substitute_variables, text};

#[test]
fn dashboard_folder_contains_four_dashboards() {
    let names: Vec<_> = Board::all().into_iter().map(|board| board.name).collect();
    assert_eq!(names, ["exporter", "overview", "path", "port-peer"]);
}

#[test]
fn dashboards_are_ready_to_provision() {
    for Board { name, json, .. } in Board::all() {
        assert_eq!(json["uid"], format!("tcp-handshake-{name}"));
        assert!(
            (39..=41).contains(&json["schemaVersion"].as_i64().unwrap_or(0)),
            "{name}: schemaVersion"
        );
        assert!(json["version"].is_u64(), "{name}: version");
        assert_eq!(json["editable"], false, "{name}");
        assert!(
            !text(&json, "title").is_empty() && !text(&json, "description").is_empty(),
            "{name}: title, description"
        );
        assert_eq!(json["tags"], json!(["tcp-handshake"]), "{name}");
        for absent in ["id", "__inputs", "__requires"] {
            assert_eq!(
                json[absent],
                Value::Null,
                "{name}: {absent} belongs to one instance of Grafana"
            );
        }
    }
}

#[test]
fn dashboard_links_keep_time_range_and_variables() {
    for board in Board::all() {
        let link = &board.json["links"][0];
        for (key, value) in [
            ("type", json!("dashboards")),
            ("tags", json!(["tcp-handshake"])),
            ("keepTime", json!(true)),
            ("includeVars", json!(true)),
        ] {
            assert_eq!(link[key], value, "{}: {key}", board.name);
        }
        // Each link leads to an existing dashboard.
        let known: Vec<_> = Board::all()
            .iter()
            .map(|other| format!("/d/{}?", text(&other.json, "uid")))
            .collect();
        for (at, _) in board.json.to_string().match_indices("/d/") {
            let url = &board.json.to_string()[at..];
            assert!(
                known.iter().any(|start| url.starts_with(start)),
                "{}: {:.40}",
                board.name,
                url
            );
        }
    }
}

#[test]
fn dashboards_have_the_same_variables() {
    for board in Board::all() {
        let names: BTreeSet<String> = board
            .variables()
            .iter()
            .map(|variable| text(variable, "name"))
            .collect();
        for name in ["datasource", "job", "instance", "vantage", "port", "peer"] {
            assert!(names.contains(name), "{}: no variable {name}", board.name);
        }
        for variable in board
            .variables()
            .iter()
            .filter(|variable| variable["type"] == "query")
        {
            let at = format!("{}, variable {}", board.name, variable["name"]);
            assert_eq!(
                variable["refresh"], 2,
                "{at}: values must follow the time range"
            );
            assert_eq!(variable["multi"], variable["includeAll"], "{at}");
            // One attempt counts at each vantage, so that vantages are never added.
            assert_eq!(variable["multi"], variable["name"] != "vantage", "{at}");
            assert!(
                variable["multi"] == false || variable["allValue"] == ".+",
                "{at}: All must be one expression"
            );
            let query = text(&variable["query"], "query");
            let metric = query.split(['(', '{', ',']).nth(1).unwrap();
            assert_eq!(Vocabulary::new(&[]).check(metric), Ok(()), "{at}");
        }
    }
}

#[test]
fn panels_have_units_and_descriptions() {
    for board in Board::all() {
        let mut ids = BTreeSet::new();
        for panel in board.panels() {
            let at = format!("{}, panel {} {}", board.name, panel["id"], panel["title"]);
            assert!(
                ids.insert(panel["id"].to_string()),
                "{at}: the id is not unique"
            );
            assert!(!text(panel, "title").is_empty(), "{at}: title");
            assert!(
                text(panel, "description").ends_with(['.', '?']),
                "{at}: the description must be a sentence"
            );
            assert!(
                !text(&panel["fieldConfig"]["defaults"], "unit").is_empty(),
                "{at}: unit"
            );
            let sources = [panel]
                .into_iter()
                .chain(list(panel, "targets"))
                .map(|owner| &owner["datasource"]["uid"]);
            assert!(
                sources.into_iter().all(|uid| uid == "${datasource}"),
                "{at}: the data source must be the variable"
            );
        }
    }
}

#[test]
fn queries_parse_and_use_existing_metrics() {
    let vocabulary = vocabulary();
    for query in Board::all().iter().flat_map(Board::queries) {
        let expression = substitute_variables(&query.expression, &stage::VALUES);
        assert_eq!(
            vocabulary.check(&expression),
            Ok(()),
            "{}:\n{expression}",
            query.location
        );
        assert!(
            !expression.contains("$_") && !expression.contains("${"),
            "{}: a variable is not replaced",
            query.location
        );
    }
}

#[test]
fn queries_use_dashboard_job_and_time_range() {
    for query in Board::all().iter().flat_map(Board::queries) {
        let marked = substitute_variables(
            &query.expression,
            &[
                ("job", "chosen"),
                ("__rate_interval_ms", "1"),
                ("__rate_interval", "1m"),
                ("__range", "1h"),
                ("against", "1d"),
            ],
        );
        let selectors = selectors(&marked).unwrap();
        assert!(!selectors.is_empty(), "{}: no selector", query.location);
        for selector in selectors {
            // Client and server may belong to different jobs. This series is joined to the client's
            // job, which is chosen.
            if selector.name.as_deref() == Some("path:tcp_handshake_server_syns:sum_increase5m") {
                continue;
            }
            let chosen = |matcher: &Matcher| matcher.name == "job" && matcher.value == "chosen";
            assert!(
                selector.matchers.matchers.iter().any(chosen),
                "{}: {:?} is not limited to the chosen job",
                query.location,
                selector.name
            );
        }
        for (at, _) in query.expression.match_indices('[') {
            let window = query.expression[at..].split(']').next().unwrap();
            // One day is the time for which an absent exporter is still shown.
            assert!(
                ["[$__rate_interval", "[$__range", "[1d"].contains(&window),
                "{}: {window}]",
                query.location
            );
        }
    }
}

#[test]
fn legends_use_labels_of_their_query() {
    for query in Board::all().iter().flat_map(Board::queries) {
        for label in query
            .legend
            .split("{{")
            .skip(1)
            .map(|rest| rest.split("}}").next().unwrap())
        {
            assert!(
                query.expression.contains(label),
                "{}: the legend names {label}",
                query.location
            );
        }
    }
}
