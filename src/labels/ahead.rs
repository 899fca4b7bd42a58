//! What was asked before it is needed, so that the memory of all of it is fetched at once.

use super::name::Vantage;
use super::names::{Hashed, SiteNumber};

/// What an attempt's name hashes to, in one table of sets, and as much of the name as is mostly needed to find its set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glimpse {
    pub(super) vantage: Vantage,
    pub(super) site: SiteNumber,
    pub(super) hash: Hashed,
}

/// Glimpses by the place of their packet, in that order. They hold for as long as nothing is named otherwise.
#[derive(Default)]
pub(super) struct Ahead {
    glimpses: Vec<(u32, Glimpse)>,
    taken: usize,
}

impl Ahead {
    pub(super) fn clear(&mut self) {
        self.glimpses.clear();
        self.taken = 0;
    }

    pub(super) fn push(&mut self, place: u32, glimpse: Glimpse) {
        self.glimpses.push((place, glimpse));
    }

    /// That of the packet at this place, if there is one. Those before it began nothing.
    pub(super) fn take(&mut self, place: u32) -> Option<Glimpse> {
        loop {
            let (of, glimpse) = self
                .glimpses
                .get(self.taken)
                .filter(|(of, _)| *of <= place)?;
            self.taken += 1;
            if *of == place {
                return Some(*glimpse);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glimpse_is_given_to_the_packet_it_is_of() {
        let mut ahead = Ahead::default();
        for place in [1, 4, 5, 9] {
            let (vantage, hash) = (Vantage::Client, Hashed(place.into()));
            ahead.push(
                place,
                Glimpse {
                    vantage,
                    site: SiteNumber(0),
                    hash,
                },
            );
        }
        let mut hash_of = |place| ahead.take(place).map(|glimpse| glimpse.hash.0);
        assert_eq!(hash_of(0), None);
        assert_eq!(hash_of(1), Some(1));
        assert_eq!(hash_of(1), None, "once");
        assert_eq!(hash_of(5), Some(5), "the one before it began nothing");
        assert_eq!(hash_of(6), None);
        assert_eq!(hash_of(9), Some(9));
    }
}
