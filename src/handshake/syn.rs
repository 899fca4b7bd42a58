//! SYNs: a repeat of a known attempt, its duplicate, its alias behind NAT, or a new attempt.
//
// Inlining attributes: see `table/mod.rs`.

use super::dedup::Distinctness;
use super::event::{Event, PacketKind, Side, SynKind};
use super::flow::{FlowKey, FourTuple};
use super::nat::{NatCandidate, Passage};
use super::sink::{EventSink, Opening};
use super::table::{Candidate, Candidates, NewAttempt, SlotRef, State};
use super::tracker::Tracker;
use crate::packet::{Direction, Segment};
use crate::time::Timestamp;

impl Tracker {
    pub(super) fn on_syn(
        &mut self,
        at: Timestamp,
        syn: &Segment,
        key: &FlowKey,
        sink: &mut impl EventSink,
    ) {
        // Most SYNs have endpoints of which no attempt is known.
        let may_have_others = self.table.may_contain(key);
        if may_have_others && self.on_syn_of_known_attempt(at, syn, key, sink) {
            return;
        }
        if let Some(slot) = self.find_nat_source(syn) {
            self.add_nat_alias(syn, slot, sink);
        } else {
            let new = NewAttempt {
                key,
                client: &syn.from,
                server: &syn.to,
                first_syn: at,
                isn: syn.sequence,
                may_have_others,
            };
            let slot = self.open(&new, Opening::Syn(syn), sink);
            self.table.get_mut(slot).record_first_syn(syn);
            self.record_passage(syn, slot);
            self.match_early_synack(at, syn, slot, key, sink);
        }
    }

    /// Handles a SYN of an attempt with its endpoints. Returns `false` if there is no such attempt.
    #[inline(never)]
    fn on_syn_of_known_attempt(
        &mut self,
        at: Timestamp,
        syn: &Segment,
        key: &FlowKey,
        sink: &mut impl EventSink,
    ) -> bool {
        let candidates = self.candidates(key, &syn.from, &syn.to);
        if let Some(slot) = self.find_same_isn(&candidates, syn) {
            self.on_repeated_syn(at, syn, slot, sink);
        } else if let Some(slot) = self.find_simultaneous_open(&candidates, syn) {
            self.on_simultaneous_syn(at, syn, slot, sink);
        } else {
            return false;
        }
        true
    }

    /// Answers a new attempt with a SYN/ACK that was captured before its SYN, if there is one. The
    /// latency is zero or what the packets' own times say.
    fn match_early_synack(
        &mut self,
        at: Timestamp,
        syn: &Segment,
        slot: u32,
        key: &FlowKey,
        sink: &mut impl EventSink,
    ) {
        let attempt = self.table.get(slot);
        let early = self
            .early_synacks
            .take(at, syn, |synack| attempt.accepts(synack.acknowledgment));
        if let Some((then, synack)) = early {
            // The SYN/ACK belongs to this attempt. If a socket connects to itself, a look-up by
            // endpoints could find another attempt.
            let candidate = Candidate {
                attempt: SlotRef {
                    slot,
                    hash: key.hash,
                },
                side: Side::Server,
            };
            self.record_first_synack(then, &synack, candidate, &key.reversed(), sink);
        }
    }

    /// The same four-tuple and ISN are the same attempt; another ISN is another attempt.
    fn find_same_isn(&self, candidates: &Candidates, syn: &Segment) -> Option<u32> {
        candidates
            .iter()
            .filter(|known| known.side == Side::Client)
            .map(|known| known.attempt.slot)
            .find(|slot| self.table.get(*slot).isn == syn.sequence)
    }

    fn on_repeated_syn(
        &mut self,
        at: Timestamp,
        syn: &Segment,
        slot: u32,
        sink: &mut impl EventSink,
    ) {
        let (attempt, details) = self.table.with_details(slot);
        let event = if attempt.is_duplicate(details, at, syn) {
            Event::Duplicate(PacketKind::Syn)
        } else {
            // An attempt that began with a local ICMP rejection has no SYN yet.
            let kind = if attempt.syn_count() == 0 {
                SynKind::First
            } else {
                SynKind::Retransmission
            };
            attempt.record_syn(details, at, syn);
            Event::Syn(attempt.owner, kind)
        };
        self.emit(event, sink);
        self.record_passage(syn, slot);
    }

