//! Label resolution: vantage, local address, port and peer of each attempt, and the label set that
//! counts it.
//!
//! The pipeline resolves each new attempt here. Metrics and diagnosis receive the [`LabelSetId`].
//!
//! Invariants:
//! - No other module builds label sets.
//! - The number of label sets is bounded: attempts above the limit are counted in overflow sets
//!   (`peer="other"`).

mod admission_sketch;
mod index;
mod label_set;
mod peers;
mod prefix;
mod registry;
#[cfg(test)]
mod tests;
mod vantage;

pub use label_set::{LabelSet, LabelSetId, Port};
pub use peers::{GroupName, Peer, PeerGroup, Peers, network};
pub use prefix::{IpPrefix, PrefixSet};
pub use registry::{Admission, LabelLookup, LabelSetRegistry};
pub use vantage::{AddressSet, LocalAddressSource, Vantage};

use crate::handshake::{PREFETCH_BATCH, Side};
use crate::packet::{Address, CapturePoint, Direction, Endpoint, Packet, Segment};
use crate::time::Timestamp;
use label_set::Scope;

/// Resolves the labels of attempts, and assigns each attempt to a label set.
pub struct LabelResolver {
    local_addresses: LocalAddressSource,
    peers: Peers,
    registry: LabelSetRegistry,
    prefetched: PrefetchedLookups,
}

/// The sender of an ICMP error, relative to the label set that counts the error. The value of a
/// label.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reporter {
    /// The peer itself.
    Peer,
    /// A router on the path.
    Router,
    /// The capturing host.
    Own,
}

impl Reporter {
    /// Returns the label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Router => "router",
            Self::Own => "self",
        }
    }
}

impl LabelResolver {
    /// Creates a resolver that registers label sets in `registry`.
    pub fn new(
        local_addresses: LocalAddressSource,
        peers: Peers,
        registry: LabelSetRegistry,
    ) -> Self {
        Self {
            local_addresses,
            peers,
            registry,
            prefetched: PrefetchedLookups::default(),
        }
    }

    /// Replaces the local addresses for attempts that start from now on.
    pub fn set_local_addresses(&mut self, local_addresses: LocalAddressSource) {
        self.local_addresses = local_addresses;
        self.prefetched.clear();
    }

    /// Replaces the peer rules for attempts that start from now on. Earlier attempts keep their
    /// label set.
    pub fn set_peer_rules(&mut self, peers: Peers) {
        self.peers = peers;
        self.prefetched.clear();
    }

