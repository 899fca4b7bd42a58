//! The sets that exist: a table of bounded size in which every attempt finds exactly one place.

use std::time::Duration;

use hashbrown::HashMap;

use super::ahead::Glimpse;
use super::frequency::FrequencySketch;
use super::id::LabelSetId;
use super::name::{LabelSet, Peer, Port, Site};
use super::names::{Hashed, Names, SiteNumber};
use crate::time::Timestamp;

/// Where an attempt was taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Admission {
    /// The set that counts it.
    pub set: LabelSetId,
    /// Whether it was made for this attempt: all its series begin at zero.
    pub created: bool,
    /// Whether it is counted under `other` for want of room.
    pub folded: bool,
    /// Whether a set left to make room, [which one](LabelSetRegistry::gone) is to be asked: its series end.
    pub made_room: bool,
}

/// The table of sets.
pub struct LabelSetRegistry {
    limit: usize,
    names: Names,
    sets: Vec<Option<Set>>,
    free: Vec<LabelSetId>,
    own: usize,
    /// How many own sets each port has.
    ports: HashMap<Site, u32, foldhash::fast::RandomState>,
    /// How often those came that have no set of their own.
    newcomers: FrequencySketch,
    /// Which set of the rest it was, the last time that one was asked for.
    last_rest: Option<Rest>,
    /// The one that left last to make room.
    gone: Option<LabelSetId>,
    /// No set can have been idle for long enough to make room before this.
    none_idle_before: Timestamp,
    /// No set is worth less than a frequent newcomer before this, as far as was looked.
    none_rarer_before: Timestamp,
}

/// A set of the rest, and where it is the one.
#[derive(Clone, Copy)]
struct Rest {
    site: Site,
    /// When it was asked for last.
    number: SiteNumber,
    set: LabelSetId,
}

struct Set {
    id: LabelSetId,
    name: LabelSet,
    attempts: u32,
    waiting: u32,
    last_seen: Timestamp,
}

