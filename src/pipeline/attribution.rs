//! The clerk: says whose each event is, in lines for the books.

use std::time::Duration;

use ipnet::IpNet;

use super::local_addresses::{LocalAddressPoller, Occasion};
use super::record::{Entry, Line, NO_PACKET, RecordBatch, Sums, Whose, is_exemplary};
use crate::handshake::{Event, OwnerId, PacketKind, PeerHistory, Side, Tracker};
use crate::labels::{
    Admission, LabelLookup, LabelResolver, LabelSetId, LocalAddressSource, Peers, Vantage,
};
use crate::packet::{CapturePoint, Direction, Flags, IcmpError, Packet};
use crate::time::Timestamp;

/// Names attempts, and finds the sets that events count for.
pub(super) struct Attributor {
    labels: LabelResolver,
    /// None for capture files.
    addresses: Option<LocalAddressPoller>,
}

/// An event, and beside what it was told.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) event: &'a Event,
    /// The packet at hand with its place.
    pub(super) packet: Option<(u32, &'a Packet)>,
    pub(super) tracker: &'a Tracker,
}

/// The SYN, or ICMP error, that an attempt begins with.
#[derive(Clone, Copy)]
pub(super) struct Beginning<'a> {
    pub(super) packet: &'a Packet,
    pub(super) place: u32,
    /// By its own word, and on the tracker's line of time.
    pub(super) met: Timestamp,
    pub(super) now: Timestamp,
    /// Whether nothing else is told of this packet.
    pub(super) is_all: bool,
}

/// Whose an attempt is that begins.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) owner: OwnerId,
    pub(super) standing: PeerHistory,
    /// It was written as one of a crowd: the event is to be withdrawn.
    pub(super) is_of_crowd: bool,
}

impl Attributor {
    /// Attempts are named by these labels, which know a live host's addresses if it is one.
    pub(super) const fn new(labels: LabelResolver, addresses: Option<LocalAddressPoller>) -> Self {
        Self { labels, addresses }
    }

