//! The attempts that are known for longer than was to be expected when they were decided, by the second in which that is over.

use std::collections::BTreeMap;

use super::matches::Known;
use crate::time::Timestamp;

/// Rows of them, a second each. Who is forgotten up to a second late does not matter: what is asked of an attempt that it
/// is still known goes by its own clock.
#[derive(Default)]
pub(super) struct Rows(BTreeMap<u64, Vec<Known>>);

impl Rows {
    /// One that is known until then.
    pub(super) fn push(&mut self, until: Timestamp, known: Known) {
        self.0.entry(until.as_nanos().div_ceil(ROW)).or_default().push(known);
    }

    /// When the first row is over. Rows are few.
    pub(super) fn first_end(&self) -> Option<Timestamp> {
        let (row, _) = self.0.first_key_value()?;
        Some(Timestamp::from_nanos(row.saturating_mul(ROW)))
    }

    /// One of the first row.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Known> {
        // In a flood nobody is known for longer, and everybody asks.
        if self.0.is_empty() { None } else { self.pop_first() }
    }

    fn pop_first(&mut self) -> Option<Known> {
        let mut first = self.0.first_entry()?;
        let known = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
        }
        known
    }

    /// All of them, in the order in which they are popped.
    pub(super) fn iter(&self) -> impl Iterator<Item = Known> {
        self.0.values().flat_map(|row| row.iter().rev().copied())
    }

    /// The same of the rows that are over by now.
    pub(super) fn over(&self, now: Timestamp) -> impl Iterator<Item = Known> {
        self.0.range(..=now.as_nanos() / ROW).flat_map(|(_, row)| row.iter().rev().copied())
    }
}

/// In nanoseconds.
const ROW: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ends::Tag;
    use super::*;

    proptest! {
        /// Nobody is forgotten early, nor more than a second late.
        #[test]
        fn they_are_over_within_a_second(millis in prop::collection::vec(0..20_000_u64, 0..200), now in 0..25_000_u64) {
            let at = |millis: u64| Timestamp::from_nanos(millis * 1_000_000);
            let mut rows = Rows::default();
            for (slot, until) in (0..).zip(&millis) {
                rows.push(at(*until), (slot, Tag::default()));
            }
            let in_order: Vec<Known> = rows.iter().collect();
            let over: Vec<Known> = rows.over(at(now)).collect();
            prop_assert!(in_order.starts_with(&over));
            let mut popped = Vec::new();
            while rows.first_end().is_some_and(|end| end <= at(now)) {
                popped.extend(rows.pop());
            }
            prop_assert_eq!(&popped, &over);
            for (slot, until) in (0..).zip(millis) {
                let is_over = popped.contains(&(slot, Tag::default()));
                prop_assert!(if is_over { until <= now } else { now < until + 1_000 }, "{until} at {now}");
            }
        }
    }
}
