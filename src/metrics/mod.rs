//! Metrics: the counters of every label set and of the exporter, and the formats that expose them.
//!
//! The pipeline applies records to a `MetricStore`; each scrape renders a copy of it through an
//! `Exposition`.
//!
//! Invariants:
//! - A metric without a descriptor in `descriptors` cannot be exposed.
//! - One copy of the store is one consistent scrape.
//! - All formats are written by the same traversal of the store, so they expose the same series.

mod descriptors;
mod exemplar;
mod native_histogram;
mod histogram;
mod encode;
mod set_metrics;
mod exporter_metrics;
mod process;
mod store;
mod series;
mod exposition;
#[cfg(test)]
mod tests;

pub use descriptors::{DescriptorRow, rows};
pub use exporter_metrics::{ConfigInfo, ExporterMetrics, InterfaceCounts, Reload};
pub use exposition::{Exposition, ExpositionFormat};
pub use histogram::Bounds;
pub use set_metrics::EXEMPLAR_THRESHOLD;
pub use store::MetricStore;
