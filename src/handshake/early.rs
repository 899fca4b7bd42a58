//! SYN/ACKs that were met before their SYN though by their own time they came after it: a capture out of order.

use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::timeline::STEP;
use crate::packet::{Endpoint, Segment};
use crate::time::Timestamp;

/// A table of fixed size, written over where it is full: what falls out early is one answer that stays unmatched. There
/// is no table where every SYN/ACK has its SYN.
#[derive(Default)]
pub(super) struct Early {
    buckets: Vec<[Option<(Timestamp, Segment)>; WAYS]>,
    latest: Timestamp,
    hasher: RandomState,
}

impl Early {
    /// A SYN/ACK fits no attempt: its SYN may still come.
    pub(super) fn note(&mut self, at: Timestamp, synack: &Segment) {
        if self.buckets.is_empty() {
            self.buckets = vec![[None; WAYS]; BUCKETS];
        }
        self.latest = self.latest.max(at);
        let place = self.place(synack.to, synack.from);
        if let Some(bucket) = self.buckets.get_mut(place) {
            bucket.rotate_right(1);
            if let Some(newest) = bucket.first_mut() {
                *newest = Some((at, *synack));
            }
        }
    }

    /// Takes out the first SYN/ACK that was on its way to this SYN's sender and that `answers` it, where its own time puts
    /// it behind the SYN, and by no more than packets are mixed up. One that says it came before answers nothing.
    pub(super) fn take(
        &mut self,
        at: Timestamp,
        syn: &Segment,
        answers: impl Fn(&Segment) -> bool,
    ) -> Option<(Timestamp, Segment)> {
        if self.buckets.is_empty() || at > self.latest {
            return None;
        }
        let place = self.place(syn.from, syn.to);
        let bucket = self.buckets.get_mut(place)?;
        let is_its = |(then, synack): &(Timestamp, Segment)| {
            synack.to == syn.from
                && synack.from == syn.to
                && *then >= at
                && then.since(at) < REORDERED
                && answers(synack)
        };
        bucket
            .iter_mut()
            .rev()
            .find(|early| early.as_ref().is_some_and(is_its))?
            .take()
    }

    fn place(&self, client: Endpoint, server: Endpoint) -> usize {
        usize::try_from(self.hasher.hash_one((client, server)) % BUCKETS as u64).unwrap_or(0)
    }
}

/// Packets less apart than this may be out of order; a step of the clock begins here.
const REORDERED: Duration = STEP;
const BUCKETS: usize = 128;
const WAYS: usize = 4;