    /// Prefetches the labels of the next batch of packets.
    pub(super) fn prefetch<'p>(&mut self, batch: impl Iterator<Item = (u32, &'p Packet)>) {
        self.labels.prefetch(batch);
    }

    /// Writes down what an event counts for that opens nothing. Says whether the packet at hand is an ICMP error that is this
    /// host's own word about a SYN that no capture met: what that means is still to be told.
    pub(super) fn write(&mut self, told: &Told<'_>, sheet: &mut RecordBatch) -> bool {
        let Told {
            event,
            packet,
            tracker,
            ..
        } = *told;
        let own_word = matches!(
            (event, packet),
            (Event::Unmatched(PacketKind::Icmp), Some((_, Packet::IcmpError(error)))) if self.is_own_word(error)
        );
        let whose = if own_word {
            Whose::Nothing
        } else {
            self.whose(told)
        };
        if is_exemplary(event)
            && let Some((client, server)) = tracker.decided()
        {
            sheet
                .connections
                .push((sheet.entries.len(), client, server));
        }
        let packet = packet.map_or(NO_PACKET, |(place, _)| place);
        sheet.entries.push(Entry {
            at: tracker.now(),
            packet,
            whose,
        });
        own_word
    }

    /// An attempt was forgotten while it waited.
    pub(super) fn evicted(&mut self, owner: OwnerId, now: Timestamp, sheet: &mut RecordBatch) {
        let set = set_of(owner);
        self.labels.registry_mut().record_decided(set, now);
        sheet.evicted(set, now);
    }

    /// Names and bounds what begins from now on otherwise. What has begun stays where it is.
    pub(super) fn change(&mut self, peers: Peers, max_sets: usize, local: Vec<IpNet>) {
        self.labels.set_peer_rules(peers);
        self.labels.registry_mut().set_limit(max_sets);
        match &mut self.addresses {
            Some(addresses) => addresses.set_configured(local),
            None => self
                .labels
                .set_local_addresses(LocalAddressSource::for_file(&local)),
        }
    }

    /// Looks at this host's addresses, if it is time to. Says whether it did.
    pub(super) fn look_at_addresses(
        &mut self,
        sheet: &mut RecordBatch,
        now: Timestamp,
        occasion: Occasion,
    ) -> bool {
        let found = self
            .addresses
            .as_mut()
            .and_then(|addresses| addresses.look(now, occasion));
        let looked = found.is_some();
        if let Some(found) = found {
            self.labels.set_local_addresses(found.locality);
            sheet.push(Line::LocalAddressPoller(found.shown));
        }
        looked
    }

    /// Removes the sets that nothing was seen of for so long.
    pub(super) fn expire(&mut self, sheet: &mut RecordBatch, idle: Duration, now: Timestamp) {
        while let Some(set) = self.labels.registry_mut().expire(idle, now) {
            sheet.push(Line::Removed(set));
        }
    }

    /// How full the tables are.
    pub(super) fn sums(&mut self, tracker: &Tracker) -> Sums {
        let (pending, tracked) = (tracker.pending(), tracker.tracked());
        let sets = self.labels.registry_mut();
        Sums {
            pending,
            tracked,
            sets: sets.count(),
            sets_limit: sets.limit(),
        }
    }

    /// Whose an event is that opens nothing.
    fn whose(&mut self, told: &Told<'_>) -> Whose {
        let Told {
            event,
            packet,
            tracker,
            ..
        } = *told;
        let now = tracker.now();
        let (owner, decides) = match *event {
            Event::Failed(owner, _) | Event::Evicted(owner) => (owner, true),
            Event::Answered(owner, answer) => (owner, !answer.late),
            Event::IcmpError(owner, _, reporter) => {
                let set = set_of(owner);
                self.labels.registry_mut().touch(set, now);
                return Whose::Reported(set, self.labels.reporter(set, reporter));
            }
            Event::Syn(owner, _)
            | Event::SynAck(owner)
            | Event::Rst(owner, _)
            | Event::Completed(owner, _) => (owner, false),
            Event::InvalidSyn | Event::Unmatched(PacketKind::Rst) => {
                return self.stray(event, packet, now);
            }
            Event::Opened(_)
            | Event::Duplicate(_)
            | Event::Unacceptable(_)
            | Event::Unmatched(_)
            | Event::ClockStep => {
                return Whose::Nobodys;
            }
        };
        let set = set_of(owner);
        if decides {
            self.labels.registry_mut().record_decided(set, now);
        } else {
            self.labels.registry_mut().touch(set, now);
        }
        Whose::Of(set)
    }

    /// What fits no attempt may still belong to a set that exists: a SYN that opens nothing, a RST.
    #[inline(never)]
    fn stray(&mut self, event: &Event, packet: Option<(u32, &Packet)>, now: Timestamp) -> Whose {
        let Some((_, Packet::Segment(segment))) = packet else {
            return Whose::Nobodys;
        };
        let found = match event {
            Event::InvalidSyn => self
                .labels
                .find_by_syn(segment, now)
                .map(|set| (set, Side::Client)),
            _ => self.labels.find_by_either_side(segment, now),
        };
        found.map_or(Whose::Nobodys, |(set, side)| Whose::Stray(set, side))
    }

    /// An attempt begins: finds its set, and whether its peer was known. Where it is one of many for which there is no room, it
    /// is written as one of these.
    #[inline]
    pub(super) fn open(&mut self, beginning: &Beginning<'_>, sheet: &mut RecordBatch) -> Claim {
        let Beginning {
            packet,
            place,
            met,
            now,
            is_all,
        } = *beginning;
        let lookup = self.resolve(beginning, sheet);
        let vantage = lookup.vantage();
        let admission = self.labels.admit(lookup, now);
        let (set, folded) = (admission.set, admission.overflowed);
        if admission.created || admission.evicted.is_some() {
            self.replace(&admission, met, sheet);
        }
        let never_seen = folded || admission.created;
        let standing = if never_seen {
            PeerHistory::New
        } else {
            PeerHistory::Known
        };
        let mut claim = Claim {
            owner: OwnerId(set.number()),
            standing,
            is_of_crowd: false,
        };
        match packet {
            Packet::Segment(syn) if folded && is_all => {
                sheet.folded(set, vantage, now, (place, syn));
                claim.is_of_crowd = true;
            }
            _ => sheet.entries.push(Entry {
                at: now,
                packet: place,
                whose: Whose::Opened(set, vantage, folded),
            }),
        }
        claim
    }

    /// Resolves the labels of a new attempt. An attempt in transit may be to or from a local address that the host got
    /// since the last poll: polls the addresses if that is due, and resolves again.
    fn resolve(&mut self, beginning: &Beginning<'_>, sheet: &mut RecordBatch) -> LabelLookup {
        let Beginning {
            packet, place, met, ..
        } = *beginning;
        let ((client, server), mut via) = (packet.endpoints(), packet.via());
        if let Packet::IcmpError(_) = packet {
            // It came in over the loopback, but the SYN it is about was on its way out.
            via = CapturePoint {
                direction: Direction::Leaving,
                loopback: false,
                ..via
            };
        }
        let lookup = self.labels.resolve(place, client, server, via);
        if lookup.vantage() == Vantage::Transit
            && self.look_at_addresses(sheet, met, Occasion::Stranger)
        {
            return self.labels.resolve(place, client, server, via);
        }
        lookup
    }

    /// A set ends to make room, one begins.
    #[inline(never)]
    fn replace(&mut self, admission: &Admission, met: Timestamp, sheet: &mut RecordBatch) {
        if let Some(evicted) = admission.evicted {
            sheet.push(Line::Removed(evicted));
        }
        let begun = self
            .labels
            .registry_mut()
            .labels(admission.set)
            .filter(|_| admission.created);
        if let Some(name) = begun {
            sheet.push(Line::Created(Box::new((admission.set, name.clone(), met))));
        }
    }

    /// This host tells itself, over the loopback, that a SYN of its own came to nothing before any capture could see
    /// it: nobody on the link has the address, or the local firewall rejects what goes out.
    #[inline(never)]
    fn is_own_word(&self, error: &IcmpError) -> bool {
        let quotes_a_syn = error
            .quote
            .flags
            .is_some_and(|flags| flags.has(Flags::SYN) && !flags.has(Flags::ACK));
        let ours = [error.reporter, error.recipient, error.quote.from.address];
        error.via.loopback
            && error.code.ends_an_attempt()
            && quotes_a_syn
            && ours
                .into_iter()
                .all(|address| self.labels.may_be_local(address))
    }
}

/// Attempts are claimed for the set that counts them.
const fn set_of(owner: OwnerId) -> LabelSetId {
    LabelSetId::from_number(owner.0)
}
