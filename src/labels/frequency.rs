//! How often names came lately, though there is no room to remember them: a sketch of fixed size.

use std::time::Duration;

use prefetch_index::prefetch_index;

use super::names::Hashed;
use crate::time::Timestamp;

/// A count-mean-min sketch (Deng and Rafiei, *New estimation algorithms for streaming data: Count-min can do more*,
/// 2007): a count-min sketch whose estimates are freed of the noise that all the others leave in each cell. So a flood
/// of names that come once makes none of them look frequent, and a name that comes back stands out. Counts are halved
/// every minute. Where a name's cells are, two halves of its hash tell for all rows (Kirsch and Mitzenmacher, *Less
/// hashing, same performance: building a better Bloom filter*, 2006).
#[derive(Default)]
pub(super) struct Frequency {
    rows: [Vec<u8>; ROWS],
    counted: u64,
    next_halving: Timestamp,
    /// What the others leave in a cell, in parts of [`ONE`], and how many were counted when it was reckoned.
    noise: u64,
    reckoned: u64,
}

impl Frequency {
    /// Has the memory of the name's cells fetched.
    pub(super) fn fetch(&self, name: Hashed) {
        self.rows.iter().zip(places(name)).for_each(|(row, place)| prefetch_index(row, place));
    }

    /// The name came once more. About how often it came lately, beyond what chance would make it seem.
    pub(super) fn count(&mut self, name: Hashed, now: Timestamp) -> u32 {
        self.age(now);
        self.counted += 1;
        let mut least = u8::MAX;
        for (row, place) in self.rows.iter_mut().zip(places(name)) {
            if let Some(cell) = row.get_mut(place) {
                *cell = cell.saturating_add(1);
                least = least.min(*cell);
            }
        }
        if self.counted >= self.reckoned + RECKON_AGAIN {
            self.reckon();
        }
        let excess = (u64::from(least) * ONE + ONE / 2).saturating_sub(self.noise) / ONE;
        u32::try_from(excess.max(1)).unwrap_or(u32::MAX)
    }

    /// Each cell holds, beside a name's own count, its share of all others; twice the deviation of that share is left out
    /// too, so that one name in many does not pass by luck. All in parts of one, for a share of less than one makes some
    /// lucky, too; and with those that will have come before it is reckoned again.
    fn reckon(&mut self) {
        let share = (self.counted + RECKON_AGAIN) * ONE / CELLS as u64;
        self.noise = share + 2 * (share * ONE).isqrt();
        self.reckoned = self.counted;
    }

    fn age(&mut self, now: Timestamp) {
        if now < self.next_halving && self.counted < MOST_COUNTED {
            return;
        }
        self.next_halving = now + HALVING;
        self.counted /= 2;
        self.reckon();
        for row in &mut self.rows {
            // Room is taken when it is first needed: most hosts never fill their table of sets.
            row.resize(CELLS, 0);
            for cell in row {
                *cell /= 2;
            }
        }
    }
}

/// Where a name's cell is in each row.
fn places(Hashed(name): Hashed) -> impl Iterator<Item = usize> {
    let step = name >> 32 | 1;
    (1..).map(move |row| usize::try_from(name.wrapping_add(step.wrapping_mul(row)) % CELLS as u64).unwrap_or(0))
}

/// Noise is reckoned in parts of this.
const ONE: u64 = 256;
const ROWS: usize = 4;
const CELLS: usize = 1 << 17;
/// How many more may come before the noise is reckoned again: so few that a cell gets next to nothing of them.
const RECKON_AGAIN: u64 = CELLS as u64 / 1024;
const HALVING: Duration = Duration::from_secs(60);
/// Cells hold at most 255: before the noise alone fills them, counts are halved.
const MOST_COUNTED: u64 = 64 * CELLS as u64;

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, Hash};

    use foldhash::fast::RandomState;

    use super::*;

    fn hashed(state: &RandomState, name: impl Hash) -> Hashed {
        Hashed(state.hash_one(name))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default() + Duration::from_secs(1000 + seconds)
    }

    #[test]
    fn who_comes_back_stands_out_of_a_flood() {
        let (mut frequency, state) = (Frequency::default(), RandomState::default());
        let mut regular = 0;
        let mut loudest_stranger = 0;
        for stranger in 0..2_000_000_u32 {
            loudest_stranger = loudest_stranger.max(frequency.count(hashed(&state, stranger), at(0)));
            if stranger % 40_000 == 0 {
                regular = frequency.count(hashed(&state, "regular"), at(0));
            }
        }
        assert!(regular >= 20, "{regular}");
        assert!(loudest_stranger < 20, "{loudest_stranger}");
    }

    /// Each that did would take the place of a set, and its numbers with it.
    #[test]
    fn of_a_flood_that_fills_the_cells_no_stranger_seems_to_come_back() {
        let (mut frequency, state) = (Frequency::default(), RandomState::default());
        let frequent = (0..400_000_u32).filter(|stranger| frequency.count(hashed(&state, stranger), at(0)) >= 3);
        assert_eq!(frequent.count(), 0);
    }

    #[test]
    fn without_a_flood_counts_are_exact_and_fade() {
        let (mut frequency, state) = (Frequency::default(), RandomState::default());
        for times in 1..=5 {
            assert_eq!(frequency.count(hashed(&state, "peer"), at(0)), times);
        }
        assert_eq!(frequency.count(hashed(&state, "peer"), at(120)), 3);
        assert_eq!(frequency.count(hashed(&state, "other"), at(120)), 1);
    }
}
