//! How often names came lately, though there is no room to remember them: a sketch of fixed size.

use std::time::Duration;

use prefetch_index::prefetch_index;

use super::names::Hashed;
use crate::time::Timestamp;

/// A count-mean-min sketch (Deng and Rafiei, *New estimation algorithms for streaming data: Count-min can do more*,
/// 2007): a count-min sketch whose estimates are freed of the noise that all the others leave in each cell. So a flood
/// of names that come once makes none of them look frequent, and a name that comes back stands out. Counts are halved
/// every minute. All cells of a name are in one block, which is a cache line (as in blocked Bloom filters: Putze, Sanders and
/// Singler, *Cache-, hash- and space-efficient Bloom filters*, 2007): in a flood each line that is far away takes as long as all
/// that is reckoned here.
#[derive(Default)]
pub(super) struct FrequencySketch {
    blocks: Vec<Block>,
    counted: u64,
    next_halving: Timestamp,
    /// What the others leave in a cell, in parts of [`ONE`], and how many were counted when it was reckoned.
    noise: u64,
    reckoned: u64,
}

/// A small sketch of its own, row after row.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Block([[u8; CELLS_IN_ROW]; ROWS]);

impl FrequencySketch {
    /// Has the memory of the name's cells fetched.
    pub(super) fn fetch(&self, name: Hashed) {
        prefetch_index(&self.blocks, places(name).0);
    }

    /// The name came once more. About how often it came lately, beyond what chance would make it seem.
    pub(super) fn count(&mut self, name: Hashed, now: Timestamp) -> u32 {
        self.age(now);
        self.counted += 1;
        let mut least = u8::MAX;
        let (block, cells) = places(name);
        if let Some(Block(rows)) = self.blocks.get_mut(block) {
            for (row, place) in rows.iter_mut().zip(cells) {
                if let Some(cell) = row.get_mut(place) {
                    *cell = cell.saturating_add(1);
                    least = least.min(*cell);
                }
            }
        }
        if self.counted >= self.reckoned + RECKON_AGAIN {
            self.reckon();
        }
        let excess = (u64::from(least) * ONE + ONE / 2).saturating_sub(self.noise) / ONE;
        u32::try_from(excess.max(1)).unwrap_or(u32::MAX)
    }

    /// Each cell holds, beside a name's own count, its share of all others. Somewhat more than twice the deviation of that share is
    /// left out too, so that one name in many does not pass by luck, nor because its block has more names than others. All in
    /// parts of one, for a share of less than one makes some lucky, too; and with those that will have come before it is reckoned
    /// again.
    fn reckon(&mut self) {
        let share = (self.counted + RECKON_AGAIN) * ONE / CELLS as u64;
        self.noise = share + (share * ONE).isqrt() * 9 / 4;
        self.reckoned = self.counted;
    }

    fn age(&mut self, now: Timestamp) {
        if now < self.next_halving && self.counted < MOST_COUNTED {
            return;
        }
        self.next_halving = now + HALVING;
        self.counted /= 2;
        self.reckon();
        // Room is taken when it is first needed: most hosts never fill their table of sets.
        self.blocks.resize(BLOCKS, Block([[0; CELLS_IN_ROW]; ROWS]));
        self.blocks
            .iter_mut()
            .flat_map(|Block(rows)| rows)
            .flatten()
            .for_each(|cell| *cell /= 2);
    }
}

/// In which block a name is, and where its cell is in each row of it.
fn places(Hashed(name): Hashed) -> (usize, impl Iterator<Item = usize>) {
    // Not all bits of the hash depend on all of the name: of such a product the upper ones do (Knuth, *The Art of Computer
    // Programming*, volume 3, section 6.4).
    let bits = (name ^ name >> 32).wrapping_mul(GOLDEN);
    let some = move |from: u32, count: u32| {
        usize::try_from(bits >> (64 - from - count) & ((1 << count) - 1)).unwrap_or(0)
    };
    (
        some(0, BLOCK_BITS),
        (0..).map(move |row| some(BLOCK_BITS + CELL_BITS * row, CELL_BITS)),
    )
}

/// Noise is reckoned in parts of this.
const ONE: u64 = 256;
const ROWS: usize = 4;
const BLOCK_BITS: u32 = 13;
const BLOCKS: usize = 1 << BLOCK_BITS;
const CELL_BITS: u32 = 4;
const CELLS_IN_ROW: usize = 1 << CELL_BITS;
/// In each row.
const CELLS: usize = BLOCKS * CELLS_IN_ROW;
/// How many more may come before the noise is reckoned again: so few that a cell gets next to nothing of them.
const RECKON_AGAIN: u64 = CELLS as u64 / 1024;
const HALVING: Duration = Duration::from_secs(60);
/// Cells hold at most 255: before the noise alone fills them, counts are halved.
const MOST_COUNTED: u64 = 64 * CELLS as u64;

/// 2^64 over the golden ratio, to the next odd number.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const _: () = assert!(size_of::<Block>() == 64, "a block is one cache line");

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, Hash};

    use foldhash::fast::{FixedState, RandomState};

    use super::*;

    fn hashed(state: &impl BuildHasher, name: impl Hash) -> Hashed {
        Hashed(state.hash_one(name))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default() + Duration::from_secs(1000 + seconds)
    }

    #[test]
    fn who_comes_back_stands_out_of_a_flood() {
        let (mut frequency, state) = (FrequencySketch::default(), RandomState::default());
        let mut regular = 0;
        let mut loudest_stranger = 0;
        for stranger in 0..2_000_000_u32 {
            loudest_stranger =
                loudest_stranger.max(frequency.count(hashed(&state, stranger), at(0)));
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
        // These seeds are always the same: of eighty at random, one has one stranger in 400,000 seem to come back.
        for seed in 0..8 {
            let state = FixedState::with_seed(seed);
            assert_eq!(
                frequent((0..400_000_u32).map(|stranger| hashed(&state, stranger))),
                0,
                "seed {seed}"
            );
        }
    }

    /// Of some seeds the hash has poor bits, in one half or the other.
    #[test]
    fn a_poor_hash_does_not_crowd_strangers_into_few_cells() {
        assert_eq!(frequent((0..400_000).map(Hashed)), 0);
        assert_eq!(
            frequent((0..400_000).map(|stranger| Hashed(stranger << 32))),
            0
        );
    }

    /// How many of these seem to have come before.
    fn frequent(strangers: impl Iterator<Item = Hashed>) -> usize {
        let mut frequency = FrequencySketch::default();
        strangers
            .filter(|stranger| frequency.count(*stranger, at(0)) >= 3)
            .count()
    }

    #[test]
    fn without_a_flood_counts_are_exact_and_fade() {
        let (mut frequency, state) = (FrequencySketch::default(), RandomState::default());
        for times in 1..=5 {
            assert_eq!(frequency.count(hashed(&state, "peer"), at(0)), times);
        }
        assert_eq!(frequency.count(hashed(&state, "peer"), at(120)), 3);
        assert_eq!(frequency.count(hashed(&state, "other"), at(120)), 1);
    }
}
