//! Encoders for the exposition formats: text, OpenMetrics and protobuf.
//!
//! The writers of families (`series`, `exporter_metrics`, `process`) pass each series through a
//! [`FamilyWriter`] to an [`Encoder`], which writes to the response body.
//!
//! Invariant: encoders depend on descriptors and sample values, not on the metric store.

mod number;
mod sample_lines;
mod text;
mod open_metrics;
mod proto;
mod protobuf;
mod family;

use std::io;

use super::descriptors::Descriptor;
use super::exemplar::Exemplar;
use super::histogram::{Bounds, Histogram};
use crate::time::Timestamp;

pub(super) use family::{FamilyWriter, write_single};
pub(super) use open_metrics::OpenMetricsEncoder;
pub(super) use protobuf::ProtobufEncoder;
pub(super) use text::TextEncoder;

/// Writes families one after the other, and the series of a family in the order they arrive.
pub(super) trait Encoder {
    /// Begins a family, which has at least one series.
    fn begin(&mut self, descriptor: &'static Descriptor) -> io::Result<()>;
    /// Adds a series to the family that began last.
    fn series(&mut self, series: &Series<'_>) -> io::Result<()>;
    /// Ends the family.
    fn end(&mut self) -> io::Result<()>;
    /// Ends the exposition.
    fn finish(&mut self) -> io::Result<()>;
}

/// One series. A histogram with all its buckets is one series.
#[derive(Clone, Copy)]
pub(super) struct Series<'a> {
    pub(super) labels: &'a [&'a str],
    /// When the series began at zero; `None` if unknown or if it is a gauge.
    pub(super) since: Option<Timestamp>,
    pub(super) value: Value<'a>,
}

/// The value of a series.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Number(f64, Option<&'a Exemplar>),
    Histogram(HistogramSample<'a>),
}

/// A histogram and the exemplars of its buckets.
#[derive(Clone, Copy)]
pub(super) struct HistogramSample<'a> {
    pub(super) histogram: &'a Histogram,
    pub(super) bounds: &'a Bounds,
    /// One entry for each bucket, or empty if the format has no exemplars.
    pub(super) exemplars: &'a [Option<&'a Exemplar>],
    /// `true` if the native histogram is exposed in addition.
    pub(super) native: bool,
}

impl<'a> HistogramSample<'a> {
    /// Returns the exemplar of the bucket with this index.
    fn exemplar(&self, bucket: usize) -> Option<&'a Exemplar> {
        self.exemplars.get(bucket).copied().flatten()
    }
}
