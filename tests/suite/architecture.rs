//! Structure of `src`: imports follow the order of `lib.rs`, each outside crate has its modules, no file cycles, small files.

use std::collections::BTreeMap;

use crate::file_imports::FileGraph;
use crate::source_files::{
    SourceFile, assert_no_violations, first_segments, is_name_letter, root, sources,
};

/// Outside crates and the modules that may use them.
const CRATE_OWNERS: &[(&str, &[&str])] = &[
    ("pcap", &["capture"]),
    ("nix", &["capture", "privilege"]),
    ("caps", &["privilege"]),
    ("landlock", &["privilege"]),
    ("etherparse", &["decode"]),
    ("arrayvec", &["handshake", "labels", "diagnosis"]),
    (
        "hashbrown",
        &["handshake", "labels", "diagnosis", "compare"],
    ),
    ("prefetch_index", &["handshake", "labels"]),
    ("foldhash", &["handshake", "labels", "diagnosis", "compare"]),
    ("prometheus", &["metrics"]),
    ("prost", &["metrics"]),
    ("itoa", &["metrics"]),
    ("flate2", &["capture", "http"]),
    ("serde", &["diagnosis", "compare", "http", "cli"]),
    ("serde_saphyr", &["cli", "http"]),
    ("rustls", &["http"]),
    ("tokio_rustls", &["http"]),
    ("x509_parser", &["http"]),
    ("bcrypt", &["http"]),
    ("base64", &["http"]),
    ("ring", &["http"]),
    ("listenfd", &["http"]),
    ("serde_json", &["diagnosis", "compare"]),
    ("procfs", &["metrics"]),
    ("hyper", &["http"]),
    ("socket2", &["http"]),
    ("tokio", &["http", "app"]),
    ("clap", &["cli", "config"]),
    ("indicatif", &["app"]),
    ("sd_notify", &["app"]),
];

/// Lines of the longest file that is allowed.
const MAX_LINES: usize = 450;

/// The median length of the files must stay below this number of lines.
const MAX_MEDIAN_LINES: usize = 200;

#[test]
fn imports_follow_module_order() {
    let modules = modules();
    let index = |module: &str| modules.iter().position(|known| known == module);
    for SourceFile {
        path, module, text, ..
    } in sources()
    {
        let Some(own) = index(&module) else { continue };
        for other in first_segments(&text, "crate::") {
            let other_index =
                index(&other).unwrap_or_else(|| panic!("{path}: {other} is not in lib.rs"));
            assert!(
                other_index <= own,
                "{path}: {module} imports {other}, which comes after it in lib.rs"
            );
        }
    }
}

#[test]
fn http_imports_no_other_module() {
    let http = sources().into_iter().filter(|file| file.module == "http");
    for SourceFile { path, text, .. } in http {
        let others: Vec<_> = first_segments(&text, "crate::")
            .into_iter()
            .filter(|other| other != "http")
            .collect();
        assert!(others.is_empty(), "{path}: http imports {others:?}");
    }
}

#[test]
fn outside_crates_stay_in_their_modules() {
    for SourceFile {
        path, module, text, ..
    } in sources()
    {
        for (name, owners) in CRATE_OWNERS {
            assert!(
                !uses_crate(&text, name) || owners.contains(&module.as_str()),
                "{path}: only {owners:?} may use {name}"
            );
        }
    }
}

#[test]
fn only_live_capture_reads_the_clock() {
    let others = sources().into_iter().filter(|file| file.module != "http");
    for SourceFile { path, text, .. } in others {
        let reads = text.contains("SystemTime::now") || text.contains("Instant::now");
        assert!(
            !reads || path == "src/capture/live.rs",
            "{path} reads a clock"
        );
    }
}

#[test]
fn files_are_small() {
    let files = sources();
    let mut lengths: Vec<usize> = files.iter().map(|file| file.text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(
        median < MAX_MEDIAN_LINES,
        "the median file has {median} lines"
    );
    for file in files {
        let lines = file.text.lines().count();
        assert!(
            lines <= MAX_LINES,
            "{} has {lines} lines, more than {MAX_LINES}: split it by concept",
            file.path
        );
    }
}

#[test]
fn every_file_begins_with_a_description() {
    for SourceFile { path, text, .. } in sources() {
        assert!(text.starts_with("//! "), "{path} does not begin with //!");
    }
}

#[test]
fn files_do_not_use_each_other() {
    let graph = FileGraph::of(&sources());
    let violations: Vec<(String, String)> = graph
        .cyclic_groups()
        .iter()
        .map(|group| {
            let cycles = graph.cycles(group).join("\n");
            (
                common_folder(group),
                format!("{group:?} use each other\n{cycles}"),
            )
        })
        .collect();
    assert_no_violations(&violations);
}

#[test]
fn type_names_are_unique() {
    let mut definitions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for SourceFile { path, code, .. } in sources() {
        for name in type_names(&code) {
            definitions.entry(name).or_default().push(path.clone());
        }
    }
    definitions.retain(|_, paths| paths.len() > 1);
    assert!(
        definitions.is_empty(),
        "defined more than once: {definitions:#?}"
    );
}

#[test]
fn type_names_are_found_at_module_level() {
    let code = "pub(crate) struct A; impl A { type B = u8; } enum C<T> { D(T) }\ntype E = u8; fn f() { struct G; }";
    assert_eq!(type_names(code), ["A", "C", "E"]);
}

/// Returns the folder that contains all files of a group.
fn common_folder(group: &[String]) -> String {
    let mut folders = group[0].rmatch_indices('/').map(|(at, _)| &group[0][..=at]);
    let common = folders.find(|folder| group.iter().all(|file| file.starts_with(folder)));
    common.unwrap_or_default().to_owned()
}

/// Returns the modules in the order of `lib.rs`.
fn modules() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let name = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    text.lines().filter_map(name).collect()
}

/// `true` if a path through the crate occurs in the code, not as the tail of a longer path or name.
fn uses_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|letter| is_name_letter(letter) || letter == ':')
    })
}

/// Returns the names of the structs, enums, unions, traits and type aliases at module level.
fn type_names(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut is_type = false;
    for word in code.split_inclusive(|letter| !is_name_letter(letter)) {
        let name = word.trim_end_matches(|letter| !is_name_letter(letter));
        if depth == 0 && is_type && !name.is_empty() {
            names.push(name.to_owned());
            is_type = false;
        }
        if !name.is_empty() {
            is_type = ["struct", "enum", "union", "trait", "type"].contains(&name);
        }
        match word.chars().next_back() {
            Some('{') => depth += 1,
            Some('}') => depth -= 1,
            _ => {}
        }
    }
    names
}
