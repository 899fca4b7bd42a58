//! All numbers in one place, so that one copy of it is one consistent scrape.

use std::sync::Arc;

use super::exemplar::Connection;
use super::histogram::{Bounds, Layout};
use super::own::{ConfigInfo, ExporterMetrics};
use super::set::{SetCounts, SetEvent};
use crate::labels::{LabelSet, LabelSetId};
use crate::time::Timestamp;

/// The numbers of every set, and those about the exporter itself.
#[derive(Clone, Debug)]
pub struct MetricStore {
    pub(super) layout: Arc<Layout>,
    pub(super) about: Arc<ConfigInfo>,
    pub(super) sets: Vec<Option<LabelSetMetrics>>,
    /// The exporter's own numbers.
    pub own: ExporterMetrics,
}

/// One set: its label values and its numbers.
#[derive(Clone, Debug)]
pub(super) struct LabelSetMetrics {
    set: LabelSetId,
    pub(super) labels: Arc<[String; 4]>,
    /// When it began, at zero.
    pub(super) since: Timestamp,
    pub(super) counts: SetCounts,
}

impl MetricStore {
    /// Nothing was counted yet. Latencies are counted under these bounds, and in native histograms where wanted.
    pub fn new(about: ConfigInfo, bounds: Bounds, native: bool) -> Self {
        let layout = Layout { bounds, native };
        Self {
            layout: Arc::new(layout),
            about: Arc::new(about),
            sets: Vec::new(),
            own: ExporterMetrics::default(),
        }
    }

    /// The program is told something else.
    pub fn set_config(&mut self, about: ConfigInfo) {
        self.about = Arc::new(about);
    }

    /// A set begins: all its series at zero.
    pub fn create(&mut self, set: LabelSetId, name: &LabelSet, since: Timestamp) {
        let place = set.index();
        if self.sets.len() <= place {
            self.sets.resize_with(place + 1, || None);
        }
        if let Some(page) = self.sets.get_mut(place) {
            let (labels, counts) = (Arc::new(name.values()), SetCounts::default());
            *page = Some(LabelSetMetrics {
                set,
                labels,
                since,
                counts,
            });
        }
    }

    /// A set ends: its series are no longer exposed.
    pub fn remove(&mut self, set: LabelSetId) {
        if let Some(page) = self.sets.get_mut(set.index())
            && page.as_ref().is_some_and(|page| page.set == set)
        {
            *page = None;
        }
    }

    /// Counts a fact of a set.
    pub fn count(&mut self, set: LabelSetId, event: &SetEvent) {
        self.count_with_exemplar(set, event, None);
    }

    /// Counts a fact of a set that is about this connection, where it can be told.
    pub fn count_with_exemplar(
        &mut self,
        set: LabelSetId,
        event: &SetEvent,
        connection: Option<Connection>,
    ) {
        let page = self.sets.get_mut(set.index()).and_then(Option::as_mut);
        if let Some(page) = page.filter(|page| page.set == set) {
            page.counts.count(&self.layout, event, connection);
        }
    }
}
