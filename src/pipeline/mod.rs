//! The river: readings to packets that count, packets to events, and events to lines for the books.

mod aggregate;
mod attribution;
mod batch_writer;
mod burst;
mod capture_loop;
mod ingest;
mod local_addresses;
mod netstat;
mod record;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use aggregate::{Aggregator, SharedAggregator, exposition};
pub(crate) use capture_loop::{CaptureLoop, ConfigUpdate, Heartbeat};

use prefetch_index::prefetch_index;

use crate::capture::{CaptureError, Files, Live, LiveOptions};
use crate::config::{CaptureSource, CountingConfig, PortRange};
use crate::decode::Discard;
use crate::handshake::{AttemptId, Event, FlowHasher, FlowKey, LOOK_AHEAD, Tracker};
use crate::labels::{LabelResolver, LabelSetRegistry, LocalAddressSource};
use crate::packet::{Flags, Packet};
use crate::time::Timestamp;
use attribution::{Attributor, Beginning, Claim, Told};
use ingest::{DecodedFrame, PacketSource};
use local_addresses::{LocalAddressPoller, Occasion};
use record::{Captured, Line, NO_PACKET, RecordBatch};

/// Judges packets, and says what is to be written in the books.
struct Pipeline {
    tracker: Tracker,
    clerk: Attributor,
    ports: Vec<PortRange>,
    /// The ports before they were changed, for a while: attempts to them still wait for their end.
    former_ports: Option<(Vec<PortRange>, Timestamp)>,
    /// Whether ACKs are wanted; a file has them anyway.
    acks: bool,
    idle_timeout: Duration,
    /// When the last packet was met, by its own word.
    met: Timestamp,
    /// To be written with this sheet.
    captured: Option<Captured>,
    next_expiry: Timestamp,
}

impl Pipeline {
    /// A river for what `counting` asks for, with a live host's addresses if it is one.
    fn new(
        counting: &CountingConfig,
        locality: LocalAddressSource,
        addresses: Option<LocalAddressPoller>,
    ) -> Self {
        let start = Timestamp::default();
        Self {
            tracker: Tracker::new(counting.limits).keeping_what_it_tells(),
            clerk: Attributor::new(
                LabelResolver::new(
                    locality,
                    counting.peers.clone(),
                    LabelSetRegistry::new(counting.max_sets),
                ),
                addresses,
            ),
            ports: counting.ports.clone(),
            former_ports: None,
            acks: counting.filter.acks,
            idle_timeout: counting.idle_timeout,
            met: start,
            captured: None,
            next_expiry: start,
        }
    }

    /// What must see the ends of packets that are to flow here.
    fn flow_hasher(&self) -> FlowHasher {
        self.tracker.flow_hasher()
    }

    /// Brings packets to their end.
    fn flow(&mut self, readings: &[DecodedFrame], sheet: &mut RecordBatch) {
        self.look_far_ahead(readings, 0);
        for first in (0..readings.len()).step_by(LOOK_AHEAD) {
            self.look_far_ahead(readings, first + LOOK_AHEAD);
            self.look_ahead(readings, first);
            self.flow_lot(first, lot_of(readings, first), sheet);
        }
        if let Some(captured) = self.captured.take() {
            sheet.push(Line::Captured(captured));
        }
        self.tell(sheet);
    }

    /// The lot from this place on is judged next but one.
    fn look_far_ahead(&self, readings: &[DecodedFrame], first: usize) {
        for (_, (_, ends)) in packets_of(readings, first) {
            self.tracker.look_far_ahead(ends);
        }
        // What was read by another thread is far away, too.
        let next = first + LOOK_AHEAD;
        (next..next + LOOK_AHEAD).for_each(|place| prefetch_index(readings, place));
    }

    /// The lot from this place on is judged next.
    fn look_ahead(&mut self, readings: &[DecodedFrame], first: usize) {
        for (_, (packet, ends)) in packets_of(readings, first) {
            self.tracker.look_ahead(packet, ends);
        }
        let packets = packets_of(readings, first);
        self.clerk
            .prefetch(packets.map(|(place, (packet, _))| (place, packet)));
        let until = lot_of(readings, first + LOOK_AHEAD)
            .last()
            .or(readings.last());
        self.tracker
            .look_ahead_in_time(LOOK_AHEAD, until.map_or(self.met, |last| last.at));
    }

