//! Writes one metric family to an encoder.
//!
//! The writers create a [`FamilyWriter`] for each metric; it calls the encoder.
//!
//! Invariants:
//! - The compiler checks the number of label values against the descriptor.
//! - A family without series is not written at all.

use std::io;

use super::super::descriptors::Metric;
use super::{Encoder, Series, Value};
use crate::time::Timestamp;

/// Writes the series of one metric.
pub(in super::super) struct FamilyWriter<'e, const N: usize> {
    metric: &'static Metric<N>,
    encoder: &'e mut dyn Encoder,
    begun: bool,
}

impl<'e, const N: usize> FamilyWriter<'e, N> {
    pub(in super::super) fn new(metric: &'static Metric<N>, encoder: &'e mut dyn Encoder) -> Self {
        Self {
            metric,
            encoder,
            begun: false,
        }
    }

    /// Writes a series.
    pub(in super::super) fn push(
        &mut self,
        labels: [&str; N],
        since: Option<Timestamp>,
        value: Value<'_>,
    ) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            self.encoder.begin(&self.metric.descriptor)?;
        }
        self.encoder.series(&Series {
            labels: &labels,
            since,
            value,
        })
    }

    /// Writes a series with a single number and no exemplar.
    pub(in super::super) fn number(
        &mut self,
        labels: [&str; N],
        since: Option<Timestamp>,
        value: f64,
    ) -> io::Result<()> {
        self.push(labels, since, Value::Number(value, None))
    }

    /// Ends the family if it has a series.
    pub(in super::super) fn finish(self) -> io::Result<()> {
        if self.begun {
            self.encoder.end()
        } else {
            Ok(())
        }
    }
}

/// Writes a family with one series that has no labels.
pub(in super::super) fn write_single(
    metric: &'static Metric<0>,
    encoder: &mut dyn Encoder,
    since: Option<Timestamp>,
    value: f64,
) -> io::Result<()> {
    let mut family = FamilyWriter::new(metric, encoder);
    family.number([], since, value)?;
    family.finish()
}
