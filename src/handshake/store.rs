//! The attempts that are known: a slab of bounded size, found by their ends, listed by where they stand.

use std::time::Duration;

use hashbrown::HashMap;

use super::attempt::{Attempt, NOBODY, Name, Shelf};
use super::event::{Owner, Side};
use super::index::Index;
use crate::packet::Endpoint;
use crate::time::Timestamp;

/// Holds at most a fixed number of attempts. Each is on one shelf: those that wait in the order they began (which is the
/// order of their deadlines), the decided ones in the order they were decided, and apart from these, in no order, the
/// decided ones that are known for longer than usual.
pub(super) struct Store {
    slab: Vec<Attempt>,
    capacity: usize,
    known: usize,
    free: u32,
    index: Index,
    more_names: HashMap<u32, Vec<Name>, foldhash::fast::RandomState>,
    shelves: [List; Shelf::COUNT],
    /// Every waiting attempt older than this one has repeated its SYN or belongs to a regular peer.
    oldest_stranger: u32,
}

/// An attempt that a packet belongs to, and which side of it the sender is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) slot: u32,
    pub(super) side: Side,
}

#[derive(Clone, Copy)]
struct List {
    oldest: u32,
    newest: u32,
    count: usize,
}

impl Store {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            slab: Vec::new(),
            capacity: capacity.clamp(1, NOBODY as usize),
            known: 0,
            free: NOBODY,
            index: Index::default(),
            more_names: HashMap::default(),
            shelves: [EMPTY; Shelf::COUNT],
            oldest_stranger: NOBODY,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.list(Shelf::Waiting).count
    }

    pub(super) const fn known(&self) -> usize {
        self.known
    }

    /// The attempt in a slot that this store handed out.
    #[allow(clippy::indexing_slicing, reason = "slots are made here, and only live ones are handed out")]
    pub(super) fn get(&self, slot: u32) -> &Attempt {
        &self.slab[slot as usize]
    }

    /// The same, to change it.
    #[allow(clippy::indexing_slicing, reason = "slots are made here, and only live ones are handed out")]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Attempt {
        &mut self.slab[slot as usize]
    }

    /// The attempts still known between these two ends, by any of their names, newest first.
    pub(super) fn between(&self, from: Endpoint, to: Endpoint, now: Timestamp) -> Matches {
        let mut matches = Matches::default();
        for &slot in self.index.slots(from, to).as_slice() {
            let attempt = self.get(slot);
            let side = attempt.name.side_of(from, to).or_else(|| self.side_by_another_name(slot, from, to));
            if let Some(side) = side
                && attempt.is_known_at(now)
            {
                matches.push(Match { slot, side }, |other| self.get(other).first_syn > attempt.first_syn);
            }
        }
        matches
    }

    /// Takes a new attempt in, forgetting another one where there is no room. Tells whose that was if it still waited.
    pub(super) fn insert(&mut self, attempt: Attempt) -> (u32, Option<Owner>) {
        let evicted = if self.known() >= self.capacity { self.make_room(attempt.first_syn) } else { None };
        let name = attempt.name;
        let slot = match self.free {
            NOBODY => {
                let slot = u32::try_from(self.slab.len()).unwrap_or(NOBODY);
                self.slab.push(attempt);
                slot
            }
            slot => {
                self.free = self.get(slot).newer;
                *self.get_mut(slot) = attempt;
                slot
            }
        };
        let slab = &self.slab;
        self.index.insert(&name, slot, |same| oldest_of(slab, same.as_slice()));
        self.list_as_waiting(slot);
        (slot, evicted)
    }

    /// Whether the attempt may have one more name.
    pub(super) fn has_room_for_a_name(&self, slot: u32) -> bool {
        self.more_names.get(&slot).is_none_or(|names| names.len() < MAX_MORE_NAMES)
    }

    /// Whether that end of one of the attempt's names is the same in `name`.
    pub(super) fn shares_an_end(&self, slot: u32, side: Side, name: &Name) -> bool {
        let more = self.more_names.get(&slot).into_iter().flatten();
        std::iter::once(&self.get(slot).name).chain(more).any(|known| known.shares(side, name))
    }

    /// Gives an attempt one more name.
    pub(super) fn add_name(&mut self, slot: u32, name: Name) {
        self.more_names.entry(slot).or_default().push(name);
        let slab = &self.slab;
        self.index.insert(&name, slot, |same| oldest_of(slab, same.as_slice()));
    }

    /// Moves an attempt that was just decided to the shelf where it now belongs.
    pub(super) fn decided(&mut self, slot: u32) {
        self.unlink(slot, Shelf::Waiting);
        let shelf = self.get(slot).shelf();
        self.push_newest(slot, shelf);
    }

    /// The attempt that has waited longest, if it has waited for so long by now.
    pub(super) fn overdue(&self, timeout: Duration, now: Timestamp) -> Option<u32> {
        let slot = self.list(Shelf::Waiting).oldest;
        (slot != NOBODY && self.get(slot).first_syn + timeout <= now).then_some(slot)
    }

    /// Forgets decided attempts that no packet can matter to any more: at most so many a call, so that no call is slow.
    pub(super) fn tidy(&mut self, now: Timestamp, at_most: usize) {
        for shelf in [Shelf::Answered, Shelf::Failed, Shelf::AnsweredLong, Shelf::FailedLong] {
            for _ in 0..at_most.min(self.list(shelf).count) {
                let slot = self.list(shelf).oldest;
                if now.since(self.get(slot).first_syn) < TIDY_AFTER {
                    break;
                }
                self.unlink(slot, shelf);
                if self.get(slot).is_known_at(now) {
                    self.get_mut(slot).keep_long();
                    self.push_newest(slot, shelf.for_long());
                } else {
                    self.release(slot);
                }
            }
        }
    }

    fn side_by_another_name(&self, slot: u32, from: Endpoint, to: Endpoint) -> Option<Side> {
        self.more_names.get(&slot)?.iter().find_map(|name| name.side_of(from, to))
    }

    /// Who must go when the store is full: answered a while ago; else a stranger that sent one SYN, oldest first;
    /// else failed; else answered just now; else whoever has waited longest.
    fn make_room(&mut self, now: Timestamp) -> Option<Owner> {
        let oldest = |shelf| Some(self.list(shelf).oldest).filter(|&slot| slot != NOBODY);
        let answered = oldest(Shelf::Answered);
        let a_while_ago = |&slot: &u32| now.since(self.get(slot).answered_at()) > JUST_NOW;
        let surely = oldest(Shelf::AnsweredLong).or_else(|| answered.filter(a_while_ago));
        let failed = oldest(Shelf::FailedLong).or_else(|| oldest(Shelf::Failed));
        let rest = failed.or(answered).or_else(|| oldest(Shelf::Waiting));
        let slot = surely.or_else(|| self.stranger()).or(rest)?;
        self.forget(slot)
    }

    /// The oldest waiting attempt with one SYN from a peer that was never seen. None goes back to being one, so each
    /// attempt is passed over once.
    fn stranger(&mut self) -> Option<u32> {
        while self.oldest_stranger != NOBODY {
            let slot = self.oldest_stranger;
            let attempt = self.get(slot);
            if !attempt.is_regular() && attempt.syn_count() < 2 {
                return Some(slot);
            }
            self.oldest_stranger = attempt.newer;
        }
        None
    }

    fn forget(&mut self, slot: u32) -> Option<Owner> {
        let (shelf, owner) = (self.get(slot).shelf(), self.get(slot).owner);
        self.unlink(slot, shelf);
        self.release(slot);
        (shelf == Shelf::Waiting).then_some(owner)
    }

    fn release(&mut self, slot: u32) {
        let name = self.get(slot).name;
        self.index.remove(&name, slot);
        if !self.more_names.is_empty() {
            for name in self.more_names.remove(&slot).unwrap_or_default() {
                self.index.remove(&name, slot);
            }
        }
        self.get_mut(slot).newer = self.free;
        self.free = slot;
    }

    /// Keeps the waiting list in the order of deadlines though packets may come a little out of order.
    fn list_as_waiting(&mut self, slot: u32) {
        let began = self.get(slot).first_syn;
        let mut after = self.list(Shelf::Waiting).newest;
        for _ in 0..MAX_REORDERING {
            if after == NOBODY || self.get(after).first_syn <= began {
                break;
            }
            if after == self.oldest_stranger {
                self.oldest_stranger = slot;
            }
            after = self.get(after).older;
        }
        self.link_after(slot, after, Shelf::Waiting);
        if self.oldest_stranger == NOBODY {
            self.oldest_stranger = slot;
        }
    }

    fn push_newest(&mut self, slot: u32, shelf: Shelf) {
        let newest = self.list(shelf).newest;
        self.link_after(slot, newest, shelf);
    }

    fn link_after(&mut self, slot: u32, older: u32, shelf: Shelf) {
        let newer = if older == NOBODY { self.list(shelf).oldest } else { self.get(older).newer };
        let attempt = self.get_mut(slot);
        attempt.older = older;
        attempt.newer = newer;
        self.set_newer_of(older, slot, shelf);
        self.set_older_of(newer, slot, shelf);
        self.list_mut(shelf).count += 1;
        self.known += 1;
    }

    fn unlink(&mut self, slot: u32, shelf: Shelf) {
        let Attempt { older, newer, .. } = *self.get(slot);
        if slot == self.oldest_stranger {
            self.oldest_stranger = newer;
        }
        self.set_newer_of(older, newer, shelf);
        self.set_older_of(newer, older, shelf);
        self.list_mut(shelf).count -= 1;
        self.known -= 1;
    }

    fn set_newer_of(&mut self, slot: u32, newer: u32, shelf: Shelf) {
        match slot {
            NOBODY => self.list_mut(shelf).oldest = newer,
            slot => self.get_mut(slot).newer = newer,
        }
    }

    fn set_older_of(&mut self, slot: u32, older: u32, shelf: Shelf) {
        match slot {
            NOBODY => self.list_mut(shelf).newest = older,
            slot => self.get_mut(slot).older = older,
        }
    }

    #[allow(clippy::indexing_slicing, reason = "there is a list for each shelf")]
    fn list(&self, shelf: Shelf) -> &List {
        &self.shelves[shelf as usize]
    }

    #[allow(clippy::indexing_slicing, reason = "there is a list for each shelf")]
    fn list_mut(&mut self, shelf: Shelf) -> &mut List {
        &mut self.shelves[shelf as usize]
    }
}