    /// Judges a lot, the first of which stands at this place.
    fn flow_lot(&mut self, first: usize, lot: &[DecodedFrame], sheet: &mut RecordBatch) {
        let mut rest = lot;
        for place in place_of(first).. {
            let Some((DecodedFrame { at, packet, .. }, after)) = rest.split_first() else {
                break;
            };
            rest = after;
            match packet {
                Ok((packet, ends)) if self.hears(packet) => {
                    self.met = *at;
                    self.tracker.observe_sighted(*at, packet, ends);
                    self.settle(sheet, Some((place, packet)));
                }
                Err(Discard::Undecodable(reason)) => {
                    sheet.push(Line::Undecodable(*reason));
                    self.tell_time(sheet, *at, rest.first());
                }
                Ok(_) | Err(_) => self.tell_time(sheet, *at, rest.first()),
            }
        }
        for met in lot.chunk_by(|one, next| one.interface == next.interface) {
            if let Some(DecodedFrame { at, interface, .. }) = met.last() {
                self.note_captured(
                    *interface,
                    u32::try_from(met.len()).unwrap_or(u32::MAX),
                    *at,
                    sheet,
                );
            }
        }
    }

    /// So many more packets were met there. They share a line with those before, as long as there is one interface.
    fn note_captured(
        &mut self,
        interface: u16,
        packets: u32,
        last: Timestamp,
        sheet: &mut RecordBatch,
    ) {
        let before = match self.captured.take() {
            Some(before) if before.interface == interface => before.packets,
            other => {
                sheet
                    .lines
                    .extend(other.map(|other| (sheet.entries.len(), Line::Captured(other))));
                0
            }
        };
        self.captured = Some(Captured {
            interface,
            packets: before.saturating_add(packets),
            last,
        });
    }

    /// What is no packet of a handshake was met then. As long as the time of more of these goes forward, the last one tells
    /// as much as all of them.
    fn tell_time(&mut self, sheet: &mut RecordBatch, at: Timestamp, next: Option<&DecodedFrame>) {
        let is_forward = std::mem::replace(&mut self.met, at) <= at;
        if !is_forward || next.is_none_or(|next| next.packet.is_ok() || next.at < at) {
            self.tracker.advance(at);
            self.settle(sheet, None);
        }
    }

    /// Nothing else was met up to then. Says whether that is all: after a flood very many deadlines may pass at once, and
    /// then the sheet is to be written before the next one.
    fn pass_time(&mut self, sheet: &mut RecordBatch, now: Timestamp) -> bool {
        self.tracker.advance(now);
        let is_all = self.settle_some(sheet, A_SHEETFUL);
        sheet.push(Line::Passed(self.tracker.now()));
        self.tell(sheet);
        is_all
    }

    /// The events that the lines are about.
    fn tell(&mut self, sheet: &mut RecordBatch) {
        debug_assert!(sheet.events.is_empty(), "events were told and not written");
        sheet.events = self.tracker.take_told(std::mem::take(&mut sheet.events));
    }

    /// Tells the numbers about the tables, and removes sets that are idle for too long.
    fn sum_up(&mut self, sheet: &mut RecordBatch) {
        let now = self.tracker.now();
        if now >= self.next_expiry {
            self.next_expiry = now + EXPIRY_EVERY;
            self.clerk.expire(sheet, self.idle_timeout, now);
        }
        sheet.push(Line::Sums(self.clerk.sums(&self.tracker)));
    }

    /// Names and bounds what begins from now on otherwise. What has begun stays where it is.
    fn change(&mut self, counting: CountingConfig) {
        if counting.ports != self.ports {
            let former = std::mem::replace(&mut self.ports, counting.ports);
            self.former_ports = Some((former, self.tracker.now() + LONGEST_ATTEMPT));
        }
        self.idle_timeout = counting.idle_timeout;
        self.clerk
            .change(counting.peers, counting.max_sets, counting.local);
    }

    /// Looks at this host's addresses now and then.
    fn follow_addresses(&mut self, sheet: &mut RecordBatch, now: Timestamp) {
        self.clerk.look_at_addresses(sheet, now, Occasion::Round);
    }

    /// Whether the packet counts: pure ACKs only where they are asked for, for a file's filter may let them pass.
    fn hears(&self, packet: &Packet) -> bool {
        let is_ack = matches!(packet, Packet::Segment(segment) if segment.flags == Flags::ACK);
        (self.acks || !is_ack)
            && (matches_ports(&self.ports, packet) || self.is_end_of_former(packet))
    }

    /// Whether it may end an attempt to a port that was counted until lately.
    fn is_end_of_former(&self, packet: &Packet) -> bool {
        let Some((former, until)) = &self.former_ports else {
            return false;
        };
        !packet.is_syn() && self.met <= *until && matches_ports(former, packet)
    }

    /// Has each event written down, beside the packet that may have told it.
    #[inline]
    fn settle(&mut self, sheet: &mut RecordBatch, packet: Option<(u32, &Packet)>) {
        while self.tracker.turn() {
            self.settle_one(sheet, packet);
        }
    }

    /// The same until the sheet is full. Says whether that was not so.
    fn settle_some(&mut self, sheet: &mut RecordBatch, most: usize) -> bool {
        while self.tracker.turn() {
            self.settle_one(sheet, None);
            if sheet.entries.len() >= most {
                return false;
            }
        }
        true
    }

