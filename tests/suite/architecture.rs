//! The house: imports point up the river, each outside crate lives in its room, files stay small.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Outside crates that belong to one room (two where the door has to know the neighbour).
const LODGERS: &[(&str, &[&str])] = &[
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
    ("prefetch_index", &["handshake", "labels", "pipeline"]),
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

#[test]
fn imports_point_up_the_river() {
    let rooms = rooms();
    let place = |room: &str| rooms.iter().position(|known| known == room);
    for (file, room, text) in sources() {
        let Some(own) = place(&room) else { continue };
        for other in mentioned(&text, "crate::") {
            let other_place = place(&other)
                .unwrap_or_else(|| panic!("{}: no room is called {other}", file.display()));
            assert!(
                other_place <= own,
                "{}: {room} imports {other}, which comes after it",
                file.display()
            );
        }
    }
}

#[test]
fn pages_are_given_to_the_http_room() {
    for (file, room, text) in sources().into_iter().filter(|(_, room, _)| room == "http") {
        let strangers: Vec<_> = mentioned(&text, "crate::")
            .into_iter()
            .filter(|other| *other != room)
            .collect();
        assert!(
            strangers.is_empty(),
            "{}: {room} imports {strangers:?}",
            file.display()
        );
    }
}

#[test]
fn each_outside_crate_lives_in_its_room() {
    for (file, room, text) in sources() {
        for (lodger, homes) in LODGERS {
            let used = mentioned_anywhere(&text, lodger);
            assert!(
                !used || homes.contains(&room.as_str()),
                "{}: {lodger} lives in {homes:?}",
                file.display()
            );
        }
    }
}

#[test]
fn only_the_live_capture_reads_the_clock_for_packets() {
    for (file, room, text) in sources().into_iter().filter(|(_, room, _)| room != "http") {
        let reads = text.contains("SystemTime::now") || text.contains("Instant::now");
        assert!(
            !reads || file.ends_with("capture/live.rs"),
            "{} of {room} reads a clock",
            file.display()
        );
    }
}

#[test]
fn files_are_small() {
    let mut lengths: Vec<usize> = sources()
        .iter()
        .map(|(_, _, text)| text.lines().count())
        .collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median < 200, "the median file has {median} lines");
    for (file, _, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= 450,
            "{} has {lines} lines: which rooms are in it?",
            file.display()
        );
    }
}

#[test]
fn every_file_begins_with_its_promise() {
    for (file, _, text) in sources() {
        assert!(
            text.starts_with("//! "),
            "{} does not say what it is for",
            file.display()
        );
    }
}

/// The rooms in the order of `lib.rs`.
fn rooms() -> Vec<String> {
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let name = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    map.lines().filter_map(name).collect()
}

/// Every source file that is no test, with the room it is in.
fn sources() -> Vec<(PathBuf, String, String)> {
    let mut sources = Vec::new();
    collect(&root().join("src"), &mut sources);
    assert!(sources.len() > 30, "found {} files only", sources.len());
    sources
}

fn collect(folder: &Path, sources: &mut Vec<(PathBuf, String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !is_test {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            let text = fs::read_to_string(&path).unwrap();
            // What follows is a test beside the code.
            let code = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default()
                .to_owned();
            sources.push((path.clone(), room_of(&path), code));
        }
    }
}

fn room_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The first segments of paths that begin with `prefix`, in imports and elsewhere.
fn mentioned(text: &str, prefix: &str) -> Vec<String> {
    let mut found = BTreeMap::new();
    for (at, _) in text.match_indices(prefix) {
        let rest = &text[at + prefix.len()..];
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        found.insert(rest[..end].to_owned(), ());
    }
    found.into_keys().filter(|name| !name.is_empty()).collect()
}

/// Whether a path through the crate of that name is written anywhere, not as the tail of a longer path or name.
fn mentioned_anywhere(text: &str, name: &str) -> bool {
    text.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
