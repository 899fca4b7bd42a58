//! The language of the project: retired names and words do not come back, comments do not speak of data as of people, and
//! test names are short.
//!
//! Each test has a list of exceptions by path, which may only shrink: an exception without a violation is an error.

use crate::source_files::{
    assert_no_violations, divide, files_under, is_name_letter, test_names, tracked_texts,
};

/// Texts that may contain retired names and words: the history, the laboratory notes, and the lists below.
const HISTORY: &[&str] = &["CHANGELOG.md", "docs/notes/", "tests/suite/terminology.rs"];

/// Names of retired files. Neither a file nor a text may have them.
const RETIRED_FILES: &[&str] = &[
    "absolute.rs",
    "accounting.rs",
    "ahead.rs",
    "blocks.rs",
    "books.rs",
    "case.rs",
    "classic.rs",
    "clerk.rs",
    "clients.rs",
    "cooked.rs",
    "counted.rs",
    "crowd.rs",
    "desk.rs",
    "document.rs",
    "doors.rs",
    "early.rs",
    "ends.rs",
    "entry.rs",
    "exam.rs",
    "fault.rs",
    "forms.rs",
    "frequency.rs",
    "greeting.rs",
    "head.rs",
    "hostile.rs",
    "house.rs",
    "inside.rs",
    "intake.rs",
    "layers.rs",
    "lines.rs",
    "matches.rs",
    "messages.rs",
    "name.rs",
    "net.rs",
    "origin.rs",
    "own.rs",
    "pages.rs",
    "plain.rs",
    "print.rs",
    "pump.rs",
    "ranges.rs",
    "rate.rs",
    "recent.rs",
    "river.rs",
    "road.rs",
    "rows.rs",
    "scale.md",
    "seats.rs",
    "seldom.rs",
    "sequence.rs",
    "sets.rs",
    "shared.rs",
    "sides.rs",
    "skip.rs",
    "source.rs",
    "sparse.rs",
    "step.rs",
    "stories.rs",
    "supervisor.rs",
    "tags.rs",
    "tally.rs",
    "truth.md",
    "turns.rs",
    "users.rs",
    "values.rs",
    "waiting.rs",
    "weather.rs",
    "witness.rs",
    "words.rs",
    "wrapped.rs",
];

/// Retired folders.
const RETIRED_FOLDERS: &[&str] = &[
    "benches/parts",
    "benches/whole",
    "http/guard",
    "src/exporter",
    "suite/conversations",
    "suite/forge",
    "suite/judgement",
    "suite/lab",
    "suite/wire/",
    "tests/conversations",
];

/// Retired names of types, constants, functions and fields. Names that are ordinary words, or names of other things today,
/// are not listed.
const RETIRED_NAMES: &[&str] = &[
    "A_SHEETFUL",
    "add_name",
    "answer_first",
    "answered_before",
    "asked_at_the_same_time",
    "ASKED_BACK",
    "AsPacket",
    "AT_ONCE",
    "Books",
    "CaptureFacts",
    "CaptureLog",
    "Clerk",
    "closed_until",
    "Company",
    "count_about",
    "count_nobodys",
    "Crowd",
    "cut_one_of_a_crowd",
    "dearest",
    "decode_to",
    "Desk",
    "Doors",
    "Exam",
    "EXEMPLARY",
    "Fate",
    "flow_lot",
    "follow_name",
    "former_ports",
    "FREQUENT",
    "give_up",
    "Glimpse",
    "go_round",
    "Greeting",
    "hand_over",
    "hand_over_whole",
    "has_met",
    "has_room_for_a_name",
    "hear_many",
    "hear_server",
    "Heard",
    "HeardMany",
    "hears",
    "heed_orders",
    "hire",
    "House",
    "IDLE_FOR_A_NEWCOMER",
    "Intake",
    "is_end_of_former",
    "is_exemplary",
    "is_overruled",
    "is_own_word",
    "is_settled",
    "keeping_what_it_tells",
    "keeps_out",
    "last_rest",
    "leaves_under_another_name",
    "Ledger",
    "LOADS",
    "Locality",
    "LODGERS",
    "LOOK_AGAIN",
    "LOOK_AHEAD",
    "look_ahead",
    "look_ahead_in_time",
    "look_around",
    "look_far_ahead",
    "LOT",
    "made_room",
    "make_room",
    "mark_regular",
    "MAX_SAME_ENDS",
    "more_names",
    "NameRest",
    "NeverSeen",
    "Nobodys",
    "none_before",
    "observe_sighted",
    "ObservedBurst",
    "ObservedEvent",
    "Occasion",
    "odd_syn",
    "OddSyn",
    "open_door",
    "open_rejected",
    "overstayed",
    "own_word",
    "PackedName",
    "pass_on",
    "PATIENCE",
    "ports_in_vain",
    "Pulse",
    "Pump",
    "quiet_until",
    "redeclare",
    "regroup",
    "RENDERERS",
    "retell",
    "Retold",
    "RIVALS",
    "River",
    "say_ready",
    "Seats",
    "set_of_stray",
    "SetEvent",
    "SetId",
    "SetName",
    "settle_one",
    "settle_some",
    "SharedPage",
    "Sheet",
    "SHEETS",
    "Sides",
    "Sieve",
    "Sight",
    "Sighting",
    "silence_means_nothing",
    "SiteNumber",
    "some_peer_said_no",
    "Standing",
    "STORIES",
    "sum_up",
    "SynPrint",
    "syns_in",
    "syns_on",
    "take_stranger",
    "take_told",
    "Tally",
    "Tapes",
    "tell_of_broken",
    "tell_time",
    "third_leg",
    "TIDY_WITH_A_PACKET",
    "Told",
    "told_by",
    "too_often",
    "Trail",
    "Trails",
    "until_stopped",
    "who_passed_as",
    "Whose",
    "Witness",
];

