//! What the program is built from: each crate with its reason, none that wants a newer Rust than we say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::program::{file, said};

#[test]
fn each_dependency_has_its_reason() {
    let page = fs::read_to_string(file("docs/dependencies.md")).unwrap();
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| row.split_once(" | "));
    let named: BTreeSet<&str> = rows
        .flat_map(|(names, _)| names.trim_matches('`').split("`, `"))
        .collect();
    let metadata = metadata();
    let dependencies = metadata.root["dependencies"].as_array().unwrap();
    let used: BTreeSet<&str> = dependencies
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert!(used.len() > 20, "{used:?}");
    assert_eq!(named, used, "docs/dependencies.md and Cargo.toml differ");
}

#[test]
fn no_crate_in_the_program_wants_a_newer_rust() {
    let metadata = metadata();
    let ours = version(metadata.root["rust_version"].as_str().unwrap());
    let seen = metadata.in_the_program();
    assert!(seen.len() > 50, "{seen:?}");
    let wanted = |id: &String| Some(version(metadata.packages[id]["rust_version"].as_str()?));
    let newer: Vec<_> = seen
        .iter()
        .filter(|id| wanted(id).is_some_and(|wanted| wanted > ours))
        .collect();
    assert!(
        newer.is_empty(),
        "Rust {ours:?} cannot build these: {newer:?}"
    );
}

/// What is fuzzed is what is built: `cargo fuzz` writes its own lock file again where the two differ, and nobody looks.
#[test]
fn fuzzing_is_locked_to_the_same_crates() {
    let metadata = metadata();
    let fuzzed = fs::read_to_string(file("fuzz/Cargo.lock")).unwrap();
    let locked = |id: &String| {
        let package = &metadata.packages[id];
        format!(
            "name = {}\nversion = {}\n",
            package["name"], package["version"]
        )
    };
    // Of those further off, some are there only for what our own tests ask of them.
    let own = metadata.asked_for_by(metadata.root["id"].as_str().unwrap());
    assert!(own.len() > 20, "{own:?}");
    let missing: Vec<_> = own
        .iter()
        .map(locked)
        .filter(|package| !fuzzed.contains(package))
        .collect();
    assert!(
        missing.is_empty(),
        "fuzz/Cargo.lock lacks {missing:#?}: run make fuzz, and commit what it writes"
    );
}

struct Metadata {
    root: Value,
    packages: BTreeMap<String, Value>,
    nodes: BTreeMap<String, Value>,
}

impl Metadata {
    /// All crates that the program is built from, and itself.
    fn in_the_program(&self) -> BTreeSet<String> {
        let (mut seen, mut waiting) = (
            BTreeSet::new(),
            vec![self.root["id"].as_str().unwrap().to_owned()],
        );
        while let Some(id) = waiting.pop() {
            if !seen.insert(id.clone()) {
                continue;
            }
            waiting.extend(self.asked_for_by(&id));
        }
        seen
    }

    /// What a crate is built from, beside its tests.
    fn asked_for_by(&self, id: &str) -> Vec<String> {
        let dependencies = self.nodes[id]["deps"].as_array().unwrap().iter();
        let is_built = |one: &&Value| {
            one["dep_kinds"]
                .as_array()
                .unwrap()
                .iter()
                .any(|kind| kind["kind"] != "dev")
        };
        dependencies
            .filter(is_built)
            .map(|one| one["pkg"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn metadata() -> Metadata {
    let mut cargo = Command::new(env!("CARGO"));
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    cargo.args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        &target,
    ]);
    let output = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let by_id = |list: &Value| {
        let items = list.as_array().unwrap().iter();
        items
            .map(|item| (item["id"].as_str().unwrap().to_owned(), item.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let packages = by_id(&metadata["packages"]);
    let root = packages[metadata["resolve"]["root"].as_str().unwrap()].clone();
    Metadata {
        root,
        packages,
        nodes: by_id(&metadata["resolve"]["nodes"]),
    }
}

/// `1.89` or `1.89.0`, in numbers.
fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap_or(0))
}
