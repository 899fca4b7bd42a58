//! The river: frame to packet, packet to events, each event named, counted, and heard by the diagnosis.

use std::time::Duration;

use super::addresses::{Addresses, Occasion};
use super::books::{Books, about};
use super::intake::Reading;
use super::sides::Sides;
use crate::cli::{Counting, PortRange};
use crate::decode::Skip;
use crate::diagnosis::Heard;
use crate::handshake::{AttemptId, Event, Kind, Owner, Side, Standing, Tracker};
use crate::labels::{Labels, Locality, Reporter, SetId, Sets, Vantage};
use crate::metrics::{Connection, SetEvent};
use crate::packet::{Direction, Flags, IcmpError, Packet, Via};
use crate::time::Timestamp;

/// Carries frames to the books.
pub(super) struct River {
    tracker: Tracker,
    labels: Labels,
    ports: Vec<PortRange>,
    /// The ports before they were changed, for a while: attempts to them still wait for their end.
    former_ports: Option<(Vec<PortRange>, Timestamp)>,
    /// Whether ACKs are wanted; a file has them anyway.
    acks: bool,
    idle_timeout: Duration,
    /// When the last packet was met, by its own word.
    met: Timestamp,
    next_expiry: Timestamp,
    sides: Sides,
    /// None for capture files.
    addresses: Option<Addresses>,
}

impl River {
    /// A river for what `counting` asks for, with a live host's addresses if it is one.
    pub(super) fn new(counting: &Counting, locality: Locality, addresses: Option<Addresses>) -> Self {
        let start = Timestamp::default();
        Self {
            tracker: Tracker::new(counting.limits),
            labels: Labels::new(locality, counting.peers.clone(), Sets::new(counting.max_sets)),
            ports: counting.ports.clone(),
            former_ports: None,
            acks: counting.filter.acks,
            idle_timeout: counting.idle_timeout,
            met: start,
            next_expiry: start,
            sides: Sides::default(),
            addresses,
        }
    }

    /// Brings a lot of packets to their end, at most [`LOOK_AHEAD`](crate::handshake::LOOK_AHEAD) of them.
    pub(super) fn flow(&mut self, books: &mut Books, lot: &[Reading]) {
        let packets = lot.iter().filter_map(|reading| reading.packet.as_ref().ok());
        let latest = lot.last().map_or(self.met, |last| last.at);
        let mut tags = self.tracker.look_ahead(packets, latest).into_iter();
        for (nth, Reading { at, interface, packet }) in lot.iter().enumerate() {
            if let Some(interface) = books.ledger.own.interfaces.get_mut(usize::from(*interface)) {
                interface.captured += 1;
                interface.last_packet = *at;
            }
            let tag = packet.is_ok().then(|| tags.next()).flatten();
            match packet {
                Ok(packet) if self.hears(packet) => {
                    self.met = *at;
                    match tag {
                        Some(tag) => self.tracker.observe_ahead(*at, packet, tag),
                        None => self.tracker.observe(*at, packet),
                    }
                    self.settle(books, Some(packet));
                }
                Err(Skip::Undecodable(reason)) => {
                    books.ledger.own.undecodable(*reason);
                    self.tell_time(books, *at, lot.get(nth + 1));
                }
                Ok(_) | Err(_) => self.tell_time(books, *at, lot.get(nth + 1)),
            }
        }
    }

    /// What is no packet of a handshake was met then. As long as the time of more of these goes forward, the last one tells
    /// as much as all of them.
    fn tell_time(&mut self, books: &mut Books, at: Timestamp, next: Option<&Reading>) {
        let is_forward = std::mem::replace(&mut self.met, at) <= at;
        if !is_forward || next.is_none_or(|next| next.packet.is_ok() || next.at < at) {
            self.tracker.advance(at);
            self.settle(books, None);
        }
    }

    /// Nothing else was met up to then.
    pub(super) fn pass_time(&mut self, books: &mut Books, now: Timestamp) {
        self.tracker.advance(now);
        self.settle(books, None);
        books.diagnosis.pass_time(self.tracker.now());
    }

    /// Brings the numbers about the tables up to date, and removes sets that are idle for too long.
    pub(super) fn sum_up(&mut self, books: &mut Books) {
        let now = self.tracker.now();
        if now >= self.next_expiry {
            self.next_expiry = now + EXPIRY_EVERY;
            while let Some(set) = self.labels.sets().expire(self.idle_timeout, now) {
                books.remove(set);
            }
        }
        books.ledger.own.pending = self.tracker.pending();
        books.ledger.own.tracked = self.tracker.tracked();
        books.ledger.own.sets = self.labels.sets().count();
        books.ledger.own.sets_limit = self.labels.sets().limit();
        books.ledger.own.one_sided = self.sides.verdict();
    }

