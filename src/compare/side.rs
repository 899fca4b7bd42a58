//! What one capture shows: its attempts, each with its packets.

use std::time::Duration;

use hashbrown::{HashMap, HashSet};

use crate::packet::{Address, CapturePoint, Endpoint, Flags, IcmpCode, Packet, Segment};
use crate::time::Timestamp;

/// The attempts of one capture, found by their ISN.
#[derive(Debug, Default)]
pub(super) struct CaptureView {
    attempts: Vec<ObservedAttempt>,
    by_isn: HashMap<u32, Vec<usize>, foldhash::fast::RandomState>,
    /// Addresses that were asked.
    servers: HashSet<Address, foldhash::fast::RandomState>,
    /// Attempts for which there was no room.
    pub(super) left_out: u64,
    /// The first packet that has to do with handshakes, and the last packet.
    pub(super) first: Option<Timestamp>,
    pub(super) last: Timestamp,
}

/// One attempt as one end saw it.
#[derive(Clone, Debug)]
pub(super) struct ObservedAttempt {
    /// Client and server by all their names; the first is the one that counts.
    names: Vec<(Endpoint, Endpoint)>,
    pub(super) isn: u32,
    pub(super) syns: Vec<ObservedSegment>,
    pub(super) synacks: Vec<ObservedSegment>,
    pub(super) rsts: Vec<ObservedSegment>,
    pub(super) errors: Vec<(Timestamp, IcmpCode, Address)>,
}

/// A segment, by what NAT does not change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ObservedSegment {
    pub(super) at: Timestamp,
    via: CapturePoint,
    pub(super) mark: SegmentId,
}

/// What both ends see of one segment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct SegmentId {
    pub(super) sequence: u32,
    pub(super) timestamp: Option<u32>,
    identification: Option<u16>,
}

impl CaptureView {
    pub(super) fn observe(&mut self, at: Timestamp, packet: &Packet) {
        self.first.get_or_insert(at);
        self.last = self.last.max(at);
        match packet {
            Packet::IcmpError(error) => {
                let name = (error.quote.from, error.quote.to);
                if let Some(seen) = self.find(error.quote.sequence, name) {
                    let known = |(then, code, by): &(Timestamp, IcmpCode, Address)| {
                        *code == error.code
                            && *by == error.reporter
                            && at.since(*then) < SAME_PACKET
                    };
                    if !seen.errors.iter().any(known) && seen.errors.len() < PACKETS {
                        seen.errors.push((at, error.code, error.reporter));
                    }
                }
            }
            Packet::Segment(segment) => self.meet_segment(at, segment),
        }
    }

    pub(super) const fn end(&mut self, at: Timestamp) {
        if at.as_nanos() > self.last.as_nanos() {
            self.last = at;
        }
    }

    pub(super) fn attempts(&self) -> &[ObservedAttempt] {
        &self.attempts
    }

    /// Whether that address was asked, by any attempt.
    pub(super) fn knows(&self, server: Address) -> bool {
        self.servers.contains(&server)
    }

    /// The attempts with this ISN.
    pub(super) fn with_isn(&self, isn: u32) -> impl Iterator<Item = (usize, &ObservedAttempt)> {
        let places = self.by_isn.get(&isn).map_or(&[][..], Vec::as_slice);
        places
            .iter()
            .filter_map(|&place| Some((place, self.attempts.get(place)?)))
    }

    fn meet_segment(&mut self, at: Timestamp, segment: &Segment) {
        let flags = segment.flags;
        let (syn, ack, rst) = (
            flags.has(Flags::SYN),
            flags.has(Flags::ACK),
            flags.has(Flags::RST),
        );
        let sighting = ObservedSegment::of(at, segment);
        let to_client = (segment.to, segment.from);
        let answered = segment.acknowledgment.wrapping_sub(1);
        match (syn, ack, rst) {
            (true, false, false) if !flags.has(Flags::FIN) => self.meet_syn(segment, sighting),
            (true, true, false) => {
                if let Some(seen) = self.find(answered, to_client) {
                    note(&mut seen.synacks, sighting);
                }
            }
            (false, true, true) => {
                if let Some(seen) = self.find(answered, to_client) {
                    note(&mut seen.rsts, sighting);
                }
            }
            _ => {}
        }
    }

