//! What a scrape is given: one consistent copy of all numbers, in the form that is asked for.

use std::io::{self, Write};
use std::sync::Arc;

use super::encode::{Encoder, Series, Value, encoder};
use super::ledger::MetricStore;
use super::table::Metric;
use super::{own, process, sets};
use crate::time::Timestamp;

/// Turns the ledger into what a scrape is given.
pub struct Exposition {
    ledger: Arc<dyn Fn() -> MetricStore + Send + Sync>,
    own: bool,
}

/// The forms there are, the usual one first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// The text format, 0.0.4.
    Text,
    /// OpenMetrics 1.0.0, with exemplars.
    OpenMetrics,
    /// Protobuf, with exemplars, start timestamps and native histograms.
    Protobuf,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Text, Self::OpenMetrics, Self::Protobuf];

    /// Of an answer in this form: Prometheus 3 refuses a scrape without it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

impl Exposition {
    /// Over whatever `ledger` gives at each scrape. `own` adds the numbers about the exporter itself and its process.
    pub fn new(ledger: impl Fn() -> MetricStore + Send + Sync + 'static, own: bool) -> Self {
        Self {
            ledger: Arc::new(ledger),
            own,
        }
    }

    /// Writes all numbers as they are now, series by series.
    ///
    /// # Errors
    ///
    /// What `to` says.
    pub fn write(&self, format: Format, to: &mut dyn Write) -> io::Result<()> {
        let ledger = (self.ledger)();
        let mut encoder = encoder(format, to);
        let encoder = encoder.as_mut();
        if self.own {
            process::write(encoder)?;
        }
        sets::write(&ledger, encoder)?;
        own::write_local_addresses(&ledger.own, encoder)?;
        if self.own {
            let since = process::start();
            own::write_interfaces(&ledger.own, since, encoder)?;
            own::write_exporter(&ledger.own, &ledger.about, since, encoder)?;
        }
        encoder.finish()
    }
}

/// One family in the making. The number of label values is held against the table by the compiler. A family without
/// series leaves no trace.
pub(super) struct Family<'e, const N: usize> {
    metric: &'static Metric<N>,
    encoder: &'e mut dyn Encoder,
    begun: bool,
}

impl<'e, const N: usize> Family<'e, N> {
    pub(super) fn of(metric: &'static Metric<N>, encoder: &'e mut dyn Encoder) -> Self {
        Self {
            metric,
            encoder,
            begun: false,
        }
    }

    /// Adds a series.
    pub(super) fn push(
        &mut self,
        labels: [&str; N],
        since: Option<Timestamp>,
        value: Value<'_>,
    ) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            self.encoder.begin(&self.metric.head)?;
        }
        self.encoder.series(&Series {
            labels: &labels,
            since,
            value,
        })
    }

    /// Adds a series with one value.
    pub(super) fn number(
        &mut self,
        labels: [&str; N],
        since: Option<Timestamp>,
        value: f64,
    ) -> io::Result<()> {
        self.push(labels, since, Value::Number(value, None))
    }

    pub(super) fn done(self) -> io::Result<()> {
        if self.begun {
            self.encoder.end()
        } else {
            Ok(())
        }
    }
}

/// A family of one series.
pub(super) fn single(
    metric: &'static Metric<0>,
    encoder: &mut dyn Encoder,
    since: Option<Timestamp>,
    value: f64,
) -> io::Result<()> {
    let mut family = Family::of(metric, encoder);
    family.number([], since, value)?;
    family.done()
}
