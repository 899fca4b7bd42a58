//! The report for people: one line a set, worst first, and under those that are not fine what to make of it.

use std::fmt::Write;

use super::report::{Report, Set};
use super::verdict::Verdict;
use super::words::seconds;

/// Whether the text may have colours: on a terminal only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColorMode {
    /// It may.
    On,
    /// It may not.
    Off,
}

/// The report as text.
pub fn text(report: &Report, colours: ColorMode) -> String {
    let mut text = String::new();
    for doubt in &report.capture.doubts {
        push(
            &mut text,
            &format!("{} {}", paint("CAPTURE", YELLOW, colours), doubt.sentence),
        );
    }
    let mut left = report.sets.as_slice();
    while let Some((set, rest)) = left.split_first() {
        describe(&mut text, set, colours);
        // A scan or flood is said once.
        let alike = rest
            .iter()
            .take_while(|other| set.wrong && other.sentence == set.sentence)
            .count();
        if alike > 0 {
            push(
                &mut text,
                &format!("      And {alike} more like it (--output json lists them)."),
            );
        }
        left = rest.get(alike..).unwrap_or_default();
    }
    let wrong = match (report.sets_total, report.sets_wrong) {
        (0, _) => "no attempt was seen".to_owned(),
        (total, 0) => format!("nothing is wrong with {}", sets(total)),
        (total, wrong) => format!("something is wrong with {wrong} of {}", sets(total)),
    };
    let waiting = report
        .sets
        .iter()
        .filter(|set| set.verdict == Verdict::Undecided.as_str())
        .count();
    let wrong = if waiting > 0 {
        format!("{wrong}, {waiting} undecided")
    } else {
        wrong
    };
    push(
        &mut text,
        &format!(
            "{wrong}; {} packets in {}",
            report.capture.packets,
            seconds(report.reach())
        ),
    );
    text
}

fn describe(text: &mut String, set: &Set, colours: ColorMode) {
    let (mark, colour) = match set.severity {
        0 => ("ok   ", GREEN),
        1 => ("bad  ", YELLOW),
        2 => ("FAILS", YELLOW),
        _ => ("DEAD ", RED),
    };
    let mark = if set.verdict == "undecided" {
        paint("?    ", PLAIN, colours)
    } else {
        paint(mark, colour, colours)
    };
    let counts = format!(
        "{} of {} answered",
        set.counts.answered, set.counts.attempts
    );
    push(
        text,
        &format!(
            "{mark} {:7} {:44} {counts:18} {}",
            set.vantage,
            ends(set),
            set.title
        ),
    );
    if !set.wrong {
        return;
    }
    push(
        text,
        &format!("      {} (confidence: {})", set.sentence, set.confidence),
    );
    if !set.alternatives.is_empty() {
        push(
            text,
            &format!("      It may also be: {}.", set.alternatives.join("; ")),
        );
    }
    if let Some(next) = &set.next {
        push(text, &format!("      Next: {}:", next.what));
        push(text, &format!("          {}", next.command));
    }
}

/// Who asks whom, as far as the set says.
fn ends(set: &Set) -> String {
    let Set {
        local_address: local,
        port,
        peer,
        ..
    } = set;
    match set.vantage {
        "server" => format!("{peer} -> {local} port {port}"),
        "transit" => format!("-> {peer} port {port}"),
        _ => format!("{local} -> {peer} port {port}"),
    }
}

fn sets(count: usize) -> String {
    if count == 1 {
        "1 set".to_owned()
    } else {
        format!("{count} sets")
    }
}

fn paint(word: &str, colour: &str, colours: ColorMode) -> String {
    match colours {
        ColorMode::On => format!("{colour}{word}\x1b[0m"),
        ColorMode::Off => word.to_owned(),
    }
}

fn push(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
}

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[2m";
