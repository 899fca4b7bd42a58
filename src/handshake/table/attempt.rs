//! One attempt: the state that classifies its packets, in two cache lines.

use super::super::dedup::SynFingerprint;
use super::super::event::OwnerId;
use super::super::flow::{CompactTuple, FlowHash, FlowKey, Ipv6Remainder};
use crate::packet::{Direction, Segment};
use crate::time::Timestamp;

/// SYNs of an attempt that are remembered, to recognize duplicates.
const REMEMBERED_SYNS: u8 = 4;
const OLDER_SYNS: usize = REMEMBERED_SYNS as usize - 1;
const MIN_TRACKING_NANOS: u64 = 10 * NANOS_PER_SECOND;
const MAX_TRACKING_NANOS: u64 = 135 * NANOS_PER_SECOND;
const MIN_TRACKING_MILLIS: u32 = 10_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_MICRO: u64 = 1_000;

const ANSWERED: u8 = 1;
const FAILED: u8 = 1 << 1;
const KNOWN_PEER: u8 = 1 << 2;
const INSIDE: u8 = 1 << 3;
const COMPLETED: u8 = 1 << 4;
const SERVER_ISN: u8 = 1 << 5;
const SIMULTANEOUS_OPEN: u8 = 1 << 6;
const IPV6: u8 = 1 << 7;

const _: () = assert!(
    size_of::<Attempt>() == 64,
    "an attempt takes one cache line"
);
const _: () = assert!(
    size_of::<AttemptDetails>() == 64,
    "the details of an attempt take one cache line"
);

/// An attempt, from its first SYN until no further SYN of it can be due: the part that most packets
/// and deadlines read.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(in super::super) struct Attempt {
    /// The four-tuple of its first SYN.
    pub(super) tuple: CompactTuple,
    pub(in super::super) isn: u32,
    pub(in super::super) first_syn: Timestamp,
    /// The time of the first acceptable SYN/ACK, if `ANSWERED` is set.
    answered_at: Timestamp,
    pub(in super::super) owner: OwnerId,
    /// The hash of `tuple`, under which the index holds the attempt.
    pub(super) hash: FlowHash,
    /// Milliseconds after `first_syn`.
    tracked_millis: u32,
    /// The server's initial sequence number, if `SERVER_ISN` is set.
    server_isn: u32,
    /// The newest of its SYNs, if `syn_count` is not zero.
    newest_syn: SynFingerprint,
    syn_data: u16,
    syn_count: u8,
    flags: u8,
}

/// The part of an attempt that only its retransmissions and IPv6 addresses need.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
pub(in super::super) struct AttemptDetails {
    /// The SYNs before the newest, newest first.
    older_syns: [SynFingerprint; OLDER_SYNS],
    /// Of the four-tuple, if it has IPv6 addresses.
    pub(super) ipv6: Ipv6Remainder,
}

/// The state of an attempt. A late answer leaves it `Failed`; see [`Attempt::is_answered`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum State {
    Pending,
    Answered,
    Failed,
}

impl Attempt {
    /// Creates a pending attempt that begins with a SYN, or with the local rejection of a SYN that
    /// was not captured. The SYN is recorded separately.
    pub(super) fn new(key: &FlowKey, first_syn: Timestamp, isn: u32) -> Self {
        Self {
            tuple: key.tuple,
            isn,
            first_syn,
            answered_at: first_syn,
            owner: OwnerId::default(),
            hash: key.hash,
            tracked_millis: MIN_TRACKING_MILLIS,
            server_isn: 0,
            newest_syn: SynFingerprint::default(),
            syn_data: 0,
            syn_count: 0,
            flags: 0,
        }
    }

    pub(in super::super) const fn state(&self) -> State {
        if self.flags & FAILED != 0 {
            State::Failed
        } else if self.flags & ANSWERED != 0 {
            State::Answered
        } else {
            State::Pending
        }
    }

    /// Returns `true` if a SYN/ACK answered it, in time or late.
    pub(in super::super) const fn is_answered(&self) -> bool {
        self.flags & ANSWERED != 0
    }

    pub(in super::super) const fn set_failed(&mut self) {
        self.flags |= FAILED;
    }

