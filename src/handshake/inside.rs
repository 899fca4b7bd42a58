//! Attempts whose SYN came in, and may leave under another name: how NAT on this host is followed.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::event::Side;
use crate::packet::{Endpoint, Segment};

/// Small tables of hints, written over when full: every hint is checked against its attempt before it is believed.
pub(super) struct Inside {
    /// One table for each way to look, so that a scan, whose SYNs look alike but for one end, fills only the others.
    tables: [Vec<Bucket>; 3],
    hasher: RandomState,
}

type Bucket = [Option<Hint>; WAYS];

/// An attempt that may be inside, and the TTL its SYN came in with.
#[derive(Clone, Copy)]
pub(super) struct Hint {
    pub(super) slot: u32,
    /// Tells it from a later attempt in the same slot.
    pub(super) serial: u32,
    pub(super) hop_limit: u8,
    pub(super) passed: Passed,
    /// Which end must be the same under both names: NAT mostly changes one of them.
    pub(super) shares: Option<Side>,
}

/// How far the SYN had come.
#[derive(Clone, Copy, PartialEq, Eq)]
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
        let table = || vec![[None; WAYS]; max_attempts.clamp(LEAST_BUCKETS, BUCKETS)];
        Self { tables: [table(), table(), table()], hasher: RandomState::default() }
    }

    /// The SYN of this attempt came in, or after that left.
    pub(super) fn note(&mut self, syn: &Segment, slot: u32, serial: u32, passed: Passed) {
        let places = ways_to_look(syn).map(|(shares, end)| (shares, self.place(syn, end)));
        for (table, (shares, place)) in self.tables.iter_mut().zip(places) {
            if let Some(bucket) = table.get_mut(place) {
                bucket.rotate_right(1);
                if let Some(newest) = bucket.first_mut() {
                    *newest = Some(Hint { slot, serial, hop_limit: syn.hop_limit, passed, shares });
                }
            }
        }
    }

    /// Attempts whose SYN may have been this one before it was given other addresses: first those that share an end
    /// with it, then the others, newest first.
    pub(super) fn who_passed_as(&self, syn: &Segment) -> impl Iterator<Item = &Hint> {
        let ways = self.tables.iter().zip(ways_to_look(syn));
        ways.flat_map(|(table, (_, end))| table.get(self.place(syn, end)).into_iter().flatten().flatten())
    }

    fn place(&self, syn: &Segment, end: Option<Endpoint>) -> usize {
        let hash = self.hasher.hash_one((syn.sequence, syn.timestamp, syn.identification, end));
        usize::try_from(hash % self.tables[0].len() as u64).unwrap_or(0)
    }
}

/// By the server that masquerading leaves as it is, by the client that port forwarding leaves as it is, by neither.
const fn ways_to_look(syn: &Segment) -> [(Option<Side>, Option<Endpoint>); 3] {
    [(Some(Side::Server), Some(syn.to)), (Some(Side::Client), Some(syn.from)), (None, None)]
}

const BUCKETS: usize = 1024;
const LEAST_BUCKETS: usize = 64;
const WAYS: usize = 8;
