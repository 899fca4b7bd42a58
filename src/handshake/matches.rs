//! The attempts that a packet may be about.

use super::event::Side;

/// An attempt that a packet belongs to, and which side of it the sender is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) slot: u32,
    pub(super) side: Side,
}

/// A few of them, newest attempt first: nearly always none or one, which takes no room of its own.
#[derive(Default)]
pub(super) struct Matches {
    newest: Option<Match>,
    older: Vec<Match>,
}

impl Matches {
    /// One more, behind those that are newer.
    pub(super) fn add(&mut self, found: Match, is_newer: impl Fn(&Match) -> bool) {
        match self.newest {
            None => self.newest = Some(found),
            Some(newest) if !is_newer(&newest) => {
                self.older.insert(0, newest);
                self.newest = Some(found);
            }
            Some(_) if self.older.len() + 1 < MAX_SAME_ENDS => {
                let place = self.older.iter().take_while(|known| is_newer(known)).count();
                self.older.insert(place, found);
            }
            Some(_) => {}
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Match> {
        self.newest.iter().chain(&self.older)
    }
}

/// How many attempts with the same two ends (another ISN each) are found by packets.
pub(super) const MAX_SAME_ENDS: usize = 16;