    /// Records the first acceptable SYN/ACK.
    pub(in super::super) fn record_answer(&mut self, at: Timestamp) {
        self.flags |= ANSWERED;
        self.answered_at = at;
        self.extend_tracking(at, 0);
    }

    /// Records a retransmitted SYN/ACK. The server doubles its retransmission timeout.
    pub(in super::super) fn record_repeated_answer(&mut self, at: Timestamp) {
        self.extend_tracking(at, at.nanos_since(self.answered_at));
    }

    pub(in super::super) const fn answered_at(&self) -> Timestamp {
        self.answered_at
    }

    /// Records the final ACK of the handshake. Returns `true` if it is the first one.
    pub(in super::super) const fn complete(&mut self) -> bool {
        let first = self.flags & COMPLETED == 0;
        self.flags |= COMPLETED;
        first
    }

    pub(in super::super) const fn set_server_isn(&mut self, isn: u32) {
        self.server_isn = isn;
        self.flags |= SERVER_ISN;
    }

    /// Records that the server sent a SYN of its own.
    pub(in super::super) const fn record_simultaneous_open(&mut self, isn: u32) {
        self.set_server_isn(isn);
        self.flags |= SIMULTANEOUS_OPEN;
    }

    /// Returns the sequence number of the SYN that the server sent. `None` if it sent none.
    pub(in super::super) fn simultaneous_isn(&self) -> Option<u32> {
        (self.flags & SIMULTANEOUS_OPEN != 0).then_some(self.server_isn)
    }

    pub(in super::super) fn server_isn(&self) -> Option<u32> {
        (self.flags & SERVER_ISN != 0).then_some(self.server_isn)
    }

    /// Records that the four-tuple has IPv6 addresses, and so a remainder in the details.
    pub(super) const fn set_ipv6(&mut self) {
        self.flags |= IPV6;
    }

    pub(super) const fn is_ipv6(&self) -> bool {
        self.flags & IPV6 != 0
    }

    pub(super) const fn has_known_peer(&self) -> bool {
        self.flags & KNOWN_PEER != 0
    }

    pub(in super::super) const fn set_known_peer(&mut self) {
        self.flags |= KNOWN_PEER;
    }

    /// Returns `true` if its newest SYN entered this host and did not leave it yet.
    pub(in super::super) const fn is_inside(&self) -> bool {
        self.flags & INSIDE != 0
    }

    pub(in super::super) const fn set_direction(&mut self, direction: Direction) {
        match direction {
            Direction::Entering => self.flags |= INSIDE,
            Direction::Leaving => self.flags &= !INSIDE,
            Direction::Unknown => {}
        }
    }

    /// Returns how many of its SYNs were captured, at most 4.
    pub(in super::super) const fn syn_count(&self) -> u8 {
        self.syn_count
    }

    /// Returns `true` if a SYN/ACK or RST with this acknowledgment number acknowledges its SYN.
    pub(in super::super) const fn accepts(&self, acknowledgment: u32) -> bool {
        acceptable_ack(acknowledgment, self.isn, self.syn_data)
    }

    /// Returns `true` if this repeat of its SYN is a packet that was captured before, not a
    /// retransmission.
    pub(in super::super) fn is_duplicate(
        &self,
        details: &AttemptDetails,
        at: Timestamp,
        syn: &Segment,
    ) -> bool {
        let fingerprint = SynFingerprint::new(syn, self.offset_micros(at));
        self.any_syn(details, |known| known.same_packet(&fingerprint))
    }

    /// Returns `true` if a SYN with other addresses has the fields of one of its SYNs: NAT changes
    /// none of them.
    pub(in super::super) fn has_fields_of(&self, details: &AttemptDetails, syn: &Segment) -> bool {
        let fingerprint = SynFingerprint::new(syn, 0);
        self.isn == syn.sequence && self.any_syn(details, |known| known.same_fields(&fingerprint))
    }

    fn any_syn(&self, details: &AttemptDetails, test: impl Fn(&SynFingerprint) -> bool) -> bool {
        self.syn_count > 0
            && (test(&self.newest_syn) || details.older_syns(self.syn_count).iter().any(test))
    }

    /// Records its first SYN.
    pub(in super::super) fn record_first_syn(&mut self, syn: &Segment) {
        self.newest_syn = SynFingerprint::new(syn, 0);
        self.syn_data = syn.payload_length;
        self.syn_count = 1;
    }

