//! Duplicates: packets that were counted before and are captured again on their way through this
//! host.
//!
//! SYNs are compared with the last SYNs of their attempt ([`SynFingerprint`]); SYN/ACKs, RSTs,
//! ICMP errors, SYNs that open nothing and SYNs of the server with a table of recent packets
//! ([`DuplicateFilter`]).

use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::packet::{CapturePoint, Direction, Segment};
use crate::time::Timestamp;

/// How long after a packet its duplicate may come through another interface, or in the other
/// direction: a router's neighbor queue can hold a packet for seconds.
const OTHER_POINT_WINDOW: Duration = Duration::from_secs(5);
/// How long after a packet its duplicate may come through the same interface: a mirror port sends
/// both at once.
const SAME_POINT_WINDOW: Duration = Duration::from_millis(50);
/// How long after a packet its duplicate may come if nothing in the packet distinguishes it from a
/// retransmission.
const WEAK_WINDOW: Duration = Duration::from_millis(5);
const BUCKETS: usize = 4096;
const MIN_BUCKETS: usize = 64;
const WAYS: usize = 4;

/// What distinguishes one captured SYN from the next SYN of the same attempt, in 12 bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct SynFingerprint {
    timestamp: u32,
    /// Microseconds after the first SYN of the attempt.
    offset_micros: u32,
    identification: u16,
    point: CompactPoint,
}

/// Interface and direction of a captured packet in 15 bits, and one bit for the timestamp option.
/// Interface numbers that agree in their low 12 bits count as one: a duplicate would need two such
/// interfaces on its path.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct CompactPoint(u16);

/// SYN/ACKs, RSTs and ICMP errors that were counted recently: a hash table of fixed size; the
/// oldest entries are overwritten. An entry that is overwritten costs one duplicate that is counted
/// as a packet.
pub(super) struct DuplicateFilter {
    buckets: Vec<[RecentPacket; WAYS]>,
    insertions: usize,
    hasher: RandomState,
}

#[derive(Clone, Copy, Default)]
struct RecentPacket {
    at: Timestamp,
    hash: u32,
    point: CompactPoint,
}

/// How well the fields of a packet distinguish it from the next packet of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Distinctness {
    /// No other packet has these fields.
    Unique,
    /// Another packet may have the same fields, but not soon, and not through another interface.
    Weak,
    /// The fields mean nothing: only a packet that follows at once is a duplicate.
    None,
}

impl Distinctness {
    /// An identification is unique to a packet unless it is zero; a timestamp value goes on with
    /// time.
    pub(super) fn of(segment: &Segment) -> Self {
        if segment.identification.is_some_and(|id| id != 0) {
            Self::Unique
        } else if segment.timestamp.is_some() {
            Self::Weak
        } else {
            Self::None
        }
    }
}

impl SynFingerprint {
    pub(super) fn new(syn: &Segment, offset_micros: u32) -> Self {
        Self {
            timestamp: syn.timestamp.unwrap_or(0),
            offset_micros,
            identification: syn.identification.unwrap_or(0),
            point: CompactPoint::new(syn.via, syn.timestamp.is_some()),
        }
    }

    /// Returns `true` if both have the same timestamp value and identification. NAT changes
    /// neither.
    pub(super) fn same_fields(&self, other: &Self) -> bool {
        self.timestamp == other.timestamp
            && self.identification == other.identification
            && self.point.has_timestamp() == other.point.has_timestamp()
    }

    /// Returns `true` if both are the same packet: the same fields, within the window of their
    /// capture points. Without a timestamp option an identification of zero means nothing, so only
    /// the shortest window counts.
    pub(super) fn same_packet(&self, other: &Self) -> bool {
        let window = if !other.point.has_timestamp() && self.identification == 0 {
            WEAK_WINDOW
        } else if self.point.is_same(other.point) {
            SAME_POINT_WINDOW
        } else {
            OTHER_POINT_WINDOW
        };
        self.same_fields(other) && Duration::from_micros(self.micros_apart(other).into()) <= window
    }

