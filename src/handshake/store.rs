//! The attempts that are known: a slab of bounded size, found by their ends, in queues by where they stand.

mod ahead;

use std::time::Duration;

use hashbrown::HashMap;

pub use ahead::LOOK_AHEAD;

use super::attempt::{Attempt, State};
use super::decided::Decided;
use super::ends::{FlowHash, FlowHasher, FlowKey, are_long};
use super::event::{OwnerId, Side};
use super::evidence::Evidence;
use super::index::Index;
use super::matches::{Known, MAX_SAME_ENDS, Match, Matches};
use super::name::{FourTuple, Ipv6Remainder};
use super::waiting::Waiting;
use crate::packet::Endpoint;
use crate::time::Timestamp;

/// Holds at most a fixed number of attempts. Those that wait stand in the order they began, which is the order of their
/// deadlines; the decided ones in the order they were decided, and apart from these the decided ones that are known for
/// longer than usual. So each change is an entry at the end of a queue, and touches no other attempt.
pub(super) struct Store {
    slab: Vec<Attempt>,
    /// Of the attempts in the same slots.
    evidence: Vec<Evidence>,
    capacity: usize,
    free: Vec<u32>,
    index: Index,
    flow_hasher: FlowHasher,
    more_names: HashMap<u32, Vec<FourTuple>, foldhash::fast::RandomState>,
    waiting: Waiting,
    answered: Decided,
    failed: Decided,
}

/// Whether others have the same two ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Company {
    None,
    MayBe,
}

impl Store {
    pub(super) fn new(capacity: usize, timeout: Duration) -> Self {
        let capacity = capacity.clamp(1, MOST);
        // Room that is asked for at once is taken as it is used; room that grows is copied.
        let room = capacity.min(ROOM_AT_ONCE);
        Self {
            slab: Vec::with_capacity(room),
            evidence: Vec::with_capacity(room),
            capacity,
            free: Vec::new(),
            index: Index::of(capacity),
            flow_hasher: FlowHasher::default(),
            more_names: HashMap::default(),
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

    /// The attempt in a slot that this store handed out.
    #[allow(
        clippy::indexing_slicing,
        reason = "slots are made here, and only live ones are handed out"
    )]
    pub(super) fn get(&self, slot: u32) -> &Attempt {
        &self.slab[slot as usize]
    }

