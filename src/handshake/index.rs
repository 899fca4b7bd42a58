//! Which attempts have a name with these two ends: an open-addressed hash table of 64-bit words, a tag and a slot each.
//!
//! Eight words stand in a cache line, and a lookup mostly reads one: the attempts themselves are read only where the tag
//! says that they may be meant. Linear probing with backward-shift deletion (Knuth, *The Art of Computer Programming*,
//! volume 3, section 6.4, algorithm R), so that nothing is left behind by what was removed.

use prefetch_index::prefetch_index;

use super::ends::Tag;

/// From the two ends of a packet, in either order, to the slots that may hold its attempts.
pub(super) struct Index {
    /// A power of two of them, at most a quarter in use, so that walks are short; zero is free.
    words: Vec<u64>,
    used: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { words: vec![0; SMALLEST], used: 0 }
    }
}

impl Index {
    /// The slots under this tag. The caller looks whether their attempts have these ends.
    pub(super) fn slots(&self, tag: Tag) -> impl Iterator<Item = u32> {
        let mut place = self.home(tag);
        std::iter::from_fn(move || {
            loop {
                let word = self.word(place);
                if word == FREE {
                    return None;
                }
                place = self.after(place);
                if tag_of(word) == tag {
                    return Some(slot_of(word));
                }
            }
        })
    }

    /// Has the memory fetched where the slots of this tag stand, if any do.
    pub(super) fn fetch(&self, tag: Tag) {
        prefetch_index(&self.words, self.home(tag));
    }

    /// Adds a slot under this tag. Says how many others the tag has.
    pub(super) fn insert(&mut self, tag: Tag, slot: u32) -> usize {
        if (self.used + 1) * 4 > self.words.len() {
            self.grow();
        }
        self.used += 1;
        self.place(word_of(tag, slot))
    }

    /// Takes a slot away from under this tag.
    pub(super) fn remove(&mut self, tag: Tag, slot: u32) {
        let wanted = word_of(tag, slot);
        let mut hole = self.home(tag);
        loop {
            match self.word(hole) {
                FREE => return,
                word if word == wanted => break,
                _ => hole = self.after(hole),
            }
        }
        // What stands behind the hole and was pushed past it moves up.
        let mut next = self.after(hole);
        loop {
            let word = self.word(next);
            if word == FREE {
                break;
            }
            let pushed_by = next.wrapping_sub(self.home(tag_of(word))) & (self.words.len() - 1);
            let behind_by = next.wrapping_sub(hole) & (self.words.len() - 1);
            if pushed_by >= behind_by {
                self.set(hole, word);
                hole = next;
            }
            next = self.after(next);
        }
        self.set(hole, FREE);
        self.used -= 1;
    }

    /// The first one free at or behind its home: there is always one. Those with the same tag stand all before it.
    fn place(&mut self, word: u64) -> usize {
        let mut place = self.home(tag_of(word));
        let mut others = 0;
        loop {
            match self.word(place) {
                FREE => break,
                other => others += usize::from(tag_of(other) == tag_of(word)),
            }
            place = self.after(place);
        }
        self.set(place, word);
        others
    }

    fn grow(&mut self) {
        let larger = vec![FREE; self.words.len() * 2];
        for word in std::mem::replace(&mut self.words, larger).into_iter().filter(|word| *word != FREE) {
            self.place(word);
        }
    }

    /// By the high bits of the tag, whatever the size.
    fn home(&self, Tag(tag): Tag) -> usize {
        ((u64::from(tag) * self.words.len() as u64) >> 32) as usize
    }

    const fn after(&self, place: usize) -> usize {
        (place + 1) & (self.words.len() - 1)
    }

    fn word(&self, place: usize) -> u64 {
        self.words.get(place).copied().unwrap_or(FREE)
    }

    fn set(&mut self, place: usize, word: u64) {
        if let Some(known) = self.words.get_mut(place) {
            *known = word;
        }
    }
}

/// Slots are counted from one, so that no word is zero.
const fn word_of(Tag(tag): Tag, slot: u32) -> u64 {
    (tag as u64) << 32 | (slot as u64 + 1)
}

const fn tag_of(word: u64) -> Tag {
    Tag((word >> 32) as u32)
}

const fn slot_of(word: u64) -> u32 {
    ((word & 0xffff_ffff) as u32).wrapping_sub(1)
}

const FREE: u64 = 0;
const SMALLEST: usize = 1024;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn found(index: &Index, tag: Tag) -> HashSet<u32> {
        index.slots(tag).collect()
    }

    proptest! {
        /// Few tags that crowd at the end of the table, so that runs are long and wrap around.
        #[test]
        fn it_holds_what_was_put_in_and_not_taken_out(
            steps in prop::collection::vec((any::<bool>(), 0..24_u32, 0..64_u32), 0..2000)
        ) {
            let mut index = Index::default();
            let mut model: HashSet<(u32, u32)> = HashSet::new();
            for (put, crowd, slot) in steps {
                let tag = Tag(u32::MAX - crowd * 0x0010_0000);
                if put {
                    if model.insert((tag.0, slot)) {
                        index.insert(tag, slot);
                    }
                } else {
                    model.remove(&(tag.0, slot));
                    index.remove(tag, slot);
                }
            }
            prop_assert_eq!(index.used, model.len());
            for crowd in 0..24_u32 {
                let tag = Tag(u32::MAX - crowd * 0x0010_0000);
                let known: HashSet<u32> = model.iter().filter(|(of, _)| *of == tag.0).map(|(_, slot)| *slot).collect();
                prop_assert_eq!(found(&index, tag), known);
            }
        }
    }
}
