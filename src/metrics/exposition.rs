//! Renders a scrape: one consistent copy of all metrics, in the requested format.
//!
//! The HTTP routes and `diagnose` call [`Exposition::write`]; it takes a copy of the store and runs
//! every writer.
//!
//! Invariant: the copy is taken before the first byte is written, so one scrape is consistent.

use std::io::{self, Write};
use std::sync::Arc;

use super::encode::{Encoder, OpenMetricsEncoder, ProtobufEncoder, TextEncoder};
use super::store::MetricStore;
use super::{exporter_metrics, process, series};

/// Renders scrapes of a metric store.
pub struct Exposition {
    snapshot: Arc<dyn Fn() -> MetricStore + Send + Sync>,
    include_exporter: bool,
}

/// The exposition formats, the default one first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpositionFormat {
    /// The Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0, with exemplars.
    OpenMetrics,
    /// Prometheus protobuf, with exemplars, start timestamps and native histograms.
    Protobuf,
}

impl ExpositionFormat {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Text, Self::OpenMetrics, Self::Protobuf];

    /// Returns the value of the `Content-Type` header. Prometheus 3 rejects a scrape without it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    fn encoder<'w>(self, to: &'w mut dyn Write) -> Box<dyn Encoder + 'w> {
        match self {
            Self::Text => Box::new(TextEncoder::new(to)),
            Self::OpenMetrics => Box::new(OpenMetricsEncoder::new(to)),
            Self::Protobuf => Box::new(ProtobufEncoder::new(to)),
        }
    }
}

impl Exposition {
    /// Creates an exposition of the copy that `snapshot` returns at each scrape. If
    /// `include_exporter` is `true`, the metrics about the exporter and its process are included.
    pub fn new(
        snapshot: impl Fn() -> MetricStore + Send + Sync + 'static,
        include_exporter: bool,
    ) -> Self {
        Self {
            snapshot: Arc::new(snapshot),
            include_exporter,
        }
    }

    /// Writes the present values of all metrics, series by series.
    ///
    /// # Errors
    ///
    /// Returns an error if writing to `to` fails.
    pub fn write(&self, format: ExpositionFormat, to: &mut dyn Write) -> io::Result<()> {
        let store = (self.snapshot)();
        let mut encoder = format.encoder(to);
        let encoder = encoder.as_mut();
        if self.include_exporter {
            process::write(encoder)?;
        }
        series::write(&store, encoder)?;
        exporter_metrics::write_local_addresses(&store.exporter, encoder)?;
        if self.include_exporter {
            let since = process::start();
            exporter_metrics::write_interfaces(&store.exporter, since, encoder)?;
            exporter_metrics::write_exporter(&store.exporter, &store.config, since, encoder)?;
        }
        encoder.finish()
    }
}
