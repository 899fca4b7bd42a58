//! The attempts of one capture, each with its packets.
//!
//! `Comparison` passes packets here; `outcome` finds the attempts by ISN. At most [`MAX_ATTEMPTS`]
//! attempts with [`MAX_PACKETS`] packets of each kind are kept.

use std::time::Duration;

use hashbrown::{HashMap, HashSet};

use crate::packet::{Address, CapturePoint, Endpoint, Flags, IcmpCode, Packet, Segment};
use crate::time::Timestamp;

/// Maximum time between two captures of one packet on its way through a host.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(5);
/// Maximum number of attempts of a capture.
const MAX_ATTEMPTS: usize = 262_144;
/// Maximum number of packets of each kind of an attempt.
const MAX_PACKETS: usize = 32;
/// Maximum number of address translations of an attempt, including none.
const MAX_ALIASES: usize = 4;

/// The attempts of one capture, indexed by ISN.
#[derive(Debug, Default)]
pub(super) struct CaptureView {
    attempts: Vec<ObservedAttempt>,
    by_isn: HashMap<u32, Vec<usize>, foldhash::fast::RandomState>,
    /// Destination addresses of SYNs.
    servers: HashSet<Address, foldhash::fast::RandomState>,
    /// Number of attempts that exceeded [`MAX_ATTEMPTS`].
    pub(super) left_out: u64,
    /// Time of the last packet.
    pub(super) last: Timestamp,
}

/// One attempt as one capture contains it.
#[derive(Clone, Debug)]
pub(super) struct ObservedAttempt {
    /// Endpoints of client and server: first those of the first SYN, then those after each address
    /// translation inside this host.
    aliases: Vec<(Endpoint, Endpoint)>,
    pub(super) isn: u32,
    pub(super) syns: Vec<ObservedSegment>,
    pub(super) synacks: Vec<ObservedSegment>,
    pub(super) rsts: Vec<ObservedSegment>,
    /// Time, code and sender of each ICMP error.
    pub(super) icmp_errors: Vec<(Timestamp, IcmpCode, Address)>,
}

/// A captured segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ObservedSegment {
    pub(super) at: Timestamp,
    via: CapturePoint,
    pub(super) id: SegmentId,
}

/// The properties of a segment that NAT does not change, and both captures therefore contain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct SegmentId {
    pub(super) sequence: u32,
    pub(super) timestamp: Option<u32>,
    identification: Option<u16>,
}

