//! The attempts that are known for longer than was to be expected when they were decided, in rows by the second in which that
//! is over.

use std::collections::BTreeMap;

use super::matches::Known;
use crate::time::Timestamp;

/// Rows of them. One is put in order when it is the first: until then each newcomer is one more at its end, and no other is
/// touched, as in a heap.
#[derive(Default)]
pub(super) struct Rows {
    rows: BTreeMap<u64, Vec<Place>>,
    /// The row that is in order, last to leave first.
    in_order: Option<u64>,
}

/// After how much of its second it is over, in nanoseconds, and who that is.
type Place = (u32, Known);

impl Rows {
    /// One that is known until then.
    pub(super) fn push(&mut self, until: Timestamp, known: Known) {
        let (second, place) = (until.as_nanos() / SECOND, (((until.as_nanos() % SECOND) & 0xffff_ffff) as u32, known));
        let row = self.rows.entry(second).or_default();
        if self.in_order == Some(second) {
            row.insert(row.partition_point(|other| *other > place), place);
        } else {
            row.push(place);
        }
    }

    /// When the first of them is over.
    pub(super) fn first_end(&mut self) -> Option<Timestamp> {
        self.put_in_order();
        let (second, row) = self.rows.first_key_value()?;
        row.last().map(|(nanos, _)| Timestamp::from_nanos(second * SECOND + u64::from(*nanos)))
    }

    /// The first of them.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Known> {
        // In a flood nobody is known for longer, and everybody asks.
        if self.rows.is_empty() { None } else { self.pop_first() }
    }

    fn pop_first(&mut self) -> Option<Known> {
        self.put_in_order();
        let mut first = self.rows.first_entry()?;
        let place = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
        }
        place.map(|(_, known)| known)
    }

    /// All of them, about in the order in which they are popped.
    pub(super) fn iter(&self) -> impl Iterator<Item = Known> {
        self.rows.values().flat_map(|row| row.iter().rev()).map(|(_, known)| *known)
    }

    /// About those that are over by now.
    pub(super) fn over(&self, now: Timestamp) -> impl Iterator<Item = Known> {
        let over = self.rows.range(..=now.as_nanos() / SECOND).flat_map(|(_, row)| row.iter().rev());
        over.map(|(_, known)| *known)
    }

    fn put_in_order(&mut self) {
        let Some((second, row)) = self.rows.iter_mut().next() else { return };
        if self.in_order != Some(*second) {
            row.sort_unstable_by(|one, other| other.cmp(one));
            self.in_order = Some(*second);
        }
    }
}

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ends::Tag;
    use super::*;

    proptest! {
        #[test]
        fn they_leave_in_the_order_of_their_ends(steps in prop::collection::vec((0..4_000_000_000_u64, any::<bool>()), 0..300)) {
            let (mut rows, mut model) = (Rows::default(), std::collections::BTreeSet::new());
            for (slot, (until, pops)) in (0..).zip(steps) {
                let until = Timestamp::from_nanos(until);
                rows.push(until, (slot, Tag::default()));
                model.insert((until, (slot, Tag::default())));
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
}
