//! Which attempts have a name with these two ends: a hash table of buckets, each a cache line of slots with some bits of their tags.
//!
//! What makes it fast is that it is small, for each packet reads a line of it anywhere, and that nothing in a bucket is searched
//! for: all its words are compared at once, without a branch. Where a bucket is full, what is left goes to a table beside
//! (as in the F14 tables of Folly each bucket counts what it sent away, so that whoever finds none there need not look). The
//! attempts themselves are read only where the bits say that they may be meant.

use hashbrown::HashTable;
use hashbrown::hash_table::IterHash;
use prefetch_index::prefetch_index;

use super::ends::FlowHash;

/// From the two ends of a packet, in either order, to the slots that may hold its attempts.
pub(super) struct Index {
    /// A power of two of them.
    buckets: Vec<Bucket>,
    /// How many bits of a tag do not say which bucket it is.
    bits_in_bucket: u32,
    /// How many bits of a word say which slot it is; the others are the last ones of its tag.
    slot_bits: u32,
    /// For which there was no room in their bucket.
    spilled: HashTable<(FlowHash, u32)>,
}

/// How many words are in use, and beside that how many were spilled; then the words.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Bucket([u32; 1 + WORDS]);

impl Index {
    /// For slots below that, most of which have one tag.
    pub(super) fn of(capacity: usize) -> Self {
        let slots = capacity.next_power_of_two();
        let buckets = (slots.min(MOST_IN_BUCKETS) / HALF_FULL).max(2);
        Self {
            buckets: vec![Bucket([0; 1 + WORDS]); buckets],
            bits_in_bucket: u32::BITS - buckets.ilog2(),
            slot_bits: slots.ilog2(),
            spilled: HashTable::new(),
        }
    }

    /// Whether there may be slots under this tag.
    #[inline]
    pub(super) fn may_have(&self, tag: FlowHash) -> bool {
        self.bucket(tag)
            .is_some_and(|bucket| self.matches(bucket, tag) != 0 || bucket.spilled() > 0)
    }

    /// The slots under this tag. The caller looks whether their attempts have these ends.
    #[inline(always)]
    pub(super) fn slots(&self, tag: FlowHash) -> Slots<'_> {
        let bucket = self.bucket(tag);
        let matches = match bucket {
            Some(bucket) => self.matches(bucket, tag),
            None => 0,
        };
        Slots {
            index: self,
            tag,
            bucket,
            matches,
            spilled: None,
        }
    }

    /// Has the memory fetched where the slots of this tag stand, if any do.
    #[inline]
    pub(super) fn fetch(&self, tag: FlowHash) {
        prefetch_index(&self.buckets, self.home(tag));
    }

    /// Adds a slot under this tag.
    #[inline]
    pub(super) fn insert(&mut self, tag: FlowHash, slot: u32) {
        let (home, word) = (self.home(tag), self.word(tag, slot));
        if self
            .buckets
            .get_mut(home)
            .is_some_and(|bucket| !bucket.push(word))
        {
            self.spill(tag, slot);
        }
    }

    #[cold]
    fn spill(&mut self, tag: FlowHash, slot: u32) {
        let home = self.home(tag);
        if let Some(bucket) = self.buckets.get_mut(home) {
            bucket.0[0] += SPILLED;
            self.spilled
                .insert_unique(hash_of(tag), (tag, slot), |(tag, _)| hash_of(*tag));
        }
    }

    /// Takes a slot away from under this tag.
    #[inline]
    pub(super) fn remove(&mut self, tag: FlowHash, slot: u32) {
        let (home, word) = (self.home(tag), self.word(tag, slot));
        if self
            .buckets
            .get_mut(home)
            .is_some_and(|bucket| !bucket.remove(word) && bucket.spilled() > 0)
        {
            self.remove_spilled(tag, slot);
        }
    }

    #[cold]
    fn remove_spilled(&mut self, tag: FlowHash, slot: u32) {
        let home = self.home(tag);
        if let Some(bucket) = self.buckets.get_mut(home)
            && let Ok(known) = self
                .spilled
                .find_entry(hash_of(tag), |known| *known == (tag, slot))
        {
            known.remove();
            bucket.0[0] -= SPILLED;
        }
    }

    fn bucket(&self, tag: FlowHash) -> Option<&Bucket> {
        self.buckets.get(self.home(tag))
    }

    /// By the high bits of the tag.
    fn home(&self, FlowHash(tag): FlowHash) -> usize {
        tag.wrapping_shr(self.bits_in_bucket) as usize
    }

    const fn slot_mask(&self) -> u32 {
        (1 << self.slot_bits) - 1
    }

    const fn word(&self, FlowHash(tag): FlowHash, slot: u32) -> u32 {
        tag << self.slot_bits | slot
    }

    /// Where in a bucket this tag may stand, one bit each.
    #[inline(always)]
    fn matches(&self, bucket: &Bucket, tag: FlowHash) -> u32 {
        bucket.equal(self.word(tag, 0), !self.slot_mask())
    }
}

