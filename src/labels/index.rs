//! The index of label sets: from the hash of their labels to their identifiers.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::label_set::{KeyHash, LabelSetId, Scope};
use super::peers::Peer;

/// The identifiers of the registered label sets by the hash of their labels. The registry compares
/// the labels.
#[derive(Default)]
pub(super) struct LabelSetIndex {
    table: HashTable<(KeyHash, LabelSetId)>,
    hasher: RandomState,
    /// The scope of the last lookup and its hash, because consecutive attempts often share the
    /// scope.
    last_scope: Option<(Scope, u64)>,
}

impl LabelSetIndex {
    #[inline(always)]
    pub(super) fn hash(&mut self, scope: Scope, peer: &Peer) -> KeyHash {
        let scope_hash = match self.last_scope {
            Some((last, hash)) if last == scope => hash,
            _ => {
                let hash = self.hasher.hash_one(scope);
                self.last_scope = Some((scope, hash));
                hash
            }
        };
        KeyHash(self.hasher.hash_one((scope_hash, peer)))
    }

    /// Returns the label set with this hash for which `is_match` returns `true`.
    pub(super) fn get(
        &self,
        hash: KeyHash,
        is_match: impl Fn(LabelSetId) -> bool,
    ) -> Option<LabelSetId> {
        self.table
            .find(hash.0, |(known, set)| *known == hash && is_match(*set))
            .map(|(_, set)| *set)
    }

    pub(super) fn insert(&mut self, hash: KeyHash, set: LabelSetId) {
        self.table
            .insert_unique(hash.0, (hash, set), |(hash, _)| hash.0);
    }

    pub(super) fn remove(&mut self, hash: KeyHash, set: LabelSetId) {
        if let Ok(entry) = self.table.find_entry(hash.0, |(_, known)| *known == set) {
            entry.remove();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}
