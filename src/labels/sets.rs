//! The sets that exist: a table of bounded size in which every attempt finds exactly one place.

use std::time::Duration;

use hashbrown::HashMap;

use super::ahead::Named;
use super::frequency::Frequency;
use super::name::{Peer, Port, SetName, Vantage};
use super::names::{Hashed, Names};
use crate::packet::Address;
use crate::time::Timestamp;

/// Names a set while it exists: a small number, used again, and which use of it this is. So what is said late about a
/// set that left is not taken for its successor's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SetId(u32);

impl SetId {
    /// From a number that [`SetId::number`] gave.
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// All of it as one number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The small number.
    pub const fn place(self) -> usize {
        (self.0 & ((1 << PLACE_BITS) - 1)) as usize
    }

    fn new(place: usize) -> Self {
        Self(u32::try_from(place).unwrap_or(0))
    }

    /// The same place, for the next set.
    const fn next_use(self) -> Self {
        Self(self.0.wrapping_add(1 << PLACE_BITS))
    }
}

/// Where an attempt was taken in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admission {
    /// The set that counts it.
    pub set: SetId,
    /// The set's name, where it was made for this attempt: all its series begin at zero.
    pub created: Option<SetName>,
    /// A set that left to make room; its series end.
    pub removed: Option<SetId>,
    /// Whether it is counted under `other` for want of room.
    pub folded: bool,
}

/// The table of sets.
pub struct Sets {
    limit: usize,
    names: Names,
    sets: Vec<Option<Set>>,
    free: Vec<SetId>,
    own: usize,
    /// How many own sets each port has.
    ports: HashMap<PortName, u32, foldhash::fast::RandomState>,
    /// How often those came that have no set of their own.
    newcomers: Frequency,
    /// Which set of the rest it was, the last time that one was asked for.
    last_rest: Option<(PortName, SetId)>,
    /// No set can have been idle for long enough to make room before this.
    none_idle_before: Timestamp,
    /// No set is worth less than a frequent newcomer before this, as far as was looked.
    none_rarer_before: Timestamp,
}

type PortName = (Vantage, Option<Address>, Port);

struct Set {
    id: SetId,
    name: SetName,
    attempts: u32,
    waiting: u32,
    last_seen: Timestamp,
}

