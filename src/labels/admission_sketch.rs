//! The admission sketch: estimates how often peers without a label set of their own recurred
//! lately.
//!
//! The registry records each attempt that exceeds its limit here, and admits the peers that recur.
//!
//! Invariant: the memory is fixed, whatever the number of peers.

use std::time::Duration;

use prefetch_index::prefetch_index;

use super::label_set::KeyHash;
use crate::time::Timestamp;

const ROWS: usize = 4;
const BLOCK_BITS: u32 = 13;
const BLOCKS: usize = 1 << BLOCK_BITS;
const CELL_BITS: u32 = 4;
const CELLS_IN_BLOCK_ROW: usize = 1 << CELL_BITS;
/// Number of cells of one row over all blocks.
const CELLS_IN_ROW: usize = BLOCKS * CELLS_IN_BLOCK_ROW;
/// Counts are halved at this interval.
const HALVING_INTERVAL: Duration = Duration::from_secs(60);
/// Counts are halved earlier at this total. A cell holds at most 255, and the noise alone must not
/// fill it.
const MAX_TOTAL: u64 = 64 * CELLS_IN_ROW as u64;
/// The noise is expressed in units of 1/256.
const NOISE_UNIT: u64 = 256;
/// The noise is estimated again after this number of records. It is small: it adds at most 1/1024
/// to a cell on average.
const NOISE_UPDATE_INTERVAL: u64 = CELLS_IN_ROW as u64 / 1024;
/// 2^64 divided by the golden ratio, rounded to the next odd number.
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

/// A count-mean-min sketch (Deng and Rafiei, *New estimation algorithms for streaming data:
/// Count-min can do more*, 2007). It is a count-min sketch that subtracts the noise that all other
/// keys leave in each cell. Keys that occur once, as in a flood, therefore do not look frequent,
/// and a recurring key stands out. Counts are halved every minute.
///
/// All cells of a key are in one block, which is one cache line, because in a flood one cache miss
/// takes as long as the whole computation. Blocked Bloom filters do the same (Putze, Sanders and
/// Singler, *Cache-, hash- and space-efficient Bloom filters*, 2007).
#[derive(Default)]
pub(super) struct FrequencySketch {
    /// Empty until the first record, because most hosts never fill their registry.
    blocks: Vec<SketchBlock>,
    total: u64,
    next_halving: Timestamp,
    /// The share of all other keys in a cell, in units of 1/[`NOISE_UNIT`].
    noise: u64,
    /// The total at which the noise was estimated.
    noise_total: u64,
}

/// A small sketch of [`ROWS`] rows.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct SketchBlock([[u8; CELLS_IN_BLOCK_ROW]; ROWS]);

const _: () = assert!(size_of::<SketchBlock>() == 64, "a block is one cache line");

impl FrequencySketch {
    /// Prefetches the cells of a key.
    pub(super) fn prefetch(&self, key: KeyHash) {
        prefetch_index(&self.blocks, cells_of(key).0);
    }

    /// Records an occurrence of a key. Returns an estimate of its recent occurrences, at least 1.
    pub(super) fn record(&mut self, key: KeyHash, now: Timestamp) -> u32 {
        self.halve_if_due(now);
        self.total += 1;
        let mut minimum = u8::MAX;
        let (block, cells) = cells_of(key);
        if let Some(SketchBlock(rows)) = self.blocks.get_mut(block) {
            for (row, index) in rows.iter_mut().zip(cells) {
                if let Some(cell) = row.get_mut(index) {
                    *cell = cell.saturating_add(1);
                    minimum = minimum.min(*cell);
                }
            }
        }
        if self.total >= self.noise_total + NOISE_UPDATE_INTERVAL {
            self.estimate_noise();
        }
        let scaled = u64::from(minimum) * NOISE_UNIT + NOISE_UNIT / 2;
        let excess = scaled.saturating_sub(self.noise) / NOISE_UNIT;
        u32::try_from(excess.max(1)).unwrap_or(u32::MAX)
    }