impl CaptureView {
    pub(super) fn observe(&mut self, at: Timestamp, packet: &Packet) {
        self.last = self.last.max(at);
        match packet {
            Packet::IcmpError(error) => {
                let endpoints = (error.quote.from, error.quote.to);
                if let Some(attempt) = self.find(error.quote.sequence, endpoints) {
                    let is_duplicate = |(earlier, code, by): &(Timestamp, IcmpCode, Address)| {
                        *code == error.code
                            && *by == error.reporter
                            && at.since(*earlier) < DUPLICATE_WINDOW
                    };
                    if !attempt.icmp_errors.iter().any(is_duplicate)
                        && attempt.icmp_errors.len() < MAX_PACKETS
                    {
                        attempt.icmp_errors.push((at, error.code, error.reporter));
                    }
                }
            }
            Packet::Segment(segment) => self.observe_segment(at, segment),
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

    /// Returns `true` if any attempt was made to this address.
    pub(super) fn contains_server(&self, server: Address) -> bool {
        self.servers.contains(&server)
    }

    /// Returns the attempts with this ISN, each with its index.
    pub(super) fn with_isn(&self, isn: u32) -> impl Iterator<Item = (usize, &ObservedAttempt)> {
        let indices = self.by_isn.get(&isn).map_or(&[][..], Vec::as_slice);
        indices
            .iter()
            .filter_map(|&index| Some((index, self.attempts.get(index)?)))
    }

    fn observe_segment(&mut self, at: Timestamp, segment: &Segment) {
        let flags = segment.flags;
        let observed = ObservedSegment::of(at, segment);
        let server_to_client = (segment.to, segment.from);
        let acknowledged = segment.acknowledgment.wrapping_sub(1);
        match (
            flags.has(Flags::SYN),
            flags.has(Flags::ACK),
            flags.has(Flags::RST),
        ) {
            (true, false, false) if !flags.has(Flags::FIN) => self.observe_syn(segment, observed),
            (true, true, false) => {
                if let Some(attempt) = self.find(acknowledged, server_to_client) {
                    push_unless_duplicate(&mut attempt.synacks, observed);
                }
            }
            (false, true, true) => {
                if let Some(attempt) = self.find(acknowledged, server_to_client) {
                    push_unless_duplicate(&mut attempt.rsts, observed);
                }
            }
            _ => {}
        }
    }

    /// Adds the SYN to its attempt. The same SYN with another four-tuple has passed NAT inside this
    /// host: the four-tuple becomes an alias of the attempt.
    fn observe_syn(&mut self, syn: &Segment, observed: ObservedSegment) {
        let endpoints = (syn.from, syn.to);
        if let Some(attempt) = self.find(syn.sequence, endpoints) {
            return push_unless_duplicate(&mut attempt.syns, observed);
        }
        let indices = self.by_isn.entry(syn.sequence).or_default();
        let is_translated = |attempt: &&mut ObservedAttempt| {
            let is_forwarded = |earlier: &ObservedSegment| {
                earlier.via != observed.via
                    && earlier.is_distinct()
                    && earlier.is_duplicate_of(&observed)
            };
            attempt.aliases.len() < MAX_ALIASES && attempt.syns.iter().any(is_forwarded)
        };
        let translated = indices.iter().copied().find(|&index| {
            self.attempts
                .get_mut(index)
                .as_ref()
                .is_some_and(is_translated)
        });
        if let Some(attempt) = translated.and_then(|index| self.attempts.get_mut(index)) {
            return attempt.aliases.push(endpoints);
        }
        if self.attempts.len() >= MAX_ATTEMPTS {
            self.left_out += 1;
            return;
        }
        self.servers.insert(syn.to.address);
        indices.push(self.attempts.len());
        self.attempts.push(ObservedAttempt {
            aliases: vec![endpoints],
            isn: syn.sequence,
            syns: vec![observed],
            synacks: Vec::new(),
            rsts: Vec::new(),
            icmp_errors: Vec::new(),
        });
    }

    fn find(&mut self, isn: u32, endpoints: (Endpoint, Endpoint)) -> Option<&mut ObservedAttempt> {
        let indices = self.by_isn.get(&isn)?;
        let index = indices.iter().copied().find(|&index| {
            self.attempts
                .get(index)
                .is_some_and(|attempt| attempt.aliases.contains(&endpoints))
        })?;
        self.attempts.get_mut(index)
    }
}

impl ObservedAttempt {
    pub(super) fn client(&self) -> Option<Endpoint> {
        self.aliases.first().map(|(client, _)| *client)
    }

    pub(super) fn server(&self) -> Option<Endpoint> {
        self.aliases.first().map(|(_, server)| *server)
    }

    pub(super) fn began(&self) -> Timestamp {
        self.syns.first().map(|syn| syn.at).unwrap_or_default()
    }

    /// Returns `true` if both attempts contain the same SYN packet, as far as packets can be
    /// distinguished.
    pub(super) fn shares_a_syn(&self, other: &Self) -> bool {
        self.syns.iter().any(|own| {
            other
                .syns
                .iter()
                .any(|others| own.id == others.id && own.is_distinct())
        })
    }

    /// Returns `true` if the attempt has a SYN/ACK, a RST or an ICMP error.
    pub(super) const fn has_answer(&self) -> bool {
        !self.synacks.is_empty() || !self.rsts.is_empty() || !self.icmp_errors.is_empty()
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
            id: SegmentId {
                sequence,
                timestamp,
                identification,
            },
        }
    }

    /// Returns `true` if the segment can be distinguished from others with the same sequence
    /// number.
    pub(super) const fn is_distinct(&self) -> bool {
        self.id.timestamp.is_some() || matches!(self.id.identification, Some(1..))
    }

    /// Returns `true` if both are captures of one packet on its way through a host.
    fn is_duplicate_of(&self, other: &Self) -> bool {
        let apart = self.at.since(other.at).max(other.at.since(self.at));
        let is_elsewhere = self.via != other.via || matches!(self.id.identification, Some(1..));
        self.id == other.id && apart <= DUPLICATE_WINDOW && is_elsewhere
    }
}

fn push_unless_duplicate(segments: &mut Vec<ObservedSegment>, segment: ObservedSegment) {
    if segments.len() < MAX_PACKETS
        && !segments
            .iter()
            .any(|earlier| earlier.is_duplicate_of(&segment))
    {
        segments.push(segment);
    }
}