    /// Records a further SYN. The next one is due within twice the last interval.
    pub(in super::super) fn record_syn(
        &mut self,
        details: &mut AttemptDetails,
        at: Timestamp,
        syn: &Segment,
    ) {
        let fingerprint = SynFingerprint::new(syn, self.offset_micros(at));
        if at != self.first_syn {
            let interval_micros = if self.syn_count > 0 {
                fingerprint.micros_apart(&self.newest_syn)
            } else {
                0
            };
            self.extend_tracking(at, u64::from(interval_micros) * NANOS_PER_MICRO);
        }
        if self.syn_count > 0 {
            details.push_older_syn(self.newest_syn);
        }
        self.newest_syn = fingerprint;
        self.syn_data = self.syn_data.max(syn.payload_length);
        self.syn_count = REMEMBERED_SYNS.min(self.syn_count + 1);
    }

    /// Returns `true` if it is pending, or a further SYN of it may be due.
    pub(super) fn is_tracked_at(&self, now: Timestamp) -> bool {
        self.state() == State::Pending || now < self.expires_at()
    }

    pub(super) const fn expires_at(&self) -> Timestamp {
        self.first_syn
            .plus_nanos(self.tracked_millis as u64 * NANOS_PER_MILLI)
    }

    /// Retransmission timeouts at most double (RFC 6298 section 5.5): 2.25 times the last interval
    /// and a second leave room for jitter.
    fn extend_tracking(&mut self, at: Timestamp, interval_nanos: u64) {
        let due = (interval_nanos.saturating_mul(9) / 4)
            .saturating_add(NANOS_PER_SECOND)
            .clamp(MIN_TRACKING_NANOS, MAX_TRACKING_NANOS);
        let millis = at
            .plus_nanos(due)
            .nanos_since(self.first_syn)
            .div_ceil(NANOS_PER_MILLI);
        self.tracked_millis = self
            .tracked_millis
            .max(u32::try_from(millis).unwrap_or(u32::MAX));
    }

    /// Returns the microseconds since the first SYN, modulo 71 minutes.
    fn offset_micros(&self, at: Timestamp) -> u32 {
        u32::try_from(at.nanos_since(self.first_syn) / NANOS_PER_MICRO % (1 << 32)).unwrap_or(0)
    }
}

impl AttemptDetails {
    /// Returns the remembered SYNs before the newest, newest first, of an attempt with this SYN
    /// count.
    fn older_syns(&self, syn_count: u8) -> &[SynFingerprint] {
        self.older_syns
            .get(..usize::from(syn_count).saturating_sub(1))
            .unwrap_or_default()
    }

    /// Adds the SYN that is no longer the newest, and drops the oldest.
    fn push_older_syn(&mut self, syn: SynFingerprint) {
        self.older_syns.rotate_right(1);
        self.older_syns[0] = syn;
    }
}

/// Returns `true` if `acknowledgment` is acceptable to a client in SYN-SENT: it acknowledges the
/// SYN, and at most the data in the SYN (RFC 9293 section 3.10.7.3; data in a SYN: RFC 7413).
/// Sequence numbers wrap at 2^32 (RFC 9293 section 3.4), so they are compared by distance.
const fn acceptable_ack(acknowledgment: u32, isn: u32, syn_data: u16) -> bool {
    let acknowledged = acknowledgment.wrapping_sub(isn);
    1 <= acknowledged && acknowledged <= 1 + syn_data as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acceptable_ack_covers_syn_or_its_data() {
        assert!(!acceptable_ack(100, 100, 0));
        assert!(acceptable_ack(101, 100, 0));
        assert!(!acceptable_ack(102, 100, 0));
        assert!(acceptable_ack(110, 100, 9));
        assert!(!acceptable_ack(111, 100, 9));
        assert!(!acceptable_ack(0, 100, 9));
    }

    #[test]
    fn acceptable_ack_wraps_at_the_largest_number() {
        assert!(acceptable_ack(0, u32::MAX, 0));
        assert!(acceptable_ack(3, u32::MAX - 1, 4));
        assert!(!acceptable_ack(u32::MAX, u32::MAX, 4));
    }
}