    #[inline]
    fn settle_one(&mut self, sheet: &mut RecordBatch, packet: Option<(u32, &Packet)>) {
        if let Some(owner) = self.tracker.take_evicted() {
            self.clerk.evicted(owner, self.tracker.now(), sheet);
        }
        match (self.tracker.event(), packet) {
            (Some(Event::Opened(attempt)), Some(packet)) => self.open(*attempt, packet, sheet),
            _ => self.write(packet, sheet),
        }
    }

    /// An attempt begins with this packet. Apart from the rest, so that both have a short way.
    #[inline(never)]
    fn open(
        &mut self,
        attempt: AttemptId,
        (place, packet): (u32, &Packet),
        sheet: &mut RecordBatch,
    ) {
        let (now, is_all) = (self.tracker.now(), self.tracker.is_last());
        let beginning = Beginning {
            packet,
            place,
            met: self.met,
            now,
            is_all,
        };
        let Claim {
            owner,
            standing,
            is_of_crowd,
        } = self.clerk.open(&beginning, sheet);
        if is_of_crowd {
            self.tracker.withdraw();
        }
        self.tracker.claim(attempt, owner, standing);
    }

    /// Anything else happened.
    #[inline(never)]
    fn write(&mut self, packet: Option<(u32, &Packet)>, sheet: &mut RecordBatch) {
        let Some(event) = self.tracker.event() else {
            return;
        };
        let is_own_word = self.clerk.write(
            &Told {
                event,
                packet,
                tracker: &self.tracker,
            },
            sheet,
        );
        if let Some((_, Packet::IcmpError(error))) = packet.filter(|_| is_own_word) {
            self.tracker.open_rejected(self.met, error);
        }
    }
}

/// Opens the source.
pub(crate) fn open(
    source: &CaptureSource,
    counting: &CountingConfig,
    aggregator: SharedAggregator,
) -> Result<CaptureLoop, CaptureError> {
    let filter = counting.filter.clone();
    match source {
        CaptureSource::Files(files) => {
            let source = Files::open(files, &filter)?;
            let bytes_read = source.byte_counter();
            let locality = LocalAddressSource::for_file(&counting.local);
            let pipeline = Pipeline::new(counting, locality, None);
            let source = PacketSource::ahead(Box::new(source), pipeline.flow_hasher());
            Ok(CaptureLoop::new(source, pipeline, aggregator).with_byte_counter(bytes_read))
        }
        CaptureSource::Interfaces(names, buffer_size) => {
            let options = LiveOptions {
                buffer_size: *buffer_size,
                filter,
            };
            let source = Live::open(names, options)?;
            let locality = LocalAddressSource::for_host([], &counting.local);
            let addresses = LocalAddressPoller::new(counting.local.clone(), names.clone());
            let pipeline = Pipeline::new(counting, locality, Some(addresses));
            let source = PacketSource::here(Box::new(source), pipeline.flow_hasher());
            Ok(CaptureLoop::new(source, pipeline, aggregator).with_netstat())
        }
    }
}

/// As many as it is worth looking ahead for, from this place on.
fn lot_of(readings: &[DecodedFrame], first: usize) -> &[DecodedFrame] {
    let rest = readings.get(first..).unwrap_or_default();
    rest.get(..LOOK_AHEAD).unwrap_or(rest)
}

/// The packets of a lot, each with its place.
fn packets_of(
    readings: &[DecodedFrame],
    first: usize,
) -> impl Iterator<Item = (u32, &(Packet, FlowKey))> {
    let lot = (place_of(first)..).zip(lot_of(readings, first));
    lot.filter_map(|(place, reading)| Some((place, reading.packet.as_ref().ok()?)))
}

fn place_of(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NO_PACKET)
}

/// Whether the packet belongs to attempts to a port that counts; of a RST either end may be the server.
pub(crate) fn matches_ports(ports: &[PortRange], packet: &Packet) -> bool {
    let wanted = |port| ports.iter().any(|range| range.contains(port));
    ports.is_empty()
        || match packet {
            Packet::IcmpError(error) => wanted(error.quote.to.port),
            Packet::Segment(segment) => {
                match (segment.flags.has(Flags::SYN), segment.flags.has(Flags::ACK)) {
                    (true, false) => wanted(segment.to.port),
                    (true, true) => wanted(segment.from.port),
                    (false, _) => wanted(segment.to.port) || wanted(segment.from.port),
                }
            }
        }
}

/// So many deadlines are written at once: as many as packets of a file.
const A_SHEETFUL: usize = 2048;
const EXPIRY_EVERY: Duration = Duration::from_secs(60);
/// After so long no packet of an attempt can be due.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(135);
