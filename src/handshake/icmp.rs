//! ICMP errors: a rejection if it quotes the SYN of a pending attempt; else it is only counted.

use super::dedup::Distinctness;
use super::event::{Event, FailureReason, PacketKind, Side};
use super::flow::{FlowKey, FourTuple};
use super::sink::EventSink;
use super::table::{Candidate, SlotRef, State};
use super::tracker::Tracker;
use crate::packet::{Address, IcmpCode, IcmpError};
use crate::time::Timestamp;

impl Tracker {
    pub(super) fn on_icmp_error(
        &mut self,
        at: Timestamp,
        error: &IcmpError,
        key: &FlowKey,
        sink: &mut impl EventSink,
    ) {
        let quote = error.quote;
        let candidates = self.candidates(key, &quote.from, &quote.to);
        let is_quoted = |known: &&Candidate| {
            known.side == Side::Client && self.table.get(known.attempt.slot).isn == quote.sequence
        };
        let known = candidates.iter().find(is_quoted).copied();
        // NAT on the way back changes the addresses of the quote, and the reporter's if the server
        // itself reports.
        let tuple = known.map(|known| self.table.four_tuple(known.attempt.slot));
        let (about, reporter) = match tuple {
            Some(tuple) if error.reporter == quote.to.address => (tuple, tuple.server.address),
            Some(tuple) => (tuple, error.reporter),
            None => {
                let tuple = FourTuple {
                    client: quote.from,
                    server: quote.to,
                };
                (tuple, error.reporter)
            }
        };
        let fingerprint = (
            PacketKind::Icmp,
            about,
            quote.sequence,
            reporter,
            error.code,
        );
        if self
            .duplicates
            .check_and_insert(fingerprint, at, error.via, Distinctness::Weak)
        {
            self.emit(Event::Duplicate(PacketKind::Icmp), sink);
        } else if let Some(known) = known {
            self.reject(known.attempt, error.code, reporter, sink);
        } else if sink.unmatched_icmp(error) {
            self.open_and_reject(at, error, key, sink);
        } else {
            self.emit(Event::Unmatched(PacketKind::Icmp), sink);
        }
    }

    /// Records an ICMP error about the SYN of an attempt, and fails the attempt if it is pending
    /// and the error ends attempts.
    pub(super) fn reject(
        &mut self,
        rejected: SlotRef,
        code: IcmpCode,
        reporter: Address,
        sink: &mut impl EventSink,
    ) {
        let attempt = self.table.get(rejected.slot);
        let state = attempt.state();
        self.emit(Event::IcmpError(attempt.owner, code, reporter), sink);
        if let (State::Pending, Some(reason)) = (state, failure_reason(code)) {
            self.fail(rejected, reason, sink);
        }
    }
}

/// Returns the reason for which an ICMP error fails an attempt: a firewall prohibits it, or the
/// destination is unreachable. `None` if the error is about size or rate, which ends no attempt
/// (RFC 5461 section 3, RFC 6633). Linux gives up at once on all others (`icmp_err_convert` in
/// net/ipv4/icmp.c, `icmpv6_err_convert`).
const fn failure_reason(code: IcmpCode) -> Option<FailureReason> {
    use IcmpCode::{
        AdminProhibited, BeyondScope, FragmentationNeeded, HostProhibited, HostTos, HostUnknown,
        HostUnreachable, NetProhibited, NetTos, NetUnknown, NetUnreachable, ParameterProblem,
        PolicyFailed, PortUnreachable, PrecedenceCutoff, PrecedenceViolation, ProtocolUnreachable,
        RejectRoute, SourceIsolated, SourceQuench, SourceRouteFailed, TimeExceeded,
        UnreachableOther,
    };
    match code {
        PortUnreachable | NetProhibited | HostProhibited | AdminProhibited | PolicyFailed
        | RejectRoute => Some(FailureReason::Prohibited),
        NetUnreachable | HostUnreachable | ProtocolUnreachable | SourceRouteFailed | NetUnknown
        | HostUnknown | SourceIsolated | NetTos | HostTos | PrecedenceViolation
        | PrecedenceCutoff | BeyondScope | TimeExceeded | ParameterProblem | UnreachableOther => {
            Some(FailureReason::Unreachable)
        }
        FragmentationNeeded | SourceQuench => None,
    }
}
