//! The files of this repository as text, and Rust code apart from its comments. Tests of structure and language read them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The first lines of the unit tests in a source file. The tests end with the next `}` at the beginning of a line.
const UNIT_TESTS: [&str; 2] = ["#[cfg(test)]", "mod tests {"];

/// A file of `src` without its tests.
pub(crate) struct SourceFile {
    /// Path relative to the repository: `src/http/server.rs`.
    pub(crate) path: String,
    /// The top-level module: `http`.
    pub(crate) module: String,
    /// The text without unit tests.
    pub(crate) text: String,
    /// The text without comments and without the content of literals.
    pub(crate) code: String,
}

/// A Rust text, divided into two texts with the same lines and columns.
pub(crate) struct Divided {
    /// Everything but comments and the content of literals.
    pub(crate) code: String,
    /// The comments alone, without their slashes.
    pub(crate) comments: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every file of `src` that is not a test.
pub(crate) fn sources() -> Vec<SourceFile> {
    let files: Vec<SourceFile> = files_under("src", ".rs")
        .into_iter()
        .filter(|path| !is_unit_test(path))
        .map(|path| {
            let (text, code) = without_unit_tests(&read(&path));
            let module = path.trim_start_matches("src/").split('/').next().unwrap();
            SourceFile {
                module: module.trim_end_matches(".rs").to_owned(),
                path,
                text,
                code,
            }
        })
        .collect();
    assert!(files.len() > 30, "found {} files only", files.len());
    files
}

/// Returns the files under a folder with names that end in `ending`, by name.
pub(crate) fn files_under(folder: &str, ending: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.ends_with(ending) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Returns the tracked files that are UTF-8 text, with their text. `None` if this is not a git repository.
pub(crate) fn tracked_texts() -> Option<Vec<(String, String)>> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "git cannot list the files, and every test must run here"
        );
        eprintln!("NOT TESTED: this test needs git and a repository");
        return None;
    };
    let names = String::from_utf8(output.stdout).unwrap();
    let text = |name: &str| {
        let bytes = fs::read(root().join(name)).ok()?;
        Some((name.to_owned(), String::from_utf8(bytes).ok()?))
    };
    let texts: Vec<_> = names
        .split_terminator('\0')
        .filter_map(text)
        .filter(|(_, text)| !text.contains('\0'))
        .collect();
    assert!(texts.len() > 100, "found {} texts only", texts.len());
    Some(texts)
}

/// Panics if there is a violation: a path and a message.
pub(crate) fn assert_no_violations(violations: &[(String, String)]) {
    let lines: Vec<String> = violations
        .iter()
        .map(|(path, message)| format!("{path}: {message}"))
        .collect();
    assert!(
        lines.is_empty(),
        "{} violations:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

/// Separates code from comments. Both texts have the lines and columns of the original.
pub(crate) fn divide(text: &str) -> Divided {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut comments = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let length = token_length(&chars, at);
        let token = &chars[at..at + length];
        let is_comment = token.starts_with(&['/', '/']) || token.starts_with(&['/', '*']);
        let is_literal =
            length > 1 && matches!(token.last(), Some('"' | '\'' | '#')) && !is_comment;
        for (index, letter) in token.iter().enumerate() {
            let blank = if *letter == '\n' { '\n' } else { ' ' };
            let is_edge = index == 0 || index == length - 1;
            let in_comment = is_comment && !(index < 3 && matches!(letter, '/' | '!' | '*'));
            code.push(if is_comment || (is_literal && !is_edge) {
                blank
            } else {
                *letter
            });
            comments.push(if in_comment { *letter } else { blank });
        }
        at += length;
    }
    Divided { code, comments }
}

/// Returns the length of the comment or literal that starts here, else 1.
fn token_length(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let until = |end: &[char], from: usize| {
        rest[from..]
            .windows(end.len())
            .position(|window| window == end)
            .map_or(rest.len(), |position| from + position + end.len())
    };
    let follows_name = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match rest {
        ['/', '/', ..] => rest
            .iter()
            .position(|letter| *letter == '\n')
            .unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment_length(rest),
        ['"', ..] => quoted_length(rest),
        ['r', '"' | '#', ..] if !follows_name || chars[at - 1] == 'b' => {
            let hashes = rest[1..]
                .iter()
                .take_while(|letter| **letter == '#')
                .count();
            if rest.get(1 + hashes) != Some(&'"') {
                return 1;
            }
            let end: Vec<char> = std::iter::once('"')
                .chain(std::iter::repeat_n('#', hashes))
                .collect();
            until(&end, hashes + 2)
        }
        ['\'', '\\', _, ..] => until(&['\''], 3),
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

/// Block comments may be nested.
fn block_comment_length(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted_length(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Returns the names of the functions with the attribute `#[test]`.
pub(crate) fn test_names(code: &str) -> Vec<String> {
    code.split("#[test]")
        .skip(1)
        .filter_map(|rest| {
            let name = rest.split_once("fn ")?.1;
            let end = name.find(|letter: char| !is_name_letter(letter))?;
            Some(name[..end].to_owned())
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// Returns the first segments of all paths that begin with `prefix`.
pub(crate) fn first_segments(code: &str, prefix: &str) -> BTreeSet<String> {
    code.match_indices(prefix)
        .map(|(at, _)| {
            let rest = &code[at + prefix.len()..];
            let end = rest.find(|letter| !is_name_letter(letter));
            rest[..end.unwrap_or(rest.len())].to_owned()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

pub(crate) fn is_name_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Returns the text and the code of a file without its unit tests.
fn without_unit_tests(text: &str) -> (String, String) {
    let divided = divide(text);
    let code: Vec<&str> = divided.code.lines().collect();
    let mut kept_text = String::new();
    let mut kept_code = String::new();
    let mut in_tests = false;
    for (number, line) in text.lines().enumerate() {
        in_tests |= code[number..].starts_with(&UNIT_TESTS);
        if !in_tests {
            kept_text += &format!("{line}\n");
            kept_code += &format!("{}\n", code[number]);
        }
        in_tests &= code[number] != "}";
    }
    (kept_text, kept_code)
}

fn is_unit_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn divide_separates_comments_from_code() {
    let divided = divide("let a = \"// no\"; // yes\n/* b /* c */ d */ 'e'; f('\\''); r#\"\"g\"#;");
    assert_eq!(
        divided.code,
        "let a = \"     \";       \n                  ' '; f('  '); r     #;"
    );
    assert_eq!(
        divided.comments.split_whitespace().collect::<Vec<_>>(),
        ["yes", "b", "/*", "c", "*/", "d", "*/"]
    );
}

#[test]
fn code_after_unit_tests_is_kept() {
    let text = "a // b\n#[cfg(test)]\nmod tests {\n    fn c() {\n    }\n}\nd\n";
    let (text, code) = without_unit_tests(text);
    assert_eq!(text, "a // b\nd\n");
    assert_eq!(code, "a     \nd\n");
}

#[test]
fn test_names_are_found_behind_other_attributes() {
    let code =
        "#[test]\n#[ignore = \"\"]\nfn one() {}\nfn two() {}\n#[test]\n    fn three(x in 0..1) {}";
    assert_eq!(test_names(code), ["one", "three"]);
}

#[test]
#[should_panic(expected = "1 violations:\nsrc/a.rs: wrong")]
fn violation_panics() {
    assert_no_violations(&[]);
    assert_no_violations(&[("src/a.rs".to_owned(), "wrong".to_owned())]);
}
