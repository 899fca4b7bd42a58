//! How often names came lately, though there is no room to remember them: a sketch of fixed size.

use std::time::Duration;

use super::names::Hashed;
use crate::time::Timestamp;

/// A count-mean-min sketch (Deng and Rafiei, *New estimation algorithms for streaming data: Count-min can do more*,
/// 2007): a count-min sketch whose estimates are freed of the noise that all the others leave in each cell. So a flood
/// of names that come once makes none of them look frequent, and a name that comes back stands out. Counts are halved
/// every minute. A name's cells, one of each row, lie in one block of a cache line's size (Putze, Sanders and Singler,
/// *Cache-, hash- and space-efficient Bloom filters*, 2007): in a flood, whose every name is far away, one line is fetched
/// and not four.
#[derive(Default)]
pub(super) struct Frequency {
    blocks: Vec<Block>,
    counted: u64,
    next_halving: Timestamp,
}

/// Some cells of each row.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Block([[u8; CELLS]; ROWS]);

impl Frequency {
    /// Reads from where the name's cells lie. What it gives means nothing.
    pub(super) fn touch(&self, name: Hashed) -> u8 {
        self.blocks.get(block_of(name)).map_or(0, |Block([row, ..])| row[0])
    }

    /// The name came once more. About how often it came lately, beyond what chance would make it seem.
    pub(super) fn count(&mut self, name: Hashed, now: Timestamp) -> u32 {
        self.age(now);
        self.counted += 1;
        let mut least = u8::MAX;
        let rows = self.blocks.get_mut(block_of(name)).into_iter().flat_map(|Block(rows)| rows);
        let Hashed(name) = name;
        for (row, place) in rows.zip((0..).step_by(CELLS.ilog2() as usize)) {
            if let Some(cell) = row.get_mut(usize::try_from((name >> place) % CELLS as u64).unwrap_or(0)) {
                *cell = cell.saturating_add(1);
                least = least.min(*cell);
            }
        }
        // Each cell holds, beside the name's own count, its share of all others; twice the deviation of that share is
        // left out too, so that one name in many does not pass by luck.
        let noise = self.counted / CELLS_A_ROW;
        let excess = u64::from(least).saturating_sub(noise + 2 * noise.isqrt());
        u32::try_from(excess.max(1)).unwrap_or(u32::MAX)
    }

    fn age(&mut self, now: Timestamp) {
        if now < self.next_halving && self.counted < MOST_COUNTED {
            return;
        }
        self.next_halving = now + HALVING;
        self.counted /= 2;
        // Room is taken when it is first needed: most hosts never fill their table of sets.
        self.blocks.resize(BLOCKS, Block::default());
        for cell in self.blocks.iter_mut().flat_map(|Block(rows)| rows).flatten() {
            *cell /= 2;
        }
    }
}

fn block_of(Hashed(name): Hashed) -> usize {
    usize::try_from((name >> 32) % BLOCKS as u64).unwrap_or(0)
}

const ROWS: usize = 4;
/// Of each row in a block.
const CELLS: usize = 16;
const BLOCKS: usize = 1 << 13;
const CELLS_A_ROW: u64 = (BLOCKS * CELLS) as u64;
const HALVING: Duration = Duration::from_secs(60);
/// Cells hold at most 255: before the noise alone fills them, counts are halved.
const MOST_COUNTED: u64 = 64 * CELLS_A_ROW;

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
