//! The sets that exist: a table of bounded size in which every attempt finds exactly one place.

use std::time::Duration;

use hashbrown::HashMap;

use super::name::{Peer, Port, SetName};
use crate::time::Timestamp;

/// Names a set while it exists. Numbers are small and used again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SetId(pub u32);

/// Where an attempt was taken in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admission {
    /// The set that counts it.
    pub set: SetId,
    /// The set's name, where it was made for this attempt: all its series begin at zero.
    pub created: Option<SetName>,
    /// A set that left to make room; its series end. Its number may be `set` itself.
    pub removed: Option<SetId>,
    /// Whether it is counted under `other` for want of room.
    pub folded: bool,
}

/// The table of sets.
pub struct Sets {
    limit: usize,
    by_name: HashMap<SetName, SetId, foldhash::fast::RandomState>,
    sets: Vec<Option<Set>>,
    free: Vec<SetId>,
    own: usize,
    /// No set can have been idle for long enough to make room before this.
    none_idle_before: Timestamp,
}

struct Set {
    name: SetName,
    waiting: u32,
    last_seen: Timestamp,
}

impl Sets {
    /// At most so many sets, and a few more for what does not fit.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            by_name: HashMap::default(),
            sets: Vec::new(),
            free: Vec::new(),
            own: 0,
            none_idle_before: Timestamp::default(),
        }
    }

    /// The set for an attempt of this name, made if there is room, else the set of the rest that fits best.
    pub(super) fn admit(&mut self, name: SetName, now: Timestamp) -> Admission {
        let mut admission = Admission { set: SetId(0), created: None, removed: None, folded: false };
        admission.set = match self.by_name.get(&name) {
            Some(&set) => set,
            None if self.own < self.limit => self.create(name, now, &mut admission),
            None => {
                admission.removed = self.remove_idle(now);
                if admission.removed.is_some() {
                    self.create(name, now, &mut admission)
                } else {
                    admission.folded = true;
                    self.fold(&name, now, &mut admission)
                }
            }
        };
        if let Some(set) = self.get_mut(admission.set) {
            set.waiting += 1;
            set.last_seen = set.last_seen.max(now);
        }
        admission
    }

    /// The existing set that counts what has this name: its own, else the one it would be folded into.
    pub(super) fn find(&self, name: &SetName) -> Option<SetId> {
        let folded = || SetName { peer: Peer::Other, ..name.clone() };
        self.by_name.get(name).or_else(|| self.by_name.get(&folded())).copied()
    }

    /// Something of this set was seen.
    pub fn touch(&mut self, set: SetId, now: Timestamp) {
        if let Some(set) = self.get_mut(set) {
            set.last_seen = set.last_seen.max(now);
        }
    }

    /// An attempt of this set waits no more.
    pub fn decided(&mut self, set: SetId) {
        if let Some(set) = self.get_mut(set) {
            set.waiting = set.waiting.saturating_sub(1);
        }
    }

    /// Removes a set that nothing was seen of for so long. Call again until there is none.
    pub fn expire(&mut self, idle: Duration, now: Timestamp) -> Option<SetId> {
        let expired = self.living().find(|(_, set)| set.waiting == 0 && now.since(set.last_seen) >= idle);
        let id = expired.map(|(id, _)| id)?;
        self.remove(id);
        Some(id)
    }

    /// How many exist, the sets of the rest included.
    pub fn count(&self) -> usize {
        self.by_name.len()
    }

    /// How many may exist beside the sets of the rest.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn name(&self, set: SetId) -> Option<&SetName> {
        self.sets.get(set.0 as usize)?.as_ref().map(|set| &set.name)
    }

    /// Under the port's own rest where the port is known, else under the rest of all ports: one of these for each
    /// vantage and local address while they are few, else one for each vantage.
    fn fold(&mut self, name: &SetName, now: Timestamp, admission: &mut Admission) -> SetId {
        let rest_of_port = SetName { peer: Peer::Other, ..name.clone() };
        let rest = SetName { port: Port::Other, ..rest_of_port.clone() };
        let last_resort = SetName { local: None, ..rest.clone() };
        if let Some(&set) = self.by_name.get(&rest_of_port) {
            return set;
        }
        let room = self.by_name.len() - self.own < MAX_RESTS;
        let known_port = |set: &Set| {
            set.name.port == rest_of_port.port
                && set.name.vantage == rest_of_port.vantage
                && set.name.local == rest_of_port.local
        };
        let chosen = if room && self.living().any(|(_, set)| known_port(set)) {
            rest_of_port
        } else if room || self.by_name.contains_key(&rest) {
            rest
        } else {
            last_resort
        };
        match self.by_name.get(&chosen) {
            Some(&set) => set,
            None => self.create(chosen, now, admission),
        }
    }

    fn create(&mut self, name: SetName, now: Timestamp, admission: &mut Admission) -> SetId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.sets.push(None);
            SetId(u32::try_from(self.sets.len() - 1).unwrap_or(u32::MAX))
        });
        self.own += usize::from(name.peer != Peer::Other);
        self.by_name.insert(name.clone(), id);
        if let Some(place) = self.sets.get_mut(id.0 as usize) {
            *place = Some(Set { name: name.clone(), waiting: 0, last_seen: now });
        }
        admission.created = Some(name);
        id
    }

    /// Makes room by the longest idle set, if nothing was seen of it for ten minutes. By then no attempt of it is
    /// known any more, so its number can be used again.
    fn remove_idle(&mut self, now: Timestamp) -> Option<SetId> {
        if now < self.none_idle_before {
            return None;
        }
        let idle = self.living().filter(|(_, set)| set.waiting == 0 && set.name.peer != Peer::Other);
        let (id, last_seen) = idle.map(|(id, set)| (id, set.last_seen)).min_by_key(|&(_, seen)| seen)?;
        if now.since(last_seen) < IDLE_FOR_A_NEWCOMER {
            self.none_idle_before = last_seen + IDLE_FOR_A_NEWCOMER;
            return None;
        }
        self.remove(id);
        Some(id)
    }

    fn remove(&mut self, id: SetId) {
        if let Some(set) = self.sets.get_mut(id.0 as usize).and_then(Option::take) {
            self.own -= usize::from(set.name.peer != Peer::Other);
            self.by_name.remove(&set.name);
            self.free.push(id);
        }
    }

    fn living(&self) -> impl Iterator<Item = (SetId, &Set)> {
        (0u32..).map(SetId).zip(&self.sets).filter_map(|(id, set)| Some((id, set.as_ref()?)))
    }

    fn get_mut(&mut self, set: SetId) -> Option<&mut Set> {
        self.sets.get_mut(set.0 as usize).and_then(Option::as_mut)
    }
}

/// Sets of the rest beside the limit; a few more, one for each vantage, when there are so many.
const MAX_RESTS: usize = 32;
/// How long a set must be idle before a newcomer may take its place. Longer than any attempt is known.
const IDLE_FOR_A_NEWCOMER: Duration = Duration::from_secs(600);