impl LabelSetRegistry {
    /// At most so many sets, and a few more for what does not fit.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            names: Names::default(),
            sets: Vec::new(),
            free: Vec::new(),
            own: 0,
            ports: HashMap::default(),
            newcomers: FrequencySketch::default(),
            last_rest: None,
            gone: None,
            none_idle_before: Timestamp::default(),
            none_rarer_before: Timestamp::default(),
        }
    }

    /// The set for an attempt of the name that this is a glimpse of, made if there is room, else the set of the rest that fits best.
    #[inline(always)]
    pub(super) fn admit(
        &mut self,
        glimpse: Glimpse,
        name: impl Fn() -> LabelSet,
        now: Timestamp,
    ) -> Admission {
        let known = self.names.get(glimpse.hash, |set| {
            self.name(set).is_some_and(|known| *known == name())
        });
        let admission = match known {
            Some(set) => Admission {
                set,
                created: false,
                folded: false,
                made_room: false,
            },
            None => self.admit_unknown(glimpse, name, now),
        };
        if let Some(set) = self.get_mut(admission.set) {
            set.attempts = set.attempts.saturating_add(1);
            set.waiting += 1;
            set.last_seen = set.last_seen.max(now);
        }
        admission
    }

    #[inline(always)]
    fn admit_unknown(
        &mut self,
        glimpse: Glimpse,
        name: impl Fn() -> LabelSet,
        now: Timestamp,
    ) -> Admission {
        let made_room = self.is_full() && self.make_room(glimpse.hash, now);
        // There are still too many where the limit was lowered.
        if !self.is_full() {
            let set = self.create(name(), now);
            return Admission {
                set,
                created: true,
                folded: false,
                made_room,
            };
        }
        if let Some(rest) = self.last_rest.filter(|rest| rest.number == glimpse.site) {
            return Admission {
                set: rest.set,
                created: false,
                folded: true,
                made_room,
            };
        }
        let (set, created) = self.rest_at(name().site(), glimpse.site, now);
        Admission {
            set,
            created,
            folded: true,
            made_room,
        }
    }

    /// The set of the rest that fits best there, and whether it was made for this.
    #[inline(never)]
    fn rest_at(&mut self, site: Site, number: SiteNumber, now: Timestamp) -> (LabelSetId, bool) {
        let last = self.last_rest.filter(|rest| rest.site == site);
        let (set, created) = last.map_or_else(|| self.rest_of(site, now), |rest| (rest.set, false));
        self.last_rest = Some(Rest { site, number, set });
        (set, created)
    }

    /// What is asked of a name before the name itself is.
    #[inline(always)]
    pub(super) fn glimpse(&mut self, site: Site, peer: &Peer) -> Glimpse {
        let (hash, number) = self.names.hash(site, peer);
        Glimpse {
            vantage: site.vantage(),
            site: number,
            hash,
        }
    }

    /// Who left last to make room.
    pub const fn gone(&self) -> Option<LabelSetId> {
        self.gone
    }

    /// Whether who has no set of its own is a newcomer that is counted.
    pub(super) const fn is_full(&self) -> bool {
        self.own >= self.limit
    }

    /// Has the memory fetched that this name will need as a newcomer's.
    pub(super) fn fetch(&self, glimpse: &Glimpse) {
        self.newcomers.fetch(glimpse.hash);
    }

    /// The existing set that counts what has this name: its own, else the one it would be folded into.
    pub(super) fn find(&mut self, name: &LabelSet) -> Option<LabelSetId> {
        self.of_name(name)
            .or_else(|| self.of_name(&name.site().with(Peer::Other)))
    }

    fn of_name(&mut self, name: &LabelSet) -> Option<LabelSetId> {
        let (hash, _) = self.names.hash(name.site(), &name.peer);
        self.names.get(hash, |set| self.name(set) == Some(name))
    }

    /// Something of this set was seen.
    pub fn touch(&mut self, set: LabelSetId, now: Timestamp) {
        if let Some(set) = self.get_mut(set) {
            set.last_seen = set.last_seen.max(now);
        }
    }

    /// An attempt of this set waits no more.
    pub fn decided(&mut self, set: LabelSetId, now: Timestamp) {
        if let Some(set) = self.get_mut(set) {
            set.last_seen = set.last_seen.max(now);
            set.waiting = set.waiting.saturating_sub(1);
        }
    }

    /// From now on at most so many. Where there are more, they leave as they fall idle.
    pub fn resize(&mut self, limit: usize) {
        self.limit = limit;
        (self.none_idle_before, self.none_rarer_before) = Default::default();
    }

    /// Removes a set that nothing was seen of for so long, or for ten minutes where there are too many. Call again
    /// until there is none.
    pub fn expire(&mut self, idle: Duration, now: Timestamp) -> Option<LabelSetId> {
        let too_many = self.own > self.limit;
        let idle_for = |set: &Set| {
            if too_many && is_own(&set.name) {
                idle.min(IDLE_FOR_A_NEWCOMER)
            } else {
                idle
            }
        };
        let expired = self
            .living()
            .find(|set| set.waiting == 0 && now.since(set.last_seen) >= idle_for(set));
        let id = expired.map(|set| set.id)?;
        self.remove(id);
        Some(id)
    }

    /// How many exist, the sets of the rest included.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// How many may exist beside the sets of the rest.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// What a set is called, if it exists.
    pub fn name(&self, set: LabelSetId) -> Option<&LabelSet> {
        self.sets
            .get(set.place())?
            .as_ref()
            .filter(|known| known.id == set)
            .map(|known| &known.name)
    }

    /// The port's own rest where the port is known, else the rest of all ports: one of these for each vantage and local address
    /// while they are few, else one for each vantage. And whether it was made for this.
    fn rest_of(&mut self, site: Site, now: Timestamp) -> (LabelSetId, bool) {
        let rest_of_port = site.with(Peer::Other);
        let rest = Site::new(site.vantage(), site.local(), Port::Other).with(Peer::Other);
        let last_resort = LabelSet {
            local: None,
            ..rest.clone()
        };
        if let Some(set) = self.of_name(&rest_of_port) {
            return (set, false);
        }
        let room = self.names.len() - self.own < MAX_RESTS;
        let chosen = if room && self.ports.contains_key(&site) {
            rest_of_port
        } else if room || self.of_name(&rest).is_some() {
            rest
        } else {
            last_resort
        };
        self.of_name(&chosen)
            .map_or_else(|| (self.create(chosen, now), true), |set| (set, false))
    }

    #[inline(never)]
    fn create(&mut self, name: LabelSet, now: Timestamp) -> LabelSetId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.sets.push(None);
            LabelSetId::new(self.sets.len() - 1)
        });
        if is_own(&name) {
            self.own += 1;
            *self.ports.entry(name.site()).or_default() += 1;
        }
        self.last_rest = None;
        self.names.insert(&name, id);
        if let Some(place) = self.sets.get_mut(id.place()) {
            *place = Some(Set {
                id,
                name,
                attempts: 0,
                waiting: 0,
                last_seen: now,
            });
        }
        id
    }

    /// Whether a set left for this newcomer, which is counted.
    fn make_room(&mut self, newcomer: Hashed, now: Timestamp) -> bool {
        let gone = self
            .remove_idle(now)
            .or_else(|| self.remove_rarer(newcomer, now));
        if gone.is_some() {
            self.gone = gone;
        }
        gone.is_some()
    }

    /// Makes room by the longest idle set, if nothing was seen of it for ten minutes.
    fn remove_idle(&mut self, now: Timestamp) -> Option<LabelSetId> {
        if now < self.none_idle_before {
            return None;
        }
        let longest = self.removable().min_by_key(|set| set.last_seen);
        if let Some(id) = longest
            .filter(|set| now.since(set.last_seen) >= IDLE_FOR_A_NEWCOMER)
            .map(|set| set.id)
        {
            self.remove(id);
            return Some(id);
        }
        // Nobody can have been idle for long enough before the first of all is, those included in which somebody waits.
        let first = self.living().map(|set| set.last_seen).min();
        self.none_idle_before = first
            .map_or(now, |seen| seen + IDLE_FOR_A_NEWCOMER)
            .max(now + LOOK_AGAIN);
        None
    }

    /// Makes room by the set with the fewest attempts, for a newcomer that came back often enough to be worth more:
    /// peers that come once, as in a flood or a scan, do not keep regular ones out.
    fn remove_rarer(&mut self, newcomer: Hashed, now: Timestamp) -> Option<LabelSetId> {
        let came = self.newcomers.count(newcomer, now);
        if came < FREQUENT || now < self.none_rarer_before {
            return None;
        }
        let rarest = self
            .removable()
            .filter(|set| now.since(set.last_seen) >= QUIET)
            .min_by_key(|set| set.attempts);
        match rarest.map(|set| (set.id, set.attempts)) {
            Some((id, attempts)) if attempts.saturating_mul(2) < came => {
                self.remove(id);
                Some(id)
            }
            _ => {
                self.none_rarer_before = now + LOOK_AGAIN;
                None
            }
        }
    }

    fn remove(&mut self, id: LabelSetId) {
        if let Some(set) = self.sets.get_mut(id.place()).and_then(Option::take) {
            if is_own(&set.name) {
                self.own -= 1;
                let port = set.name.site();
                if let Some(count) = self.ports.get_mut(&port) {
                    *count -= 1;
                    if *count == 0 {
                        self.ports.remove(&port);
                    }
                }
            }
            self.last_rest = None;
            self.names.remove(&set.name, id);
            self.free.push(id.next_use());
        }
    }

    fn living(&self) -> impl Iterator<Item = &Set> {
        self.sets.iter().flatten()
    }

    /// Sets that may leave: nobody waits in them, and they are not those of the rest.
    fn removable(&self) -> impl Iterator<Item = &Set> {
        self.living()
            .filter(|set| set.waiting == 0 && is_own(&set.name))
    }

    fn get_mut(&mut self, set: LabelSetId) -> Option<&mut Set> {
        self.sets
            .get_mut(set.place())?
            .as_mut()
            .filter(|known| known.id == set)
    }
}

/// Whether it is a peer's own, and not one of the rest.
fn is_own(name: &LabelSet) -> bool {
    name.peer != Peer::Other
}

/// Sets of the rest beside the limit; a few more, one for each vantage, when there are so many.
const MAX_RESTS: usize = 32;
/// How long a set must be idle before any newcomer may take its place.
const IDLE_FOR_A_NEWCOMER: Duration = Duration::from_secs(600);
/// How often a newcomer must have come before it is worth a set of somebody else.
const FREQUENT: u32 = 3;
/// How long a set must be quiet before a frequent newcomer may take its place.
const QUIET: Duration = Duration::from_secs(1);
/// How soon to look again for a set that may make room.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