    /// The same, to change it.
    #[allow(
        clippy::indexing_slicing,
        reason = "slots are made here, and only live ones are handed out"
    )]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Attempt {
        &mut self.slab[slot as usize]
    }

    /// What else is known of the attempt in a slot that this store handed out.
    #[allow(
        clippy::indexing_slicing,
        reason = "slots are made here, and only live ones are handed out"
    )]
    pub(super) fn evidence(&self, slot: u32) -> &Evidence {
        &self.evidence[slot as usize]
    }

    /// An attempt and what else is known of it, to change them.
    #[allow(
        clippy::indexing_slicing,
        reason = "slots are made here, and only live ones are handed out"
    )]
    pub(super) fn with_evidence(&mut self, slot: u32) -> (&mut Attempt, &mut Evidence) {
        (
            &mut self.slab[slot as usize],
            &mut self.evidence[slot as usize],
        )
    }

    /// What makes the ends that attempts are looked up by.
    pub(super) const fn flow_hasher(&self) -> &FlowHasher {
        &self.flow_hasher
    }

    /// Whether there may be attempts between these two ends.
    #[inline]
    pub(super) fn company(&self, ends: &FlowKey) -> Company {
        if self.index.may_have(ends.tag) {
            Company::MayBe
        } else {
            Company::None
        }
    }

    /// The attempts still known between these two ends, by any of their names, newest first.
    #[inline]
    pub(super) fn between(
        &self,
        ends: &FlowKey,
        from: &Endpoint,
        to: &Endpoint,
        now: Timestamp,
    ) -> Matches {
        let mut slots = self.index.slots(ends.tag);
        // Most SYNs have none, and most other packets one.
        let first = slots
            .next()
            .and_then(|slot| self.match_of(slot, ends, from, to, now));
        let mut matches = Matches::of(first);
        slots.for_each(|slot| {
            self.add_match(&mut matches, self.match_of(slot, ends, from, to, now));
        });
        matches
    }

    #[cold]
    fn add_match(&self, matches: &mut Matches, found: Option<Match>) {
        let Some(found) = found else { return };
        // Where stamps are the same the slot decides: the same packets find the same, whatever the hashes.
        let began = |known: &Match| (self.get(known.slot).first_syn, known.slot);
        let of_found = began(&found);
        matches.add(found, |known| began(known) > of_found);
    }

    /// Whether these are the two ends of the attempt, and it is still known.
    #[inline(always)]
    fn match_of(
        &self,
        slot: u32,
        ends: &FlowKey,
        from: &Endpoint,
        to: &Endpoint,
        now: Timestamp,
    ) -> Option<Match> {
        let attempt = self.get(slot);
        if !attempt.is_known_at(now) {
            None
        } else if attempt.name == ends.name && self.is_name(slot, from, to) {
            Some(Match {
                slot,
                tag: ends.tag,
                side: Side::Client,
            })
        } else if attempt.name == ends.name.back() && self.is_name(slot, to, from) {
            Some(Match {
                slot,
                tag: ends.tag,
                side: Side::Server,
            })
        } else {
            let side = self.side_by_another_name(slot, from, to)?;
            Some(Match {
                slot,
                tag: attempt.tag,
                side,
            })
        }
    }

    /// Takes a new attempt in, forgetting another one where there is no room. Tells whose that was if it still waited.
    pub(super) fn insert(
        &mut self,
        ends: &FlowKey,
        (client, server): (&Endpoint, &Endpoint),
        (first_syn, isn): (Timestamp, u32),
        company: Company,
    ) -> (u32, Option<OwnerId>) {
        let evicted = if self.known() >= self.capacity {
            self.make_room(first_syn)
        } else {
            None
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                *self.get_mut(slot) = Attempt::new(ends, first_syn, isn);
                slot
            }
            None => self.add(Attempt::new(ends, first_syn, isn)),
        };
        if are_long(client, server) {
            let (attempt, evidence) = self.with_evidence(slot);
            attempt.mark_long_name();
            evidence.name_rest = Ipv6Remainder::of(client, server);
        }
        self.list(ends.tag, slot, company);
        self.waiting.push((slot, ends.tag), first_syn, &self.slab);
        (slot, evicted)
    }

    /// One more slot.
    #[inline(never)]
    fn add(&mut self, attempt: Attempt) -> u32 {
        self.slab.push(attempt);
        self.evidence.push(Evidence::default());
        u32::try_from(self.slab.len() - 1).unwrap_or(u32::MAX)
    }

    /// The name that counts.
    pub(super) fn name(&self, slot: u32) -> FourTuple {
        let attempt = self.get(slot);
        if attempt.has_long_name() {
            attempt.name.with(&self.evidence(slot).name_rest)
        } else {
            attempt.name.unpacked()
        }
    }

    /// Whether that is the name that counts, of which the packed one is the same.
    fn is_name(&self, slot: u32, client: &Endpoint, server: &Endpoint) -> bool {
        let has_long_name = self.get(slot).has_long_name();
        let is_it = || self.evidence(slot).name_rest == Ipv6Remainder::of(client, server);
        has_long_name == are_long(client, server) && (!has_long_name || is_it())
    }

    /// Whether the attempt may have one more name.
    pub(super) fn has_room_for_a_name(&self, slot: u32) -> bool {
        self.more_names
            .get(&slot)
            .is_none_or(|names| names.len() < MAX_MORE_NAMES)
    }

    /// Whether that end of one of the attempt's names is the same in `name`.
    pub(super) fn shares_an_end(&self, slot: u32, side: Side, name: &FourTuple) -> bool {
        let more = self.more_names.get(&slot).into_iter().flatten();
        self.name(slot).shares(side, name) || more.into_iter().any(|known| known.shares(side, name))
    }

    /// Gives an attempt one more name.
    pub(super) fn add_name(&mut self, slot: u32, name: FourTuple) {
        self.more_names.entry(slot).or_default().push(name);
        self.list(self.flow_hasher.tag_of(&name), slot, Company::MayBe);
    }

    /// An attempt was decided just now: it waits no more.
    pub(super) fn decided(&mut self, known: Known, now: Timestamp) {
        let (slot, _) = known;
        self.waiting.leave(slot);
        let (state, until) = (self.get(slot).state(), self.get(slot).known_until());
        self.decided_as(state).push(now, known, until);
    }

    /// Whether the time of some attempt may be up by now, or one may be forgotten.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.waiting.is_due(now) || self.answered.is_due(now) || self.failed.is_due(now)
    }

    /// The attempt that has waited longest, if its time is up by now.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Option<Known> {
        self.waiting.overdue(now, &self.slab)
    }

    /// Forgets decided attempts that no packet can matter to any more: at most so many a call, so that no call is slow.
    pub(super) fn tidy(&mut self, now: Timestamp, at_most: usize) {
        for _ in 0..at_most {
            let Some(known) = self
                .answered
                .pop_done(now)
                .or_else(|| self.failed.pop_done(now))
            else {
                break;
            };
            let attempt = self.get(known.0);
            if attempt.is_known_at(now) {
                let (state, until) = (attempt.state(), attempt.known_until());
                self.decided_as(state).keep_longer(known, until);
            } else {
                self.release(known);
            }
        }
    }

    const fn decided_as(&mut self, state: State) -> &mut Decided {
        match state {
            State::Answered => &mut self.answered,
            State::Failed | State::Waiting => &mut self.failed,
        }
    }

    fn side_by_another_name(&self, slot: u32, from: &Endpoint, to: &Endpoint) -> Option<Side> {
        self.more_names
            .get(&slot)?
            .iter()
            .find_map(|name| name.side_of(from, to))
    }

    /// Puts a name of an attempt into the index. Where a four-tuple holds too many attempts already (a flood that
    /// reuses it), the oldest one is no longer found by packets: it goes on by its own clock.
    #[inline]
    fn list(&mut self, tag: FlowHash, slot: u32, company: Company) {
        if company == Company::MayBe {
            self.make_room_beside(tag);
        }
        self.index.insert(tag, slot);
    }

    #[inline(never)]
    fn make_room_beside(&mut self, tag: FlowHash) {
        // A tag that is much alike may be a stranger's. Whoever has other names stands under their tags, too.
        let has = |slot: &u32| self.get(*slot).tag == tag || self.more_names.contains_key(slot);
        let under = || self.index.slots(tag).filter(has);
        if under().count() >= MAX_SAME_ENDS
            && let Some(oldest) = under().min_by_key(|slot| (self.get(*slot).first_syn, *slot))
        {
            self.index.remove(tag, oldest);
        }
    }

    /// Who must go when the store is full: answered a while ago; else a stranger that sent one SYN, oldest first;
    /// else failed; else answered just now; else whoever has waited longest.
    fn make_room(&mut self, now: Timestamp) -> Option<OwnerId> {
        if let Some(known) = self.answered.pop_older(JUST_NOW, now) {
            self.release(known);
            return None;
        }
        if let Some(known) = self.waiting.take_stranger(&self.slab) {
            return Some(self.evict(known));
        }
        if let Some(known) = self.failed.pop().or_else(|| self.answered.pop()) {
            self.release(known);
            return None;
        }
        let known = self.waiting.take_oldest(&self.slab)?;
        Some(self.evict(known))
    }

    /// Forgets an attempt that waits.
    #[inline]
    fn evict(&mut self, known: Known) -> OwnerId {
        let (slot, _) = known;
        let attempt = self.get_mut(slot);
        // So that what is left of it in the queue, and any hint, is known for what it is.
        attempt.fail();
        let owner = attempt.owner;
        self.waiting.leave(slot);
        self.release(known);
        owner
    }

    #[inline]
    fn release(&mut self, (slot, tag): Known) {
        self.index.remove(tag, slot);
        if !self.more_names.is_empty() {
            self.forget_more_names(slot);
        }
        self.free.push(slot);
    }

    #[inline(never)]
    fn forget_more_names(&mut self, slot: u32) {
        for name in self.more_names.remove(&slot).unwrap_or_default() {
            self.index.remove(self.flow_hasher.tag_of(&name), slot);
        }
    }
}

/// What no host has memory for.
const MOST: usize = 1 << 30;
/// For more attempts than that, room grows: that much is no burden where memory is not overcommitted.
const ROOM_AT_ONCE: usize = 1 << 18;
/// Names beside the first one.
const MAX_MORE_NAMES: usize = 2;
/// How long an answered attempt is kept for its retransmissions even when room is wanted.
const JUST_NOW: Duration = Duration::from_secs(1);
