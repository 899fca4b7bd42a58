//! The attempts that are known: a slab of bounded size, found by their ends, in queues by where they stand.

use std::time::Duration;

use arrayvec::ArrayVec;
use hashbrown::HashMap;

use super::attempt::{Attempt, Name, State};
use super::event::{Owner, Side};
use super::index::{Index, Tag};
use super::queues::{Decided, Waiting};
use crate::packet::Endpoint;
use crate::time::Timestamp;

/// Holds at most a fixed number of attempts. Those that wait stand in the order they began, which is the order of their
/// deadlines; the decided ones in the order they were decided, and apart from these the decided ones that are known for
/// longer than usual. So each change is an entry at the end of a queue, and touches no other attempt.
pub(super) struct Store {
    slab: Vec<Attempt>,
    capacity: usize,
    free: Vec<u32>,
    index: Index,
    more_names: HashMap<u32, Vec<Name>, foldhash::fast::RandomState>,
    /// How many were taken in so far, wrapping.
    serial: u32,
    waiting: Waiting,
    answered: Decided,
    failed: Decided,
}

/// An attempt that a packet belongs to, and which side of it the sender is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) slot: u32,
    pub(super) side: Side,
}

/// A few of them, newest attempt first.
pub(super) type Matches = ArrayVec<Match, MAX_SAME_ENDS>;

impl Store {
    pub(super) fn new(capacity: usize, timeout: Duration) -> Self {
        Self {
            slab: Vec::new(),
            capacity: capacity.clamp(1, u32::MAX as usize - 1),
            free: Vec::new(),
            index: Index::default(),
            more_names: HashMap::default(),
            serial: 0,
            waiting: Waiting::new(timeout),
            answered: Decided::default(),
            failed: Decided::default(),
        }
    }

    pub(super) const fn waiting(&self) -> usize {
        self.waiting.count()
    }

    pub(super) const fn known(&self) -> usize {
        self.slab.len() - self.free.len()
    }

    /// That of the attempt that was taken in last.
    pub(super) const fn serial(&self) -> u32 {
        self.serial
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

    /// What these two ends are looked up by.
    pub(super) fn tag(&self, from: Endpoint, to: Endpoint) -> Tag {
        self.index.tag(from, to)
    }

    /// The attempts still known between these two ends, by any of their names, newest first.
    pub(super) fn between(&self, tag: Tag, from: Endpoint, to: Endpoint, now: Timestamp) -> Matches {
        let mut matches = Matches::new();
        for slot in self.index.slots(tag) {
            let attempt = self.get(slot);
            let side = attempt.name.side_of(from, to).or_else(|| self.side_by_another_name(slot, from, to));
            let Some(side) = side.filter(|_| attempt.is_known_at(now) && !matches.is_full()) else { continue };
            let newer = |known: &&Match| self.get(known.slot).first_syn > attempt.first_syn;
            match matches.iter().take_while(newer).count() {
                all if all == matches.len() => matches.push(Match { slot, side }),
                place => matches.insert(place, Match { slot, side }),
            }
        }
        matches
    }

    /// Has the memory that packets with these tags will need read all at once, for it is mostly far away: waiting for one
    /// piece after the other is where the time goes. Nothing changes.
    pub(super) fn fetch(&self, tags: &[Tag], now: Timestamp) {
        let mut read = tags.iter().fold(0, |read, tag| read ^ self.index.touch(*tag));
        for tag in tags {
            read = self.index.slots(*tag).fold(read, |read, slot| read ^ self.get(slot).touch());
        }
        read = self.waiting.next_overdue(now).take(tags.len()).fold(read, |read, slot| read ^ self.get(slot).touch());
        if self.known() + tags.len() > self.capacity {
            let leaving: ArrayVec<u32, LOOK_AHEAD> = self.next_to_leave(now).take(tags.len().min(LOOK_AHEAD)).collect();
            read = leaving.iter().fold(read, |read, slot| read ^ self.get(*slot).touch());
            read = leaving.iter().fold(read, |read, slot| read ^ self.index.touch(self.get(*slot).tag));
        }
        std::hint::black_box(read);
    }

    /// Takes a new attempt in, forgetting another one where there is no room. Tells whose that was if it still waited.
    pub(super) fn insert(&mut self, mut attempt: Attempt) -> (u32, Option<Owner>) {
        let evicted = if self.known() >= self.capacity { self.make_room(attempt.first_syn) } else { None };
        self.serial = self.serial.wrapping_add(1);
        attempt.serial = self.serial;
        let slot = match self.free.pop() {
            Some(slot) => {
                *self.get_mut(slot) = attempt;
                slot
            }
            None => {
                let slot = u32::try_from(self.slab.len()).unwrap_or(u32::MAX);
                self.slab.push(attempt);
                slot
            }
        };
        self.list(attempt.tag, slot);
        self.waiting.push(slot, &attempt, &self.slab);
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
        self.list(self.tag(name.client, name.server), slot);
    }

    /// An attempt was decided just now: it waits no more.
    pub(super) fn decided(&mut self, slot: u32, now: Timestamp) {
        self.waiting.leave();
        let (state, until) = (self.get(slot).state(), self.get(slot).known_until());
        self.decided_as(state).push(now, slot, until);
    }

    /// The attempt that has waited longest, if its time is up by now.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Option<u32> {
        self.waiting.overdue(now, &self.slab)
    }

