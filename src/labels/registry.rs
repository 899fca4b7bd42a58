//! The registry of label sets: a bounded table that assigns every attempt to exactly one label set.
//!
//! `LabelResolver` looks attempts up here; the pipeline reports decided attempts and removes idle
//! label sets.
//!
//! Invariants:
//! - At most [`MAX_OVERFLOW_SETS`] overflow sets (`peer="other"`), plus one per vantage, exist
//!   beside the limit.
//! - A label set with a pending attempt is never removed.

use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::admission_sketch::FrequencySketch;
use super::index::LabelSetIndex;
use super::label_set::{KeyHash, LabelSet, LabelSetId, Port, Scope};
use super::peers::Peer;
use super::vantage::Vantage;
use crate::packet::Address;
use crate::time::Timestamp;

/// Maximum number of overflow sets for a port or a local address. Beyond it there is one per
/// vantage.
const MAX_OVERFLOW_SETS: usize = 32;
/// A label set that was idle for this time may be evicted for any new peer.
const EVICTABLE_AFTER: Duration = Duration::from_secs(600);
/// A peer that occurred this many times may evict a less frequent one.
const ADMIT_AFTER: u32 = 3;
/// A label set that was idle for this time may be evicted for a more frequent peer.
const MIN_IDLE: Duration = Duration::from_secs(1);
/// After an unsuccessful search for a label set to evict, the next search waits for this time.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The label set of a new attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Admission {
    /// The label set that counts the attempt.
    pub set: LabelSetId,
    /// `true` if the label set was created for this attempt: all its series start at zero.
    pub created: bool,
    /// `true` if the label set is an overflow set (`peer="other"`), because the limit is reached.
    pub overflowed: bool,
    /// The label set that was evicted to make space: its series end. `None` if none was.
    pub evicted: Option<LabelSetId>,
}

/// The labels of a new attempt, as far as most attempts need them. A peer is made of `remote` only
/// if the hash is that of a label set, or a label set is created.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LabelLookup {
    pub(super) scope: Scope,
    pub(super) remote: Address,
    hash: KeyHash,
}

impl LabelLookup {
    /// Returns the vantage of the attempt.
    pub const fn vantage(&self) -> Vantage {
        self.scope.vantage
    }
}

/// The registered label sets.
pub struct LabelSetRegistry {
    /// Maximum number of label sets, not counting overflow sets.
    limit: usize,
    index: LabelSetIndex,
    slots: Vec<Option<RegisteredSet>>,
    free: Vec<LabelSetId>,
    /// Number of label sets that are not overflow sets.
    peer_sets: usize,
    /// Number of label sets per scope that are not overflow sets.
    peer_sets_by_scope: HashMap<Scope, u32, RandomState>,
    /// Counts the attempts of peers without a label set of their own.
    admission: FrequencySketch,
    /// The overflow set of the last scope, because a flood needs it once per SYN: finding it in the
    /// index takes 130 to 270 instructions. `None` after a label set was created or removed,
    /// because another one may apply then.
    last_overflow: Option<(Scope, LabelSetId)>,
    /// No label set is idle for [`EVICTABLE_AFTER`] before this time.
    next_idle_search: Timestamp,
    /// After an unsuccessful search for a less frequent label set, the next search waits until this
    /// time.
    next_frequency_search: Timestamp,
}

struct RegisteredSet {
    id: LabelSetId,
    labels: LabelSet,
    attempts: u32,
    pending: u32,
    last_seen: Timestamp,
}

