//! Hears all that a tracker tells and keeps the books: what must hold for every story and for any traffic.

use tcp_handshake_exporter::handshake::{
    Answer, AttemptLimits, Event, OwnerId, PacketKind, PeerHistory, Tracker,
};
use tcp_handshake_exporter::packet::Packet;
use tcp_handshake_exporter::time::Timestamp;

/// A tracker with a caller who believes nothing.
pub(crate) struct Witness {
    tracker: Tracker,
    max_attempts: usize,
    fates: Vec<Fate>,
    waiting: usize,
}

/// What the caller of a tracker knows about a packet, and the tracker does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// Whether the peer was seen before, should this open an attempt.
    pub(crate) standing: PeerHistory,
    /// Whether an ICMP error that fits no attempt is this host's word about its own SYN.
    pub(crate) own_word: bool,
}

/// What became of an attempt, as far as it was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Waiting,
    Answered,
    Failed,
    AnsweredLate,
    Evicted,
}

impl Witness {
    pub(crate) fn new(limits: AttemptLimits) -> Self {
        let max_attempts = limits.max_attempts;
        Self {
            tracker: Tracker::new(limits),
            max_attempts,
            fates: Vec::new(),
            waiting: 0,
        }
    }

    /// Everything that is told at this packet, or what is wrong with it.
    pub(crate) fn observe(
        &mut self,
        at: Timestamp,
        packet: &Packet,
        caller: Caller,
    ) -> Result<Vec<Event>, String> {
        self.tracker.observe(at, packet);
        self.listen(at, Some(packet), caller)
    }

    /// Everything that is told when nothing arrived up to `now`.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Result<Vec<Event>, String> {
        self.tracker.advance(now);
        self.listen(now, None, Caller::PLAIN)
    }

    pub(crate) fn pending(&self) -> usize {
        self.tracker.pending()
    }

    pub(crate) fn tracked(&self) -> usize {
        self.tracker.tracked()
    }

    fn listen(
        &mut self,
        at: Timestamp,
        packet: Option<&Packet>,
        caller: Caller,
    ) -> Result<Vec<Event>, String> {
        let mut told = Vec::new();
        while let Some(event) = self.tracker.poll() {
            self.hear(at, &event, packet, caller)
                .map_err(|wrong| format!("{wrong}: {event:?} after {told:?}"))?;
            told.push(event);
        }
        self.balance()
            .map_err(|wrong| format!("{wrong}, after {told:?}"))?;
        Ok(told)
    }

    fn hear(
        &mut self,
        at: Timestamp,
        event: &Event,
        packet: Option<&Packet>,
        caller: Caller,
    ) -> Result<(), String> {
        match *event {
            Event::Opened(attempt) => {
                let owner =
                    OwnerId(u32::try_from(self.fates.len()).map_err(|error| error.to_string())?);
                self.fates.push(Fate::Waiting);
                self.waiting += 1;
                self.tracker.claim(attempt, owner, caller.standing);
                Ok(())
            }
            Event::Answered(owner, Answer { late: false, .. }) => {
                self.turn(owner, Fate::Waiting, Fate::Answered)
            }
            Event::Answered(owner, Answer { late: true, .. }) => {
                self.turn(owner, Fate::Failed, Fate::AnsweredLate)
            }
            Event::Failed(owner, _) => self.turn(owner, Fate::Waiting, Fate::Failed),
            Event::Evicted(owner) => self.turn(owner, Fate::Waiting, Fate::Evicted),
            Event::Syn(owner, _)
            | Event::SynAck(owner)
            | Event::Rst(owner, _)
            | Event::IcmpError(owner, ..)
            | Event::Completed(owner, _) => self.known(owner),
            Event::Unmatched(PacketKind::Icmp) => {
                if let (true, Some(Packet::IcmpError(error))) = (caller.own_word, packet) {
                    self.tracker.open_rejected(at, error);
                }
                Ok(())
            }
            Event::Duplicate(_)
            | Event::Unacceptable(_)
            | Event::InvalidSyn
            | Event::Unmatched(_)
            | Event::ClockStep => Ok(()),
        }
    }

    fn turn(&mut self, owner: OwnerId, from: Fate, to: Fate) -> Result<(), String> {
        let fate = self.fate(owner)?;
        if *fate != from {
            return Err(format!("the attempt was {fate:?}, it cannot become {to:?}"));
        }
        *fate = to;
        if from == Fate::Waiting {
            self.waiting -= 1;
        }
        Ok(())
    }

    fn known(&mut self, owner: OwnerId) -> Result<(), String> {
        match self.fate(owner)? {
            Fate::Evicted => Err("the attempt was evicted, nothing more can be known of it".into()),
            Fate::Waiting | Fate::Answered | Fate::Failed | Fate::AnsweredLate => Ok(()),
        }
    }

    fn fate(&mut self, owner: OwnerId) -> Result<&mut Fate, String> {
        self.fates
            .get_mut(owner.0 as usize)
            .ok_or_else(|| format!("{owner:?} was never claimed"))
    }

    /// Opened = answered + failed + evicted + waiting, and what waits is known, and what is known has room.
    fn balance(&self) -> Result<(), String> {
        let (pending, tracked) = (self.tracker.pending(), self.tracker.tracked());
        if pending != self.waiting {
            return Err(format!(
                "{} attempts were told to wait, {pending} are pending",
                self.waiting
            ));
        }
        if pending > tracked || tracked > self.max_attempts {
            return Err(format!(
                "{pending} pending, {tracked} tracked, room for {}",
                self.max_attempts
            ));
        }
        Ok(())
    }
}

impl Caller {
    /// Knows nothing.
    pub(crate) const PLAIN: Self = Self {
        standing: PeerHistory::New,
        own_word: false,
    };
}
