//! Rule 2: distinguishes a packet captured again on its way through the host from another packet that looks like it.

use super::facts::{CapturePoint, Fact, IcmpError, Segment};

/// Nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// Nanoseconds.
const MILLISECOND: u64 = 1_000_000;

/// A segment with its time and capture point.
#[derive(Clone, Debug)]
pub(crate) struct ObservedSegment {
    at: u64,
    via: CapturePoint,
    segment: Segment,
}

impl ObservedSegment {
    pub(crate) fn new(fact: &Fact, segment: &Segment) -> Self {
        Self {
            at: fact.at,
            via: fact.via.clone(),
            segment: segment.clone(),
        }
    }

    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    pub(crate) fn is_entering(&self) -> bool {
        self.via.direction == super::facts::Direction::Entering
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.via.direction == super::facts::Direction::Leaving
    }

    pub(crate) fn same_interface(&self, other: &Self) -> bool {
        self.via.interface == other.via.interface
    }

    /// Rule 4: `true` if this SYN differs from an earlier one with the same ISN only in addresses, ports and hop limit. IPv6
    /// has no identification, so a timestamp is required.
    pub(crate) fn differs_only_in_addresses(&self, earlier: &Self) -> bool {
        let this = &self.segment;
        let that = &earlier.segment;
        let marked = this.identification.is_some() || this.timestamp.is_some();
        this.timestamp == that.timestamp
            && this.identification == that.identification
            && this.hop_limit <= that.hop_limit
            && marked
    }

    fn same_capture_point(&self, other: &Self) -> bool {
        self.via == other.via
    }

    /// The common part of the rule for every kind of segment.
    fn repeats(&self, earlier: &Self) -> bool {
        let this = &self.segment;
        let that = &earlier.segment;
        let apart = self.at.abs_diff(earlier.at);
        let window = if self.same_capture_point(earlier) {
            50 * MILLISECOND
        } else {
            5 * SECOND
        };
        let marked = this.timestamp.is_some() || self.is_identified() || apart <= 5 * MILLISECOND;
        this.timestamp == that.timestamp
            && this.identification == that.identification
            && apart <= window
            && marked
    }

    fn is_identified(&self) -> bool {
        self.segment
            .identification
            .is_some_and(|identification| identification != 0)
    }
}

/// `true` if a SYN is a duplicate of one of the attempt's last four.
pub(crate) fn is_syn_duplicate(syn: &ObservedSegment, earlier: &[ObservedSegment]) -> bool {
    earlier.iter().rev().take(4).any(|that| syn.repeats(that))
}

/// `true` if a SYN/ACK or RST is a duplicate of one of the attempt's last four.
pub(crate) fn is_response_duplicate(
    response: &ObservedSegment,
    earlier: &[ObservedSegment],
) -> bool {
    earlier.iter().rev().take(4).any(|that| {
        let this = &response.segment;
        let other = &that.segment;
        let same_numbers = (this.sequence, this.acknowledgment, this.flags)
            == (other.sequence, other.acknowledgment, other.flags);
        let elsewhere = !response.same_capture_point(that);
        same_numbers && response.repeats(that) && (elsewhere || response.is_identified())
    })
}

/// An ICMP error with its time and capture point.
#[derive(Clone, Debug)]
pub(crate) struct ObservedError {
    at: u64,
    via: CapturePoint,
    error: IcmpError,
}

impl ObservedError {
    pub(crate) fn new(fact: &Fact, error: &IcmpError) -> Self {
        Self {
            at: fact.at,
            via: fact.via.clone(),
            error: error.clone(),
        }
    }

    /// `true` if an earlier error has the same reporter, type, code and quote, and came through another interface or direction
    /// within five seconds.
    ///
    /// All errors of an attempt quote its ISN. NAT may have changed the addresses in the quote, and the reporter if it is the
    /// server itself.
    pub(crate) fn is_duplicate_of_any(&self, earlier: &[Self]) -> bool {
        earlier.iter().any(|that| {
            let this = &self.error;
            let other = &that.error;
            let by_server = this.is_by_server() && other.is_by_server();
            let same = (this.reporter == other.reporter || by_server)
                && (this.kind, this.code) == (other.kind, other.code);
            same && self.via != that.via && self.at.abs_diff(that.at) <= 5 * SECOND
        })
    }
}
