//! The report as text: one line per label set, worst first, and more lines for each fault.
//!
//! The input is a finished [`Report`]; `diagnose` prints the result.

use std::fmt::Write;

use super::report::{LabelSetReport, Report};
use super::summary::format_duration;
use super::verdict::Verdict;

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const GREEN: &str = "\x1b[32m";
const DIM: &str = "\x1b[2m";

/// Whether the text contains ANSI colors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColorMode {
    /// With colors.
    On,
    /// Without colors.
    Off,
}

/// Returns the report as text.
pub fn text(report: &Report, colors: ColorMode) -> String {
    let mut text = String::new();
    for issue in &report.capture.doubts {
        push_line(
            &mut text,
            &format!("{} {}", paint("CAPTURE", YELLOW, colors), issue.sentence),
        );
    }
    let mut remaining = report.sets.as_slice();
    while let Some((set, rest)) = remaining.split_first() {
        push_label_set(&mut text, set, colors);
        // A scan or a flood has the same sentence for many label sets: it is printed once.
        let repeated = rest
            .iter()
            .take_while(|other| set.wrong && other.sentence == set.sentence)
            .count();
        if repeated > 0 {
            push_line(
                &mut text,
                &format!("      And {repeated} more like it (--output json lists them)."),
            );
        }
        remaining = rest.get(repeated..).unwrap_or_default();
    }
    push_line(&mut text, &totals(report));
    text
}

/// Returns the last line: the number of faults, and the size of the capture.
fn totals(report: &Report) -> String {
    let faults = match (report.sets_total, report.sets_wrong) {
        (0, _) => "no attempt was seen".to_owned(),
        (total, 0) => format!("nothing is wrong with {}", set_count(total)),
        (total, wrong) => format!("something is wrong with {wrong} of {}", set_count(total)),
    };
    let undecided = report
        .sets
        .iter()
        .filter(|set| set.verdict == Verdict::Undecided.as_str())
        .count();
    let undecided = if undecided > 0 {
        format!(", {undecided} undecided")
    } else {
        String::new()
    };
    format!(
        "{faults}{undecided}; {} packets in {}",
        report.capture.packets,
        format_duration(report.duration())
    )
}

fn push_label_set(text: &mut String, set: &LabelSetReport, colors: ColorMode) {
    let (mark, color) = match set.severity {
        _ if set.verdict == Verdict::Undecided.as_str() => ("?    ", DIM),
        0 => ("ok   ", GREEN),
        1 => ("bad  ", YELLOW),
        2 => ("FAILS", YELLOW),
        _ => ("DEAD ", RED),
    };
    let mark = paint(mark, color, colors);
    let counts = format!(
        "{} of {} answered",
        set.counts.answered, set.counts.attempts
    );
    push_line(
        text,
        &format!(
            "{mark} {:7} {:44} {counts:18} {}",
            set.vantage,
            endpoints(set),
            set.title
        ),
    );
    if !set.wrong {
        return;
    }
    push_line(
        text,
        &format!("      {} (confidence: {})", set.sentence, set.confidence),
    );
    if !set.alternatives.is_empty() {
        push_line(
            text,
            &format!("      It may also be: {}.", set.alternatives.join("; ")),
        );
    }
    if let Some(next) = &set.next {
        push_line(text, &format!("      Next: {}:", next.what));
        push_line(text, &format!("          {}", next.command));
    }
}

/// Returns client, server and port, as far as the label set contains them.
fn endpoints(set: &LabelSetReport) -> String {
    let LabelSetReport {
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

fn set_count(count: usize) -> String {
    if count == 1 {
        "1 set".to_owned()
    } else {
        format!("{count} sets")
    }
}

fn paint(word: &str, color: &str, colors: ColorMode) -> String {
    match colors {
        ColorMode::On => format!("{color}{word}\x1b[0m"),
        ColorMode::Off => word.to_owned(),
    }
}

fn push_line(text: &mut String, line: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
}
