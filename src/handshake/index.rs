//! Which attempts have a name with these two ends: a hash table of 64-bit words, a tag and a slot each.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::attempt::Name;
use crate::packet::Endpoint;

/// From the two ends of a packet, in either order, to the slots that may hold its attempts.
#[derive(Default)]
pub(super) struct Index {
    table: HashTable<Entry>,
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Entry {
    tag: u32,
    slot: u32,
}

impl Entry {
    /// The hash that placed it, made again from its tag alone when the table grows.
    const fn hash(self) -> u64 {
        spread(self.tag)
    }
}

impl Index {
    /// Adds a name of the attempt in `slot`. Where a four-tuple holds too many attempts already (a flood that reuses
    /// it), the oldest one is no longer found by packets: it goes on by its own clock.
    pub(super) fn insert(&mut self, name: &Name, slot: u32, oldest: impl FnOnce(&Slots) -> u32) {
        let tag = self.tag(name.client, name.server);
        let same = self.slots(name.client, name.server);
        if same.is_full() {
            let oldest = oldest(&same);
            if let Some(entry) = self.table.find_mut(spread(tag), |entry| entry.slot == oldest && entry.tag == tag) {
                entry.slot = slot;
                return;
            }
        }
        self.table.insert_unique(spread(tag), Entry { tag, slot }, |entry| entry.hash());
    }

    /// Takes a name of the attempt in `slot` away.
    pub(super) fn remove(&mut self, name: &Name, slot: u32) {
        let tag = self.tag(name.client, name.server);
        if let Ok(entry) = self.table.find_entry(spread(tag), |entry| entry.slot == slot && entry.tag == tag) {
            entry.remove();
        }
    }

    /// The slots whose tags say that these may be their ends. The caller looks at the attempts themselves.
    pub(super) fn slots(&self, one: Endpoint, other: Endpoint) -> Slots {
        let tag = self.tag(one, other);
        let mut slots = Slots::default();
        for entry in self.table.iter_hash(spread(tag)).filter(|entry| entry.tag == tag) {
            if !slots.push(entry.slot) {
                break;
            }
        }
        slots
    }

    fn tag(&self, one: Endpoint, other: Endpoint) -> u32 {
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        let ports = u32::from(low.port) << 16 | u32::from(high.port);
        let key = (u128::from_ne_bytes(low.address.octets()), u128::from_ne_bytes(high.address.octets()), ports);
        (self.hasher.hash_one(key) >> 32) as u32
    }
}

/// hashbrown takes the bucket from the low bits and its own tag from the high ones.
const fn spread(tag: u32) -> u64 {
    (tag as u64) << 32 | tag as u64
}

/// A few slots, on the stack.
#[derive(Clone, Copy)]
pub(super) struct Slots {
    slots: [u32; MAX_SAME_ENDS],
    count: usize,
}

impl Default for Slots {
    fn default() -> Self {
        Self { slots: [0; MAX_SAME_ENDS], count: 0 }
    }
}

impl Slots {
    pub(super) fn as_slice(&self) -> &[u32] {
        self.slots.get(..self.count).unwrap_or_default()
    }

    fn push(&mut self, slot: u32) -> bool {
        match self.slots.get_mut(self.count) {
            Some(place) => {
                *place = slot;
                self.count += 1;
                true
            }
            None => false,
        }
    }

    const fn is_full(&self) -> bool {
        self.count == MAX_SAME_ENDS
    }
}

/// How many attempts with the same two ends (another ISN each) are found by packets.
const MAX_SAME_ENDS: usize = 16;
