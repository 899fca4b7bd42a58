//! Runs a script against a tracker and compares the events line by line.

use tcp_handshake_exporter::handshake::OwnerId;
use tcp_handshake_exporter::packet::Packet;

use super::event::{EventKind, ScriptEvent};
use super::script::{Action, Expected, Line, Script};
use crate::invariants::{Emitted, InvariantChecker};

/// Returns every line with other events than expected, as `number: expected ... found ...`.
pub(super) fn mismatches(script: &Script) -> Vec<String> {
    let mut checker = InvariantChecker::new(script.limits);
    let mut names = AttemptNames::default();
    let mut wrong = Vec::new();
    for line in &script.lines {
        let events = match &line.action {
            Action::Packet(packet, caller) => checker.handle_packet(line.at, packet, *caller),
            Action::Quiet => checker.handle_timeout(line.at),
        };
        let events = match events {
            Ok(events) => names.named(line, &events),
            Err(broken) => {
                wrong.push(format!("{}: broken invariant: {broken}", line.number));
                break;
            }
        };
        let found = Expected {
            events,
            pending: line.expected.pending.map(|_| checker.pending()),
            tracked: line.expected.tracked.map(|_| checker.tracked()),
        };
        if found != line.expected {
            wrong.push(format!(
                "{}: expected {}\n{:>9} found {found}",
                line.number, line.expected, ""
            ));
        }
    }
    wrong
}

/// Names of the attempts in the script, in the order of their opening.
#[derive(Default)]
struct AttemptNames {
    opened: Vec<Option<String>>,
}

impl AttemptNames {
    fn named(&mut self, line: &Line, emitted: &[Emitted]) -> Vec<ScriptEvent> {
        let mut openings = line
            .expected
            .events
            .iter()
            .filter(|event| event.kind == EventKind::Open);
        let by_segment = matches!(line.action, Action::Packet(Packet::Segment(_), _));
        let mut named = Vec::new();
        for emitted in emitted {
            if matches!(emitted, Emitted::Opened(_)) {
                let unexpected = Some(format!("unexpected{}", self.opened.len() + 1));
                self.opened.push(
                    openings
                        .next()
                        .map_or(unexpected, |event| event.attempt.clone()),
                );
            }
            let (owner, kinds) = EventKind::of(emitted, by_segment);
            let attempt = owner.and_then(|owner| self.name(owner));
            named.extend(kinds.into_iter().map(|kind| ScriptEvent {
                attempt: attempt.clone(),
                kind,
            }));
        }
        named
    }

    fn name(&self, owner: OwnerId) -> Option<String> {
        self.opened.get(owner.0 as usize).cloned().flatten()
    }
}
