//! Metrics: the table of all that is exposed, the numbers behind it, and one collector over them.
//!
//! The numbers are kept in a table of our own and not in the `prometheus` crate's vectors, which take two sets of label
//! values for one when their hashes agree, and hash them without a separator between.

mod collector;
mod exposition;
mod histogram;
mod ledger;
mod own;
mod process;
mod set;
mod table;
#[cfg(test)]
mod tests;

pub use collector::{Exposition, Failure};
pub use histogram::Bounds;
pub use ledger::Ledger;
pub use own::{About, InterfaceCounts, OneSided, Own};
pub use set::{SetCounts, SetEvent};
pub use table::{Metric, Row, rows};