    /// Returns the microseconds between both, in either order.
    pub(super) fn micros_apart(&self, other: &Self) -> u32 {
        self.offset_micros
            .wrapping_sub(other.offset_micros)
            .min(other.offset_micros.wrapping_sub(self.offset_micros))
    }
}

impl CompactPoint {
    fn new(point: CapturePoint, has_timestamp: bool) -> Self {
        let direction = match point.direction {
            Direction::Unknown => 0,
            Direction::Entering => 1,
            Direction::Leaving => 2,
        };
        let interface = (point.interface & 0x0fff) as u16;
        Self(interface << 3 | direction << 1 | u16::from(has_timestamp))
    }

    /// Returns `true` if interface and direction are the same.
    const fn is_same(self, other: Self) -> bool {
        self.0 >> 1 == other.0 >> 1
    }

    const fn has_timestamp(self) -> bool {
        self.0 & 1 != 0
    }
}

impl DuplicateFilter {
    /// Creates a filter. A tracker of few attempts has few recent packets, and gets a smaller
    /// table.
    pub(super) fn new(max_attempts: usize) -> Self {
        let buckets = max_attempts.clamp(MIN_BUCKETS, BUCKETS);
        Self {
            buckets: vec![[RecentPacket::default(); WAYS]; buckets],
            insertions: 0,
            hasher: RandomState::default(),
        }
    }

    /// Records a packet that is certainly no duplicate as counted. It reads no memory of the table,
    /// so that no cache miss delays it.
    pub(super) fn insert(&mut self, fingerprint: impl Hash, at: Timestamp, point: CapturePoint) {
        let (index, hash) = self.locate(fingerprint);
        self.insertions = self.insertions.wrapping_add(1);
        let way = self.insertions % WAYS;
        if let Some(packet) = self
            .buckets
            .get_mut(index)
            .and_then(|bucket| bucket.get_mut(way))
        {
            *packet = RecentPacket {
                at,
                hash,
                point: CompactPoint::new(point, false),
            };
        }
    }

    /// Returns `true` if the packet is a duplicate of a counted one; else records it as counted.
    ///
    /// The same fingerprint through another interface or in the other direction is the same packet
    /// on its way. Through the same interface only a packet with a unique fingerprint can be a
    /// duplicate: a host may send two packets that are equal in every bit, as the Linux kernel does
    /// with RSTs.
    pub(super) fn check_and_insert(
        &mut self,
        fingerprint: impl Hash,
        at: Timestamp,
        point: CapturePoint,
        distinctness: Distinctness,
    ) -> bool {
        let (index, hash) = self.locate(fingerprint);
        let point = CompactPoint::new(point, false);
        let Some(bucket) = self.buckets.get_mut(index) else {
            return false;
        };
        let is_duplicate = |recent: &RecentPacket| {
            let apart = at.since(recent.at).max(recent.at.since(at));
            match recent.point.is_same(point) {
                true => distinctness == Distinctness::Unique && apart <= SAME_POINT_WINDOW,
                false if distinctness == Distinctness::None => apart <= WEAK_WINDOW,
                false => apart <= OTHER_POINT_WINDOW,
            }
        };
        if bucket
            .iter()
            .any(|recent| recent.hash == hash && is_duplicate(recent))
        {
            return true;
        }
        let packet = RecentPacket { at, hash, point };
        match bucket.iter_mut().find(|recent| recent.hash == hash) {
            Some(recent) => *recent = packet,
            None => {
                bucket.rotate_right(1);
                if let Some(newest) = bucket.first_mut() {
                    *newest = packet;
                }
            }
        }
        false
    }

    fn locate(&self, fingerprint: impl Hash) -> (usize, u32) {
        let hash = self.hasher.hash_one(fingerprint);
        // A multiplication maps the hash to a bucket faster than a remainder.
        let index = ((hash & 0xffff_ffff) * self.buckets.len() as u64) >> 32;
        (usize::try_from(index).unwrap_or(0), (hash >> 32) as u32 | 1)
    }
}
