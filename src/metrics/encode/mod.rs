//! One walk over the numbers, three forms to write them in.

mod lines;
mod messages;
mod number;
mod open_metrics;
mod plain;
mod protobuf;

use std::io::{self, Write};

use super::exemplar::Exemplar;
use super::histogram::{Bounds, Histogram};
use super::table::Kind;
use crate::time::Timestamp;

pub(super) use open_metrics::OpenMetrics;
pub(super) use plain::TextEncoder;
pub(super) use protobuf::Protobuf;

/// Writes families one after the other, each series as it comes.
pub(super) trait Encoder {
    /// A family begins; it has at least one series.
    fn begin(&mut self, head: &'static Descriptor) -> io::Result<()>;
    /// A series of the family that began last.
    fn series(&mut self, series: &Series<'_>) -> io::Result<()>;
    /// The family is complete.
    fn end(&mut self) -> io::Result<()>;
    /// So is the page.
    fn finish(&mut self) -> io::Result<()>;
}

/// What all series of a family share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

/// One series; of a histogram, all that belong together.
#[derive(Clone, Copy)]
pub(super) struct Series<'a> {
    pub(super) labels: &'a [&'a str],
    /// When it began at zero, where that is known.
    pub(super) since: Option<Timestamp>,
    pub(super) value: Value<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Number(f64, Option<&'a Exemplar>),
    Histogram(HistogramSample<'a>),
}

/// A histogram, and the concrete cases in it.
#[derive(Clone, Copy)]
pub(super) struct HistogramSample<'a> {
    pub(super) histogram: &'a Histogram,
    pub(super) bounds: &'a Bounds,
    /// One place for each bucket.
    pub(super) exemplars: &'a [Option<&'a Exemplar>],
    /// Whether the native form is wanted, too.
    pub(super) native: bool,
}

impl<'a> HistogramSample<'a> {
    /// That of the bucket at this place.
    fn exemplar(&self, place: usize) -> Option<&'a Exemplar> {
        self.exemplars.get(place).copied().flatten()
    }
}

impl Descriptor {
    /// The unit in the name, if there is one.
    fn unit(&self) -> Option<&'static str> {
        let name = self.base();
        ["seconds", "bytes"]
            .into_iter()
            .find(|unit| name.ends_with(unit))
    }

    /// The name without what a counter's must end in.
    fn base(&self) -> &'static str {
        self.name
            .strip_suffix("_total")
            .filter(|_| self.kind == Kind::Counter)
            .unwrap_or(self.name)
    }
}

/// The encoder of this format.
pub(super) fn encoder<'w>(format: super::Format, to: &'w mut dyn Write) -> Box<dyn Encoder + 'w> {
    match format {
        super::Format::Text => Box::new(TextEncoder::new(to)),
        super::Format::OpenMetrics => Box::new(OpenMetrics::new(to)),
        super::Format::Protobuf => Box::new(Protobuf::new(to)),
    }
}
