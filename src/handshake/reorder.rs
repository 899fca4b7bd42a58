//! SYN/ACKs that were captured before their SYN although they are stamped after it: packets out of
//! order.

use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::monotonic::CLOCK_STEP;
use crate::packet::{Endpoint, Segment};
use crate::time::Timestamp;

/// Packets that are less than this apart may be out of order; from here on it is a clock step.
const MAX_REORDERING: Duration = CLOCK_STEP;
const BUCKETS: usize = 128;
const WAYS: usize = 4;

/// A hash table of fixed size; the oldest entries are overwritten: a SYN/ACK that is overwritten
/// stays unmatched. The table is allocated with the first SYN/ACK that has no SYN.
#[derive(Default)]
pub(super) struct EarlySynAcks {
    buckets: Vec<[Option<(Timestamp, Segment)>; WAYS]>,
    latest: Timestamp,
    hasher: RandomState,
}

impl EarlySynAcks {
    /// Keeps a SYN/ACK that matches no attempt: its SYN may still come.
    pub(super) fn insert(&mut self, at: Timestamp, synack: &Segment) {
        if self.buckets.is_empty() {
            self.buckets = vec![[None; WAYS]; BUCKETS];
        }
        self.latest = self.latest.max(at);
        let index = self.index(synack.to, synack.from);
        if let Some(bucket) = self.buckets.get_mut(index) {
            bucket.rotate_right(1);
            if let Some(newest) = bucket.first_mut() {
                *newest = Some((at, *synack));
            }
        }
    }

    /// Removes and returns the first SYN/ACK for the sender of this SYN that is `acceptable`, is
    /// stamped after the SYN, and not by more than packets are reordered.
    pub(super) fn take(
        &mut self,
        at: Timestamp,
        syn: &Segment,
        acceptable: impl Fn(&Segment) -> bool,
    ) -> Option<(Timestamp, Segment)> {
        if self.buckets.is_empty() || at > self.latest {
            return None;
        }
        let index = self.index(syn.from, syn.to);
        let bucket = self.buckets.get_mut(index)?;
        let answers = |(then, synack): &(Timestamp, Segment)| {
            synack.to == syn.from
                && synack.from == syn.to
                && *then >= at
                && then.since(at) < MAX_REORDERING
                && acceptable(synack)
        };
        bucket
            .iter_mut()
            .rev()
            .find(|early| early.as_ref().is_some_and(answers))?
            .take()
    }

    fn index(&self, client: Endpoint, server: Endpoint) -> usize {
        usize::try_from(self.hasher.hash_one((client, server)) % BUCKETS as u64).unwrap_or(0)
    }
}
