//! The clerk: says whose each event is, has it counted, and lets the diagnosis hear it.

use std::time::Duration;

use ipnet::IpNet;

use super::addresses::{Addresses, Occasion};
use super::books::Books;
use super::sides::Sides;
use crate::diagnosis::Heard;
use crate::handshake::{Answer, AttemptId, Event, Kind, Owner, Side, Standing, Tracker};
use crate::labels::{Labels, Locality, Peers, Reporter, SetId, Vantage};
use crate::metrics::{Connection, SetEvent};
use crate::packet::{Direction, Flags, IcmpError, Packet, Via};
use crate::time::Timestamp;

/// Names attempts, and enters what became of them in the books.
pub(super) struct Clerk {
    labels: Labels,
    sides: Sides,
    /// None for capture files.
    addresses: Option<Addresses>,
}

/// An event, and beside what it was told.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) event: &'a Event,
    /// The packet at hand, and when that was met by its own word.
    pub(super) packet: Option<&'a Packet>,
    pub(super) met: Timestamp,
    pub(super) tracker: &'a Tracker,
}

/// What the tracker is to be told in return.
#[derive(Clone, Copy)]
pub(super) enum Then {
    Nothing,
    /// Whose the attempt is that was opened.
    Claim(AttemptId, Owner, Standing),
    /// The ICMP error at hand is this host's own word about a SYN that no capture met.
    OpenRejected,
}

/// The set that an event was counted in, if it is about an attempt, and who reported an ICMP error.
type Counted = Option<(SetId, Option<Reporter>)>;

impl Clerk {
    /// Attempts are named by these labels, which know a live host's addresses if it is one.
    pub(super) fn new(labels: Labels, addresses: Option<Addresses>) -> Self {
        Self { labels, sides: Sides::default(), addresses }
    }