    /// Forgets decided attempts that no packet can matter to any more: at most so many a call, so that no call is slow.
    pub(super) fn tidy(&mut self, now: Timestamp, at_most: usize) {
        for _ in 0..at_most {
            let Some(slot) = self.answered.pop_done(now).or_else(|| self.failed.pop_done(now)) else { break };
            let attempt = self.get(slot);
            if attempt.is_known_at(now) {
                let (state, until) = (attempt.state(), attempt.known_until());
                self.decided_as(state).keep_longer(slot, until);
            } else {
                self.release(slot);
            }
        }
    }

    const fn decided_as(&mut self, state: State) -> &mut Decided {
        match state {
            State::Answered => &mut self.answered,
            State::Failed | State::Waiting => &mut self.failed,
        }
    }

    fn side_by_another_name(&self, slot: u32, from: Endpoint, to: Endpoint) -> Option<Side> {
        self.more_names.get(&slot)?.iter().find_map(|name| name.side_of(from, to))
    }

    /// Puts a name of an attempt into the index. Where a four-tuple holds too many attempts already (a flood that
    /// reuses it), the oldest one is no longer found by packets: it goes on by its own clock.
    fn list(&mut self, tag: Tag, slot: u32) {
        if self.index.insert(tag, slot) < MAX_SAME_ENDS {
            return;
        }
        let others = self.index.slots(tag).filter(|other| *other != slot);
        if let Some(oldest) = others.min_by_key(|slot| self.get(*slot).first_syn) {
            self.index.remove(tag, oldest);
        }
    }

    /// Who must go when the store is full: answered a while ago; else a stranger that sent one SYN, oldest first;
    /// else failed; else answered just now; else whoever has waited longest.
    fn make_room(&mut self, now: Timestamp) -> Option<Owner> {
        if let Some(slot) = self.answered.pop_older(JUST_NOW, now) {
            self.release(slot);
            return None;
        }
        if let Some(slot) = self.waiting.take_stranger(&self.slab) {
            return self.evict(slot);
        }
        if let Some(slot) = self.failed.pop().or_else(|| self.answered.pop()) {
            self.release(slot);
            return None;
        }
        let slot = self.waiting.take_oldest(&self.slab)?;
        self.evict(slot)
    }

    /// About who goes next when room is wanted.
    fn next_to_leave(&self, now: Timestamp) -> impl Iterator<Item = u32> {
        let answered = self.answered.next_older(JUST_NOW, now);
        let rest = self.failed.next().chain(self.answered.next()).chain(self.waiting.next());
        answered.chain(self.waiting.next_strangers()).chain(rest)
    }

    /// Forgets an attempt that waits.
    fn evict(&mut self, slot: u32) -> Option<Owner> {
        let attempt = self.get_mut(slot);
        // So that what is left of it in the queue is known for what it is.
        attempt.fail();
        let owner = attempt.owner;
        self.waiting.leave();
        self.release(slot);
        Some(owner)
    }

    fn release(&mut self, slot: u32) {
        self.index.remove(self.get(slot).tag, slot);
        if !self.more_names.is_empty() {
            for name in self.more_names.remove(&slot).unwrap_or_default() {
                self.index.remove(self.tag(name.client, name.server), slot);
            }
        }
        self.free.push(slot);
    }
}

/// For how many packets it is worth looking ahead.
pub const LOOK_AHEAD: usize = 64;
/// Names beside the first one.
const MAX_MORE_NAMES: usize = 2;
/// How many attempts with the same two ends (another ISN each) are found by packets.
const MAX_SAME_ENDS: usize = 16;
/// How long an answered attempt is kept for its retransmissions even when room is wanted.
const JUST_NOW: Duration = Duration::from_secs(1);
