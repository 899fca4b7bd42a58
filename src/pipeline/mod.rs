//! The pipeline: frames to packets, packets to events, events to records, records to metrics and
//! diagnosis.
//!
//! ```text
//! ingest -> Pipeline -> attribution -> batch_writer -> aggregate
//! (frames)  (tracker)   (label sets)   (batches)       (metrics, diagnosis)
//! ```
//!
//! `capture_loop` drives it. Data goes forward only: no record is withdrawn. The capture thread
//! waits for the aggregator's lock only, which is held for one batch or for one copy of the
//! numbers, or for a writer thread that is two batches behind.

mod aggregate;
mod attribution;
mod batch;
mod batch_writer;
mod capture_loop;
mod ingest;
mod local_addresses;
mod netstat;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::config::{CountingConfig, PortRange};
use crate::decode::Discard;
use crate::handshake::{FlowHasher, FlowKey, PREFETCH_BATCH, Tracker};
use crate::labels::{LabelResolver, LabelSetRegistry, LocalAddressSource};
use crate::packet::{Flags, Packet};
use crate::time::Timestamp;
pub(crate) use aggregate::{Aggregator, SharedAggregator, exposition};
use attribution::{Attributor, CurrentPacket};
use batch::{Batch, ControlMessage, TableSizes};
pub(crate) use capture_loop::{CaptureLoop, ConfigUpdate, Heartbeat, open};
use ingest::DecodedFrame;
use local_addresses::LocalAddressPoller;

/// Maximum number of deadlines in one batch without a packet: as many as a read of a file returns
/// frames.
const MAX_BATCH_DEADLINES: usize = 2048;
/// How often label sets that are idle for too long are removed.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);
/// After this long no packet of an attempt is expected.
const MAX_ATTEMPT_AGE: Duration = Duration::from_secs(135);

/// Turns frames into records.
struct Pipeline {
    tracker: Tracker,
    attributor: Attributor,
    ports: Vec<PortRange>,
    /// The ports before the last change, until their attempts have ended.
    previous_ports: Option<(Vec<PortRange>, Timestamp)>,
    /// `true` if pure ACKs count. A capture file holds them in any case.
    acks: bool,
    idle_timeout: Duration,
    /// The time of the last packet, as captured.
    last_packet: Timestamp,
    next_expiry: Timestamp,
}

impl Pipeline {
    /// Creates a pipeline. `addresses` is `None` for capture files, which may be from another host.
    fn new(
        counting: &CountingConfig,
        local: LocalAddressSource,
        addresses: Option<LocalAddressPoller>,
    ) -> Self {
        let registry = LabelSetRegistry::new(counting.max_sets);
        let labels = LabelResolver::new(local, counting.peers.clone(), registry);
        Self {
            tracker: Tracker::new(counting.limits),
            attributor: Attributor::new(labels, addresses),
            ports: counting.ports.clone(),
            previous_ports: None,
            acks: counting.filter.acks,
            idle_timeout: counting.idle_timeout,
            last_packet: Timestamp::default(),
            next_expiry: Timestamp::default(),
        }
    }

    /// Returns the hasher that makes the keys of packets for this pipeline.
    fn flow_hasher(&self) -> FlowHasher {
        self.tracker.flow_hasher()
    }

    /// Processes frames in order, and appends their records to `batch`.
    fn process(&mut self, frames: &[DecodedFrame], batch: &mut Batch) {
        self.tracker.prefetch_index(packets(chunk(frames, 0)));
        for index in (0..frames.len()).step_by(PREFETCH_BATCH) {
            self.process_chunk(frames, index, batch);
        }
    }

    /// Processes the frames that are prefetched at once, from `index` on.
    fn process_chunk(&mut self, frames: &[DecodedFrame], index: usize, batch: &mut Batch) {
        let current = chunk(frames, index);
        let next = chunk(frames, index + PREFETCH_BATCH);
        let until = next.last().or(frames.last()).map(|last| last.at);
        let until = until.unwrap_or(self.last_packet);
        self.tracker
            .prefetch(packets(current), packets(next), until);
        self.attributor.prefetch(indexed_packets(current, index));
        let mut rest = current;
        for index in (index..).map(|index| u32::try_from(index).unwrap_or(u32::MAX)) {
            let Some((frame, after)) = rest.split_first() else {
                break;
            };
            rest = after;
            self.process_frame(frame, index, after.first(), batch);
        }
        for run in current.chunk_by(|one, next| one.interface == next.interface) {
            if let Some(last) = run.last() {
                let packets = u32::try_from(run.len()).unwrap_or(u32::MAX);
                batch.count_captured(last.interface, packets, last.at);
            }
        }
    }

    fn process_frame(
        &mut self,
        frame: &DecodedFrame,
        index: u32,
        next: Option<&DecodedFrame>,
        batch: &mut Batch,
    ) {
        match &frame.packet {
            Ok((packet, key)) if self.is_relevant(packet) => {
                self.last_packet = frame.at;
                let current = CurrentPacket {
                    packet,
                    index,
                    captured_at: frame.at,
                };
                let mut sink = self.attributor.sink_for_packet(
                    current,
                    &mut batch.records,
                    &mut batch.control,
                );
                self.tracker.handle_packet(frame.at, packet, key, &mut sink);
            }
            Err(Discard::Undecodable(reason)) => {
                batch.control.push(ControlMessage::Undecodable(*reason));
                self.advance_clock(frame.at, next, batch);
            }
            Ok(_) | Err(_) => self.advance_clock(frame.at, next, batch),
        }
    }