    /// The server sends a SYN while its answer is pending (RFC 9293 section 3.5, figure 7). A
    /// duplicate of that SYN may be captured after the attempt is decided.
    fn find_simultaneous_open(&self, candidates: &Candidates, syn: &Segment) -> Option<u32> {
        let opens = |known: &&Candidate| {
            let attempt = self.table.get(known.attempt.slot);
            known.side == Side::Server
                && (attempt.state() == State::Pending
                    || attempt.simultaneous_isn() == Some(syn.sequence))
        };
        candidates
            .iter()
            .find(opens)
            .map(|known| known.attempt.slot)
    }

    fn on_simultaneous_syn(
        &mut self,
        at: Timestamp,
        syn: &Segment,
        slot: u32,
        sink: &mut impl EventSink,
    ) {
        let fingerprint = (
            PacketKind::Syn,
            self.table.four_tuple(slot),
            syn.sequence,
            syn.timestamp,
            syn.identification,
        );
        // A retransmitted SYN has another timestamp value.
        let distinctness = if syn.timestamp.is_some() {
            Distinctness::Unique
        } else {
            Distinctness::of(syn)
        };
        let is_duplicate = self
            .duplicates
            .check_and_insert(fingerprint, at, syn.via, distinctness);
        let event = if is_duplicate {
            Event::Duplicate(PacketKind::Syn)
        } else {
            let attempt = self.table.get_mut(slot);
            attempt.record_simultaneous_open(syn.sequence);
            Event::Syn(attempt.owner, SynKind::Simultaneous)
        };
        self.emit(event, sink);
    }

    /// Returns the pending attempt of this SYN, if NAT changed its addresses. The attempt's SYN
    /// entered the host and did not leave it, or left a bridge and not yet its port; it differs in
    /// nothing but the addresses, and routers do not raise a TTL. IPv6 has no identification, so it
    /// needs a timestamp. Attempts that share an endpoint come first.
    fn find_nat_source(&self, syn: &Segment) -> Option<u32> {
        if syn.via.direction != Direction::Leaving
            || (syn.timestamp.is_none() && syn.identification.is_none())
        {
            return None;
        }
        let tuple = FourTuple {
            client: syn.from,
            server: syn.to,
        };
        self.nat
            .candidates(syn)
            .find(|candidate| self.is_nat_source(candidate, syn, &tuple))
            .map(|candidate| candidate.slot)
    }

    fn is_nat_source(&self, candidate: &NatCandidate, syn: &Segment, tuple: &FourTuple) -> bool {
        syn.hop_limit <= candidate.hop_limit && {
            let slot = candidate.slot;
            let attempt = self.table.get(slot);
            let is_on_its_way = match candidate.passage {
                Passage::Entered => attempt.is_inside(),
                Passage::Left(interface) => {
                    !attempt.is_inside()
                        && interface != syn.via.interface
                        && candidate.shared_side.is_some()
                }
            };
            is_on_its_way
                && attempt.first_syn == candidate.first_syn
                && attempt.state() == State::Pending
                && attempt.has_fields_of(self.table.details(slot), syn)
                && candidate
                    .shared_side
                    .is_none_or(|side| self.table.shares_endpoint(slot, side, tuple))
                && self.table.can_add_alias(slot)
        }
    }

    fn add_nat_alias(&mut self, syn: &Segment, slot: u32, sink: &mut impl EventSink) {
        let alias = FourTuple {
            client: syn.from,
            server: syn.to,
        };
        self.table.add_alias(slot, alias);
        self.emit(Event::Duplicate(PacketKind::Syn), sink);
        self.record_passage(syn, slot);
    }

    /// Records whether the attempt's SYN is inside this host now, or has left it.
    #[inline]
    fn record_passage(&mut self, syn: &Segment, slot: u32) {
        let attempt = self.table.get_mut(slot);
        let was_inside = attempt.is_inside();
        attempt.set_direction(syn.via.direction);
        if was_inside || attempt.is_inside() {
            self.add_nat_candidate(syn, slot);
        }
    }

    /// Lets the SYN be found when it leaves with other addresses.
    #[inline(never)]
    fn add_nat_candidate(&mut self, syn: &Segment, slot: u32) {
        let attempt = self.table.get(slot);
        let passage = if attempt.is_inside() {
            Passage::Entered
        } else {
            Passage::Left(syn.via.interface)
        };
        if attempt.state() == State::Pending {
            self.nat.insert(syn, slot, attempt.first_syn, passage);
        }
    }
}