/// Words that no text may contain, in lower case. They are searched in names, too: `the_books_balance`.
const RETIRED_WORDS: &[&str] = &[
    "books",
    "clerk",
    "clerks",
    "crowd",
    "crowds",
    "desk",
    "desks",
    "lodger",
    "lodgers",
    "looker-on",
    "newcomer",
    "newcomers",
    "own word",
    "river",
    "rivers",
    "rooms",
    "stranger",
    "strangers",
    "whoever",
];

/// A verb in plain English that contains a retired word.
const ALLOWED_PHRASES: &[&str] = &["crowd out", "crowds out"];

/// Words for people.
const PERSON_WORDS: &[&str] = &["nobody", "somebody", "who", "whoever", "whom", "whose"];

/// The most comment lines with a word for people, in 1,000 comment lines of `src`, `tests`, `benches` and `fuzz`.
const MAX_PERSON_LINES_PER_1000: usize = 1;

/// The most words of a test name: subject, condition, result.
const MAX_TEST_NAME_WORDS: usize = 8;

#[test]
fn retired_names_and_words_do_not_return() {
    let Some(texts) = tracked_texts() else { return };
    let mut violations = Vec::new();
    for (path, text) in texts {
        if HISTORY.iter().any(|start| path.starts_with(start)) {
            continue;
        }
        for retired in retired_in(&path) {
            violations.push((path.clone(), format!("the path contains {retired:?}")));
        }
        // Most texts are fine, and one search of a whole text is faster than one of each line.
        if retired_in(&text).is_empty() {
            continue;
        }
        for (number, line) in (1..).zip(text.lines()) {
            for retired in retired_in(line) {
                violations.push((path.clone(), format!("line {number} contains {retired:?}")));
            }
        }
    }
    assert_no_violations(&violations);
}

#[test]
fn comments_have_few_words_for_people() {
    let mut lines = 0;
    let mut found = Vec::new();
    for path in rust_files() {
        let comments = divide(&std::fs::read_to_string(&path).unwrap()).comments;
        for (number, line) in (1..).zip(comments.lines()) {
            lines += usize::from(line.contains(char::is_alphabetic));
            if PERSON_WORDS.iter().any(|word| contains_word(line, word)) {
                found.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(lines > 1000, "found {lines} comment lines only");
    assert!(
        found.len() * 1000 <= MAX_PERSON_LINES_PER_1000 * lines,
        "{} of {lines} comment lines have words for people:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn test_names_are_short() {
    let mut violations = Vec::new();
    let mut names = 0;
    for path in rust_files() {
        let code = divide(&std::fs::read_to_string(&path).unwrap()).code;
        for name in test_names(&code) {
            names += 1;
            let words = name.split('_').count();
            if words > MAX_TEST_NAME_WORDS {
                violations.push((path.clone(), format!("{name} has {words} words")));
            }
        }
    }
    assert!(names > 300, "found {names} tests only");
    assert_no_violations(&violations);
}

#[test]
fn retired_names_match_as_whole_names() {
    assert_eq!(retired_in("see river.rs, driver.rs"), ["river.rs", "river"]);
    assert_eq!(
        retired_in("let a = Clerk::new(ClerkOf)"),
        ["Clerk", "clerk"]
    );
    assert_eq!(retired_in("fn the_books_balance"), ["books"]);
    assert_eq!(
        retired_in("runbooks crowd out headrooms; handle_given_up"),
        [""; 0]
    );
    assert_eq!(retired_in("this host's own word"), ["own word"]);
}

/// Returns the retired names and words in a text.
fn retired_in(text: &str) -> Vec<&'static str> {
    let files = RETIRED_FILES.iter().filter(|file| {
        text.match_indices(**file)
            .any(|(at, _)| is_boundary(text, at, file.len(), is_name_letter))
    });
    let folders = RETIRED_FOLDERS
        .iter()
        .filter(|folder| text.contains(**folder));
    let names = RETIRED_NAMES.iter().filter(|name| {
        text.match_indices(**name)
            .any(|(at, _)| is_boundary(text, at, name.len(), is_name_letter))
    });
    let lower = ALLOWED_PHRASES
        .iter()
        .fold(text.to_lowercase(), |text, phrase| text.replace(phrase, ""));
    let words = RETIRED_WORDS
        .iter()
        .filter(|word| contains_word(&lower, word));
    files
        .chain(folders)
        .chain(names)
        .chain(words)
        .copied()
        .collect()
}

/// `true` if the text contains the word, in any case. Letters alone make up words, so `_` and digits end them.
fn contains_word(text: &str, word: &str) -> bool {
    let lower = text.to_lowercase();
    lower
        .match_indices(word)
        .any(|(at, _)| is_boundary(&lower, at, word.len(), char::is_alphabetic))
}

/// `true` if the part of the text continues neither before nor after.
fn is_boundary(text: &str, at: usize, length: usize, continues: impl Fn(char) -> bool) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + length..].chars().next();
    !before.is_some_and(&continues) && !after.is_some_and(&continues)
}

fn rust_files() -> impl Iterator<Item = String> {
    ["src", "tests", "benches", "fuzz/targets"]
        .into_iter()
        .flat_map(|folder| files_under(folder, ".rs"))
}