impl Sets {
    /// At most so many sets, and a few more for what does not fit.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            names: Names::default(),
            sets: Vec::new(),
            free: Vec::new(),
            own: 0,
            ports: HashMap::default(),
            newcomers: Frequency::default(),
            last_rest: None,
            none_idle_before: Timestamp::default(),
            none_rarer_before: Timestamp::default(),
        }
    }

    /// The set for an attempt of this name, made if there is room, else the set of the rest that fits best.
    pub(super) fn admit(&mut self, Named { name, hash }: Named, now: Timestamp) -> Admission {
        let mut admission = Admission { set: SetId::new(0), created: None, removed: None, folded: false };
        admission.set = match self.names.get(hash, &name) {
            Some(set) => set,
            None if !self.is_full() => self.create(name, now, &mut admission),
            None => {
                admission.removed = self.remove_idle(now).or_else(|| self.remove_rarer(hash, now));
                // There are still too many where the limit was lowered.
                if !self.is_full() {
                    self.create(name, now, &mut admission)
                } else {
                    admission.folded = true;
                    self.fold(&name, now, &mut admission)
                }
            }
        };
        if let Some(set) = self.get_mut(admission.set) {
            set.attempts = set.attempts.saturating_add(1);
            set.waiting += 1;
            set.last_seen = set.last_seen.max(now);
        }
        admission
    }

    /// The name as it is asked for here.
    pub(super) fn hashed(&self, name: SetName) -> Named {
        let hash = self.names.hash(&name);
        Named { name, hash }
    }

    /// Whether who has no set of its own is a newcomer that is counted.
    pub(super) const fn is_full(&self) -> bool {
        self.own >= self.limit
    }

    /// Has the memory fetched that this name will need as a newcomer's.
    pub(super) fn fetch(&self, named: &Named) {
        self.newcomers.fetch(named.hash);
    }

    /// The existing set that counts what has this name: its own, else the one it would be folded into.
    pub(super) fn find(&self, name: &SetName) -> Option<SetId> {
        let folded = || SetName { peer: Peer::Other, ..name.clone() };
        self.names.find(name).or_else(|| self.names.find(&folded()))
    }

    /// Something of this set was seen.
    pub fn touch(&mut self, set: SetId, now: Timestamp) {
        if let Some(set) = self.get_mut(set) {
            set.last_seen = set.last_seen.max(now);
        }
    }

    /// An attempt of this set waits no more.
    pub fn decided(&mut self, set: SetId, now: Timestamp) {
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
    pub fn expire(&mut self, idle: Duration, now: Timestamp) -> Option<SetId> {
        let too_many = self.own > self.limit;
        let idle_for = |set: &Set| if too_many && is_own(&set.name) { idle.min(IDLE_FOR_A_NEWCOMER) } else { idle };
        let expired = self.living().find(|set| set.waiting == 0 && now.since(set.last_seen) >= idle_for(set));
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

    pub(super) fn name(&self, set: SetId) -> Option<&SetName> {
        self.sets.get(set.place())?.as_ref().filter(|known| known.id == set).map(|known| &known.name)
    }

    /// Under the port's own rest where the port is known, else under the rest of all ports: one of these for each
    /// vantage and local address while they are few, else one for each vantage.
    fn fold(&mut self, name: &SetName, now: Timestamp, admission: &mut Admission) -> SetId {
        let port = port_of(name);
        if let Some((_, set)) = self.last_rest.filter(|(known, _)| *known == port) {
            return set;
        }
        let set = self.rest_of(name, now, admission);
        self.last_rest = Some((port, set));
        set
    }

    fn rest_of(&mut self, name: &SetName, now: Timestamp, admission: &mut Admission) -> SetId {
        let rest_of_port = SetName { peer: Peer::Other, ..name.clone() };
        let rest = SetName { port: Port::Other, ..rest_of_port.clone() };
        let last_resort = SetName { local: None, ..rest.clone() };
        if let Some(set) = self.names.find(&rest_of_port) {
            return set;
        }
        let room = self.names.len() - self.own < MAX_RESTS;
        let chosen = if room && self.ports.contains_key(&port_of(name)) {
            rest_of_port
        } else if room || self.names.find(&rest).is_some() {
            rest
        } else {
            last_resort
        };
        match self.names.find(&chosen) {
            Some(set) => set,
            None => self.create(chosen, now, admission),
        }
    }

    fn create(&mut self, name: SetName, now: Timestamp, admission: &mut Admission) -> SetId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.sets.push(None);
            SetId::new(self.sets.len() - 1)
        });
        if is_own(&name) {
            self.own += 1;
            *self.ports.entry(port_of(&name)).or_default() += 1;
        }
        self.last_rest = None;
        self.names.insert(name.clone(), id);
        if let Some(place) = self.sets.get_mut(id.place()) {
            *place = Some(Set { id, name: name.clone(), attempts: 0, waiting: 0, last_seen: now });
        }
        admission.created = Some(name);
        id
    }

    /// Makes room by the longest idle set, if nothing was seen of it for ten minutes.
    fn remove_idle(&mut self, now: Timestamp) -> Option<SetId> {
        if now < self.none_idle_before {
            return None;
        }
        let longest = self.removable().min_by_key(|set| set.last_seen);
        if let Some(id) = longest.filter(|set| now.since(set.last_seen) >= IDLE_FOR_A_NEWCOMER).map(|set| set.id) {
            self.remove(id);
            return Some(id);
        }
        // Nobody can have been idle for long enough before the first of all is, those included in which somebody waits.
        let first = self.living().map(|set| set.last_seen).min();
        self.none_idle_before = first.map_or(now, |seen| seen + IDLE_FOR_A_NEWCOMER).max(now + LOOK_AGAIN);
        None
    }

    /// Makes room by the set with the fewest attempts, for a newcomer that came back often enough to be worth more:
    /// peers that come once, as in a flood or a scan, do not keep regular ones out.
    fn remove_rarer(&mut self, newcomer: Hashed, now: Timestamp) -> Option<SetId> {
        let came = self.newcomers.count(newcomer, now);
        if came < FREQUENT || now < self.none_rarer_before {
            return None;
        }
        let rarest = self.removable().filter(|set| now.since(set.last_seen) >= QUIET).min_by_key(|set| set.attempts);
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

    fn remove(&mut self, id: SetId) {
        if let Some(set) = self.sets.get_mut(id.place()).and_then(Option::take) {
            if is_own(&set.name) {
                self.own -= 1;
                let port = port_of(&set.name);
                if let Some(count) = self.ports.get_mut(&port) {
                    *count -= 1;
                    if *count == 0 {
                        self.ports.remove(&port);
                    }
                }
            }
            self.last_rest = None;
            self.names.remove(&set.name);
            self.free.push(id.next_use());
        }
    }

    fn living(&self) -> impl Iterator<Item = &Set> {
        self.sets.iter().flatten()
    }

    /// Sets that may leave: nobody waits in them, and they are not those of the rest.
    fn removable(&self) -> impl Iterator<Item = &Set> {
        self.living().filter(|set| set.waiting == 0 && is_own(&set.name))
    }

    fn get_mut(&mut self, set: SetId) -> Option<&mut Set> {
        self.sets.get_mut(set.place())?.as_mut().filter(|known| known.id == set)
    }
}

/// Whether it is a peer's own, and not one of the rest.
fn is_own(name: &SetName) -> bool {
    name.peer != Peer::Other
}

const fn port_of(name: &SetName) -> PortName {
    (name.vantage, name.local, name.port)
}

/// Bits of a set's number that say where it is; the others count its uses.
const PLACE_BITS: u32 = 21;
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
