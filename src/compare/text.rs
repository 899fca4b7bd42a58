//! The comparison for people.

use std::fmt::Write;

use super::report::{Attempt, ComparisonReport, Delay, Legs, Path};

/// The report as text.
pub fn text(report: &ComparisonReport) -> String {
    let mut text = String::new();
    push(&mut text, &clocks(report));
    for path in &report.paths {
        describe(&mut text, path);
    }
    if report.attempts_at_client == 0 {
        push(
            &mut text,
            "The client's capture has no attempt: was it made at the client, at that time?",
        );
    }
    if report.attempts_at_server_only > 0 {
        push(
            &mut text,
            &format!(
                "{} in the server's capture are not in the client's: of other clients, or from before it began.",
                attempts(report.attempts_at_server_only)
            ),
        );
    }
    if report.left_out > 0 {
        push(
            &mut text,
            &format!(
                "{} more attempts were left out, for want of room.",
                report.left_out
            ),
        );
    }
    text
}

fn clocks(report: &ComparisonReport) -> String {
    let both = attempts(report.attempts_at_both);
    match report.clock {
        Some(clock) => {
            let (by, side) = (clock.offset_seconds.abs(), if clock.offset_seconds < 0.0 { "behind" } else { "ahead of" });
            let error = clock.error_seconds.map_or_else(|| "roughly".to_owned(), |error| format!("± {}", time(error)));
            format!("The server's clock is {} {side} the client's ({error}, by {both} seen at both ends).", time(by))
        }
        None => "No attempt is in both captures, so their clocks cannot be compared: make sure that they are of the same time."
            .to_owned(),
    }
}

fn describe(text: &mut String, path: &Path) {
    let mark = if path.wrong { "WRONG" } else { "ok   " };
    let ends = format!("{} -> {} port {}", path.client, path.server, path.port);
    push(
        text,
        &format!(
            "{mark} {ends:44} {} of {}: {}",
            path.affected,
            attempts(path.attempts),
            path.title
        ),
    );
    if path.wrong {
        push(text, &format!("      {}", path.means));
    }
    if let Some(name) = &path.arrives_as {
        push(text, &format!("      arrives as {name}"));
    }
    let legs =
        |what: &str, Legs { left, arrived }: Legs| format!("{what} {left} left, {arrived} arrived");
    push(
        text,
        &format!(
            "      {}; {}; {}",
            legs("SYNs", path.syns),
            legs("SYN/ACKs", path.synacks),
            legs("RSTs", path.rsts)
        ),
    );
    if !path.icmp.is_empty() {
        push(
            text,
            &format!("      the client was told: {}", path.icmp.join(", ")),
        );
    }
    if path.wrong && !path.server_known {
        push(
            text,
            &format!(
                "      the server's capture has no packet to {}: is it that server's?",
                path.server
            ),
        );
    }
    let delay = |way: &str, delay: Option<Delay>| {
        delay.map(|Delay { min, max }| format!("{way} {} to {}", time(min), time(max)))
    };
    let delays: Vec<String> = [
        delay("there", path.delay_there_seconds),
        delay("back", path.delay_back_seconds),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !delays.is_empty() {
        push(text, &format!("      one way: {}", delays.join(", ")));
    }
    if path.wrong {
        for attempt in path.list.iter().take(SHOWN) {
            push(text, &format!("      {}", line(attempt)));
        }
        if path.attempts > SHOWN {
            push(
                text,
                &format!(
                    "      and {} more (--output json lists them)",
                    path.attempts - SHOWN
                ),
            );
        }
    }
}

/// One attempt: the moments of its packets, in seconds after its first SYN.
fn line(attempt: &Attempt) -> String {
    let moments = |all: &[f64]| match all {
        [] => "-".to_owned(),
        all => all
            .iter()
            .map(|at| format!("{at:.3}"))
            .collect::<Vec<_>>()
            .join(" "),
    };
    let mut line = format!(
        "{} at {:.6}: SYN left {}, arrived {}",
        attempt.client,
        attempt.began,
        moments(&attempt.syns_left),
        moments(&attempt.syns_arrived)
    );
    for (what, left, arrived) in [
        ("SYN/ACK", &attempt.synacks_left, &attempt.synacks_arrived),
        ("RST", &attempt.rsts_left, &attempt.rsts_arrived),
    ] {
        if !left.is_empty() || !arrived.is_empty() {
            let _ = write!(
                line,
                "; {what} left {}, arrived {}",
                moments(left),
                moments(arrived)
            );
        }
    }
    line
}

fn attempts(count: usize) -> String {
    if count == 1 {
        "1 attempt".to_owned()
    } else {
        format!("{count} attempts")
    }
}

fn time(seconds: f64) -> String {
    match seconds.abs() {
        s if s >= 1.0 => format!("{seconds:.3} s"),
        s if s >= 0.001 => format!("{:.3} ms", seconds * 1e3),
        _ => format!("{:.1} µs", seconds * 1e6),
    }
}

fn push(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
}

const SHOWN: usize = 4;
