//! Attempts whose SYN came in, and may leave under another name: how NAT on this host is followed.

use std::cmp::Reverse;
use std::hash::BuildHasher;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use super::event::Side;
use crate::packet::{Endpoint, Segment};
use crate::time::Timestamp;

/// Small tables of hints, written over when full: every hint is checked against its attempt before it is believed.
pub(super) struct Inside {
    /// One table for each way to look, so that a scan, whose SYNs look alike but for one end, fills only the others.
    tables: [Vec<Bucket>; 3],
    hasher: RandomState,
}

/// A few hints, the oldest of which is written over next.
#[derive(Clone, Default)]
struct Bucket {
    next: u8,
    hints: [Option<Hint>; WAYS],
}

/// An attempt that may be inside, and the TTL its SYN came in with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint {
    pub(super) slot: u32,
    /// Tells it from a later attempt in the same slot.
    pub(super) began: Timestamp,
    pub(super) hop_limit: u8,
    pub(super) passed: Passed,
    /// Which end must be the same under both names: NAT mostly changes one of them.
    pub(super) shares: Option<Side>,
}

/// How far the SYN had come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Passed {
    /// It came in.
    In,
    /// It left again through this interface: a bridge, whose port it then leaves through under one more name (a
    /// container that reaches itself through its published port).
    Out(u32),
}

impl Inside {
    /// Where few attempts are known at once, few are inside.
    pub(super) fn beside(max_attempts: usize) -> Self {
        let table = || vec![Bucket::default(); max_attempts.clamp(LEAST_BUCKETS, BUCKETS)];
        Self {
            tables: [table(), table(), table()],
            hasher: RandomState::default(),
        }
    }

    /// The SYN of the attempt in this slot, which began then, came in, or after that left.
    pub(super) fn note(&mut self, syn: &Segment, slot: u32, began: Timestamp, passed: Passed) {
        let places = self.places(syn);
        for ((table, place), shares) in self.tables.iter_mut().zip(places).zip(SHARES) {
            let Some(bucket) = table.get_mut(place) else {
                continue;
            };
            bucket.next = bucket.next.wrapping_add(1);
            if let Some(oldest) = bucket.hints.get_mut(usize::from(bucket.next) % WAYS) {
                *oldest = Some(Hint {
                    slot,
                    began,
                    hop_limit: syn.hop_limit,
                    passed,
                    shares,
                });
            }
        }
    }

    /// Attempts whose SYN may have been this one before it was given other addresses: first those that share an end
    /// with it, then the others, newest first.
    pub(super) fn who_passed_as(&self, syn: &Segment) -> impl Iterator<Item = Hint> {
        let ways = self.tables.iter().zip(self.places(syn));
        ways.flat_map(move |(table, place)| {
            let hints = table
                .get(place)
                .into_iter()
                .flat_map(|bucket| &bucket.hints)
                .flatten();
            let mut hints: ArrayVec<Hint, WAYS> = hints.copied().collect();
            hints.sort_unstable_by_key(|hint| Reverse(hint.began));
            hints
        })
    }

    /// Where hints are kept in each table, by what NAT leaves as it is: the server where it masquerades, the client
    /// where it forwards a port, neither.
    fn places(&self, syn: &Segment) -> [usize; 3] {
        let marks = u64::from(syn.timestamp.unwrap_or(0)) << 32
            | u64::from(syn.identification.unwrap_or(0));
        let alone = self.hasher.hash_one((syn.sequence, marks));
        let with = |end: Endpoint| self.hasher.hash_one((alone, end.address, end.port));
        [with(syn.to), with(syn.from), alone]
            .map(|hash| usize::try_from(hash % self.tables[0].len() as u64).unwrap_or(0))
    }
}

/// What a hint's attempt shares with whom it is found by, in each table.
const SHARES: [Option<Side>; 3] = [Some(Side::Server), Some(Side::Client), None];

const BUCKETS: usize = 1024;
const LEAST_BUCKETS: usize = 64;
const WAYS: usize = 8;
