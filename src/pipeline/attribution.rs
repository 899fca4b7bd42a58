//! Attribution: finds the label set that each event counts in, and appends the event to the batch
//! as a record.

use std::time::Duration;

use ipnet::IpNet;

use super::batch::ControlMessage;
use super::local_addresses::{LocalAddressPoller, Trigger};
use crate::handshake::{
    Assignment, AttemptRef, Event, EventSink, FailureReason, Opening, OwnerId, PacketKind,
    PeerHistory,
};
use crate::labels::{
    Admission, LabelLookup, LabelResolver, LabelSetId, LocalAddressSource, Peers, Vantage,
};
use crate::metrics::EXEMPLAR_THRESHOLD;
use crate::packet::{CapturePoint, Direction, Endpoint, Flags, IcmpError, Packet};
use crate::record::{
    Attribution, FourTupleId, NewAttemptRecord, RecordBatch, RecordKind, RstRecord,
};
use crate::time::Timestamp;

/// Resolves label sets, and keeps the local addresses that they depend on.
pub(super) struct Attributor {
    labels: LabelResolver,
    /// `None` for capture files.
    addresses: Option<LocalAddressPoller>,
}

/// The packet that the tracker handles.
#[derive(Clone, Copy)]
pub(super) struct CurrentPacket<'a> {
    pub(super) packet: &'a Packet,
    /// Its index in the batch of frames.
    pub(super) index: u32,
    /// Its time as captured.
    pub(super) captured_at: Timestamp,
}

/// Receives the events of one packet, or of a timeout.
pub(super) struct RecordSink<'a> {
    attributor: &'a mut Attributor,
    records: &'a mut RecordBatch,
    control: &'a mut Vec<ControlMessage>,
    /// `None` for a timeout.
    current: Option<CurrentPacket<'a>>,
}

impl Attributor {
    pub(super) const fn new(labels: LabelResolver, addresses: Option<LocalAddressPoller>) -> Self {
        Self { labels, addresses }
    }

