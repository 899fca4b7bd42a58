//! Which set has which name: found by a hash that is also what the sketch of newcomers counts by.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::id::LabelSetId;
use super::name::{LabelSet, Peer, Site};

/// The sets that exist, by what their names hash to; who has the names says which of them is meant.
#[derive(Default)]
pub(super) struct Names {
    table: HashTable<(Hashed, LabelSetId)>,
    hasher: RandomState,
    /// The site that was asked for last, what it hashes to, and its number: mostly it is asked for again.
    last: Option<(Site, u64)>,
    sites: SiteNumber,
}

/// What a name hashes to, in one table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Hashed(pub(super) u64);

/// Sites with the same number are the same; the same site may have several.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct SiteNumber(pub(super) u64);

impl Names {
    /// So that a name is hashed once for several questions, and its site once for many names.
    #[inline(always)]
    pub(super) fn hash(&mut self, site: Site, peer: &Peer) -> (Hashed, SiteNumber) {
        let of_site = match self.last {
            Some((last, hash)) if last == site => hash,
            _ => self.hash_site(site),
        };
        (
            Hashed(self.hasher.hash_one(OfSite(of_site, peer))),
            self.sites,
        )
    }

    #[inline(never)]
    fn hash_site(&mut self, site: Site) -> u64 {
        let hash = self.hasher.hash_one(site);
        self.last = Some((site, hash));
        self.sites.0 += 1;
        hash
    }

    /// Of the sets whose names hash to this, the one that is it.
    #[inline]
    pub(super) fn get(
        &self,
        hash: Hashed,
        is_it: impl Fn(LabelSetId) -> bool,
    ) -> Option<LabelSetId> {
        self.table
            .find(hash.0, |(known, set)| *known == hash && is_it(*set))
            .map(|(_, set)| *set)
    }

    /// A set of this name, which no other has.
    pub(super) fn insert(&mut self, name: &LabelSet, set: LabelSetId) {
        let (hash, _) = self.hash(name.site(), &name.peer);
        self.table
            .insert_unique(hash.0, (hash, set), |(hash, _)| hash.0);
    }

    /// The set of this name is no more.
    pub(super) fn remove(&mut self, name: &LabelSet, set: LabelSetId) {
        let (hash, _) = self.hash(name.site(), &name.peer);
        if let Ok(known) = self.table.find_entry(hash.0, |(_, known)| *known == set) {
            known.remove();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}

/// A peer at a site that hashes to this.
#[derive(Hash)]
struct OfSite<'a>(u64, &'a Peer);
