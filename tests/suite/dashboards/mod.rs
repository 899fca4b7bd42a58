//! The dashboards: they are whole, speak of what exists, and show data.

mod board;
mod stage;

use std::collections::BTreeSet;

use promql_parser::label::Matcher;
use serde_json::{Value, json};

use crate::rules::query::{Vocabulary, selectors};
use crate::rules::vocabulary;
use board::{Board, list, sent, text};

#[test]
fn there_are_four() {
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
                "{name}: {absent} belongs to one Grafana"
            );
        }
    }
}

#[test]
fn dashboards_lead_to_each_other_and_keep_time_and_variables() {
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
        // A link to a dashboard that is not there.
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
                "{at}: its values follow the time range"
            );
            assert_eq!(variable["multi"], variable["includeAll"], "{at}");
            // Each attempt counts at each vantage: they are never added.
            assert_eq!(variable["multi"], variable["name"] != "vantage", "{at}");
            assert!(
                variable["multi"] == false || variable["allValue"] == ".+",
                "{at}: All is one expression"
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
                "{at}: the id is another panel's"
            );
            assert!(!text(panel, "title").is_empty(), "{at}: title");
            assert!(
                text(panel, "description").ends_with(['.', '?']),
                "{at}: a description is a sentence"
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
                "{at}: the data source is chosen on the page"
            );
        }
    }
}

#[test]
fn every_query_parses_and_names_what_exists() {
    let vocabulary = vocabulary();
    for query in Board::all().iter().flat_map(Board::queries) {
        let expression = sent(&query.expression, &stage::VALUES);
        assert_eq!(
            vocabulary.check(&expression),
            Ok(()),
            "{}:\n{expression}",
            query.at
        );
        assert!(
            !expression.contains("$_") && !expression.contains("${"),
            "{}: not all replaced",
            query.at
        );
    }
}

#[test]
fn every_query_follows_the_page() {
    for query in Board::all().iter().flat_map(Board::queries) {
        let marked = sent(
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
        assert!(!selectors.is_empty(), "{}: it selects nothing", query.at);
        for selector in selectors {
            // Both ends may be scraped under different jobs; it is joined to the client's, which is chosen.
            if selector.name.as_deref() == Some("path:tcp_handshake_server_syns:sum_increase5m") {
                continue;
            }
            let chosen = |matcher: &Matcher| matcher.name == "job" && matcher.value == "chosen";
            assert!(
                selector.matchers.matchers.iter().any(chosen),
                "{}: any job of {:?}",
                query.at,
                selector.name
            );
        }
        for (at, _) in query.expression.match_indices('[') {
            let window = query.expression[at..].split(']').next().unwrap();
            // A day: how long an exporter that is gone is remembered.
            assert!(
                ["[$__rate_interval", "[$__range", "[1d"].contains(&window),
                "{}: {window}]",
                query.at
            );
        }
    }
}

#[test]
fn legends_name_labels_of_their_query() {
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
                query.at
            );
        }
    }
}