    /// Names and bounds what begins from now on otherwise. What has begun stays where it is.
    pub(super) fn change(&mut self, books: &mut Books, counting: Counting) {
        books.ledger.retell(about(&counting));
        if counting.ports != self.ports {
            let former = std::mem::replace(&mut self.ports, counting.ports);
            self.former_ports = Some((former, self.tracker.now() + LONGEST_ATTEMPT));
        }
        self.idle_timeout = counting.idle_timeout;
        self.labels.regroup(counting.peers);
        self.labels.sets().resize(counting.max_sets);
        match &mut self.addresses {
            Some(addresses) => addresses.redeclare(counting.local),
            None => self.labels.relocate(Locality::of_file(counting.local)),
        }
    }

    /// Looks at this host's addresses now and then.
    pub(super) fn follow_addresses(&mut self, books: &mut Books, now: Timestamp) {
        self.look_at_addresses(books, now, Occasion::Round);
    }

    fn look_at_addresses(&mut self, books: &mut Books, now: Timestamp, occasion: Occasion) {
        let found = self.addresses.as_mut().and_then(|addresses| addresses.look(now, occasion));
        if let Some(found) = found {
            self.labels.relocate(found.locality);
            books.ledger.own.local_addresses = found.shown;
        }
    }

    /// Whether the packet counts: pure ACKs only where they are asked for, for a file's filter may let them pass.
    fn hears(&self, packet: &Packet) -> bool {
        let is_ack = matches!(packet, Packet::Segment(segment) if segment.flags == Flags::ACK);
        (self.acks || !is_ack) && (wants(&self.ports, packet) || self.is_end_of_former(packet))
    }

