//! Rule 2: whether a packet is one that was met before on its way through the host, or another one that looks like it.

use super::facts::{CapturePoint, Fact, IcmpError, Segment};

/// A segment as it was met.
#[derive(Clone, Debug)]
pub(crate) struct Met {
    at: u64,
    via: CapturePoint,
    segment: Segment,
}

impl Met {
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
        self.via.way == super::facts::Way::Entering
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.via.way == super::facts::Way::Leaving
    }

    pub(crate) fn same_interface(&self, other: &Self) -> bool {
        self.via.interface == other.via.interface
    }

    /// Rule 4: whether nothing but addresses and hops tells this SYN from an earlier one of the same ISN. IPv6 has no
    /// identification, so that a timestamp must be there.
    pub(crate) fn is_readdressed(&self, earlier: &Self) -> bool {
        let (this, that) = (&self.segment, &earlier.segment);
        let telling = this.identification.is_some() || this.timestamp.is_some();
        this.timestamp == that.timestamp
            && this.identification == that.identification
            && this.hop_limit <= that.hop_limit
            && telling
    }

    fn same_place(&self, other: &Self) -> bool {
        self.via == other.via
    }

    /// The base of the rule, the same for every kind of segment.
    fn repeats(&self, earlier: &Self) -> bool {
        let (this, that) = (&self.segment, &earlier.segment);
        let apart = self.at.abs_diff(earlier.at);
        let window = if self.same_place(earlier) {
            50 * MILLISECOND
        } else {
            5 * SECOND
        };
        let telling = this.timestamp.is_some() || self.is_identified() || apart <= 5 * MILLISECOND;
        this.timestamp == that.timestamp
            && this.identification == that.identification
            && apart <= window
            && telling
    }

    fn is_identified(&self) -> bool {
        self.segment
            .identification
            .is_some_and(|identification| identification != 0)
    }
}

/// Whether a SYN is a copy of one of the attempt's last four.
pub(crate) fn is_syn_copy(syn: &Met, earlier: &[Met]) -> bool {
    earlier.iter().rev().take(4).any(|that| syn.repeats(that))
}

/// Whether a SYN/ACK or RST is a copy of one of the attempt's last four.
pub(crate) fn is_answer_copy(answer: &Met, earlier: &[Met]) -> bool {
    earlier.iter().rev().take(4).any(|that| {
        let (this, other) = (&answer.segment, &that.segment);
        let same_numbers = (this.sequence, this.acknowledgment, this.flags)
            == (other.sequence, other.acknowledgment, other.flags);
        let elsewhere = !answer.same_place(that);
        same_numbers && answer.repeats(that) && (elsewhere || answer.is_identified())
    })
}

/// An ICMP error as it was met.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    at: u64,
    via: CapturePoint,
    error: IcmpError,
}

impl Told {
    pub(crate) fn new(fact: &Fact, error: &IcmpError) -> Self {
        Self {
            at: fact.at,
            via: fact.via.clone(),
            error: error.clone(),
        }
    }

    /// Same reporter, type, code and quote, through another interface or direction, within five seconds.
    ///
    /// All of an attempt's errors quote its ISN. NAT may have changed the addresses on the way: those in the quote, and
    /// the reporter's where that is the server itself.
    pub(crate) fn is_copy_of_any(&self, earlier: &[Self]) -> bool {
        earlier.iter().any(|that| {
            let (this, other) = (&self.error, &that.error);
            let by_server = this.is_by_server() && other.is_by_server();
            let same = (this.reporter == other.reporter || by_server)
                && (this.kind, this.code) == (other.kind, other.code);
            same && self.via != that.via && self.at.abs_diff(that.at) <= 5 * SECOND
        })
    }
}

pub(crate) const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;
