//! The comparison as text: the clocks, then each path, worst first.
//!
//! The input is a finished [`ComparisonReport`]; the `compare` command prints the result.

use std::fmt::Write;

use super::report::{ComparedAttempt, ComparisonReport, DelayRange, PathReport, TransitCounts};

/// Maximum number of attempts printed for a path.
const MAX_PRINTED_ATTEMPTS: usize = 4;

/// Returns the report as text.
pub fn text(report: &ComparisonReport) -> String {
    let mut text = String::new();
    push_line(&mut text, &clock_offset(report));
    for path in &report.paths {
        push_path(&mut text, path);
    }
    if report.attempts_at_client == 0 {
        push_line(
            &mut text,
            "The client's capture has no attempt: was it made at the client, at that time?",
        );
    }
    if report.attempts_at_server_only > 0 {
        push_line(
            &mut text,
            &format!(
                "{} in the server's capture are not in the client's: of other clients, or from before it began.",
                attempt_count(report.attempts_at_server_only)
            ),
        );
    }
    if report.left_out > 0 {
        push_line(
            &mut text,
            &format!(
                "{} more attempts were left out, for want of room.",
                report.left_out
            ),
        );
    }
    text
}

fn clock_offset(report: &ComparisonReport) -> String {
    let Some(clock) = report.clock else {
        return "No attempt is in both captures, so their clocks cannot be compared: make sure that \
                they are of the same time."
            .to_owned();
    };
    let attempts = attempt_count(report.attempts_at_both);
    let offset = duration(clock.offset_seconds.abs());
    let relation = if clock.offset_seconds < 0.0 {
        "behind"
    } else {
        "ahead of"
    };
    let error = clock.error_seconds.map_or_else(
        || "roughly".to_owned(),
        |error| format!("± {}", duration(error)),
    );
    format!(
        "The server's clock is {offset} {relation} the client's ({error}, by {attempts} seen at both ends)."
    )
}

fn push_path(text: &mut String, path: &PathReport) {
    let mark = if path.wrong { "WRONG" } else { "ok   " };
    let ends = format!("{} -> {} port {}", path.client, path.server, path.port);
    push_line(
        text,
        &format!(
            "{mark} {ends:44} {} of {}: {}",
            path.affected,
            attempt_count(path.attempts),
            path.title
        ),
    );
    if path.wrong {
        push_line(text, &format!("      {}", path.means));
    }
    if let Some(name) = &path.arrives_as {
        push_line(text, &format!("      arrives as {name}"));
    }
    let transit = |what: &str, TransitCounts { left, arrived }: TransitCounts| {
        format!("{what} {left} left, {arrived} arrived")
    };
    push_line(
        text,
        &format!(
            "      {}; {}; {}",
            transit("SYNs", path.syns),
            transit("SYN/ACKs", path.synacks),
            transit("RSTs", path.rsts)
        ),
    );
    if !path.icmp.is_empty() {
        push_line(
            text,
            &format!("      the client was told: {}", path.icmp.join(", ")),
        );
    }
    if path.wrong && !path.server_known {
        push_line(
            text,
            &format!(
                "      the server's capture has no packet to {}: is it that server's?",
                path.server
            ),
        );
    }
    let delay = |way: &str, delay: Option<DelayRange>| {
        delay.map(|DelayRange { min, max }| format!("{way} {} to {}", duration(min), duration(max)))
    };
    let delays: Vec<String> = [
        delay("there", path.delay_there_seconds),
        delay("back", path.delay_back_seconds),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !delays.is_empty() {
        push_line(text, &format!("      one way: {}", delays.join(", ")));
    }
    if path.wrong {
        for attempt in path.list.iter().take(MAX_PRINTED_ATTEMPTS) {
            push_line(text, &format!("      {}", attempt_line(attempt)));
        }
        if path.attempts > MAX_PRINTED_ATTEMPTS {
            push_line(
                text,
                &format!(
                    "      and {} more (--output json lists them)",
                    path.attempts - MAX_PRINTED_ATTEMPTS
                ),
            );
        }
    }
}

/// Returns a line with the times of the packets of an attempt, in seconds after its first SYN.
fn attempt_line(attempt: &ComparedAttempt) -> String {
    let times = |times: &[f64]| match times {
        [] => "-".to_owned(),
        times => times
            .iter()
            .map(|at| format!("{at:.3}"))
            .collect::<Vec<_>>()
            .join(" "),
    };
    let mut line = format!(
        "{} at {:.6}: SYN left {}, arrived {}",
        attempt.client,
        attempt.began,
        times(&attempt.syns_left),
        times(&attempt.syns_arrived)
    );
    for (what, left, arrived) in [
        ("SYN/ACK", &attempt.synacks_left, &attempt.synacks_arrived),
        ("RST", &attempt.rsts_left, &attempt.rsts_arrived),
    ] {
        if !left.is_empty() || !arrived.is_empty() {
            let _ = write!(
                line,
                "; {what} left {}, arrived {}",
                times(left),
                times(arrived)
            );
        }
    }
    line
}

fn attempt_count(count: usize) -> String {
    if count == 1 {
        "1 attempt".to_owned()
    } else {
        format!("{count} attempts")
    }
}

/// Formats a duration with a unit.
fn duration(seconds: f64) -> String {
    match seconds.abs() {
        s if s >= 1.0 => format!("{seconds:.3} s"),
        s if s >= 0.001 => format!("{:.3} ms", seconds * 1e3),
        _ => format!("{:.1} µs", seconds * 1e6),
    }
}

fn push_line(text: &mut String, line: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
}
