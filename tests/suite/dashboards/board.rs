//! Reader of a dashboard file: panels, queries, and the substitution of variables as in Grafana.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// One file of `dashboards/`.
pub(super) struct Board {
    /// File name without the extension.
    pub(super) name: String,
    pub(super) json: Value,
}

/// One query of a panel.
pub(super) struct Query {
    /// Dashboard, panel and query, for messages.
    pub(super) location: String,
    pub(super) expression: String,
    pub(super) legend: String,
}

impl Board {
    /// Reads all dashboards, sorted by name.
    pub(super) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
        let files = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        let mut boards: Vec<Self> = files
            .filter(|file| file.extension().is_some_and(|e| e == "json"))
            .map(read_board)
            .collect();
        boards.sort_by(|a, b| a.name.cmp(&b.name));
        boards
    }

    /// Returns all panels, also those in collapsed rows, without the rows themselves.
    pub(super) fn panels(&self) -> Vec<&Value> {
        let inside = |panel| list(panel, "panels").iter();
        let all = list(&self.json, "panels")
            .iter()
            .flat_map(|panel| [panel].into_iter().chain(inside(panel)));
        all.filter(|panel| panel["type"] != "row").collect()
    }

    /// Returns all queries of all panels.
    pub(super) fn queries(&self) -> Vec<Query> {
        let of = |panel| {
            list(panel, "targets")
                .iter()
                .map(move |target| self.query(panel, target))
        };
        self.panels().into_iter().flat_map(of).collect()
    }

    /// Returns the template variables.
    pub(super) fn variables(&self) -> &[Value] {
        list(&self.json["templating"], "list")
    }

    fn query(&self, panel: &Value, target: &Value) -> Query {
        let location = format!(
            "{}, panel {} {}, query {}",
            self.name, panel["id"], panel["title"], target["refId"]
        );
        Query {
            location,
            expression: text(target, "expr"),
            legend: text(target, "legendFormat"),
        }
    }
}

/// Returns an expression with the values of the variables, as Grafana sends it.
///
/// Replaces the longest names first, because one name can be a prefix of another.
pub(super) fn substitute_variables(expression: &str, values: &[(&str, &str)]) -> String {
    let mut values = values.to_vec();
    values.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    values
        .iter()
        .fold(expression.to_owned(), |expression, (name, value)| {
            expression.replace(&format!("${name}"), value)
        })
}

/// Returns a list in an object; empty if it is absent.
pub(super) fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object[key].as_array().map_or(&[], Vec::as_slice)
}

/// Returns a string in an object; empty if it is absent.
pub(super) fn text(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_default().to_owned()
}

fn read_board(file: impl AsRef<Path>) -> Board {
    let file = file.as_ref();
    let json = fs::read_to_string(file).unwrap();
    let json =
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Board {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        json,
    }
}