    /// Whether it may end an attempt to a port that was counted until lately.
    fn is_end_of_former(&self, packet: &Packet) -> bool {
        let Some((former, until)) = &self.former_ports else { return false };
        let opens = matches!(packet, Packet::Segment(segment) if segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK));
        !opens && self.met <= *until && wants(former, packet)
    }

    /// Counts each event, and lets the diagnosis hear it, beside the packet that may have told it.
    fn settle(&mut self, books: &mut Books, packet: Option<&Packet>) {
        while let Some(event) = self.tracker.poll() {
            let counted = self.count(books, event, packet);
            self.sides.hear(self.tracker.now(), counted.map(|(set, _)| set), (&event, packet));
            if let Some((set, reporter)) = counted {
                let heard = Heard { at: self.tracker.now(), event: &event, packet, reporter };
                books.diagnosis.hear(set, &heard);
            } else if let Event::Copy(kind) = event {
                books.diagnosis.hear_copy(self.tracker.now(), kind, packet);
            }
        }
    }

    /// Counts an event. If it is about an attempt, that is in this set; an ICMP error comes from this reporter.
    fn count(&mut self, books: &mut Books, event: Event, packet: Option<&Packet>) -> Option<(SetId, Option<Reporter>)> {
        match event {
            Event::Opened(attempt) => return Some((self.open(books, attempt, packet?), None)),
            Event::Syn(owner, kind) => return self.count_in(books, owner, SetEvent::Syn(kind)),
            Event::SynAck(owner) => return self.count_in(books, owner, SetEvent::SynAck),
            Event::Rst(owner, side) => return self.count_in(books, owner, SetEvent::Rst(side)),
            Event::IcmpError(owner, code, reporter) => {
                let reporter = self.labels.reporter(set_of(owner), reporter);
                let (set, _) = self.count_in(books, owner, SetEvent::IcmpError(code, reporter))?;
                return Some((set, Some(reporter)));
            }
            Event::Answered(owner, answer) => {
                if !answer.late {
                    self.labels.sets().decided(set_of(owner));
                }
                return self.count_decided(books, owner, |connection| SetEvent::Answered(answer, connection));
            }
            Event::Failed(owner, reason) => {
                self.labels.sets().decided(set_of(owner));
                return self.count_decided(books, owner, |connection| SetEvent::Failed(reason, connection));
            }
            Event::Evicted(owner) => {
                self.labels.sets().decided(set_of(owner));
                return self.count_in(books, owner, SetEvent::Evicted);
            }
            Event::Completed(owner, latency) => return self.count_in(books, owner, SetEvent::Completed(latency)),
            Event::Copy(kind) => books.ledger.own.duplicate(kind),
            Event::Unacceptable(kind) => books.ledger.own.unacceptable(kind),
            Event::OddSyn => self.count_odd_syn(books, packet?),
            Event::Unmatched(kind) => self.count_unmatched(books, kind, packet?),
            Event::ClockStep => books.ledger.own.clock_steps += 1,
        }
        None
    }

    /// A SYN that opens nothing counts where its set exists.
    fn count_odd_syn(&mut self, books: &mut Books, packet: &Packet) {
        if let Packet::Segment(syn) = packet
            && let Some(set) = self.labels.set_of_syn(syn, self.tracker.now())
        {
            books.ledger.count(set, SetEvent::OddSyn);
        }
    }

    /// What fits no attempt may still belong to a set, or be this host's own word.
    fn count_unmatched(&mut self, books: &mut Books, kind: Kind, packet: &Packet) {
        match packet {
            Packet::IcmpError(error) if self.is_own_word(error) => {
                return self.tracker.open_rejected(self.met, error);
            }
            Packet::Segment(rst) if kind == Kind::Rst => {
                if let Some((set, side)) = self.labels.set_of_stray(rst, self.tracker.now()) {
                    if side == Side::Server {
                        self.sides.hear_server();
                    }
                    return books.ledger.count(set, SetEvent::Rst(side));
                }
            }
            Packet::Segment(_) | Packet::IcmpError(_) => {}
        }
        books.ledger.own.unmatched(kind);
    }

    fn open(&mut self, books: &mut Books, attempt: AttemptId, packet: &Packet) -> SetId {
        let ((client, server), mut via) = (packet.ends(), packet.via());
        if let Packet::IcmpError(_) = packet {
            // It came in over the loopback, but the SYN it is about was on its way out.
            via = Via { direction: Direction::Leaving, loopback: false, ..via };
        }
        let mut vantage = self.labels.vantage(client, server, via);
        if vantage == Vantage::Transit {
            self.look_at_addresses(books, self.met, Occasion::Stranger);
            vantage = self.labels.vantage(client, server, via);
        }
        let admission = self.labels.admit(vantage, client, server, self.tracker.now());
        if let Some(gone) = admission.removed {
            books.remove(gone);
        }
        if let Some(name) = &admission.created {
            books.create(admission.set, name, self.met);
        }
        books.ledger.own.folded += u64::from(admission.folded);
        let never_seen = admission.folded || admission.created.is_some();
        let standing = if never_seen { Standing::NeverSeen } else { Standing::Regular };
        self.tracker.claim(attempt, Owner(admission.set.number()), standing);
        self.sides.opened(admission.set, vantage);
        let by_syn = matches!(packet, Packet::Segment(_));
        books.ledger.count(admission.set, SetEvent::Opened { by_syn });
        admission.set
    }

    fn count_decided(
        &mut self,
        books: &mut Books,
        owner: Owner,
        event: impl FnOnce(Connection) -> SetEvent,
    ) -> Option<(SetId, Option<Reporter>)> {
        let (client, server) = self.tracker.decided()?;
        self.count_in(books, owner, event(Connection { client, server, at: self.tracker.now() }))
    }

    fn count_in(&mut self, books: &mut Books, owner: Owner, event: SetEvent) -> Option<(SetId, Option<Reporter>)> {
        let set = set_of(owner);
        self.labels.sets().touch(set, self.tracker.now());
        books.ledger.count(set, event);
        Some((set, None))
    }

    /// This host tells itself, over the loopback, that a SYN of its own came to nothing before any capture could see
    /// it: nobody on the link has the address, or the local firewall rejects what goes out.
    fn is_own_word(&self, error: &IcmpError) -> bool {
        let quotes_a_syn = error.quote.flags.is_some_and(|flags| flags.has(Flags::SYN) && !flags.has(Flags::ACK));
        let ours = [error.reporter, error.recipient, error.quote.from.address];
        error.via.loopback
            && error.code.ends_an_attempt()
            && quotes_a_syn
            && ours.into_iter().all(|address| self.labels.is_own(address))
    }
}

/// Whether the packet belongs to attempts to a port that counts; of a RST either end may be the server.
pub(super) fn wants(ports: &[PortRange], packet: &Packet) -> bool {
    let wanted = |port| ports.iter().any(|range| range.contains(port));
    ports.is_empty()
        || match packet {
            Packet::IcmpError(error) => wanted(error.quote.to.port),
            Packet::Segment(segment) => match (segment.flags.has(Flags::SYN), segment.flags.has(Flags::ACK)) {
                (true, false) => wanted(segment.to.port),
                (true, true) => wanted(segment.from.port),
                (false, _) => wanted(segment.to.port) || wanted(segment.from.port),
            },
        }
}

/// Attempts are claimed for the set that counts them.
const fn set_of(owner: Owner) -> SetId {
    SetId::from_number(owner.0)
}

const EXPIRY_EVERY: Duration = Duration::from_secs(60);
/// After so long no packet of an attempt can be due.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(135);
