//! Names that were made before they are needed, so that the memory of all of them is fetched at once.

use std::collections::VecDeque;

use super::name::{SetName, Vantage};
use super::names::Hashed;

/// What an attempt is called, and what that hashes to in one table of sets.
#[derive(Clone, Debug)]
pub struct Named {
    pub(super) name: SetName,
    pub(super) hash: Hashed,
}

impl Named {
    /// From where it is seen.
    pub const fn vantage(&self) -> Vantage {
        self.name.vantage
    }
}

/// Names by the place of their packet, in that order. They hold for as long as nothing is named otherwise.
#[derive(Default)]
pub(super) struct Ahead(VecDeque<(u32, Named)>);

impl Ahead {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn push(&mut self, place: u32, named: Named) {
        self.0.push_back((place, named));
    }

    /// That of the packet at this place, if there is one. Those before it began nothing.
    pub(super) fn take(&mut self, place: u32) -> Option<Named> {
        while let Some((of, _)) = self.0.front() {
            if *of > place {
                break;
            }
            let is_it = *of == place;
            let first = self.0.pop_front();
            if is_it {
                return first.map(|(_, named)| named);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{Peer, Port};

    #[test]
    fn a_name_is_given_to_the_packet_it_was_made_for() {
        let mut ahead = Ahead::default();
        for place in [1, 4, 5, 9] {
            let port = Port::Number(u16::try_from(place).unwrap());
            let name = SetName { vantage: Vantage::Client, local: None, port, peer: Peer::Other };
            ahead.push(place, Named { name, hash: Hashed(0) });
        }
        let mut port_of = |place| ahead.take(place).map(|named| named.name.port);
        assert_eq!(port_of(0), None);
        assert_eq!(port_of(1), Some(Port::Number(1)));
        assert_eq!(port_of(1), None, "once");
        assert_eq!(port_of(5), Some(Port::Number(5)), "the one before it began nothing");
        assert_eq!(port_of(6), None);
        assert_eq!(port_of(9), Some(Port::Number(9)));
    }
}
