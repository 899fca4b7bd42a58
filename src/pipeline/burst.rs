//! A crowd: attempts of one set that come all at once, as in a flood, and are written as one line, not one by one.

use std::time::Duration;

use crate::labels::{LabelSetId, Vantage};
use crate::packet::{Direction, Segment};
use crate::time::Timestamp;

/// What came of attempts of one set within a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Crowd {
    pub(super) set: LabelSetId,
    /// Of the first of them.
    pub(super) since: Timestamp,
    /// Forgotten while they waited.
    pub(super) evicted: u32,
    /// Begun with a SYN, and counted there for want of room.
    pub(super) folded: u32,
    /// How many of these SYNs came in.
    pub(super) entering: u32,
    /// From where the first one was seen.
    pub(super) vantage: Option<Vantage>,
}

impl Crowd {
    /// Nobody yet.
    pub(super) const fn of(set: LabelSetId, since: Timestamp) -> Self {
        Self {
            set,
            since,
            evicted: 0,
            folded: 0,
            entering: 0,
            vantage: None,
        }
    }

    /// Whether somebody of this set may join it now.
    pub(super) fn takes(&self, set: LabelSetId, now: Timestamp) -> bool {
        self.set == set && now.since(self.since) < AT_ONCE
    }

    /// How many of those that began are shown with their SYN: the first ones, a sample where it is a flood.
    pub(super) fn shown(&self) -> usize {
        SHOWN.min(self.folded as usize)
    }

    /// An attempt began with this SYN. Says whether it is to be shown.
    pub(super) fn fold(&mut self, vantage: Vantage, syn: &Segment) -> bool {
        let is_shown = self.shown() < SHOWN;
        self.vantage.get_or_insert(vantage);
        self.folded += 1;
        self.entering += u32::from(syn.via.direction == Direction::Entering);
        is_shown
    }
}

/// More of them in a moment are a flood.
const SHOWN: usize = 16;
/// What is no further apart has one time.
const AT_ONCE: Duration = Duration::from_millis(1);
