//! Golden expositions: beside each capture in tests/captures is the expected exposition.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::oracle::page;

/// Begins every golden file.
const HEADER: &str = "\
# What `tcp_handshake_exporter diagnose --output metrics` shows of the capture beside this file: the series about
# attempts, without HELP lines and without those that are 0. UPDATE_GOLDEN=1 writes it anew.
";

/// Prefix of the line in a golden file that contains further arguments.
const WITH: &str = "# with: ";

/// `UPDATE_GOLDEN=1` rewrites the golden files.
#[test]
fn capture_gives_its_golden_exposition() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut wrong = Vec::new();
    for file in captures(Path::new("tests/captures")) {
        let golden = file.with_extension("metrics");
        let arguments = arguments(&file);
        let with = if arguments.is_empty() {
            String::new()
        } else {
            format!("{WITH}{arguments}\n")
        };
        let found = format!("{HEADER}{with}{}", compact(&page(&file, &arguments)));
        if update {
            fs::write(&golden, &found).unwrap();
        }
        let wanted = fs::read_to_string(&golden).unwrap_or_default();
        if wanted != found {
            println!(
                "{} (-) against the program (+):\n{}",
                golden.display(),
                difference(&wanted, &found)
            );
            wrong.push(golden);
        }
    }
    assert!(
        wrong.is_empty(),
        "not as expected, see above. If the differences are intended, UPDATE_GOLDEN=1 rewrites the files: {wrong:?}"
    );
}

/// Returns the capture files in a folder, by name.
pub(crate) fn captures(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "pcap" || extension == "pcapng")
    });
    files.sort();
    files
}

/// Returns the further arguments for reading a capture. Its golden file contains them; an update keeps them.
pub(crate) fn arguments(file: &Path) -> String {
    let golden = fs::read_to_string(file.with_extension("metrics")).unwrap_or_default();
    golden
        .lines()
        .find_map(|line| line.strip_prefix(WITH))
        .unwrap_or_default()
        .to_owned()
}

/// Returns the series of label sets: none about the exporter or its process, and none with the value zero.
pub(crate) fn compact(page: &str) -> String {
    let about_attempts = |line: &&str| {
        let name = line.strip_prefix("# TYPE ").unwrap_or(line);
        let elsewhere = [
            "tcp_handshake_exporter_",
            "tcp_handshake_local_address_info",
        ];
        name.starts_with("tcp_handshake_")
            && !elsewhere.iter().any(|prefix| name.starts_with(prefix))
    };
    let lines: Vec<&str> = page
        .lines()
        .filter(about_attempts)
        .filter(|line| !line.ends_with(" 0"))
        .collect();
    let mut kept = String::new();
    for (number, line) in lines.iter().enumerate() {
        let is_type = |line: &&str| line.starts_with("# TYPE ");
        let family_is_empty = is_type(line) && lines.get(number + 1).is_none_or(is_type);
        if !family_is_empty {
            writeln!(kept, "{line}").unwrap();
        }
    }
    kept
}

/// Returns the lines that only one text has, `-` for the first and `+` for the second, by the longest common subsequence.
pub(crate) fn difference(first: &str, second: &str) -> String {
    let (first, second): (Vec<&str>, Vec<&str>) =
        (first.lines().collect(), second.lines().collect());
    let mut common = vec![vec![0_u32; second.len() + 1]; first.len() + 1];
    for i in (0..first.len()).rev() {
        for j in (0..second.len()).rev() {
            let longest = common[i + 1][j].max(common[i][j + 1]);
            common[i][j] = if first[i] == second[j] {
                common[i + 1][j + 1] + 1
            } else {
                longest
            };
        }
    }
    let mut i = 0;
    let mut j = 0;
    let mut lines = String::new();
    while i < first.len() || j < second.len() {
        if i < first.len() && j < second.len() && first[i] == second[j] {
            i += 1;
            j += 1;
        } else if j == second.len() || (i < first.len() && common[i + 1][j] >= common[i][j + 1]) {
            writeln!(lines, "- {}", first[i]).unwrap();
            i += 1;
        } else {
            writeln!(lines, "+ {}", second[j]).unwrap();
            j += 1;
        }
    }
    lines
}

#[test]
fn difference_shows_lines_of_one_side() {
    assert_eq!(difference("a\nb\nc\n", "a\nx\nc\nd\n"), "- b\n+ x\n+ d\n");
    assert_eq!(difference("a\n", "a\n"), "");
}

#[test]
fn compact_keeps_nonzero_series_of_label_sets() {
    let page = "\
        # HELP tcp_handshake_syns_total SYNs\n\
        # TYPE tcp_handshake_syns_total counter\n\
        tcp_handshake_syns_total{port=\"1\"} 10\n\
        tcp_handshake_syns_total{port=\"2\"} 0\n\
        # TYPE tcp_handshake_attempts_total counter\n\
        tcp_handshake_attempts_total{port=\"2\"} 0\n\
        # TYPE tcp_handshake_exporter_label_sets gauge\n\
        tcp_handshake_exporter_label_sets 1\n\
        # TYPE process_open_fds gauge\n\
        process_open_fds 9\n";
    let kept = "# TYPE tcp_handshake_syns_total counter\ntcp_handshake_syns_total{port=\"1\"} 10\n";
    assert_eq!(compact(page), kept);
}
