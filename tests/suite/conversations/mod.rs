//! Conversations: `tests/conversations/*.txt` hold what a capture meets and what the tracker must tell, one line a packet.
//! How a line reads is told in `tests/conversations/README.md`.

mod cast;
mod expect;
mod fact;
mod format;
mod icmp;
mod line;
mod options;
mod read;
mod run;
mod scans;
mod story;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One test a file, named as the file is.
macro_rules! files {
    ($($file:ident),* $(,)?) => {
        $(#[test]
        fn $file() {
            tell(stringify!($file));
        })*

        const FILES: &[&str] = &[$(stringify!($file)),*];
    };
}

files![
    answers,
    clock,
    copies,
    copies_of_syns,
    nat,
    own_word,
    refusals,
    rejections,
    retransmissions,
    reuse,
    room,
    simultaneous,
    syns,
    early,
    third_leg,
    unanswered,
    unmatched,
];

#[test]
fn every_file_is_told() {
    let there: BTreeSet<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(there, FILES.iter().map(ToString::to_string).collect());
}

/// Tells every story of a file, and then what went otherwise, all at once.
fn tell(file: &str) {
    let path = folder().join(file).with_extension("txt");
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
    let wrong = told(file, &text);
    assert!(wrong.is_empty(), "\n\n{}\n", wrong.join("\n"));
}

/// What is wrong with the stories in `text`.
fn told(file: &str, text: &str) -> Vec<String> {
    let stories = match read::stories(text) {
        Ok(stories) => stories,
        Err(wrong) => return vec![format!("{file}.txt:{wrong}")],
    };
    let mut all = Vec::new();
    for story in &stories {
        let wrong = run::mismatches(story);
        if !wrong.is_empty() {
            all.push(format!("{file}.txt:{}: {}", story.number, story.title));
            all.extend(wrong.iter().map(|wrong| format!("  {file}.txt:{wrong}")));
        }
    }
    all
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations")
}
