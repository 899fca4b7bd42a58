//! The index of attempts: a hash table of one-cache-line buckets from the hash of two endpoints to
//! slots.
//!
//! It is small, because every packet reads one random line of it: 15 words a bucket, each a slot
//! number and some bits of its hash. All words of a bucket are compared at once, without a branch.
//! Slots that find their bucket full go to an overflow table; as in Folly's F14 tables each bucket
//! counts the slots that overflowed, so that the overflow table is read only if there are any.
//! Attempts are read only if the bits of their hash match.

use arrayvec::ArrayVec;
use hashbrown::HashTable;
use hashbrown::hash_table::IterHash;
use prefetch_index::prefetch_index;

use super::super::event::Side;
use super::super::flow::FlowHash;

/// Attempts with one four-tuple (each with its own ISN) that packets can find.
pub(super) const MAX_PER_FOUR_TUPLE: usize = 16;
/// Words in a bucket.
const WORDS: usize = 15;
/// Words in use in a bucket, on average, if all slots are in use: then one bucket in a hundred
/// overflows.
const MEAN_WORDS: usize = 8;
/// Added to the first word of a bucket for each slot that overflowed.
const OVERFLOWED: u32 = 1 << 8;
/// Slots that get buckets, which are allocated at the start. Beyond that more slots overflow.
const MAX_INDEXED_SLOTS: usize = 1 << 22;
/// One bit for each word. The first is not 1, because then the compiler would not vectorize the
/// comparison.
#[rustfmt::skip]
const BITS: [u32; 1 + WORDS] = [
    1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 8,
    1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16,
];

const _: () = assert!(size_of::<Bucket>() == 64, "a bucket is one cache line");

/// A slot, and the hash under which the index holds it: enough to remove an attempt without reading
/// it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in super::super) struct SlotRef {
    pub(in super::super) slot: u32,
    pub(in super::super) hash: FlowHash,
}

/// An attempt that a packet belongs to, and the side that sent the packet.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Candidate {
    pub(in super::super) attempt: SlotRef,
    pub(in super::super) side: Side,
}

/// The attempts that a packet may belong to, newest first. Nearly always there is at most one,
/// which needs no allocation.
#[derive(Default)]
pub(in super::super) struct Candidates {
    newest: Option<Candidate>,
    older: Option<Box<ArrayVec<Candidate, { MAX_PER_FOUR_TUPLE - 1 }>>>,
}

/// Maps the hash of two endpoints to the slots that may hold their attempts.
pub(super) struct Index {
    /// A power of two of them.
    buckets: Vec<Bucket>,
    /// Bits of a hash that do not select the bucket.
    bits_in_bucket: u32,
    /// Low bits of a word that hold the slot; the others are the low bits of the hash.
    slot_bits: u32,
    overflow: HashTable<(FlowHash, u32)>,
}

/// The first word holds the number of words in use and, in units of [`OVERFLOWED`], of slots that
/// overflowed.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Bucket([u32; 1 + WORDS]);

/// Iterates over the slots under one hash.
pub(super) struct Slots<'a> {
    index: &'a Index,
    hash: FlowHash,
    bucket: Option<&'a Bucket>,
    /// Matching words of the bucket that are still to come, one bit each.
    matches: u32,
    /// Slots that overflowed, once the bucket is done.
    overflow: Option<IterHash<'a, (FlowHash, u32)>>,
}

impl Candidates {
    /// Creates a list of at most one candidate.
    pub(super) const fn new(first: Option<Candidate>) -> Self {
        Self {
            newest: first,
            older: None,
        }
    }

    /// Inserts a candidate behind those that are newer. If the list is full, the oldest is dropped.
    pub(super) fn insert(&mut self, candidate: Candidate, is_newer: impl Fn(&Candidate) -> bool) {
        let Some(newest) = self.newest else {
            self.newest = Some(candidate);
            return;
        };
        // Allocated for all at once: a flood that reuses its ports finds many.
        let older = self.older.get_or_insert_default();
        let (position, next) = if is_newer(&newest) {
            let newer = older.iter().take_while(|known| is_newer(known)).count();
            (newer, candidate)
        } else {
            self.newest = Some(candidate);
            (0, newest)
        };
        if older.is_full() {
            if position == older.len() {
                return;
            }
            older.pop();
        }
        older.insert(position, next);
    }

    pub(in super::super) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.newest
            .iter()
            .chain(self.older.iter().flat_map(|older| older.iter()))
    }
}