/// A few matches on the stack, newest attempt first.
#[derive(Default)]
pub(super) struct Matches {
    matches: [Option<Match>; 16],
}

impl Matches {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Match> {
        self.matches.iter().flatten()
    }

    /// Inserts behind all that are `newer`.
    fn push(&mut self, new: Match, newer: impl Fn(u32) -> bool) {
        let place = self.iter().take_while(|known| newer(known.slot)).count();
        if let Some(behind) = self.matches.get_mut(place..) {
            behind.rotate_right(1);
            if let Some(first) = behind.first_mut() {
                *first = Some(new);
            }
        }
    }
}

#[allow(clippy::indexing_slicing, reason = "slots are made by the store, and only live ones are in its index")]
fn oldest_of(slab: &[Attempt], slots: &[u32]) -> u32 {
    slots.iter().copied().min_by_key(|&slot| slab[slot as usize].first_syn).unwrap_or(NOBODY)
}

const EMPTY: List = List { oldest: NOBODY, newest: NOBODY, count: 0 };
/// Names beside the first one.
const MAX_MORE_NAMES: usize = 2;
/// How long an answered attempt is kept for its retransmissions even when room is wanted.
const JUST_NOW: Duration = Duration::from_secs(1);
/// How far back in the waiting list a late packet's attempt is put in order.
const MAX_REORDERING: usize = 1024;
/// No attempt is done with sooner than this.
const TIDY_AFTER: Duration = Duration::from_secs(10);
