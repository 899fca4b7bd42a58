//! RSTs: a refusal if it acknowledges the SYN of a pending attempt; else it is only counted.

use super::dedup::Distinctness;
use super::event::{Event, FailureReason, PacketKind, Side};
use super::flow::FlowKey;
use super::sink::EventSink;
use super::table::{Candidate, Candidates, State};
use super::tracker::Tracker;
use crate::packet::{Flags, Segment};
use crate::time::Timestamp;

impl Tracker {
    pub(super) fn on_rst(
        &mut self,
        at: Timestamp,
        rst: &Segment,
        key: &FlowKey,
        sink: &mut impl EventSink,
    ) {
        let candidates = self.candidates(key, &rst.from, &rst.to);
        let known = self
            .find_acknowledged(&candidates, rst)
            .or_else(|| candidates.iter().next())
            .copied();
        let fingerprint = (
            PacketKind::Rst,
            rst.flags,
            self.fingerprint(known, rst, key),
        );
        if let Some(known) = known.filter(|known| self.is_refusal(known, rst)) {
            self.duplicates.insert(fingerprint, at, rst.via);
            self.record_rst(known, rst, sink);
        } else if self
            .duplicates
            .check_and_insert(fingerprint, at, rst.via, Distinctness::of(rst))
        {
            self.emit(Event::Duplicate(PacketKind::Rst), sink);
        } else if let Some(known) = known {
            self.record_rst(known, rst, sink);
        } else {
            self.emit(Event::Unmatched(PacketKind::Rst), sink);
        }
    }

    /// Returns the attempt with the SYN that the RST acknowledges, among several with the same
    /// endpoints.
    fn find_acknowledged<'a>(
        &self,
        candidates: &'a Candidates,
        rst: &Segment,
    ) -> Option<&'a Candidate> {
        candidates.iter().find(|known| {
            known.side == Side::Server && self.acknowledges_syn(known.attempt.slot, rst)
        })
    }

    /// Returns `true` if the RST ends a pending attempt. A duplicate would come after that.
    fn is_refusal(&self, known: &Candidate, rst: &Segment) -> bool {
        let pending = self.table.get(known.attempt.slot).state() == State::Pending;
        pending && known.side == Side::Server && self.acknowledges_syn(known.attempt.slot, rst)
    }

    /// A client in SYN-SENT ignores a RST that does not acknowledge its SYN (RFC 9293 section
    /// 3.10.7.3).
    fn acknowledges_syn(&self, slot: u32, rst: &Segment) -> bool {
        rst.flags.has(Flags::ACK) && self.table.get(slot).accepts(rst.acknowledgment)
    }

    fn record_rst(&mut self, known: Candidate, rst: &Segment, sink: &mut impl EventSink) {
        let attempt = self.table.get(known.attempt.slot);
        let state = attempt.state();
        let owner = attempt.owner;
        if self.is_refusal(&known, rst) {
            return self.fail(known.attempt, FailureReason::Refused, sink);
        }
        self.emit(Event::Rst(owner, known.side), sink);
        match (state, known.side) {
            (State::Pending, Side::Server) => {
                self.emit(Event::Unacceptable(PacketKind::Rst), sink);
            }
            // The client resets a SYN/ACK that it cannot accept, and stays in SYN-SENT.
            (State::Pending, Side::Client) => {}
            // After the outcome a RST changes nothing.
            (State::Answered | State::Failed, _) => {}
        }
    }
}