/// What stands under a tag.
pub(super) struct Slots<'a> {
    index: &'a Index,
    tag: FlowHash,
    bucket: Option<&'a Bucket>,
    /// In the bucket, and still to be told.
    matches: u32,
    /// The others, once they are asked for.
    spilled: Option<IterHash<'a, (FlowHash, u32)>>,
}

impl Slots<'_> {
    #[cold]
    fn next_spilled(&mut self) -> Option<u32> {
        let (index, tag) = (self.index, self.tag);
        let spilled = self
            .spilled
            .get_or_insert_with(|| index.spilled.iter_hash(hash_of(tag)));
        spilled.find(|(of, _)| *of == tag).map(|(_, slot)| *slot)
    }
}

impl Iterator for Slots<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let bucket = self.bucket?;
        if self.matches == 0 {
            return if bucket.spilled() == 0 {
                None
            } else {
                self.next_spilled()
            };
        }
        let word = bucket.0.get(first_of(self.matches))?;
        self.matches &= self.matches.wrapping_sub(1);
        Some(word & self.index.slot_mask())
    }
}

impl Bucket {
    const fn used(&self) -> u32 {
        self.0[0] & (SPILLED - 1)
    }

    const fn spilled(&self) -> u32 {
        self.0[0] / SPILLED
    }

    /// Which words are equal to this in these bits, one [bit](BITS) each: all are looked at, several at once, so that there is
    /// nothing to guess.
    #[inline(always)]
    fn equal(&self, word: u32, bits: u32) -> u32 {
        let equal = self.0.iter().zip(&BITS).fold(0, |found, (known, bit)| {
            found | if (known ^ word) & bits == 0 { *bit } else { 0 }
        });
        let in_use = (4 << self.used()) - 4;
        equal & in_use
    }

    /// Whether there is room for one more.
    fn push(&mut self, word: u32) -> bool {
        let place = self.used() as usize + 1;
        let Some(free) = self.0.get_mut(place) else {
            return false;
        };
        *free = word;
        self.0[0] += 1;
        true
    }

    /// Whether it was there. The last one takes its place.
    fn remove(&mut self, word: u32) -> bool {
        let place = first_of(self.equal(word, u32::MAX));
        let last = self
            .0
            .get(self.used() as usize)
            .copied()
            .unwrap_or_default();
        let Some(known) = self.0.get_mut(place) else {
            return false;
        };
        *known = last;
        self.0[0] -= 1;
        true
    }
}

/// The place of the first of these words; none has it where there is none.
const fn first_of(bits: u32) -> usize {
    (bits.trailing_zeros() as usize).wrapping_sub(1)
}

/// One for each word. The first one is not one, for then the compiler would take the words by themselves.
#[rustfmt::skip]
const BITS: [u32; 1 + WORDS] = [
    1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 8,
    1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16,
];

/// That table takes the place from the lower bits, and from the upper ones what it keeps in a byte.
const fn hash_of(FlowHash(tag): FlowHash) -> u64 {
    (tag as u64) << 32 | tag as u64
}

/// In a bucket, which is half full where all slots are in use: one bucket in a hundred spills.
const WORDS: usize = 15;
const HALF_FULL: usize = 8;
/// Added for each one that was spilled.
const SPILLED: u32 = 1 << 8;
/// Slots for which there are buckets, whose memory is taken at the start. Where there are more slots, more are spilled.
const MOST_IN_BUCKETS: usize = 1 << 22;

const _: () = assert!(size_of::<Bucket>() == 64, "a bucket is one cache line");

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn found(index: &Index, tag: FlowHash) -> HashSet<u32> {
        index.slots(tag).collect()
    }

    proptest! {
        /// Few tags that share a bucket, so that most are spilled.
        #[test]
        fn it_holds_what_was_put_in_and_not_taken_out(
            steps in prop::collection::vec((any::<bool>(), 0..24_u32, 0..64_u32), 0..2000)
        ) {
            let mut index = Index::of(64);
            let mut model: HashSet<(u32, u32)> = HashSet::new();
            for (put, crowd, slot) in steps {
                let tag = FlowHash(u32::MAX - crowd * 0x0010_0000);
                if put {
                    if model.insert((tag.0, slot)) {
                        index.insert(tag, slot);
                    }
                } else {
                    model.remove(&(tag.0, slot));
                    index.remove(tag, slot);
                }
            }
            let used: u32 = index.buckets.iter().map(|bucket| bucket.used() + bucket.spilled()).sum();
            prop_assert_eq!(used as usize, model.len());
            prop_assert!(model.len() < 200 || !index.spilled.is_empty(), "buckets were too large for this test");
            for crowd in 0..24_u32 {
                let tag = FlowHash(u32::MAX - crowd * 0x0010_0000);
                let known: HashSet<u32> = model.iter().filter(|(of, _)| *of == tag.0).map(|(_, slot)| *slot).collect();
                prop_assert_eq!(found(&index, tag), known);
            }
        }
    }
}
