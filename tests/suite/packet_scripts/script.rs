//! A packet script: packets of a capture, line by line, and the events that the tracker must emit for each.

use std::fmt;
use std::time::Duration;

use tcp_handshake_exporter::handshake::AttemptLimits;
use tcp_handshake_exporter::packet::Packet;
use tcp_handshake_exporter::time::Timestamp;

use super::event::ScriptEvent;
use crate::invariants::CallerContext;

/// Limits of a script without a `limits` line: five seconds, and more slots than any script fills.
pub(super) const LIMITS: AttemptLimits = AttemptLimits {
    timeout: Duration::from_secs(5),
    max_attempts: 1 << 16,
};

/// Time 0 of every script, far from zero because clocks step back in some scripts.
pub(super) const START: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);

/// One script, with a title that names what it proves.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) title: String,
    /// Line number of the title in its file.
    pub(super) number: usize,
    pub(super) limits: AttemptLimits,
    pub(super) lines: Vec<Line>,
}

/// One line of a script.
#[derive(Debug)]
pub(super) struct Line {
    /// Line number in its file.
    pub(super) number: usize,
    pub(super) at: Timestamp,
    pub(super) action: Action,
    pub(super) expected: Expected,
}

/// What happens at that time.
#[derive(Debug)]
pub(super) enum Action {
    /// A packet is captured.
    Packet(Packet, CallerContext),
    /// No packet arrived up to this time.
    Quiet,
}

/// The events that the tracker must emit, in this order and no others, and the table sizes afterwards.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) events: Vec<ScriptEvent>,
    pub(super) pending: Option<usize>,
    pub(super) tracked: Option<usize>,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events: Vec<_> = self.events.iter().map(ToString::to_string).collect();
        f.write_str(
            if events.is_empty() {
                "nothing".into()
            } else {
                events.join(", ")
            }
            .as_str(),
        )?;
        let counts = [(self.pending, "pending"), (self.tracked, "tracked")];
        let counts: Vec<_> = counts
            .iter()
            .filter_map(|(count, what)| Some(format!("{} {what}", (*count)?)))
            .collect();
        if counts.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", counts.join(", "))
        }
    }
}
