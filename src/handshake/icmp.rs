//! An ICMP error: a rejection where it quotes the SYN of an attempt that waits, else only counted.

use super::attempt::State;
use super::ends::FlowKey;
use super::event::{Event, FailureReason, PacketKind, Side};
use super::matches::{Known, Match};
use super::name::FourTuple;
use super::recent::Marks;
use super::tracker::Tracker;
use crate::packet::{Address, IcmpCode, IcmpError};
use crate::time::Timestamp;

impl Tracker {
    pub(super) fn on_icmp_error(&mut self, at: Timestamp, error: &IcmpError, ends: &FlowKey) {
        let quote = error.quote;
        let matches = self.between(ends, &quote.from, &quote.to);
        let quoted = |known: &&Match| {
            known.side == Side::Client && self.store.get(known.slot).isn == quote.sequence
        };
        let known = matches.iter().find(quoted).copied();
        // NAT on the way back changes the quote's addresses, and the reporter's where it is the server itself.
        let name = known.map(|known| self.store.name(known.slot));
        let (about, reporter) = match name {
            Some(name) if error.reporter == quote.to.address => (name, name.server.address),
            Some(name) => (name, error.reporter),
            None => (
                FourTuple {
                    client: quote.from,
                    server: quote.to,
                },
                error.reporter,
            ),
        };
        let print = (
            PacketKind::Icmp,
            about,
            quote.sequence,
            reporter,
            error.code,
        );
        if self.recent.has_met(print, at, error.via, Marks::Few) {
            self.events.push(Event::Duplicate(PacketKind::Icmp));
        } else if let Some(known) = known {
            self.reject(known.known(), error.code, reporter);
        } else {
            self.events.push(Event::Unmatched(PacketKind::Icmp));
        }
    }

    /// The attempt's SYN was reported: its end, if it waits and the error is one that ends an attempt.
    pub(super) fn reject(&mut self, known: Known, code: IcmpCode, reporter: Address) {
        let attempt = self.store.get(known.0);
        self.events
            .push(Event::IcmpError(attempt.owner, code, reporter));
        if let (State::Waiting, Some(reason)) = (attempt.state(), reason_of(code)) {
            self.fail(known, reason);
        }
    }
}

/// Whether a firewall says no, or the way ends. What only concerns size or speed ends no attempt (RFC 5461 section 3,
/// RFC 6633). Linux gives up at once on all the others (`icmp_err_convert` in net/ipv4/icmp.c, `icmpv6_err_convert`).
const fn reason_of(code: IcmpCode) -> Option<FailureReason> {
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