    /// Estimates the noise: the mean share of all keys in a cell, plus 9/4 of its standard
    /// deviation. The deviation keeps one key in many from being admitted by chance, or because its
    /// block has more keys than others. The unit is a fraction of one, because a mean share below
    /// one favors some keys, too. The mean includes the records until the next estimate.
    fn estimate_noise(&mut self) {
        let mean = (self.total + NOISE_UPDATE_INTERVAL) * NOISE_UNIT / CELLS_IN_ROW as u64;
        self.noise = mean + (mean * NOISE_UNIT).isqrt() * 9 / 4;
        self.noise_total = self.total;
    }

    fn halve_if_due(&mut self, now: Timestamp) {
        if now < self.next_halving && self.total < MAX_TOTAL {
            return;
        }
        self.next_halving = now + HALVING_INTERVAL;
        self.total /= 2;
        self.estimate_noise();
        let empty = SketchBlock([[0; CELLS_IN_BLOCK_ROW]; ROWS]);
        self.blocks.resize(BLOCKS, empty);
        self.blocks
            .iter_mut()
            .flat_map(|SketchBlock(rows)| rows)
            .flatten()
            .for_each(|cell| *cell /= 2);
    }
}

/// Returns the block of a key, and the index of its cell in each row of the block.
fn cells_of(KeyHash(key): KeyHash) -> (usize, impl Iterator<Item = usize>) {
    // Not every bit of the hash depends on the whole key. The upper bits of this product do (Knuth,
    // *The Art of Computer Programming*, volume 3, section 6.4).
    let bits = (key ^ key >> 32).wrapping_mul(GOLDEN_RATIO);
    let take_bits = move |from: u32, count: u32| {
        usize::try_from(bits >> (64 - from - count) & ((1 << count) - 1)).unwrap_or(0)
    };
    let cells = (0..).map(move |row| take_bits(BLOCK_BITS + CELL_BITS * row, CELL_BITS));
    (take_bits(0, BLOCK_BITS), cells)
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, Hash};

    use foldhash::fast::{FixedState, RandomState};

    use super::*;

    fn key_hash(state: &impl BuildHasher, key: impl Hash) -> KeyHash {
        KeyHash(state.hash_one(key))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default() + Duration::from_secs(1000 + seconds)
    }

    #[test]
    fn recurring_key_stands_out_in_flood() {
        let mut sketch = FrequencySketch::default();
        let state = RandomState::default();
        let mut recurring = 0;
        let mut highest_single = 0;
        for single in 0..2_000_000_u32 {
            highest_single = highest_single.max(sketch.record(key_hash(&state, single), at(0)));
            if single % 40_000 == 0 {
                recurring = sketch.record(key_hash(&state, "recurring"), at(0));
            }
        }
        assert!(recurring >= 20, "{recurring}");
        assert!(highest_single < 20, "{highest_single}");
    }

    /// A single key with a high estimate would evict a label set and its counts.
    #[test]
    fn single_keys_never_seem_frequent_in_flood() {
        // The seeds are fixed, because one of eighty random seeds makes one of 400,000 keys seem
        // frequent.
        for seed in 0..8 {
            let state = FixedState::with_seed(seed);
            assert_eq!(
                count_admitted((0..400_000_u32).map(|key| key_hash(&state, key))),
                0,
                "seed {seed}"
            );
        }
    }

    /// For some seeds one half of the hash has little entropy.
    #[test]
    fn poor_hash_still_spreads_over_all_cells() {
        assert_eq!(count_admitted((0..400_000).map(KeyHash)), 0);
        assert_eq!(
            count_admitted((0..400_000).map(|key| KeyHash(key << 32))),
            0
        );
    }

    /// Returns how many of these keys seem to have occurred before.
    fn count_admitted(keys: impl Iterator<Item = KeyHash>) -> usize {
        let mut sketch = FrequencySketch::default();
        keys.filter(|key| sketch.record(*key, at(0)) >= 3).count()
    }

    #[test]
    fn counts_without_flood_are_exact_and_halved() {
        let mut sketch = FrequencySketch::default();
        let state = RandomState::default();
        for times in 1..=5 {
            assert_eq!(sketch.record(key_hash(&state, "peer"), at(0)), times);
        }
        assert_eq!(sketch.record(key_hash(&state, "peer"), at(120)), 3);
        assert_eq!(sketch.record(key_hash(&state, "other"), at(120)), 1);
    }
}
