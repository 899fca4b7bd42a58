//! The attempts that a packet may be about.

use arrayvec::ArrayVec;

use super::ends::FlowHash;
use super::event::Side;

/// An attempt and under which tag its first name is found: so it can be forgotten without being read.
pub(super) type Known = (u32, FlowHash);

/// An attempt that a packet belongs to, and which side of it the sender is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) slot: u32,
    pub(super) tag: FlowHash,
    pub(super) side: Side,
}

impl Match {
    pub(super) const fn known(self) -> Known {
        (self.slot, self.tag)
    }
}

/// A few of them, newest attempt first: nearly always none or one, which takes no room of its own.
#[derive(Default)]
pub(super) struct Matches {
    newest: Option<Match>,
    older: Option<Box<ArrayVec<Match, { MAX_SAME_ENDS - 1 }>>>,
}

impl Matches {
    /// One, or none.
    pub(super) const fn of(found: Option<Match>) -> Self {
        Self {
            newest: found,
            older: None,
        }
    }

    /// One more, behind those that are newer. Where there are too many, the oldest is left out.
    pub(super) fn add(&mut self, found: Match, is_newer: impl Fn(&Match) -> bool) {
        let Some(newest) = self.newest else {
            self.newest = Some(found);
            return;
        };
        // Room for all at once: a flood that uses its ports again finds many.
        let older = self.older.get_or_insert_default();
        let (place, next) = if is_newer(&newest) {
            (
                older.iter().take_while(|known| is_newer(known)).count(),
                found,
            )
        } else {
            self.newest = Some(found);
            (0, newest)
        };
        if older.is_full() {
            if place == older.len() {
                return;
            }
            older.pop();
        }
        older.insert(place, next);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Match> {
        self.newest
            .iter()
            .chain(self.older.iter().flat_map(|older| older.iter()))
    }
}

/// How many attempts with the same two ends (another ISN each) are found by packets.
pub(super) const MAX_SAME_ENDS: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Slots stand for when an attempt began.
        #[test]
        fn they_are_the_newest_in_order_however_they_are_found(found in prop::collection::hash_set(0..1000_u32, 0..40)) {
            let mut matches = Matches::default();
            for slot in &found {
                matches.add(Match { slot: *slot, tag: FlowHash::default(), side: Side::Client }, |known| known.slot > *slot);
            }
            let mut newest: Vec<u32> = found.into_iter().collect();
            newest.sort_unstable_by(|one, other| other.cmp(one));
            newest.truncate(MAX_SAME_ENDS);
            prop_assert_eq!(matches.iter().map(|known| known.slot).collect::<Vec<_>>(), newest);
        }
    }
}
