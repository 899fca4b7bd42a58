//! A SYN: one more of an attempt, the same one met again, the same one under another name, or a new attempt.

use super::attempt::State;
use super::ends::FlowKey;
use super::event::{Event, PacketKind, Side, SynKind};
use super::inside::{Hint, Passed};
use super::matches::{Match, Matches};
use super::name::FourTuple;
use super::recent::Marks;
use super::store::Company;
use super::tracker::{Tracker, marks_of};
use crate::packet::{Direction, Segment};
use crate::time::Timestamp;

impl Tracker {
    pub(super) fn on_syn(&mut self, at: Timestamp, syn: &Segment, ends: &FlowKey) {
        // Nobody is known between the ends of most SYNs.
        let company = self.store.company(ends);
        if company == Company::MayBe && self.is_of_known(at, syn, ends) {
            return;
        }
        if let Some(slot) = self.passed_as(syn) {
            self.leaves_under_another_name(syn, slot);
        } else {
            let slot = self.open(ends, (&syn.from, &syn.to), (at, syn.sequence), company);
            self.store.get_mut(slot).remember_first_syn(syn);
            self.pass(syn, slot);
            self.answered_before(at, syn, (slot, ends));
        }
    }

    /// Whether the SYN is one of an attempt that is known by its ends, which is then told of it.
    #[inline(never)]
    fn is_of_known(&mut self, at: Timestamp, syn: &Segment, ends: &FlowKey) -> bool {
        let matches = self.between(ends, &syn.from, &syn.to);
        if let Some(slot) = self.attempt_of(&matches, syn) {
            self.syn_again(at, syn, slot);
        } else if let Some(slot) = self.asked_at_the_same_time(&matches, syn) {
            self.simultaneous_syn(at, syn, slot);
        } else {
            return false;
        }
        true
    }

    /// Its answer may have been met a moment before: then it is one, with no latency or what the packets' own time says.
    fn answered_before(&mut self, at: Timestamp, syn: &Segment, (slot, ends): (u32, &FlowKey)) {
        let attempt = self.store.get(slot);
        if let Some((then, synack)) = self
            .early
            .take(at, syn, |synack| attempt.accepts(synack.acknowledgment))
        {
            // This attempt's, and no other's: where a socket asks itself, others between the same ends might take it.
            self.answer_first(
                then,
                &synack,
                Match {
                    slot,
                    tag: ends.tag,
                    side: Side::Server,
                },
                &ends.back(),
            );
        }
    }

    /// Same four-tuple, same ISN: the same attempt. Another ISN is another attempt.
    fn attempt_of(&self, matches: &Matches, syn: &Segment) -> Option<u32> {
        let mut of_the_client = matches.iter().filter(|known| known.side == Side::Client);
        of_the_client
            .find(|known| self.store.get(known.slot).isn == syn.sequence)
            .map(|known| known.slot)
    }

    fn syn_again(&mut self, at: Timestamp, syn: &Segment, slot: u32) {
        let (attempt, evidence) = self.store.with_evidence(slot);
        if attempt.has_met(evidence, at, syn) {
            self.events.push(Event::Duplicate(PacketKind::Syn));
        } else {
            // Its first SYN is still to come where it began with the rejection of one that never reached a capture.
            let kind = if attempt.syn_count() == 0 {
                SynKind::First
            } else {
                SynKind::Retransmission
            };
            attempt.remember_syn(evidence, at, syn);
            self.events.push(Event::Syn(attempt.owner, kind));
        }
        self.pass(syn, slot);
    }

    /// The server's side asks too while its answer is awaited (RFC 9293 section 3.5, figure 7); a copy of that may come
    /// when the attempt is decided.
    fn asked_at_the_same_time(&self, matches: &Matches, syn: &Segment) -> Option<u32> {
        let asks = |known: &&Match| {
            let attempt = self.store.get(known.slot);
            known.side == Side::Server
                && (attempt.state() == State::Waiting
                    || attempt.asked_back_with() == Some(syn.sequence))
        };
        matches.iter().find(asks).map(|known| known.slot)
    }

    fn simultaneous_syn(&mut self, at: Timestamp, syn: &Segment, slot: u32) {
        let print = (
            PacketKind::Syn,
            self.store.name(slot),
            syn.sequence,
            syn.timestamp,
            syn.identification,
        );
        // A SYN that is sent again has another timestamp.
        let marks = if syn.timestamp.is_some() {
            Marks::Own
        } else {
            marks_of(syn)
        };
        if self.recent.has_met(print, at, syn.via, marks) {
            self.events.push(Event::Duplicate(PacketKind::Syn));
        } else {
            let attempt = self.store.get_mut(slot);
            attempt.note_asked_back(syn.sequence);
            self.events
                .push(Event::Syn(attempt.owner, SynKind::Simultaneous));
        }
    }

    /// The waiting attempt whose SYN this is after NAT changed its addresses: it came in and has not left, or has left a
    /// bridge and not yet its port; nothing but the addresses differs, and no router adds to a TTL. IPv6 has no
    /// identification, so a timestamp must be there. One that shares an endpoint is surer than one that does not.
    fn passed_as(&self, syn: &Segment) -> Option<u32> {
        if syn.via.direction != Direction::Leaving
            || (syn.timestamp.is_none() && syn.identification.is_none())
        {
            return None;
        }
        let name = FourTuple {
            client: syn.from,
            server: syn.to,
        };
        self.inside
            .who_passed_as(syn)
            .find(|hint| self.fits(hint, syn, &name))
            .map(|hint| hint.slot)
    }

    fn fits(&self, hint: &Hint, syn: &Segment, name: &FourTuple) -> bool {
        syn.hop_limit <= hint.hop_limit && {
            let attempt = self.store.get(hint.slot);
            let on_its_way = match hint.passed {
                Passed::In => attempt.is_inside(),
                Passed::Out(through) => {
                    !attempt.is_inside() && through != syn.via.interface && hint.shares.is_some()
                }
            };
            on_its_way
                && attempt.first_syn == hint.began
                && attempt.state() == State::Waiting
                && attempt.looks_like(self.store.evidence(hint.slot), syn)
                && hint
                    .shares
                    .is_none_or(|side| self.store.shares_an_end(hint.slot, side, name))
                && self.store.has_room_for_a_name(hint.slot)
        }
    }

    fn leaves_under_another_name(&mut self, syn: &Segment, slot: u32) {
        self.store.add_name(
            slot,
            FourTuple {
                client: syn.from,
                server: syn.to,
            },
        );
        self.events.push(Event::Duplicate(PacketKind::Syn));
        self.pass(syn, slot);
    }

    /// Notes whether the attempt's SYN is now inside this host or has left it.
    #[inline]
    fn pass(&mut self, syn: &Segment, slot: u32) {
        let attempt = self.store.get_mut(slot);
        let was_inside = attempt.is_inside();
        attempt.note_direction(syn.via.direction);
        if was_inside || attempt.is_inside() {
            self.note_passed(syn, slot);
        }
    }

    /// It is inside, or was until now.
    #[inline(never)]
    fn note_passed(&mut self, syn: &Segment, slot: u32) {
        let attempt = self.store.get(slot);
        let passed = if attempt.is_inside() {
            Passed::In
        } else {
            Passed::Out(syn.via.interface)
        };
        if attempt.state() == State::Waiting {
            self.inside.note(syn, slot, attempt.first_syn, passed);
        }
    }
}