impl LabelSetRegistry {
    /// Creates a registry of at most `limit` label sets, plus a bounded number of overflow sets.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            index: LabelSetIndex::default(),
            slots: Vec::new(),
            free: Vec::new(),
            peer_sets: 0,
            peer_sets_by_scope: HashMap::default(),
            admission: FrequencySketch::default(),
            last_overflow: None,
            next_idle_search: Timestamp::default(),
            next_frequency_search: Timestamp::default(),
        }
    }

    /// Hashes the labels of an attempt, once for all uses.
    #[inline(always)]
    pub(super) fn lookup(&mut self, scope: Scope, remote: Address, peer: &Peer) -> LabelLookup {
        let hash = self.index.hash(scope, peer);
        LabelLookup {
            scope,
            remote,
            hash,
        }
    }

    /// Returns `true` if the limit is reached: new peers are then counted in the admission sketch.
    pub(super) const fn is_full(&self) -> bool {
        self.peer_sets >= self.limit
    }

    /// Prefetches the sketch cells that a new peer needs.
    pub(super) fn prefetch(&self, lookup: &LabelLookup) {
        self.admission.prefetch(lookup.hash);
    }

    /// Assigns an attempt to its label set, and creates it if the limit allows. Otherwise assigns
    /// it to the most specific overflow set. `peer` returns the peer of `lookup.remote`.
    pub(super) fn admit(
        &mut self,
        lookup: &LabelLookup,
        peer: impl Fn() -> Peer,
        now: Timestamp,
    ) -> Admission {
        let known = self.index.get(lookup.hash, |set| {
            self.labels(set)
                .is_some_and(|labels| labels.scope() == lookup.scope && labels.peer == peer())
        });
        let admission = match known {
            Some(set) => Admission {
                set,
                created: false,
                overflowed: false,
                evicted: None,
            },
            None => self.admit_new(lookup, peer, now),
        };
        if let Some(set) = self.get_mut(admission.set) {
            set.attempts = set.attempts.saturating_add(1);
            set.pending += 1;
            set.last_seen = set.last_seen.max(now);
        }
        admission
    }

    fn admit_new(
        &mut self,
        lookup: &LabelLookup,
        peer: impl Fn() -> Peer,
        now: Timestamp,
    ) -> Admission {
        let evicted = self
            .is_full()
            .then(|| self.evict_for(lookup.hash, now))
            .flatten();
        // After the limit was lowered, the registry can still be full.
        let overflowed = self.is_full();
        let (set, created) = if overflowed {
            self.overflow_set(lookup.scope, now)
        } else {
            (self.create(lookup.scope, peer(), lookup.hash, now), true)
        };
        Admission {
            set,
            created,
            overflowed,
            evicted,
        }
    }

    /// Returns the label set that counts attempts of this peer: its own, otherwise the overflow set
    /// of its scope. `None` if neither exists.
    pub(super) fn get(&mut self, scope: Scope, peer: &Peer) -> Option<LabelSetId> {
        self.find(scope, peer)
            .or_else(|| self.find(scope, &Peer::Other))
    }

    fn find(&mut self, scope: Scope, peer: &Peer) -> Option<LabelSetId> {
        let hash = self.index.hash(scope, peer);
        self.index.get(hash, |set| {
            self.labels(set)
                .is_some_and(|labels| labels.scope() == scope && labels.peer == *peer)
        })
    }

    /// Records activity of a label set.
    pub fn touch(&mut self, set: LabelSetId, now: Timestamp) {
        if let Some(set) = self.get_mut(set) {
            set.last_seen = set.last_seen.max(now);
        }
    }

    /// Records that a pending attempt of a label set was decided.
    pub fn record_decided(&mut self, set: LabelSetId, now: Timestamp) {
        if let Some(set) = self.get_mut(set) {
            set.last_seen = set.last_seen.max(now);
            set.pending = set.pending.saturating_sub(1);
        }
    }

    /// Changes the limit. Label sets above a lower limit are removed as they become idle.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.next_idle_search = Timestamp::default();
        self.next_frequency_search = Timestamp::default();
    }

    /// Removes one label set that was idle for `idle`, or for ten minutes above the limit. Call
    /// again until it returns `None`.
    pub fn expire(&mut self, idle: Duration, now: Timestamp) -> Option<LabelSetId> {
        let above_limit = self.peer_sets > self.limit;
        let idle_limit = |set: &RegisteredSet| {
            if above_limit && !is_overflow(&set.labels) {
                idle.min(EVICTABLE_AFTER)
            } else {
                idle
            }
        };
        let expired = self
            .registered()
            .find(|set| set.pending == 0 && now.since(set.last_seen) >= idle_limit(set));
        let id = expired.map(|set| set.id)?;
        self.remove(id);
        Some(id)
    }

    /// Returns the number of label sets, including overflow sets.
    pub fn count(&self) -> usize {
        self.index.len()
    }

    /// Returns the maximum number of label sets, not counting overflow sets.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the labels of a label set. `None` if it was removed.
    pub fn labels(&self, set: LabelSetId) -> Option<&LabelSet> {
        self.slots
            .get(set.index())?
            .as_ref()
            .filter(|registered| registered.id == set)
            .map(|registered| &registered.labels)
    }

    /// Returns the overflow set for a scope, and `true` if it was created.
    fn overflow_set(&mut self, scope: Scope, now: Timestamp) -> (LabelSetId, bool) {
        if let Some((_, set)) = self.last_overflow.filter(|(last, _)| *last == scope) {
            return (set, false);
        }
        let chosen = self.overflow_scope(scope);
        let (set, created) = match self.find(chosen, &Peer::Other) {
            Some(set) => (set, false),
            None => {
                let hash = self.index.hash(chosen, &Peer::Other);
                (self.create(chosen, Peer::Other, hash, now), true)
            }
        };
        self.last_overflow = Some((scope, set));
        (set, created)
    }

    /// Returns the scope of the overflow set for a scope, the most specific of:
    /// - the port: if this overflow set exists, or the port has a label set and fewer than
    ///   [`MAX_OVERFLOW_SETS`] exist;
    /// - all ports of the local address: if this overflow set exists, or fewer than
    ///   [`MAX_OVERFLOW_SETS`] exist;
    /// - all ports of the vantage.
    fn overflow_scope(&mut self, scope: Scope) -> Scope {
        let below_maximum = self.index.len() - self.peer_sets < MAX_OVERFLOW_SETS;
        let is_port_known = self.peer_sets_by_scope.contains_key(&scope);
        if self.find(scope, &Peer::Other).is_some() || below_maximum && is_port_known {
            return scope;
        }
        let all_ports = Scope {
            port: Port::Other,
            ..scope
        };
        if below_maximum || self.find(all_ports, &Peer::Other).is_some() {
            return all_ports;
        }
        Scope {
            local: None,
            ..all_ports
        }
    }

    fn create(&mut self, scope: Scope, peer: Peer, hash: KeyHash, now: Timestamp) -> LabelSetId {
        let labels = scope.with_peer(peer);
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            LabelSetId::new(self.slots.len() - 1)
        });
        if !is_overflow(&labels) {
            self.peer_sets += 1;
            *self.peer_sets_by_scope.entry(scope).or_default() += 1;
        }
        self.last_overflow = None;
        self.index.insert(hash, id);
        if let Some(slot) = self.slots.get_mut(id.index()) {
            *slot = Some(RegisteredSet {
                id,
                labels,
                attempts: 0,
                pending: 0,
                last_seen: now,
            });
        }
        id
    }

    /// Evicts a label set for a new peer, and records the peer in the admission sketch unless an
    /// idle label set is evicted.
    fn evict_for(&mut self, new: KeyHash, now: Timestamp) -> Option<LabelSetId> {
        self.evict_idle(now)
            .or_else(|| self.evict_less_frequent(new, now))
    }

    /// Evicts the label set that was idle for longest, if that is at least [`EVICTABLE_AFTER`].
    fn evict_idle(&mut self, now: Timestamp) -> Option<LabelSetId> {
        if now < self.next_idle_search {
            return None;
        }
        let longest = self.evictable().min_by_key(|set| set.last_seen);
        if let Some(id) = longest
            .filter(|set| now.since(set.last_seen) >= EVICTABLE_AFTER)
            .map(|set| set.id)
        {
            self.remove(id);
            return Some(id);
        }
        // No label set can be idle long enough before the least recent one is, including those with
        // pending attempts.
        let least_recent = self.registered().map(|set| set.last_seen).min();
        self.next_idle_search = least_recent
            .map_or(now, |seen| seen + EVICTABLE_AFTER)
            .max(now + RETRY_INTERVAL);
        None
    }

    /// Evicts the label set with the fewest attempts, if the new peer is more than twice as
    /// frequent. Peers that occur once, as in a flood or a scan, therefore do not keep recurring
    /// peers out.
    fn evict_less_frequent(&mut self, new: KeyHash, now: Timestamp) -> Option<LabelSetId> {
        let occurrences = self.admission.record(new, now);
        if occurrences < ADMIT_AFTER || now < self.next_frequency_search {
            return None;
        }
        let rarest = self
            .evictable()
            .filter(|set| now.since(set.last_seen) >= MIN_IDLE)
            .min_by_key(|set| set.attempts);
        match rarest.map(|set| (set.id, set.attempts)) {
            Some((id, attempts)) if attempts.saturating_mul(2) < occurrences => {
                self.remove(id);
                Some(id)
            }
            _ => {
                self.next_frequency_search = now + RETRY_INTERVAL;
                None
            }
        }
    }

    fn remove(&mut self, id: LabelSetId) {
        if let Some(set) = self.slots.get_mut(id.index()).and_then(Option::take) {
            let scope = set.labels.scope();
            if !is_overflow(&set.labels) {
                self.peer_sets -= 1;
                if let Some(count) = self.peer_sets_by_scope.get_mut(&scope) {
                    *count -= 1;
                    if *count == 0 {
                        self.peer_sets_by_scope.remove(&scope);
                    }
                }
            }
            let hash = self.index.hash(scope, &set.labels.peer);
            self.last_overflow = None;
            self.index.remove(hash, id);
            self.free.push(id.next_generation());
        }
    }

    fn registered(&self) -> impl Iterator<Item = &RegisteredSet> {
        self.slots.iter().flatten()
    }

    /// Label sets without pending attempts, except overflow sets.
    fn evictable(&self) -> impl Iterator<Item = &RegisteredSet> {
        self.registered()
            .filter(|set| set.pending == 0 && !is_overflow(&set.labels))
    }

    fn get_mut(&mut self, set: LabelSetId) -> Option<&mut RegisteredSet> {
        self.slots
            .get_mut(set.index())?
            .as_mut()
            .filter(|registered| registered.id == set)
    }
}

fn is_overflow(labels: &LabelSet) -> bool {
    labels.peer == Peer::Other
}
