//! The aggregator: applies records to metrics, diagnosis and the one-sided detector, which do not
//! know each other.

use std::sync::Arc;

use parking_lot::Mutex;

use super::batch::{Batch, ControlMessage, PacketsCaptured, TableSizes};
use super::ingest::DecodedFrame;
use crate::capture::{ANY, InterfaceStatus};
use crate::config::{CaptureSource, CountingConfig};
use crate::diagnosis::{CaptureQuality, Diagnosis, DiagnosisSpan, OneSidedDetector};
use crate::handshake::PacketKind;
use crate::metrics::{ConfigInfo, Exposition, InterfaceCounts, MetricStore};
use crate::packet::Packet;

/// The aggregator as the capture thread and the HTTP handlers share it.
pub(crate) type SharedAggregator = Arc<Mutex<Aggregator>>;

/// Everything that is exposed.
pub(crate) struct Aggregator {
    pub(crate) metrics: MetricStore,
    pub(crate) diagnosis: Diagnosis,
    one_sided: OneSidedDetector,
    single_interface: bool,
}

impl Aggregator {
    /// Creates an aggregator without label sets. The diagnosis covers `span`.
    pub(crate) fn shared(
        source: &CaptureSource,
        counting: &CountingConfig,
        span: DiagnosisSpan,
    ) -> SharedAggregator {
        let metrics = MetricStore::new(
            config_info(counting),
            counting.bounds.clone(),
            counting.native_histograms,
        );
        let single_interface = matches!(
            source,
            CaptureSource::Interfaces(names, ..) if names.len() == 1 && names.iter().all(|name| name != ANY)
        );
        Arc::new(Mutex::new(Self {
            metrics,
            diagnosis: Diagnosis::new(span, counting.limits.timeout),
            one_sided: OneSidedDetector::default(),
            single_interface,
        }))
    }

    /// Sets the names of the interfaces or files, in the order of the configuration.
    pub(super) fn set_interfaces(&mut self, names: impl Iterator<Item = String>) {
        let interfaces = names.map(|name| InterfaceCounts {
            name,
            ..InterfaceCounts::default()
        });
        self.metrics.exporter.interfaces = interfaces.collect();
    }

    /// Applies a batch. `frames` are the frames that its records refer to.
    pub(super) fn apply(&mut self, batch: &Batch, frames: &[DecodedFrame]) {
        for record in batch.records.records() {
            let packet = record.packet.and_then(|index| packet_at(frames, index));
            self.metrics.apply(record, &batch.records);
            self.diagnosis.apply(record, packet);
            self.one_sided.apply(record, packet);
        }
        for PacketsCaptured {
            interface,
            packets,
            last,
        } in &batch.captured
        {
            let interfaces = &mut self.metrics.exporter.interfaces;
            if let Some(counts) = interfaces.get_mut(usize::from(*interface)) {
                counts.captured += u64::from(*packets);
                counts.last_packet = *last;
            }
        }
        batch
            .control
            .iter()
            .for_each(|message| self.apply_control(message));
    }

    fn apply_control(&mut self, message: &ControlMessage) {
        let exporter = &mut self.metrics.exporter;
        match message {
            ControlMessage::Undecodable(reason) => exporter.count_undecodable(*reason),
            ControlMessage::TimeAdvanced(now) => self.diagnosis.advance_clock(*now),
            ControlMessage::TableSizes(TableSizes {
                pending,
                tracked,
                label_sets,
                label_sets_limit,
            }) => {
                exporter.pending = *pending;
                exporter.tracked = *tracked;
                exporter.label_sets = *label_sets;
                exporter.label_sets_limit = *label_sets_limit;
                let missing = self.one_sided.missing_direction();
                exporter.answers_missing = missing.answers_missing;
                exporter.syns_missing = missing.syns_missing;
            }
            ControlMessage::LocalAddresses(addresses) => {
                exporter.local_addresses.clone_from(addresses);
            }
            ControlMessage::InterfaceStats(statuses, listen_overflows) => {
                for (counts, status) in exporter.interfaces.iter_mut().zip(statuses) {
                    update(counts, status);
                }
                self.record_capture_quality(*listen_overflows);
            }
            ControlMessage::ConfigChanged(info, _) => {
                self.metrics.set_config(info.as_ref().clone());
            }
        }
    }

    fn record_capture_quality(&mut self, listen_overflows: Option<u64>) {
        let exporter = &self.metrics.exporter;
        let interfaces = || exporter.interfaces.iter();
        let dropped =
            |counts: &InterfaceCounts| counts.dropped_by_kernel + counts.dropped_by_interface;
        self.diagnosis.record_capture_quality(CaptureQuality {
            packets: interfaces().map(|counts| counts.captured).sum(),
            dropped: interfaces().map(dropped).sum(),
            unmatched_synacks: exporter.unmatched_packets(PacketKind::SynAck),
            clock_steps: exporter.clock_steps,
            answers_missing: exporter.answers_missing,
            syns_missing: exporter.syns_missing,
            listen_overflows,
            one_interface: self.single_interface,
        });
    }
}

/// Returns an exposition that copies all numbers under the lock, and renders the copy without it:
/// each scrape is consistent, and the capture hardly waits.
pub(crate) fn exposition(
    aggregator: &SharedAggregator,
    include_exporter_metrics: bool,
) -> Exposition {
    let aggregator = Arc::clone(aggregator);
    Exposition::new(
        move || aggregator.lock().metrics.clone(),
        include_exporter_metrics,
    )
}

/// Returns the configuration as `config_info` shows it.
pub(super) fn config_info(counting: &CountingConfig) -> ConfigInfo {
    let ports: Vec<String> = counting.ports.iter().map(ToString::to_string).collect();
    ConfigInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ports: ports.join(","),
        filter: counting.filter.expression.clone().unwrap_or_default(),
        peer_prefix_v4: counting.peer_prefixes.0,
        peer_prefix_v6: counting.peer_prefixes.1,
        peer_groups: counting.peer_groups.clone(),
        max_attempts: counting.limits.max_attempts,
        acks: counting.filter.acks,
    }
}

fn packet_at(frames: &[DecodedFrame], index: u32) -> Option<&Packet> {
    let (packet, _) = frames.get(index as usize)?.packet.as_ref().ok()?;
    Some(packet)
}

fn update(counts: &mut InterfaceCounts, status: &InterfaceStatus) {
    counts.up = status.up;
    counts.dropped_by_kernel = status.dropped_by_kernel;
    counts.dropped_by_interface = status.dropped_by_interface;
}