    /// The same SYN under another four-tuple has passed NAT inside this host.
    fn meet_syn(&mut self, syn: &Segment, sighting: ObservedSegment) {
        let name = (syn.from, syn.to);
        if let Some(seen) = self.find(syn.sequence, name) {
            return note(&mut seen.syns, sighting);
        }
        let places = self.by_isn.entry(syn.sequence).or_default();
        let translated = |seen: &&mut ObservedAttempt| {
            let passed_on = |known: &ObservedSegment| {
                known.via != sighting.via && known.is_marked() && known.is_copy_of(&sighting)
            };
            seen.names.len() < NAMES && seen.syns.iter().any(passed_on)
        };
        let same = places.iter().copied().find(|&place| {
            self.attempts
                .get_mut(place)
                .as_ref()
                .is_some_and(translated)
        });
        if let Some(seen) = same.and_then(|place| self.attempts.get_mut(place)) {
            return seen.names.push(name);
        }
        if self.attempts.len() >= ATTEMPTS {
            self.left_out += 1;
            return;
        }
        self.servers.insert(syn.to.address);
        places.push(self.attempts.len());
        self.attempts.push(ObservedAttempt {
            names: vec![name],
            isn: syn.sequence,
            syns: vec![sighting],
            synacks: Vec::new(),
            rsts: Vec::new(),
            errors: Vec::new(),
        });
    }

    fn find(&mut self, isn: u32, name: (Endpoint, Endpoint)) -> Option<&mut ObservedAttempt> {
        let places = self.by_isn.get(&isn)?;
        let place = places
            .iter()
            .copied()
            .find(|&place| self.attempts.get(place).is_some_and(|seen| seen.has(name)))?;
        self.attempts.get_mut(place)
    }
}

impl ObservedAttempt {
    pub(super) fn client(&self) -> Option<Endpoint> {
        self.names.first().map(|(client, _)| *client)
    }

    pub(super) fn server(&self) -> Option<Endpoint> {
        self.names.first().map(|(_, server)| *server)
    }

    pub(super) fn began(&self) -> Timestamp {
        self.syns.first().map(|syn| syn.at).unwrap_or_default()
    }

    /// Whether the SYNs of both are the same packets, as far as they can be told.
    pub(super) fn shares_a_syn(&self, other: &Self) -> bool {
        self.syns.iter().any(|own| {
            other
                .syns
                .iter()
                .any(|others| own.mark == others.mark && own.is_marked())
        })
    }

    fn has(&self, name: (Endpoint, Endpoint)) -> bool {
        self.names.contains(&name)
    }
}

impl ObservedSegment {
    const fn of(at: Timestamp, segment: &Segment) -> Self {
        let Segment {
            via,
            sequence,
            timestamp,
            identification,
            ..
        } = *segment;
        Self {
            at,
            via,
            mark: SegmentId {
                sequence,
                timestamp,
                identification,
            },
        }
    }

    /// Whether it can be told from other segments with the same sequence number.
    pub(super) const fn is_marked(&self) -> bool {
        self.mark.timestamp.is_some() || matches!(self.mark.identification, Some(1..))
    }

    /// The same packet met again on its way through one host.
    fn is_copy_of(&self, other: &Self) -> bool {
        let apart = self.at.since(other.at).max(other.at.since(self.at));
        let elsewhere = self.via != other.via || matches!(self.mark.identification, Some(1..));
        self.mark == other.mark && apart <= SAME_PACKET && elsewhere
    }
}

fn note(all: &mut Vec<ObservedSegment>, sighting: ObservedSegment) {
    if all.len() < PACKETS && !all.iter().any(|known| known.is_copy_of(&sighting)) {
        all.push(sighting);
    }
}

const SAME_PACKET: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 262_144;
const PACKETS: usize = 32;
const NAMES: usize = 4;