    /// Prefetches the memory that the SYNs of the next batch need. Each packet comes with its
    /// index.
    pub(super) fn prefetch<'a>(&mut self, batch: impl Iterator<Item = (u32, &'a Packet)>) {
        self.labels.prefetch(batch);
    }

    /// Returns a sink for the events of a packet.
    pub(super) const fn sink_for_packet<'a>(
        &'a mut self,
        current: CurrentPacket<'a>,
        records: &'a mut RecordBatch,
        control: &'a mut Vec<ControlMessage>,
    ) -> RecordSink<'a> {
        RecordSink {
            attributor: self,
            records,
            control,
            current: Some(current),
        }
    }

    /// Returns a sink for the events of a timeout.
    pub(super) const fn sink_for_timeout<'a>(
        &'a mut self,
        records: &'a mut RecordBatch,
        control: &'a mut Vec<ControlMessage>,
    ) -> RecordSink<'a> {
        RecordSink {
            attributor: self,
            records,
            control,
            current: None,
        }
    }

    /// Applies new rules to attempts that begin from now on.
    pub(super) fn set_config(&mut self, peers: Peers, max_label_sets: usize, local: Vec<IpNet>) {
        self.labels.set_peer_rules(peers);
        self.labels.registry_mut().set_limit(max_label_sets);
        match &mut self.addresses {
            Some(addresses) => addresses.set_configured(local),
            None => self
                .labels
                .set_local_addresses(LocalAddressSource::for_file(&local)),
        }
    }

    /// Reads this host's addresses again, if that is due.
    pub(super) fn poll_addresses(&mut self, control: &mut Vec<ControlMessage>, now: Timestamp) {
        self.poll_addresses_after(control, now, Trigger::Periodic);
    }

    /// As [`poll_addresses`](Self::poll_addresses), for any reason. Returns `true` if the addresses
    /// were read.
    fn poll_addresses_after(
        &mut self,
        control: &mut Vec<ControlMessage>,
        now: Timestamp,
        trigger: Trigger,
    ) -> bool {
        let addresses = self.addresses.as_mut();
        let Some(found) = addresses.and_then(|addresses| addresses.poll(now, trigger)) else {
            return false;
        };
        self.labels.set_local_addresses(found.source);
        control.push(ControlMessage::LocalAddresses(found.shown));
        true
    }

    /// Removes the label sets that were idle for this long.
    pub(super) fn expire(&mut self, records: &mut RecordBatch, idle: Duration, now: Timestamp) {
        while let Some(label_set) = self.labels.registry_mut().expire(idle, now) {
            records.remove_label_set(now, label_set);
        }
    }

    /// Returns the number of label sets, and their limit.
    pub(super) fn label_set_counts(&mut self) -> (usize, usize) {
        let registry = self.labels.registry_mut();
        (registry.count(), registry.limit())
    }

    /// Resolves the labels of a new attempt. An attempt in transit may have a local address that
    /// this host got since the last poll: polls the addresses if that is due, and resolves again.
    fn resolve(
        &mut self,
        opening: Opening<'_>,
        index: u32,
        captured_at: Timestamp,
        control: &mut Vec<ControlMessage>,
    ) -> LabelLookup {
        let (client, server, point) = ends_of(opening);
        let lookup = self.labels.resolve(index, client, server, point);
        if lookup.vantage() == Vantage::Transit
            && self.poll_addresses_after(control, captured_at, Trigger::UnknownVantage)
        {
            return self.labels.resolve(index, client, server, point);
        }
        lookup
    }

    /// Returns `true` if this host's kernel rejected a SYN of its own, and says so over the
    /// loopback: no host on the link has the address, or the local firewall rejects the SYN. No
    /// capture saw that SYN.
    fn is_local_rejection(&self, error: &IcmpError) -> bool {
        let quotes_a_syn = error
            .quote
            .flags
            .is_some_and(|flags| flags.has(Flags::SYN) && !flags.has(Flags::ACK));
        let addresses = [error.reporter, error.recipient, error.quote.from.address];
        error.via.loopback
            && error.code.ends_an_attempt()
            && quotes_a_syn
            && addresses
                .into_iter()
                .all(|address| self.labels.may_be_local(address))
    }
}

impl EventSink for RecordSink<'_> {
    fn opened(&mut self, now: Timestamp, opening: Opening<'_>) -> Assignment {
        let index = self.current.map(|current| current.index);
        let captured_at = self.current.map_or(now, |current| current.captured_at);
        let lookup = self.attributor.resolve(
            opening,
            index.unwrap_or(u32::MAX),
            captured_at,
            self.control,
        );
        let vantage = lookup.vantage();
        let admission = self.attributor.labels.admit(lookup, now);
        if admission.created || admission.evicted.is_some() {
            self.replace_label_set(&admission, captured_at);
        }
        let label_set = admission.set;
        let overflowed = admission.overflowed;
        match opening {
            Opening::Syn(syn) if overflowed => {
                self.records
                    .record_overflow(now, index, label_set, vantage, syn);
            }
            Opening::Syn(_) | Opening::LocalRejection(_) => {
                let opened = NewAttemptRecord {
                    vantage,
                    by_syn: matches!(opening, Opening::Syn(_)),
                    overflowed,
                };
                self.records
                    .push(now, index, RecordKind::Opened(label_set, opened));
            }
        }
        let history = if overflowed || admission.created {
            PeerHistory::New
        } else {
            PeerHistory::Known
        };
        Assignment {
            owner: OwnerId(label_set.number()),
            history,
        }
    }

    fn event(&mut self, now: Timestamp, event: Event, attempt: Option<AttemptRef<'_>>) {
        let Some(owner) = event.owner() else {
            return self.unattributed(now, event);
        };
        let label_set = label_set_of(owner);
        let registry = self.attributor.labels.registry_mut();
        if event.ends_pending() {
            registry.record_decided(label_set, now);
        } else {
            registry.touch(label_set, now);
        }
        let mut attribution = Attribution {
            label_set: Some(label_set),
            ..Attribution::default()
        };
        let mut index = self.current.map(|current| current.index);
        match event {
            Event::Evicted(_) => return self.records.record_eviction(now, label_set),
            Event::IcmpError(_, _, address) => {
                let reporter = self.attributor.labels.reporter(label_set, address);
                attribution.reporter = Some(reporter);
            }
            Event::Answered(_, answer) if answer.latency > EXEMPLAR_THRESHOLD => {
                attribution.four_tuple = self.add_four_tuple(attempt);
            }
            Event::Failed(_, reason) => {
                attribution.four_tuple = self.add_four_tuple(attempt);
                if reason == FailureReason::Unanswered {
                    // A deadline before the current packet, which is not about this attempt.
                    index = None;
                }
            }
            _ => {}
        }
        self.push(now, index, event, attribution);
    }

    fn unmatched_icmp(&mut self, error: &IcmpError) -> bool {
        self.attributor.is_local_rejection(error)
    }
}

