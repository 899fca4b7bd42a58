//! A crowd: attempts of one set that come all at once, as in a flood, and are written as one line, not one by one.

use std::time::Duration;

use crate::labels::{SetId, Vantage};
use crate::packet::{Direction, Segment};
use crate::time::Timestamp;

/// What came of attempts of one set within a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Crowd {
    pub(super) set: SetId,
    /// Of the first of them.
    pub(super) since: Timestamp,
    /// Forgotten while they waited.
    pub(super) evicted: u32,
    /// Begun with a SYN, and counted there for want of room.
    pub(super) folded: u32,
    /// How many of these SYNs asked for ECN, and how many came in.
    pub(super) ecn_setup: u32,
    pub(super) entering: u32,
    /// Of the first one that began: from where it was seen, and the place of its SYN among the readings.
    pub(super) example: Option<(Vantage, u32)>,
}

impl Crowd {
    /// Nobody yet.
    pub(super) const fn of(set: SetId, since: Timestamp) -> Self {
        Self { set, since, evicted: 0, folded: 0, ecn_setup: 0, entering: 0, example: None }
    }

    /// Whether somebody of this set may join it now.
    pub(super) fn takes(&self, set: SetId, now: Timestamp) -> bool {
        self.set == set && now.since(self.since) < AT_ONCE
    }

    /// How many of those that began are followed by their ISN: the first ones, a sample where it is a flood.
    pub(super) fn followed(&self) -> usize {
        FOLLOWED.min(self.folded as usize)
    }

    /// An attempt began, whose SYN is the reading at this place.
    pub(super) fn fold(&mut self, vantage: Vantage, place: u32, syn: &Segment, isns: &mut Vec<u32>) {
        if self.followed() < FOLLOWED {
            isns.push(syn.sequence);
        }
        self.example.get_or_insert((vantage, place));
        self.folded += 1;
        self.ecn_setup += u32::from(syn.ecn_setup);
        self.entering += u32::from(syn.via.direction == Direction::Entering);
    }
}

/// More of them in a moment are a flood.
const FOLLOWED: usize = 16;
/// What is no further apart has one time.
const AT_ONCE: Duration = Duration::from_millis(1);