    /// These packets come next: memory is fetched, and nothing changes.
    pub(super) fn look_ahead<'a>(&self, packets: impl Iterator<Item = &'a Packet>) {
        self.labels.look_ahead(packets);
    }

    /// Enters an event.
    pub(super) fn enter(&mut self, books: &mut Books, told: &Told<'_>) -> Then {
        let Told { event, packet, tracker, .. } = *told;
        let now = tracker.now();
        let mut then = Then::Nothing;
        let counted = match (event, packet) {
            (Event::Opened(attempt), Some(packet)) => {
                let (set, standing) = self.open(books, told, packet);
                then = Then::Claim(*attempt, Owner(set.number()), standing);
                Some((set, None))
            }
            (Event::Unmatched(Kind::Icmp), Some(Packet::IcmpError(error))) if self.is_own_word(error) => {
                then = Then::OpenRejected;
                None
            }
            _ => self.count(books, told),
        };
        self.sides.hear(now, counted.map(|(set, _)| set), (event, packet));
        if let Some((set, reporter)) = counted {
            books.diagnosis.hear(set, &Heard { at: now, event, packet, reporter });
        } else if let Event::Copy(kind) = event {
            books.diagnosis.hear_copy(now, *kind, packet);
        }
        then
    }

    /// Names and bounds what begins from now on otherwise. What has begun stays where it is.
    pub(super) fn change(&mut self, peers: Peers, max_sets: usize, local: Vec<IpNet>) {
        self.labels.regroup(peers);
        self.labels.sets().resize(max_sets);
        match &mut self.addresses {
            Some(addresses) => addresses.redeclare(local),
            None => self.labels.relocate(Locality::of_file(&local)),
        }
    }

    /// Looks at this host's addresses, if it is time to. Says whether it did.
    pub(super) fn look_at_addresses(&mut self, books: &mut Books, now: Timestamp, occasion: Occasion) -> bool {
        let found = self.addresses.as_mut().and_then(|addresses| addresses.look(now, occasion));
        let looked = found.is_some();
        if let Some(found) = found {
            self.labels.relocate(found.locality);
            books.ledger.own.local_addresses = found.shown;
        }
        looked
    }

    /// Removes the sets that nothing was seen of for so long.
    pub(super) fn expire(&mut self, books: &mut Books, idle: Duration, now: Timestamp) {
        while let Some(set) = self.labels.sets().expire(idle, now) {
            books.remove(set);
        }
    }

    /// Brings the numbers about the sets up to date.
    pub(super) fn sum_up(&mut self, books: &mut Books) {
        books.ledger.own.sets = self.labels.sets().count();
        books.ledger.own.sets_limit = self.labels.sets().limit();
        books.ledger.own.one_sided = self.sides.verdict();
    }

    /// Counts an event, whatever it is about.
    fn count(&mut self, books: &mut Books, told: &Told<'_>) -> Counted {
        let Told { event, packet, .. } = *told;
        match *event {
            Event::Opened(_) => {}
            Event::Syn(owner, kind) => return self.count_in(books, told, owner, SetEvent::Syn(kind)),
            Event::SynAck(owner) => return self.count_in(books, told, owner, SetEvent::SynAck),
            Event::Rst(owner, side) => return self.count_in(books, told, owner, SetEvent::Rst(side)),
            Event::IcmpError(owner, code, reporter) => {
                let reporter = self.labels.reporter(set_of(owner), reporter);
                let (set, _) = self.count_in(books, told, owner, SetEvent::IcmpError(code, reporter))?;
                return Some((set, Some(reporter)));
            }
            Event::Answered(owner, Answer { latency, late }) => {
                if !late {
                    self.labels.sets().decided(set_of(owner));
                }
                return self.count_in(books, told, owner, SetEvent::Answered(Answer { latency, late }));
            }
            Event::Failed(owner, reason) => {
                self.labels.sets().decided(set_of(owner));
                return self.count_in(books, told, owner, SetEvent::Failed(reason));
            }
            Event::Evicted(owner) => {
                self.labels.sets().decided(set_of(owner));
                return self.count_in(books, told, owner, SetEvent::Evicted);
            }
            Event::Completed(owner, latency) => {
                return self.count_in(books, told, owner, SetEvent::Completed(latency));
            }
            Event::Copy(kind) => books.ledger.own.duplicate(kind),
            Event::Unacceptable(kind) => books.ledger.own.unacceptable(kind),
            Event::OddSyn => self.count_odd_syn(books, told, packet?),
            Event::Unmatched(kind) => self.count_unmatched(books, told, kind, packet?),
            Event::ClockStep => books.ledger.own.clock_steps += 1,
        }
        None
    }

    fn count_in(&mut self, books: &mut Books, told: &Told<'_>, owner: Owner, event: SetEvent) -> Counted {
        let set = set_of(owner);
        self.labels.sets().touch(set, told.tracker.now());
        books.ledger.count_about(set, &event, || connection(told.tracker));
        Some((set, None))
    }

    /// A SYN that opens nothing counts where its set exists.
    fn count_odd_syn(&mut self, books: &mut Books, told: &Told<'_>, packet: &Packet) {
        if let Packet::Segment(syn) = packet
            && let Some(set) = self.labels.set_of_syn(syn, told.tracker.now())
        {
            books.ledger.count(set, &SetEvent::OddSyn);
        }
    }

    /// What fits no attempt may still belong to a set.
    fn count_unmatched(&mut self, books: &mut Books, told: &Told<'_>, kind: Kind, packet: &Packet) {
        if let Packet::Segment(rst) = packet
            && kind == Kind::Rst
            && let Some((set, side)) = self.labels.set_of_stray(rst, told.tracker.now())
        {
            if side == Side::Server {
                self.sides.hear_server();
            }
            return books.ledger.count(set, &SetEvent::Rst(side));
        }
        books.ledger.own.unmatched(kind);
    }

    /// An attempt begins: finds its set, and whether its peer was known.
    fn open(&mut self, books: &mut Books, told: &Told<'_>, packet: &Packet) -> (SetId, Standing) {
        let ((client, server), mut via) = (packet.ends(), packet.via());
        if let Packet::IcmpError(_) = packet {
            // It came in over the loopback, but the SYN it is about was on its way out.
            via = Via { direction: Direction::Leaving, loopback: false, ..via };
        }
        let mut vantage = self.labels.vantage(client, server, via);
        if vantage == Vantage::Transit && self.look_at_addresses(books, told.met, Occasion::Stranger) {
            vantage = self.labels.vantage(client, server, via);
        }
        let admission = self.labels.admit(vantage, client, server, told.tracker.now());
        if let Some(gone) = admission.removed {
            books.remove(gone);
        }
        if let Some(name) = &admission.created {
            books.create(admission.set, name, told.met);
        }
        books.ledger.own.folded += u64::from(admission.folded);
        self.sides.opened(admission.set, vantage);
        let by_syn = matches!(packet, Packet::Segment(_));
        books.ledger.count(admission.set, &SetEvent::Opened { by_syn });
        let never_seen = admission.folded || admission.created.is_some();
        (admission.set, if never_seen { Standing::NeverSeen } else { Standing::Regular })
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

/// The connection that was decided just now.
fn connection(tracker: &Tracker) -> Option<Connection> {
    let (client, server) = tracker.decided()?;
    Some(Connection { client, server, at: tracker.now() })
}

/// Attempts are claimed for the set that counts them.
const fn set_of(owner: Owner) -> SetId {
    SetId::from_number(owner.0)
}