impl RecordSink<'_> {
    /// Records the label set that ends to make room, and the one that begins.
    fn replace_label_set(&mut self, admission: &Admission, captured_at: Timestamp) {
        if let Some(evicted) = admission.evicted {
            self.records.remove_label_set(captured_at, evicted);
        }
        let registry = self.attributor.labels.registry_mut();
        let created = registry.labels(admission.set);
        if let Some(labels) = created.filter(|_| admission.created) {
            self.records
                .create_label_set(captured_at, admission.set, labels.clone());
        }
    }

    /// Records an event of no attempt. A SYN that opens nothing, and a RST, count in an existing
    /// label set if there is one.
    fn unattributed(&mut self, now: Timestamp, event: Event) {
        let index = self.current.map(|current| current.index);
        let mut attribution = Attribution::default();
        if let Some(Packet::Segment(segment)) = self.current.map(|current| current.packet) {
            let labels = &mut self.attributor.labels;
            match event {
                Event::InvalidSyn => attribution.label_set = labels.find_by_syn(segment, now),
                Event::Unmatched(PacketKind::Rst) => {
                    if let Some((label_set, sender)) = labels.find_by_either_side(segment, now) {
                        let rst = RstRecord {
                            sender,
                            in_attempt: false,
                        };
                        let kind = RecordKind::Rst(label_set, rst);
                        return self.records.push(now, index, kind);
                    }
                }
                _ => {}
            }
        }
        self.push(now, index, event, attribution);
    }

    fn push(
        &mut self,
        now: Timestamp,
        packet: Option<u32>,
        event: Event,
        attribution: Attribution,
    ) {
        let kind = RecordKind::from_event(event, attribution);
        debug_assert!(
            kind.is_some() || event == Event::InvalidSyn,
            "only an invalid SYN may count nowhere: {event:?}"
        );
        if let Some(kind) = kind {
            self.records.push(now, packet, kind);
        }
    }

    fn add_four_tuple(&mut self, attempt: Option<AttemptRef<'_>>) -> Option<FourTupleId> {
        self.records.add_four_tuple(attempt?.four_tuple())
    }
}

/// Returns the endpoints of a new attempt, and where its SYN was or would have been captured.
fn ends_of(opening: Opening<'_>) -> (&Endpoint, &Endpoint, CapturePoint) {
    match opening {
        Opening::Syn(syn) => (&syn.from, &syn.to, syn.via),
        Opening::LocalRejection(error) => {
            // The error entered over the loopback, but the SYN was on its way out.
            let point = CapturePoint {
                direction: Direction::Leaving,
                loopback: false,
                ..error.via
            };
            (&error.quote.from, &error.quote.to, point)
        }
    }
}

/// Returns the label set of an attempt: its owner is the number of the label set.
const fn label_set_of(owner: OwnerId) -> LabelSetId {
    LabelSetId::from_number(owner.0)
}
