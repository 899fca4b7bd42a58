//! Labels: vantage, local address, port and peer of every attempt, made here and nowhere else, and never too many.

mod block;
mod frequency;
mod locality;
mod name;
mod names;
mod networks;
mod peers;
mod sets;
#[cfg(test)]
mod tests;

pub use block::Block;
pub use locality::Locality;
pub use name::{Peer, Port, SetName, Vantage};
pub use networks::Networks;
pub use peers::{GroupName, PeerGroup, Peers, network};
pub use sets::{Admission, SetId, Sets};

use crate::handshake::Side;
use crate::packet::{Address, Direction, Endpoint, Packet, Segment, Via};
use crate::time::Timestamp;

/// Names attempts and finds the set of series that each belongs to.
pub struct Labels {
    locality: Locality,
    peers: Peers,
    sets: Sets,
}

/// Who reported an ICMP error, seen from the set it is counted in. A label's values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reporter {
    /// The peer's own host.
    Peer,
    /// Somebody on the way.
    Router,
    /// This host.
    Own,
}

impl Reporter {
    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Router => "router",
            Self::Own => "self",
        }
    }
}

impl Labels {
    /// No set exists yet.
    pub const fn new(locality: Locality, peers: Peers, sets: Sets) -> Self {
        Self { locality, peers, sets }
    }

    /// This host's addresses changed: attempts that begin from now on are named by the new ones.
    pub fn relocate(&mut self, locality: Locality) {
        self.locality = locality;
    }

    /// Peers are named otherwise: attempts that begin from now on go by the new rule, the others stay where they are.
    pub fn regroup(&mut self, peers: Peers) {
        self.peers = peers;
    }

    /// From where an attempt is seen.
    pub fn vantage(&self, client: &Endpoint, server: &Endpoint, via: Via) -> Vantage {
        self.locality.vantage(client.address, server.address, via.direction, via.loopback)
    }

    /// These packets come next: where newcomers are counted, the memory that their SYNs will need is fetched, and nothing
    /// changes.
    pub fn look_ahead<'a>(&self, packets: impl Iterator<Item = &'a Packet>) {
        let syns = packets.filter(|packet| packet.is_syn());
        self.sets.look_ahead(syns.map(|syn| {
            let (client, server) = syn.ends();
            self.name(self.vantage(client, server, syn.via()), client, server)
        }));
    }

    /// The set of an attempt that begins, seen from there.
    pub fn admit(&mut self, vantage: Vantage, client: &Endpoint, server: &Endpoint, now: Timestamp) -> Admission {
        let name = self.name(vantage, client, server);
        self.sets.admit(name, now)
    }

    /// The existing set that a segment outside of every known attempt belongs to, and who sent it: exactly one of its
    /// ends must be a server that a set is about, else nobody can tell.
    pub fn set_of_stray(&mut self, segment: &Segment, now: Timestamp) -> Option<(SetId, Side)> {
        let Segment { from, to, via, .. } = segment;
        let back = Via { direction: opposite(via.direction), ..*via };
        let by_client = self.find(from, to, *via);
        let by_server = self.find(to, from, back);
        let (set, side) = match (by_client, by_server) {
            (Some(set), None) => (set, Side::Client),
            (None, Some(set)) => (set, Side::Server),
            _ => return None,
        };
        self.sets.touch(set, now);
        Some((set, side))
    }

    /// The existing set of a SYN that opens nothing.
    pub fn set_of_syn(&mut self, syn: &Segment, now: Timestamp) -> Option<SetId> {
        let set = self.find(&syn.from, &syn.to, syn.via)?;
        self.sets.touch(set, now);
        Some(set)
    }

    /// Who said so, for the set that the error is counted in.
    pub fn reporter(&self, set: SetId, reporter: Address) -> Reporter {
        let name = self.sets.name(set);
        if self.locality.is_local(reporter) || name.is_some_and(|name| name.local == Some(reporter)) {
            Reporter::Own
        } else if name.is_some_and(|name| name.peer.has(reporter) || name.peer == self.peers.of(reporter)) {
            Reporter::Peer
        } else {
            Reporter::Router
        }
    }

    /// Whether an address met on the loopback is this host's.
    pub fn is_own(&self, address: Address) -> bool {
        self.locality.is_own(address)
    }

    /// The sets, to keep them: what waits in them, and which have been idle for too long.
    pub const fn sets(&mut self) -> &mut Sets {
        &mut self.sets
    }

    /// The set of these ends, if there is one. Where the way of a packet is all that tells the vantage, what a router
    /// forwards comes in and goes out: either way leads to the set.
    fn find(&self, client: &Endpoint, server: &Endpoint, via: Via) -> Option<SetId> {
        let find = |via| self.sets.find(&self.name(self.vantage(client, server, via), client, server));
        find(via).or_else(|| find(Via { direction: opposite(via.direction), ..via }))
    }

    fn name(&self, vantage: Vantage, client: &Endpoint, server: &Endpoint) -> SetName {
        let (local, peer) = match vantage {
            Vantage::Client | Vantage::Local => (Some(client.address), server.address),
            Vantage::Server => (Some(server.address), client.address),
            Vantage::Transit => (None, server.address),
        };
        SetName { vantage, local, port: Port::Number(server.port), peer: self.peers.of(peer) }
    }
}

const fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Entering => Direction::Leaving,
        Direction::Leaving => Direction::Entering,
        Direction::Unknown => Direction::Unknown,
    }
}
