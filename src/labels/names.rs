//! Which set has which name: found by a hash that is also what the sketch of newcomers counts by.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::name::SetName;
use super::sets::SetId;

/// The names of the sets that exist.
#[derive(Default)]
pub(super) struct Names {
    table: HashTable<(SetName, SetId)>,
    hasher: RandomState,
}

/// What a name hashes to, in one table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hashed(pub(super) u64);

impl Names {
    /// So that a name is hashed once for several questions.
    pub(super) fn hash(&self, name: &SetName) -> Hashed {
        Hashed(self.hasher.hash_one(name))
    }

    /// The set of this name, which hashes to this.
    pub(super) fn get(&self, Hashed(hash): Hashed, name: &SetName) -> Option<SetId> {
        self.table.find(hash, |(known, _)| known == name).map(|(_, set)| *set)
    }

    /// The same where nothing was hashed yet.
    pub(super) fn find(&self, name: &SetName) -> Option<SetId> {
        self.get(self.hash(name), name)
    }

    pub(super) fn insert(&mut self, name: SetName, set: SetId) {
        let hash = self.hash(&name).0;
        match self.table.entry(hash, |(known, _)| *known == name, |(known, _)| self.hasher.hash_one(known)) {
            Entry::Occupied(mut known) => known.get_mut().1 = set,
            Entry::Vacant(place) => drop(place.insert((name, set))),
        }
    }

    pub(super) fn remove(&mut self, name: &SetName) {
        let hash = self.hash(name).0;
        if let Ok(known) = self.table.find_entry(hash, |(known, _)| known == name) {
            known.remove();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}