impl Index {
    /// Creates an index for slots below `capacity`, most of which have one hash.
    pub(super) fn new(capacity: usize) -> Self {
        let slots = capacity.next_power_of_two();
        let buckets = (slots.min(MAX_INDEXED_SLOTS) / MEAN_WORDS).max(2);
        Self {
            buckets: vec![Bucket([0; 1 + WORDS]); buckets],
            bits_in_bucket: u32::BITS - buckets.ilog2(),
            slot_bits: slots.ilog2(),
            overflow: HashTable::new(),
        }
    }

    /// Returns `false` if no slot is under this hash.
    #[inline]
    pub(super) fn may_contain(&self, hash: FlowHash) -> bool {
        self.bucket(hash)
            .is_some_and(|bucket| self.matches(bucket, hash) != 0 || bucket.overflowed() > 0)
    }

    /// Returns the slots under this hash. The caller compares the four-tuples of their attempts.
    #[inline(always)]
    pub(super) fn slots(&self, hash: FlowHash) -> Slots<'_> {
        let bucket = self.bucket(hash);
        let matches = match bucket {
            Some(bucket) => self.matches(bucket, hash),
            None => 0,
        };
        Slots {
            index: self,
            hash,
            bucket,
            matches,
            overflow: None,
        }
    }

    /// Prefetches the bucket of this hash.
    #[inline]
    pub(super) fn prefetch(&self, hash: FlowHash) {
        prefetch_index(&self.buckets, self.home(hash));
    }

    /// Adds a slot under this hash.
    #[inline]
    pub(super) fn insert(&mut self, hash: FlowHash, slot: u32) {
        let home = self.home(hash);
        let word = self.word(hash, slot);
        if self
            .buckets
            .get_mut(home)
            .is_some_and(|bucket| !bucket.push(word))
        {
            self.insert_overflow(hash, slot);
        }
    }

    #[cold]
    fn insert_overflow(&mut self, hash: FlowHash, slot: u32) {
        let home = self.home(hash);
        if let Some(bucket) = self.buckets.get_mut(home) {
            bucket.0[0] += OVERFLOWED;
            self.overflow
                .insert_unique(spread(hash), (hash, slot), |(hash, _)| spread(*hash));
        }
    }

    /// Removes a slot from under this hash.
    #[inline]
    pub(super) fn remove(&mut self, hash: FlowHash, slot: u32) {
        let home = self.home(hash);
        let word = self.word(hash, slot);
        if self
            .buckets
            .get_mut(home)
            .is_some_and(|bucket| !bucket.remove(word) && bucket.overflowed() > 0)
        {
            self.remove_overflow(hash, slot);
        }
    }

    #[cold]
    fn remove_overflow(&mut self, hash: FlowHash, slot: u32) {
        let home = self.home(hash);
        if let Some(bucket) = self.buckets.get_mut(home)
            && let Ok(entry) = self
                .overflow
                .find_entry(spread(hash), |known| *known == (hash, slot))
        {
            entry.remove();
            bucket.0[0] -= OVERFLOWED;
        }
    }

    fn bucket(&self, hash: FlowHash) -> Option<&Bucket> {
        self.buckets.get(self.home(hash))
    }

    /// Returns the bucket of a hash: its high bits.
    fn home(&self, FlowHash(hash): FlowHash) -> usize {
        hash.wrapping_shr(self.bits_in_bucket) as usize
    }

    const fn slot_mask(&self) -> u32 {
        (1 << self.slot_bits) - 1
    }

    const fn word(&self, FlowHash(hash): FlowHash, slot: u32) -> u32 {
        hash << self.slot_bits | slot
    }

    /// Returns the words of a bucket that may belong to this hash, one bit each.
    #[inline(always)]
    fn matches(&self, bucket: &Bucket, hash: FlowHash) -> u32 {
        bucket.equal(self.word(hash, 0), !self.slot_mask())
    }
}

impl Slots<'_> {
    #[cold]
    fn next_overflow(&mut self) -> Option<u32> {
        let index = self.index;
        let hash = self.hash;
        let overflow = self
            .overflow
            .get_or_insert_with(|| index.overflow.iter_hash(spread(hash)));
        overflow
            .find(|(known, _)| *known == hash)
            .map(|(_, slot)| *slot)
    }
}

