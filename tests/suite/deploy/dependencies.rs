//! Tests of the dependencies: each has a documented reason, and none needs a newer Rust than
//! `rust-version`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::program::{file, stderr};

#[test]
fn each_dependency_has_a_documented_reason() {
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
fn no_dependency_needs_a_newer_rust() {
    let metadata = metadata();
    let supported = version(metadata.root["rust_version"].as_str().unwrap());
    let built = metadata.program_packages();
    assert!(built.len() > 50, "{built:?}");
    let required = |id: &String| Some(version(metadata.packages[id]["rust_version"].as_str()?));
    let newer: Vec<_> = built
        .iter()
        .filter(|id| required(id).is_some_and(|required| required > supported))
        .collect();
    assert!(
        newer.is_empty(),
        "Rust {supported:?} cannot build these: {newer:?}"
    );
}

/// Fuzz targets use the crate versions of the program. If the lock files differ, `cargo fuzz`
/// rewrites its own silently.
#[test]
fn fuzz_lock_file_has_the_same_dependencies() {
    let metadata = metadata();
    let fuzzed = fs::read_to_string(file("fuzz/Cargo.lock")).unwrap();
    let locked = |id: &String| {
        let package = &metadata.packages[id];
        format!(
            "name = {}\nversion = {}\n",
            package["name"], package["version"]
        )
    };
    // Checks direct dependencies only, because development dependencies enable features of indirect
    // ones.
    let direct = metadata.dependencies(metadata.root["id"].as_str().unwrap());
    assert!(direct.len() > 20, "{direct:?}");
    let missing: Vec<_> = direct
        .iter()
        .map(locked)
        .filter(|package| !fuzzed.contains(package))
        .collect();
    assert!(
        missing.is_empty(),
        "fuzz/Cargo.lock lacks {missing:#?}: run make fuzz, and commit the file that it writes"
    );
}

/// Output of `cargo metadata`.
struct Metadata {
    root: Value,
    packages: BTreeMap<String, Value>,
    nodes: BTreeMap<String, Value>,
}

impl Metadata {
    /// Returns the IDs of all packages that the program is built from, its own included.
    fn program_packages(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut pending = vec![self.root["id"].as_str().unwrap().to_owned()];
        while let Some(id) = pending.pop() {
            if !found.insert(id.clone()) {
                continue;
            }
            pending.extend(self.dependencies(&id));
        }
        found
    }

    /// Returns the IDs of a package's dependencies, without its development dependencies.
    fn dependencies(&self, id: &str) -> Vec<String> {
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
    assert!(output.status.success(), "{}", stderr(&output));
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

/// Parses `1.89` or `1.89.0` into major and minor version.
fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap_or(0))
}
