//! All numbers in one place, so that one copy of it is one consistent scrape.

use std::sync::Arc;

use super::histogram::Bounds;
use super::own::{About, Own};
use super::set::{SetCounts, SetEvent};
use crate::labels::{SetId, SetName};

/// The numbers of every set, and those about the exporter itself.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) bounds: Arc<Bounds>,
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
    pub(super) counts: SetCounts,
}

impl Ledger {
    /// Nothing was counted yet.
    pub fn new(about: About, bounds: Bounds) -> Self {
        Self { bounds: Arc::new(bounds), about: Arc::new(about), sets: Vec::new(), own: Own::default() }
    }

    /// A set begins: all its series at zero.
    pub fn create(&mut self, set: SetId, name: &SetName) {
        let place = set.place();
        if self.sets.len() <= place {
            self.sets.resize_with(place + 1, || None);
        }
        if let Some(page) = self.sets.get_mut(place) {
            *page = Some(Page { set, labels: Arc::new(name.values()), counts: SetCounts::new(&self.bounds) });
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
    pub fn count(&mut self, set: SetId, event: SetEvent) {
        let page = self.sets.get_mut(set.place()).and_then(Option::as_mut);
        if let Some(page) = page.filter(|page| page.set == set) {
            page.counts.count(&self.bounds, event);
        }
    }
}
