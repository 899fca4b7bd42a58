//! Attempts whose SYN came in and may leave under another name: how NAT on this host is followed.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::attempt::NOBODY;
use crate::packet::Segment;

/// A small table of hints, written over when full: every hint is checked against its attempt before it is believed.
pub(super) struct Inside {
    buckets: Vec<[Hint; WAYS]>,
    hasher: RandomState,
}

/// An attempt that may be inside, and the TTL its SYN came in with.
#[derive(Clone, Copy)]
pub(super) struct Hint {
    pub(super) slot: u32,
    pub(super) hop_limit: u8,
}

impl Default for Inside {
    fn default() -> Self {
        Self { buckets: vec![[Hint { slot: NOBODY, hop_limit: 0 }; WAYS]; BUCKETS], hasher: RandomState::default() }
    }
}

impl Inside {
    /// The SYN of this attempt came in.
    pub(super) fn enter(&mut self, syn: &Segment, slot: u32) {
        if let Some(bucket) = self.bucket(syn) {
            bucket.rotate_right(1);
            if let Some(newest) = bucket.first_mut() {
                *newest = Hint { slot, hop_limit: syn.hop_limit };
            }
        }
    }

    /// Attempts whose SYN may have been this one before it was given other addresses, newest first.
    pub(super) fn who_entered_as(&mut self, syn: &Segment) -> [Hint; WAYS] {
        self.bucket(syn).map_or([Hint { slot: NOBODY, hop_limit: 0 }; WAYS], |bucket| *bucket)
    }

    fn bucket(&mut self, syn: &Segment) -> Option<&mut [Hint; WAYS]> {
        let hash = self.hasher.hash_one((syn.sequence, syn.timestamp, syn.identification));
        let place = usize::try_from(hash % BUCKETS as u64).unwrap_or(0);
        self.buckets.get_mut(place)
    }
}

const BUCKETS: usize = 1024;
const WAYS: usize = 8;
