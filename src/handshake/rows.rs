//! The attempts that are known for longer than was to be expected when they were decided, in rows by the second in which that
//! is over.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::matches::Known;
use crate::time::Timestamp;

/// Rows of them, of which the first is a heap: until its second comes, each newcomer is one more at the end of a row, and
/// however many share a second, none costs more than its place in that heap.
#[derive(Default)]
pub(super) struct Rows {
    first: BinaryHeap<Reverse<Place>>,
    /// Who is known until before that belongs to the first.
    first_until: Timestamp,
    later: BTreeMap<u64, Vec<Reverse<Place>>>,
}

/// Until when, and who.
type Place = (Timestamp, Known);

impl Rows {
    /// One that is known until then.
    pub(super) fn push(&mut self, until: Timestamp, known: Known) {
        let place = Reverse((until, known));
        if until < self.first_until {
            self.first.push(place);
        } else {
            self.later
                .entry(until.as_nanos() / SECOND)
                .or_default()
                .push(place);
        }
    }

    /// When the first of them is over.
    pub(super) fn first_end(&mut self) -> Option<Timestamp> {
        self.go_on();
        self.first.peek().map(|Reverse((until, _))| *until)
    }

    /// The first of them.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Known> {
        // In a flood nobody is known for longer, and everybody asks.
        if self.first.is_empty() && self.later.is_empty() {
            None
        } else {
            self.pop_first()
        }
    }

    fn pop_first(&mut self) -> Option<Known> {
        self.go_on();
        self.first.pop().map(|Reverse((_, known))| known)
    }

    /// All of them, about in the order in which they are popped.
    pub(super) fn iter(&self) -> impl Iterator<Item = Known> {
        self.first
            .iter()
            .chain(self.later.values().flatten())
            .map(|Reverse((_, known))| *known)
    }

    /// About those that are over by now: the first of a heap are mostly near its top.
    pub(super) fn over(&self, now: Timestamp) -> impl Iterator<Item = Known> {
        let over = self
            .first
            .iter()
            .take(FEW)
            .filter(move |Reverse((until, _))| *until <= now);
        over.map(|Reverse((_, known))| *known)
    }

    /// To the next row, where the first is empty.
    fn go_on(&mut self) {
        if self.first.is_empty()
            && let Some((second, row)) = self.later.pop_first()
        {
            self.first = row.into();
            self.first_until =
                Timestamp::from_nanos(second.saturating_add(1).saturating_mul(SECOND));
        }
    }
}

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// So much of a heap is looked at for who comes next.
const FEW: usize = 63;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ends::FlowHash;
    use super::*;

    proptest! {
        /// Whatever comes, also who is to leave sooner than the first.
        #[test]
        fn they_leave_in_the_order_of_their_ends(steps in prop::collection::vec((0..4_000_000_000_u64, any::<bool>()), 0..300)) {
            let (mut rows, mut model) = (Rows::default(), std::collections::BTreeSet::new());
            for (slot, (until, pops)) in (0..).zip(steps) {
                let until = Timestamp::from_nanos(until);
                rows.push(until, (slot, FlowHash::default()));
                model.insert((until, (slot, FlowHash::default())));
                if pops {
                    prop_assert_eq!(rows.first_end(), model.first().map(|(until, _)| *until));
                    prop_assert_eq!(rows.pop(), model.pop_first().map(|(_, known)| known));
                }
            }
            let mut seen: Vec<Known> = rows.iter().collect();
            seen.sort_unstable();
            let mut known: Vec<Known> = model.iter().map(|(_, known)| *known).collect();
            known.sort_unstable();
            prop_assert_eq!(seen, known);
            while let Some((_, known)) = model.pop_first() {
                prop_assert_eq!(rows.pop(), Some(known));
            }
            prop_assert_eq!(rows.pop(), None);
            prop_assert!(rows.first_end().is_none());
        }
    }

    /// All in the second that has begun, each later than those before: a hostile burst must not cost the square of its size.
    #[test]
    fn very_many_that_share_the_first_second_cost_little_each() {
        let mut rows = Rows::default();
        let begun = std::time::Duration::from_secs(7);
        for slot in 0..500_000 {
            rows.push(
                Timestamp::default() + begun + std::time::Duration::from_micros(u64::from(slot)),
                (slot, FlowHash::default()),
            );
            assert!(rows.first_end().is_some());
        }
        assert!((0..500_000).all(|slot| rows.pop() == Some((slot, FlowHash::default()))));
    }
}
