//! All numbers in one place, so that one copy of it is one consistent scrape.

use std::sync::Arc;

use super::exemplar::Connection;
use super::histogram::{Bounds, Layout};
use super::own::{About, Own};
use super::set::{SetCounts, SetEvent};
use crate::labels::{SetId, SetName};
use crate::time::Timestamp;

/// The numbers of every set, and those about the exporter itself.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) layout: Arc<Layout>,
    pub(super) about: Arc<About>,
    pub(super) sets: Vec<Option<Page>>,
    /// The exporter's own numbers.
    pub own: Own,
}

/// One set: its label values and its numbers.
#[derive(Clone, Debug)]
pub(super) struct Page {
    set: SetId,
    pub(super) labels: Arc<[String; 4]>,
    /// When it began, at zero.
    pub(super) since: Timestamp,
    pub(super) counts: SetCounts,
}

impl Ledger {
    /// Nothing was counted yet. Latencies are counted under these bounds, and in native histograms where wanted.
    pub fn new(about: About, bounds: Bounds, native: bool) -> Self {
        let layout = Layout { bounds, native };
        Self {
            layout: Arc::new(layout),
            about: Arc::new(about),
            sets: Vec::new(),
            own: Own::default(),
        }
    }

    /// The program is told something else.
    pub fn retell(&mut self, about: About) {
        self.about = Arc::new(about);
    }

    /// A set begins: all its series at zero.
    pub fn create(&mut self, set: SetId, name: &SetName, since: Timestamp) {
        let place = set.place();
        if self.sets.len() <= place {
            self.sets.resize_with(place + 1, || None);
        }
        if let Some(page) = self.sets.get_mut(place) {
            let (labels, counts) = (Arc::new(name.values()), SetCounts::default());
            *page = Some(Page {
                set,
                labels,
                since,
                counts,
            });
        }
    }

    /// A set ends: its series are no longer exposed.
    pub fn remove(&mut self, set: SetId) {
        if let Some(page) = self.sets.get_mut(set.place())
            && page.as_ref().is_some_and(|page| page.set == set)
        {
            *page = None;
        }
    }

    /// Counts a fact of a set.
    pub fn count(&mut self, set: SetId, event: &SetEvent) {
        self.count_about(set, event, None);
    }

    /// Counts a fact of a set that is about this connection, where it can be told.
    pub fn count_about(&mut self, set: SetId, event: &SetEvent, connection: Option<Connection>) {
        let page = self.sets.get_mut(set.place()).and_then(Option::as_mut);
        if let Some(page) = page.filter(|page| page.set == set) {
            page.counts.count(&self.layout, event, connection);
        }
    }
}
