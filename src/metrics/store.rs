//! The metric store: the counters of every label set and of the exporter itself.
//!
//! The pipeline writes to the store; `exposition` reads a copy of it for each scrape.
//!
//! Invariants:
//! - One copy of the store is one consistent scrape.
//! - A record is counted only if its label set still exists: a reused slot has another `LabelSetId`.

use std::sync::Arc;

use super::exemplar::Connection;
use super::exporter_metrics::{ConfigInfo, ExporterMetrics};
use super::histogram::{Bounds, HistogramOptions};
use super::set_metrics::LabelSetCounts;
use crate::labels::{LabelSet, LabelSetId};
use crate::record::{Record, RecordBatch, RecordKind};
use crate::time::Timestamp;

/// The counters of every label set, and the metrics about the exporter itself.
#[derive(Clone, Debug)]
pub struct MetricStore {
    pub(super) histogram_options: Arc<HistogramOptions>,
    pub(super) config: Arc<ConfigInfo>,
    /// Indexed by the slot of a label set; `None` if the slot is free.
    pub(super) label_sets: Vec<Option<LabelSetMetrics>>,
    /// The metrics about the exporter itself.
    pub exporter: ExporterMetrics,
}

/// One label set: its label values and its counters.
#[derive(Clone, Debug)]
pub(super) struct LabelSetMetrics {
    id: LabelSetId,
    pub(super) labels: Arc<[String; 4]>,
    /// When the label set was created, with all its counters at zero.
    pub(super) since: Timestamp,
    pub(super) counts: LabelSetCounts,
}

impl MetricStore {
    /// Creates an empty store. Latencies are counted in buckets with these bounds, and also in
    /// native histograms if `native` is `true`.
    pub fn new(config: ConfigInfo, bounds: Bounds, native: bool) -> Self {
        let histogram_options = HistogramOptions { bounds, native };
        Self {
            histogram_options: Arc::new(histogram_options),
            config: Arc::new(config),
            label_sets: Vec::new(),
            exporter: ExporterMetrics::default(),
        }
    }

    /// Replaces the exposed configuration, after a reload.
    pub fn set_config(&mut self, config: ConfigInfo) {
        self.config = Arc::new(config);
    }

    /// Counts a record of this batch.
    pub fn apply(&mut self, record: &Record, batch: &RecordBatch) {
        let exporter = &mut self.exporter;
        match &record.kind {
            RecordKind::LabelSetCreated(id, label_set) => self.create(*id, label_set, record.at),
            RecordKind::LabelSetRemoved(id) => self.remove(*id),
            RecordKind::Duplicate(kind) => exporter.count_duplicate(*kind),
            RecordKind::Unacceptable(kind) => exporter.count_unacceptable(*kind),
            RecordKind::Unmatched(kind) => exporter.count_unmatched(*kind),
            RecordKind::ClockStep => exporter.clock_steps += 1,
            kind => {
                exporter.overflowed_attempts += kind.overflowed_attempts();
                let four_tuple = kind.four_tuple().and_then(|id| batch.four_tuple(id));
                let connection = four_tuple.map(|tuple| Connection {
                    client: tuple.client,
                    server: tuple.server,
                    at: record.at,
                });
                self.apply_to_label_set(kind, connection);
            }
        }
    }

    /// Creates a label set with all its series at zero.
    fn create(&mut self, id: LabelSetId, label_set: &LabelSet, since: Timestamp) {
        let slot = id.index();
        if self.label_sets.len() <= slot {
            self.label_sets.resize_with(slot + 1, || None);
        }
        if let Some(slot) = self.label_sets.get_mut(slot) {
            *slot = Some(LabelSetMetrics {
                id,
                labels: Arc::new(label_set.values()),
                since,
                counts: LabelSetCounts::default(),
            });
        }
    }

    /// Removes a label set: its series are no longer exposed.
    fn remove(&mut self, id: LabelSetId) {
        if let Some(slot) = self.label_sets.get_mut(id.index())
            && slot.as_ref().is_some_and(|metrics| metrics.id == id)
        {
            *slot = None;
        }
    }

    fn apply_to_label_set(&mut self, kind: &RecordKind, connection: Option<Connection>) {
        let Some(id) = kind.label_set() else { return };
        let metrics = self.label_sets.get_mut(id.index()).and_then(Option::as_mut);
        if let Some(metrics) = metrics.filter(|metrics| metrics.id == id) {
            metrics
                .counts
                .apply(&self.histogram_options, kind, connection);
        }
    }
}
