//! A RST: a refusal where it acknowledges the SYN of an attempt that waits, else only counted.

use super::attempt::State;
use super::ends::FlowKey;
use super::event::{Event, FailureReason, PacketKind, Side};
use super::matches::{Match, Matches};
use super::tracker::{Tracker, marks_of};
use crate::packet::{Flags, Segment};
use crate::time::Timestamp;

impl Tracker {
    pub(super) fn on_rst(&mut self, at: Timestamp, rst: &Segment, ends: &FlowKey) {
        let matches = self.between(ends, &rst.from, &rst.to);
        let known = self
            .refused_by(&matches, rst)
            .or_else(|| matches.iter().next())
            .copied();
        let print = (PacketKind::Rst, rst.flags, self.print(known, rst, ends));
        if let Some(known) = known.filter(|known| self.ends(known, rst)) {
            self.recent.note(print, at, rst.via);
            self.reset(known, rst);
        } else if self.recent.has_met(print, at, rst.via, marks_of(rst)) {
            self.events.push(Event::Duplicate(PacketKind::Rst));
        } else if let Some(known) = known {
            self.reset(known, rst);
        } else {
            self.events.push(Event::Unmatched(PacketKind::Rst));
        }
    }

    /// Of several attempts between the same ends, the one whose SYN it acknowledges.
    fn refused_by<'a>(&self, matches: &'a Matches, rst: &Segment) -> Option<&'a Match> {
        matches
            .iter()
            .find(|known| known.side == Side::Server && self.refuses(known.slot, rst))
    }

    /// Whether it ends an attempt that waits. A copy of it would have been met too late for that.
    fn ends(&self, known: &Match, rst: &Segment) -> bool {
        let waits = self.store.get(known.slot).state() == State::Waiting;
        waits && known.side == Side::Server && self.refuses(known.slot, rst)
    }

    /// A client in SYN-SENT ignores a RST that does not acknowledge its SYN (RFC 9293 section 3.10.7.3).
    fn refuses(&self, slot: u32, rst: &Segment) -> bool {
        rst.flags.has(Flags::ACK) && self.store.get(slot).accepts(rst.acknowledgment)
    }

    fn reset(&mut self, known: Match, rst: &Segment) {
        let attempt = self.store.get(known.slot);
        let (state, owner) = (attempt.state(), attempt.owner);
        if self.ends(&known, rst) {
            return self.fail(known.known(), FailureReason::Refused);
        }
        self.events.push(Event::Rst(owner, known.side));
        match (state, known.side) {
            (State::Waiting, Side::Server) => {
                self.events.push(Event::Unacceptable(PacketKind::Rst));
            }
            // The client drops what it did not ask for (a SYN/ACK with a wrong number) and goes on waiting.
            (State::Waiting, Side::Client) => {}
            // After a verdict a RST changes nothing.
            (State::Answered | State::Failed, _) => {}
        }
    }
}