    /// Handles the deadlines up to a frame that is not processed. In a run of such frames with
    /// increasing times that is done once, at the last frame.
    fn advance_clock(&mut self, at: Timestamp, next: Option<&DecodedFrame>, batch: &mut Batch) {
        let is_later = std::mem::replace(&mut self.last_packet, at) <= at;
        if !is_later || next.is_none_or(|next| next.packet.is_ok() || next.at < at) {
            let mut sink = self
                .attributor
                .sink_for_timeout(&mut batch.records, &mut batch.control);
            self.tracker.handle_timeout(at, usize::MAX, &mut sink);
        }
    }

    /// Handles the deadlines up to `now`, because no packet arrived since: at most
    /// [`MAX_BATCH_DEADLINES`]. Returns `true` if more are due: a flood may leave very many with
    /// one deadline, and a batch holds a bounded number.
    fn handle_timeout(&mut self, batch: &mut Batch, now: Timestamp) -> bool {
        let mut sink = self
            .attributor
            .sink_for_timeout(&mut batch.records, &mut batch.control);
        let more = self
            .tracker
            .handle_timeout(now, MAX_BATCH_DEADLINES, &mut sink);
        let now = self.tracker.now();
        batch.control.push(ControlMessage::TimeAdvanced(now));
        more
    }

    /// Appends what belongs to the end of every batch: label sets that were idle for too long, and
    /// the sizes of the tables.
    fn flush_gauges(&mut self, batch: &mut Batch) {
        self.remove_idle_label_sets(batch);
        let (label_sets, label_sets_limit) = self.attributor.label_set_counts();
        batch.control.push(ControlMessage::TableSizes(TableSizes {
            pending: self.tracker.pending(),
            tracked: self.tracker.tracked(),
            label_sets,
            label_sets_limit,
        }));
    }

    fn remove_idle_label_sets(&mut self, batch: &mut Batch) {
        let now = self.tracker.now();
        if now >= self.next_expiry {
            self.next_expiry = now + EXPIRY_INTERVAL;
            self.attributor
                .expire(&mut batch.records, self.idle_timeout, now);
        }
    }

    /// Applies a new configuration to attempts that begin from now on. Earlier ones stay where they
    /// are.
    fn set_config(&mut self, counting: CountingConfig) {
        if counting.ports != self.ports {
            let previous = std::mem::replace(&mut self.ports, counting.ports);
            self.previous_ports = Some((previous, self.tracker.now() + MAX_ATTEMPT_AGE));
        }
        self.idle_timeout = counting.idle_timeout;
        self.attributor
            .set_config(counting.peers, counting.max_sets, counting.local);
    }

    /// Reads this host's addresses again, if that is due.
    fn poll_addresses(&mut self, batch: &mut Batch, now: Timestamp) {
        self.attributor.poll_addresses(&mut batch.control, now);
    }

    /// Returns `true` if the packet counts. Pure ACKs count only if they are enabled: the filter
    /// of a file may pass them.
    fn is_relevant(&self, packet: &Packet) -> bool {
        let is_ack = matches!(packet, Packet::Segment(segment) if segment.flags == Flags::ACK);
        (self.acks || !is_ack)
            && (matches_ports(&self.ports, packet) || self.matches_previous_ports(packet))
    }

    /// Returns `true` if the packet may end an attempt to a port that counted before the last
    /// change.
    fn matches_previous_ports(&self, packet: &Packet) -> bool {
        let Some((ports, until)) = &self.previous_ports else {
            return false;
        };
        !packet.is_syn() && self.last_packet <= *until && matches_ports(ports, packet)
    }
}

/// Returns `true` if the packet belongs to an attempt to one of these ports; all ports count if
/// there are none. Either endpoint of a RST may be the server.
pub(crate) fn matches_ports(ports: &[PortRange], packet: &Packet) -> bool {
    let matches = |port| ports.iter().any(|range| range.contains(port));
    ports.is_empty()
        || match packet {
            Packet::IcmpError(error) => matches(error.quote.to.port),
            Packet::Segment(segment) => {
                let is_syn = segment.flags.has(Flags::SYN);
                match (is_syn, segment.flags.has(Flags::ACK)) {
                    (true, false) => matches(segment.to.port),
                    (true, true) => matches(segment.from.port),
                    (false, _) => matches(segment.to.port) || matches(segment.from.port),
                }
            }
        }
}

/// Returns the frames that are prefetched at once, from `index` on.
fn chunk(frames: &[DecodedFrame], index: usize) -> &[DecodedFrame] {
    let rest = frames.get(index..).unwrap_or_default();
    rest.get(..PREFETCH_BATCH).unwrap_or(rest)
}

/// Returns the packets of frames, without those that were discarded.
fn packets(frames: &[DecodedFrame]) -> impl Iterator<Item = &(Packet, FlowKey)> {
    frames.iter().filter_map(|frame| frame.packet.as_ref().ok())
}

/// As [`packets`], with the index of each: the first frame has the index `first`.
fn indexed_packets(frames: &[DecodedFrame], first: usize) -> impl Iterator<Item = (u32, &Packet)> {
    let indices = (first..).map(|index| u32::try_from(index).unwrap_or(u32::MAX));
    indices.zip(frames).filter_map(|(index, frame)| {
        let (packet, _) = frame.packet.as_ref().ok()?;
        Some((index, packet))
    })
}
