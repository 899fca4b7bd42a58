//! Metrics: the table of all that is exposed, the numbers behind it, and three forms to write them in.

mod encode;
mod exemplar;
mod exposition;
mod histogram;
mod ledger;
mod own;
mod process;
mod set;
mod sets;
mod sparse;
mod table;
#[cfg(test)]
mod tests;

pub use exemplar::Connection;
pub use exposition::{Exposition, Format};
pub use histogram::Bounds;
pub use ledger::MetricStore;
pub use own::{ConfigInfo, ExporterMetrics, InterfaceCounts, Reload};
pub use set::{EXEMPLAR_THRESHOLD, SetCounts, SetEvent};
pub use table::{DescriptorRow, rows};
