//! Tells a story to a tracker and compares, line by line.

use tcp_handshake_exporter::handshake::{Event, OwnerId};

use tcp_handshake_exporter::packet::Packet;

use super::fact::{Fact, What};
use super::story::{Act, Expected, Line, Story};
use crate::witness::Witness;

/// Every line of the story that went otherwise, as `number: expected and told`.
pub(super) fn mismatches(story: &Story) -> Vec<String> {
    let mut witness = Witness::new(story.limits);
    let mut names = Names::default();
    let mut wrong = Vec::new();
    for line in &story.lines {
        let events = match &line.act {
            Act::Met(packet, caller) => witness.observe(line.at, packet, *caller),
            Act::Quiet => witness.advance(line.at),
        };
        let told = match events {
            Ok(events) => names.told(line, &events),
            Err(broken) => {
                wrong.push(format!("{}: broken books: {broken}", line.number));
                break;
            }
        };
        let counted = Expected {
            facts: told,
            pending: line.expected.pending.map(|_| witness.pending()),
            tracked: line.expected.tracked.map(|_| witness.tracked()),
        };
        if counted != line.expected {
            wrong.push(format!(
                "{}: expected {}\n{:>9} told {counted}",
                line.number, line.expected, ""
            ));
        }
    }
    wrong
}

/// What the story calls the attempts, in the order they were opened.
#[derive(Default)]
struct Names {
    opened: Vec<Option<String>>,
}

impl Names {
    fn told(&mut self, line: &Line, events: &[Event]) -> Vec<Fact> {
        let mut openings = line
            .expected
            .facts
            .iter()
            .filter(|fact| fact.what == What::Open);
        let by_segment = matches!(line.act, Act::Met(Packet::Segment(_), _));
        let mut facts = Vec::new();
        for event in events {
            if matches!(event, Event::Opened(_)) {
                let unexpected = Some(format!("unexpected{}", self.opened.len() + 1));
                self.opened.push(
                    openings
                        .next()
                        .map_or(unexpected, |fact| fact.attempt.clone()),
                );
            }
            let (owner, whats) = What::of(event, by_segment);
            let attempt = match (owner, event) {
                (Some(owner), _) => self.name(owner),
                (None, Event::Opened(_)) => self.opened.last().cloned().flatten(),
                (None, _) => None,
            };
            facts.extend(whats.into_iter().map(|what| Fact {
                attempt: attempt.clone(),
                what,
            }));
        }
        facts
    }

    fn name(&self, owner: OwnerId) -> Option<String> {
        self.opened.get(owner.0 as usize).cloned().flatten()
    }
}
