//! Which set it was for the ends of late: most attempts begin between ends that were just named, and need no name.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;

use super::name::Vantage;
use super::sets::SetId;
use crate::packet::Address;

/// All that an attempt is named by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) vantage: Vantage,
    pub(super) local: Option<Address>,
    pub(super) port: u16,
    pub(super) peer: Address,
}

/// The last set at each of a few places, as long as no set leaves and peers are named as they were: then all is forgotten.
/// It tells nothing that the names of the sets would not.
#[derive(Default)]
pub(super) struct Lately {
    places: Vec<Option<(Asked, SetId)>>,
    hasher: RandomState,
    /// When so many sets had left.
    removals: u64,
}

impl Lately {
    /// The set that was noted for these ends, if none has left since.
    pub(super) fn get(&self, asked: &Asked, removals: u64) -> Option<SetId> {
        if self.removals != removals {
            return None;
        }
        let (known, set) = self.places.get(self.place(asked))?.as_ref()?;
        (known == asked).then_some(*set)
    }

    /// Notes the set that exists for these ends.
    pub(super) fn note(&mut self, asked: Asked, set: SetId, removals: u64) {
        if self.removals != removals {
            self.forget();
            self.removals = removals;
        }
        self.places.resize(PLACES, None);
        let place = self.place(&asked);
        if let Some(known) = self.places.get_mut(place) {
            *known = Some((asked, set));
        }
    }

    /// What was noted holds no more.
    pub(super) fn forget(&mut self) {
        self.places.clear();
    }

    /// The local address hardly tells ends apart.
    fn place(&self, asked: &Asked) -> usize {
        let mut hash = self.hasher.build_hasher();
        hash.write_u128(asked.peer.bits());
        hash.write_u64(u64::from(asked.port) << 8 | asked.vantage as u64);
        usize::try_from(hash.finish() % PLACES as u64).unwrap_or(0)
    }
}

/// Some 90 KiB, of which as much is used as there are sets: a few times as many places, so that few share one.
const PLACES: usize = 2048;