impl Iterator for Slots<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let bucket = self.bucket?;
        if self.matches == 0 {
            return if bucket.overflowed() == 0 {
                None
            } else {
                self.next_overflow()
            };
        }
        let word = bucket.0.get(first_word(self.matches))?;
        self.matches &= self.matches.wrapping_sub(1);
        Some(word & self.index.slot_mask())
    }
}

impl Bucket {
    const fn used(&self) -> u32 {
        self.0[0] & (OVERFLOWED - 1)
    }

    const fn overflowed(&self) -> u32 {
        self.0[0] / OVERFLOWED
    }

    /// Returns the words in use that are equal to `word` in the bits of `mask`, one [bit](BITS)
    /// each. All words are compared, several at once, so that no branch is mispredicted.
    #[inline(always)]
    fn equal(&self, word: u32, mask: u32) -> u32 {
        let equal = self.0.iter().zip(&BITS).fold(0, |found, (known, bit)| {
            found | if (known ^ word) & mask == 0 { *bit } else { 0 }
        });
        let in_use = (4 << self.used()) - 4;
        equal & in_use
    }

    /// Adds a word. Returns `false` if the bucket is full.
    fn push(&mut self, word: u32) -> bool {
        let position = self.used() as usize + 1;
        let Some(free) = self.0.get_mut(position) else {
            return false;
        };
        *free = word;
        self.0[0] += 1;
        true
    }

    /// Removes a word; the last one takes its position. Returns `false` if it was not there.
    fn remove(&mut self, word: u32) -> bool {
        let position = first_word(self.equal(word, u32::MAX));
        let last = self
            .0
            .get(self.used() as usize)
            .copied()
            .unwrap_or_default();
        let Some(removed) = self.0.get_mut(position) else {
            return false;
        };
        *removed = last;
        self.0[0] -= 1;
        true
    }
}

/// Returns the position of the first of these words; out of bounds if there is none.
const fn first_word(bits: u32) -> usize {
    (bits.trailing_zeros() as usize).wrapping_sub(1)
}

/// Spreads a hash over 64 bits: hashbrown takes the position from the low bits, and a tag byte from
/// the high ones.
const fn spread(FlowHash(hash): FlowHash) -> u64 {
    (hash as u64) << 32 | hash as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn found(index: &Index, hash: FlowHash) -> HashSet<u32> {
        index.slots(hash).collect()
    }

    fn candidate(slot: u32) -> Candidate {
        Candidate {
            attempt: SlotRef {
                slot,
                hash: FlowHash::default(),
            },
            side: Side::Client,
        }
    }

    proptest! {
        /// A small number of hashes share a bucket, so that most slots overflow.
        #[test]
        fn index_holds_inserted_slots_until_removed(
            steps in prop::collection::vec((any::<bool>(), 0..24_u32, 0..64_u32), 0..2000)
        ) {
            let mut index = Index::new(64);
            let mut model: HashSet<(u32, u32)> = HashSet::new();
            for (insert, group, slot) in steps {
                let hash = FlowHash(u32::MAX - group * 0x0010_0000);
                if insert {
                    if model.insert((hash.0, slot)) {
                        index.insert(hash, slot);
                    }
                } else {
                    model.remove(&(hash.0, slot));
                    index.remove(hash, slot);
                }
            }
            let used: u32 = index.buckets.iter().map(|bucket| bucket.used() + bucket.overflowed()).sum();
            prop_assert_eq!(used as usize, model.len());
            prop_assert!(model.len() < 200 || !index.overflow.is_empty(), "buckets were too large for this test");
            for group in 0..24_u32 {
                let hash = FlowHash(u32::MAX - group * 0x0010_0000);
                let expected: HashSet<u32> = model.iter().filter(|(of, _)| *of == hash.0).map(|(_, slot)| *slot).collect();
                prop_assert_eq!(found(&index, hash), expected);
            }
        }

        /// The slot number stands for the time of the first SYN.
        #[test]
        fn candidates_are_newest_first_in_any_insertion_order(slots in prop::collection::hash_set(0..1000_u32, 0..40)) {
            let mut candidates = Candidates::default();
            for slot in &slots {
                candidates.insert(candidate(*slot), |known| known.attempt.slot > *slot);
            }
            let mut newest: Vec<u32> = slots.into_iter().collect();
            newest.sort_unstable_by(|one, other| other.cmp(one));
            newest.truncate(MAX_PER_FOUR_TUPLE);
            prop_assert_eq!(candidates.iter().map(|known| known.attempt.slot).collect::<Vec<_>>(), newest);
        }
    }
}