    /// Prefetches what the SYNs of the next batch need, and discards the lookups of the previous
    /// batch.
    ///
    /// Each packet comes with its index. A batch has at most [`PREFETCH_BATCH`] packets with
    /// consecutive indexes; the lookups of a larger one are partly lost and computed again. Does
    /// nothing unless the registry is full: only then does [`admit`](Self::admit) read memory that
    /// is likely to miss the cache.
    pub fn prefetch<'p>(&mut self, batch: impl Iterator<Item = (u32, &'p Packet)>) {
        self.prefetched.clear();
        if !self.registry.is_full() {
            return;
        }
        for (index, packet) in batch.filter(|(_, packet)| packet.is_syn()) {
            let (client, server) = packet.endpoints();
            let lookup = self.lookup(client, server, packet.via());
            self.registry.prefetch(&lookup);
            self.prefetched.insert(index, lookup);
        }
    }

    /// Resolves the labels of the attempt that the packet at `index` starts.
    ///
    /// Uses the prefetched lookup of `index`, if there is one. [`prefetch`](Self::prefetch)
    /// computed it, so the packet at `index` must be the packet of the prefetched batch, with the
    /// same `client`, `server` and `via`. Each prefetched lookup is used once, and setting the
    /// local addresses or the peer rules discards all of them.
    pub fn resolve(
        &mut self,
        index: u32,
        client: &Endpoint,
        server: &Endpoint,
        via: CapturePoint,
    ) -> LabelLookup {
        if let Some(lookup) = self.prefetched.take(index) {
            debug_assert_eq!(
                lookup,
                self.lookup(client, server, via),
                "the prefetched lookup belongs to another packet"
            );
            return lookup;
        }
        self.lookup(client, server, via)
    }

    /// Assigns a new attempt to the label set of its resolved labels.
    pub fn admit(&mut self, lookup: LabelLookup, now: Timestamp) -> Admission {
        let peers = &self.peers;
        self.registry
            .admit(&lookup, || peers.peer_of(lookup.remote), now)
    }

    /// Returns the label set of a segment that belongs to no tracked attempt, and the side that
    /// sent it. `None` unless exactly one end is the server of an existing label set, because
    /// otherwise the side is ambiguous.
    pub fn find_by_either_side(
        &mut self,
        segment: &Segment,
        now: Timestamp,
    ) -> Option<(LabelSetId, Side)> {
        let Segment { from, to, via, .. } = segment;
        let by_client = self.get(from, to, *via);
        let by_server = self.get(to, from, reversed(*via));
        let (set, side) = match (by_client, by_server) {
            (Some(set), None) => (set, Side::Client),
            (None, Some(set)) => (set, Side::Server),
            _ => return None,
        };
        self.registry.touch(set, now);
        Some((set, side))
    }

    /// Returns the label set of a SYN that starts no attempt. `None` if it does not exist.
    pub fn find_by_syn(&mut self, syn: &Segment, now: Timestamp) -> Option<LabelSetId> {
        let set = self.get(&syn.from, &syn.to, syn.via)?;
        self.registry.touch(set, now);
        Some(set)
    }

    /// Returns the `reporter` label of an ICMP error from this address, for the label set that
    /// counts it.
    pub fn reporter(&self, set: LabelSetId, address: Address) -> Reporter {
        let labels = self.registry.labels(set);
        if self.local_addresses.is_local(address)
            || labels.is_some_and(|labels| labels.local == Some(address))
        {
            Reporter::Own
        } else if labels.is_some_and(|labels| {
            labels.peer.contains(address) || labels.peer == self.peers.peer_of(address)
        }) {
            Reporter::Peer
        } else {
            Reporter::Router
        }
    }

    /// Returns `true` if the address of a packet on the loopback interface may be local.
    pub fn may_be_local(&self, address: Address) -> bool {
        self.local_addresses.may_be_local(address)
    }

    /// Returns the registry, to record activity, change the limit and remove idle label sets.
    pub const fn registry_mut(&mut self) -> &mut LabelSetRegistry {
        &mut self.registry
    }

    /// Returns the existing label set of attempts between these ends. If the direction of a packet
    /// alone determines the vantage, a router sees forwarded packets enter and leave. Therefore
    /// either direction leads to the label set.
    fn get(
        &mut self,
        client: &Endpoint,
        server: &Endpoint,
        via: CapturePoint,
    ) -> Option<LabelSetId> {
        let mut get = |via| {
            let (scope, remote) = self.scope(client, server, via);
            self.registry.get(scope, &self.peers.peer_of(remote))
        };
        get(via).or_else(|| get(reversed(via)))
    }

    #[inline(always)]
    fn lookup(&mut self, client: &Endpoint, server: &Endpoint, via: CapturePoint) -> LabelLookup {
        let (scope, remote) = self.scope(client, server, via);
        let peer = self.peers.peer_of(remote);
        self.registry.lookup(scope, remote, &peer)
    }

    /// Returns the scope of an attempt, and the address of the remote end.
    #[inline(always)]
    fn scope(&self, client: &Endpoint, server: &Endpoint, via: CapturePoint) -> (Scope, Address) {
        let vantage = self.local_addresses.vantage(
            client.address,
            server.address,
            via.direction,
            via.loopback,
        );
        let (local, remote) = match vantage {
            Vantage::Client | Vantage::Local => (Some(client.address), server.address),
            Vantage::Server => (Some(server.address), client.address),
            Vantage::Transit => (None, server.address),
        };
        let scope = Scope {
            vantage,
            local,
            port: Port::Number(server.port),
        };
        (scope, remote)
    }
}

/// The lookups of the SYNs of one batch. The slot is the packet's index modulo [`PREFETCH_BATCH`].
#[derive(Default)]
struct PrefetchedLookups {
    slots: [Option<(u32, LabelLookup)>; PREFETCH_BATCH],
    /// `true` if a slot may be in use: the registry is full.
    is_used: bool,
}

impl PrefetchedLookups {
    fn clear(&mut self) {
        if std::mem::take(&mut self.is_used) {
            self.slots.iter_mut().for_each(|slot| *slot = None);
        }
    }

    fn insert(&mut self, index: u32, lookup: LabelLookup) {
        if let Some(slot) = self.slot(index) {
            *slot = Some((index, lookup));
            self.is_used = true;
        }
    }

    /// Removes and returns the lookup of the packet at `index`. `None` if there is none.
    fn take(&mut self, index: u32) -> Option<LabelLookup> {
        let (of, lookup) = self.slot(index)?.take()?;
        (of == index).then_some(lookup)
    }

    fn slot(&mut self, index: u32) -> Option<&mut Option<(u32, LabelLookup)>> {
        self.slots.get_mut(index as usize % PREFETCH_BATCH)
    }
}

fn reversed(via: CapturePoint) -> CapturePoint {
    let direction = match via.direction {
        Direction::Entering => Direction::Leaving,
        Direction::Leaving => Direction::Entering,
        Direction::Unknown => Direction::Unknown,
    };
    CapturePoint { direction, ..via }
}
