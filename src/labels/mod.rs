//! Labels: vantage, local address, port and peer of every attempt, made here and nowhere else, and never too many.

mod ahead;
mod block;
mod frequency;
mod id;
mod locality;
mod name;
mod names;
mod networks;
mod peers;
mod sets;
#[cfg(test)]
mod tests;

pub use block::IpPrefix;
pub use id::LabelSetId;
pub use locality::LocalAddressSource;
pub use name::{LabelSet, Peer, Port, Vantage};
pub use networks::PrefixSet;
pub use peers::{GroupName, PeerGroup, Peers, network};
pub use sets::{Admission, LabelSetRegistry};

use crate::handshake::Side;
use crate::packet::{Address, CapturePoint, Direction, Endpoint, Packet, Segment};
use crate::time::Timestamp;
use ahead::Ahead;
use name::Site;

/// Names attempts and finds the set of series that each belongs to.
pub struct LabelResolver {
    locality: LocalAddressSource,
    peers: Peers,
    sets: LabelSetRegistry,
    ahead: Ahead,
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

impl LabelResolver {
    /// No set exists yet.
    pub fn new(locality: LocalAddressSource, peers: Peers, sets: LabelSetRegistry) -> Self {
        Self {
            locality,
            peers,
            sets,
            ahead: Ahead::default(),
        }
    }

    /// This host's addresses changed: attempts that begin from now on are named by the new ones.
    pub fn set_local_addresses(&mut self, locality: LocalAddressSource) {
        self.locality = locality;
        self.ahead.clear();
    }

    /// Peers are named otherwise: attempts that begin from now on go by the new rule, the others stay where they are.
    pub fn set_peer_rules(&mut self, peers: Peers) {
        self.peers = peers;
        self.ahead.clear();
    }

    /// This packet comes soon, at that place behind those that were asked for before: where newcomers are counted, what its
    /// SYN may begin is looked at, and the memory that it will need is fetched. Nothing else changes.
    pub fn look_ahead(&mut self, place: u32, packet: &Packet) {
        if self.sets.is_full() && packet.is_syn() {
            let (client, server) = packet.ends();
            let (site, far) = self.site(client, server, packet.via());
            let glimpse = self.sets.glimpse(site, &self.peers.of(far));
            self.sets.fetch(&glimpse);
            self.ahead.push(place, glimpse);
        }
    }

    /// Nothing that was looked at will be asked for any more.
    pub fn forget_what_is_ahead(&mut self) {
        self.ahead.clear();
    }

    /// From where an attempt is seen that begins with the packet at this place, and its set: where it was
    /// [looked ahead](Self::look_ahead) for it, and `is_good` says that it may go by what was seen then.
    #[inline(always)]
    pub fn admit_ahead(
        &mut self,
        (place, packet): (u32, &Packet),
        now: Timestamp,
        is_good: impl FnOnce(Vantage) -> bool,
    ) -> Option<(Vantage, Admission)> {
        let glimpse = self
            .ahead
            .take(place)
            .filter(|glimpse| is_good(glimpse.vantage))?;
        let (locality, peers) = (&self.locality, &self.peers);
        let name = || {
            let (client, server) = packet.ends();
            let (site, far) = site(locality, client, server, packet.via());
            site.with(peers.of(far))
        };
        Some((glimpse.vantage, self.sets.admit(glimpse, name, now)))
    }

    /// From where an attempt is seen whose SYN was met going this way.
    pub fn vantage(&self, client: &Endpoint, server: &Endpoint, via: CapturePoint) -> Vantage {
        self.locality
            .vantage(client.address, server.address, via.direction, via.loopback)
    }

    /// The set of an attempt that begins, whose SYN was met going this way.
    pub fn admit(
        &mut self,
        client: &Endpoint,
        server: &Endpoint,
        via: CapturePoint,
        now: Timestamp,
    ) -> Admission {
        let (site, far) = self.site(client, server, via);
        let peer = self.peers.of(far);
        let glimpse = self.sets.glimpse(site, &peer);
        self.sets.admit(glimpse, || site.with(peer.clone()), now)
    }

    /// The existing set that a segment outside of every known attempt belongs to, and who sent it: exactly one of its
    /// ends must be a server that a set is about, else nobody can tell.
    pub fn find_by_either_side(
        &mut self,
        segment: &Segment,
        now: Timestamp,
    ) -> Option<(LabelSetId, Side)> {
        let Segment { from, to, via, .. } = segment;
        let back = CapturePoint {
            direction: opposite(via.direction),
            ..*via
        };
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
    pub fn set_of_syn(&mut self, syn: &Segment, now: Timestamp) -> Option<LabelSetId> {
        let set = self.find(&syn.from, &syn.to, syn.via)?;
        self.sets.touch(set, now);
        Some(set)
    }

    /// Who said so, for the set that the error is counted in.
    pub fn reporter(&self, set: LabelSetId, reporter: Address) -> Reporter {
        let name = self.sets.name(set);
        if self.locality.is_local(reporter) || name.is_some_and(|name| name.local == Some(reporter))
        {
            Reporter::Own
        } else if name
            .is_some_and(|name| name.peer.has(reporter) || name.peer == self.peers.of(reporter))
        {
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
    pub const fn sets(&mut self) -> &mut LabelSetRegistry {
        &mut self.sets
    }

    /// The set of these ends, if there is one. Where the way of a packet is all that tells the vantage, what a router
    /// forwards comes in and goes out: either way leads to the set.
    fn find(
        &mut self,
        client: &Endpoint,
        server: &Endpoint,
        via: CapturePoint,
    ) -> Option<LabelSetId> {
        let mut find = |via| {
            let (site, far) = self.site(client, server, via);
            self.sets.find(&site.with(self.peers.of(far)))
        };
        find(via).or_else(|| {
            find(CapturePoint {
                direction: opposite(via.direction),
                ..via
            })
        })
    }

    #[inline(always)]
    fn site(&self, client: &Endpoint, server: &Endpoint, via: CapturePoint) -> (Site, Address) {
        site(&self.locality, client, server, via)
    }
}

/// Where an attempt is met, and who is at the far end.
#[inline(always)]
fn site(
    locality: &LocalAddressSource,
    client: &Endpoint,
    server: &Endpoint,
    via: CapturePoint,
) -> (Site, Address) {
    let vantage = locality.vantage(client.address, server.address, via.direction, via.loopback);
    let (local, far) = match vantage {
        Vantage::Client | Vantage::Local => (Some(client.address), server.address),
        Vantage::Server => (Some(server.address), client.address),
        Vantage::Transit => (None, server.address),
    };
    (Site::new(vantage, local, Port::Number(server.port)), far)
}

const fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Entering => Direction::Leaving,
        Direction::Leaving => Direction::Entering,
        Direction::Unknown => Direction::Unknown,
    }
}
