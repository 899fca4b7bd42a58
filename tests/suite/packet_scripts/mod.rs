//! Packet scripts: the files `tests/scripts/*.txt` list packets and the events that the tracker must emit, one line a
//! packet. `tests/scripts/README.md` documents the language.

mod definitions;
mod event;
mod expect;
mod icmp;
mod line;
mod options;
mod parser;
mod runner;
mod scans;
mod script;
mod syntax;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One test a file, with the name of the file.
macro_rules! files {
    ($($file:ident),* $(,)?) => {
        $(#[test]
        fn $file() {
            run_file(stringify!($file));
        })*

        const FILES: &[&str] = &[$(stringify!($file)),*];
    };
}

files![
    answers,
    clock,
    duplicate_syns,
    duplicates,
    eviction,
    final_ack,
    local_rejection,
    nat,
    refusals,
    rejections,
    reordering,
    retransmissions,
    reuse,
    simultaneous,
    syns,
    unanswered,
    unmatched,
];

#[test]
fn every_script_file_has_a_test() {
    let present: BTreeSet<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(present, FILES.iter().map(ToString::to_string).collect());
}

/// Runs every script of a file and reports all mismatches together.
fn run_file(file: &str) {
    let path = folder().join(file).with_extension("txt");
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
    let wrong = mismatches(file, &text);
    assert!(wrong.is_empty(), "\n\n{}\n", wrong.join("\n"));
}

/// Returns what is wrong with the scripts in `text`.
fn mismatches(file: &str, text: &str) -> Vec<String> {
    let scripts = match parser::parse(text) {
        Ok(scripts) => scripts,
        Err(wrong) => return vec![format!("{file}.txt:{wrong}")],
    };
    let mut all = Vec::new();
    for script in &scripts {
        let wrong = runner::mismatches(script);
        if !wrong.is_empty() {
            all.push(format!("{file}.txt:{}: {}", script.number, script.title));
            all.extend(wrong.iter().map(|wrong| format!("  {file}.txt:{wrong}")));
        }
    }
    all
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts")
}
