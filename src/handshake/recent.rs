//! SYN/ACKs, RSTs and ICMP errors that were counted a moment ago, to know their copies by.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

use super::print::{COPY_OTHER_PLACE, COPY_SAME_PLACE, COPY_UNMARKED, PackedVia};
use crate::packet::CapturePoint;
use crate::time::Timestamp;

/// A table of fixed size, written over where it is full: what falls out early costs one copy counted as a packet.
pub(super) struct Recent {
    buckets: Vec<[Sighting; WAYS]>,
    written: usize,
    hasher: RandomState,
}

#[derive(Clone, Copy, Default)]
struct Sighting {
    at: Timestamp,
    tag: u32,
    via: PackedVia,
}

/// What in a packet tells it from the next one of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Marks {
    /// It is the only one that looks like this.
    Own,
    /// Another may look the same, but not soon, and not through another interface.
    Few,
    /// Nothing: only what comes at once is the same packet.
    Nothing,
}

impl Recent {
    /// Where few attempts are known at once, few of their segments are recent.
    pub(super) fn beside(max_attempts: usize) -> Self {
        let buckets = max_attempts.clamp(LEAST_BUCKETS, BUCKETS);
        Self {
            buckets: vec![[Sighting::default(); WAYS]; buckets],
            written: 0,
            hasher: RandomState::default(),
        }
    }

    /// The packet with this print is surely no copy: it is remembered as counted. Nothing is read, so that nobody waits
    /// for memory that is far away.
    pub(super) fn note(&mut self, print: impl Hash, at: Timestamp, via: CapturePoint) {
        let (place, tag) = self.place(print);
        self.written = self.written.wrapping_add(1);
        let way = self.written % WAYS;
        if let Some(sighting) = self
            .buckets
            .get_mut(place)
            .and_then(|bucket| bucket.get_mut(way))
        {
            *sighting = Sighting {
                at,
                tag,
                via: PackedVia::new(via, false),
            };
        }
    }

    /// Whether the packet with this print is a copy of one that was counted. If not, it is remembered as counted.
    ///
    /// The same print through another interface or in the other direction is the same packet on its way. Through the
    /// same one only packets with a mark of their own can be copies: a host may well send two that are equal in every bit,
    /// as the kernel does with RSTs.
    pub(super) fn has_met(
        &mut self,
        print: impl Hash,
        at: Timestamp,
        via: CapturePoint,
        marks: Marks,
    ) -> bool {
        let (place, tag) = self.place(print);
        let via = PackedVia::new(via, false);
        let Some(bucket) = self.buckets.get_mut(place) else {
            return false;
        };
        let is_copy = |known: &Sighting| {
            let apart = at.since(known.at).max(known.at.since(at));
            match known.via.same_place(via) {
                true => marks == Marks::Own && apart <= COPY_SAME_PLACE,
                false if marks == Marks::Nothing => apart <= COPY_UNMARKED,
                false => apart <= COPY_OTHER_PLACE,
            }
        };
        if bucket
            .iter()
            .any(|known| known.tag == tag && is_copy(known))
        {
            return true;
        }
        let sighting = Sighting { at, tag, via };
        match bucket.iter_mut().find(|known| known.tag == tag) {
            Some(known) => *known = sighting,
            None => {
                bucket.rotate_right(1);
                if let Some(newest) = bucket.first_mut() {
                    *newest = sighting;
                }
            }
        }
        false
    }

    fn place(&self, print: impl Hash) -> (usize, u32) {
        let hash = self.hasher.hash_one(print);
        // A product instead of a remainder: it is faster.
        let place = ((hash & 0xffff_ffff) * self.buckets.len() as u64) >> 32;
        (usize::try_from(place).unwrap_or(0), (hash >> 32) as u32 | 1)
    }
}

const BUCKETS: usize = 4096;
const LEAST_BUCKETS: usize = 64;
const WAYS: usize = 4;
