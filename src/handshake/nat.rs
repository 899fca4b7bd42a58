//! NAT on this host: pending attempts with a SYN that entered the host and may leave it with other
//! addresses.

use std::cmp::Reverse;
use std::hash::BuildHasher;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use super::event::Side;
use crate::packet::{Endpoint, Segment};
use crate::time::Timestamp;

/// The endpoint that a candidate must share with the SYN, for each table.
const SHARED_SIDES: [Option<Side>; 3] = [Some(Side::Server), Some(Side::Client), None];
const BUCKETS: usize = 1024;
const MIN_BUCKETS: usize = 64;
const WAYS: usize = 8;

/// Hash tables of fixed size; the oldest entries are overwritten. An entry is a hint: the caller
/// checks it against its attempt. There is one table for each way to look a SYN up: the SYNs of a
/// scan differ in one endpoint only, and so share a bucket in two of the tables, but not in the
/// table by that endpoint.
pub(super) struct NatTable {
    tables: [Vec<CandidateBucket>; 3],
    hasher: RandomState,
}

#[derive(Clone, Default)]
struct CandidateBucket {
    newest: u8,
    candidates: [Option<NatCandidate>; WAYS],
}

/// An attempt with a SYN that may leave with other addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct NatCandidate {
    pub(super) slot: u32,
    /// The first SYN of the attempt: distinguishes it from a later attempt in the same slot.
    pub(super) first_syn: Timestamp,
    pub(super) hop_limit: u8,
    pub(super) passage: Passage,
    /// The endpoint that must be equal in both four-tuples: NAT mostly changes one of them.
    pub(super) shared_side: Option<Side>,
}

/// How far a SYN came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Passage {
    /// It entered the host.
    Entered,
    /// It left through this interface: a bridge; it then leaves through a port under another alias
    /// (a container that reaches itself through its published port).
    Left(u32),
}

impl NatTable {
    /// Creates a table. A tracker of few attempts gets a smaller one.
    pub(super) fn new(max_attempts: usize) -> Self {
        let table = || vec![CandidateBucket::default(); max_attempts.clamp(MIN_BUCKETS, BUCKETS)];
        Self {
            tables: [table(), table(), table()],
            hasher: RandomState::default(),
        }
    }

    /// Records how far the SYN of an attempt came.
    pub(super) fn insert(
        &mut self,
        syn: &Segment,
        slot: u32,
        first_syn: Timestamp,
        passage: Passage,
    ) {
        let indices = self.indices(syn);
        for ((table, index), shared_side) in self.tables.iter_mut().zip(indices).zip(SHARED_SIDES) {
            let Some(bucket) = table.get_mut(index) else {
                continue;
            };
            bucket.newest = bucket.newest.wrapping_add(1);
            if let Some(oldest) = bucket.candidates.get_mut(usize::from(bucket.newest) % WAYS) {
                *oldest = Some(NatCandidate {
                    slot,
                    first_syn,
                    hop_limit: syn.hop_limit,
                    passage,
                    shared_side,
                });
            }
        }
    }

    /// Returns the attempts with a SYN that may have become this one: first those that share an
    /// endpoint with it, then the others, newest first.
    pub(super) fn candidates(&self, syn: &Segment) -> impl Iterator<Item = NatCandidate> {
        let lookups = self.tables.iter().zip(self.indices(syn));
        lookups.flat_map(move |(table, index)| {
            let candidates = table
                .get(index)
                .into_iter()
                .flat_map(|bucket| &bucket.candidates)
                .flatten();
            let mut candidates: ArrayVec<NatCandidate, WAYS> = candidates.copied().collect();
            candidates.sort_unstable_by_key(|candidate| Reverse(candidate.first_syn));
            candidates
        })
    }

    /// Returns the bucket in each table, by what NAT leaves unchanged: the server (masquerading),
    /// the client (port forwarding), neither.
    fn indices(&self, syn: &Segment) -> [usize; 3] {
        let fields = u64::from(syn.timestamp.unwrap_or(0)) << 32
            | u64::from(syn.identification.unwrap_or(0));
        let alone = self.hasher.hash_one((syn.sequence, fields));
        let with = |end: Endpoint| self.hasher.hash_one((alone, end.address, end.port));
        [with(syn.to), with(syn.from), alone]
            .map(|hash| usize::try_from(hash % self.tables[0].len() as u64).unwrap_or(0))
    }
}
