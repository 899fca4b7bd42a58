//! A story: what a capture meets, line by line, and what the tracker must tell at each.

use std::fmt;
use std::time::Duration;

use tcp_handshake_exporter::handshake::AttemptLimits;
use tcp_handshake_exporter::packet::Packet;
use tcp_handshake_exporter::time::Timestamp;

use super::fact::Fact;
use crate::witness::Caller;

/// One conversation, with a title that says what it proves.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) title: String,
    /// Where the title stands in its file.
    pub(super) number: usize,
    pub(super) limits: AttemptLimits,
    pub(super) lines: Vec<Line>,
}

/// One moment of it.
#[derive(Debug)]
pub(super) struct Line {
    /// Where it stands in its file.
    pub(super) number: usize,
    pub(super) at: Timestamp,
    pub(super) act: Act,
    pub(super) expected: Expected,
}

/// What happens at that moment.
#[derive(Debug)]
pub(super) enum Act {
    /// A packet is met.
    Met(Packet, Caller),
    /// Nothing arrived up to now.
    Quiet,
}

/// What must be told then, in this order and nothing else, and how many attempts are left afterwards.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) facts: Vec<Fact>,
    pub(super) pending: Option<usize>,
    pub(super) tracked: Option<usize>,
}

/// Where a story has no `limits` line: the timeout of five seconds, and room enough.
pub(super) const LIMITS: AttemptLimits = AttemptLimits {
    timeout: Duration::from_secs(5),
    max_attempts: 1 << 16,
};

/// Moment 0 of every story, so that clocks have room to step back.
pub(super) const START: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts: Vec<_> = self.facts.iter().map(ToString::to_string).collect();
        f.write_str(
            if facts.is_empty() {
                "nothing".into()
            } else {
                facts.join(", ")
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
