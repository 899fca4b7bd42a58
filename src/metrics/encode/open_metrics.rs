//! The OpenMetrics 1.0.0 encoder: text with units, exemplars and an end marker.
//!
//! Sample lines come from [`SampleLines`]; this encoder adds the metadata lines and `# EOF`.
//!
//! Invariant: only counters and histogram buckets have exemplars.

use std::io::{self, Write};

use super::super::descriptors::{Descriptor, MetricKind};
use super::number::Bound;
use super::sample_lines::{SampleLines, escape};
use super::{Encoder, Series, Value};

/// Writes OpenMetrics text, one series at a time.
pub(in super::super) struct OpenMetricsEncoder<'w> {
    lines: SampleLines<'w>,
    descriptor: Option<&'static Descriptor>,
}

impl<'w> OpenMetricsEncoder<'w> {
    pub(in super::super) fn new(to: &'w mut dyn Write) -> Self {
        Self {
            lines: SampleLines::new(to, |bound| Bound(bound).to_string()),
            descriptor: None,
        }
    }
}

impl Encoder for OpenMetricsEncoder<'_> {
    fn begin(&mut self, descriptor: &'static Descriptor) -> io::Result<()> {
        self.descriptor = Some(descriptor);
        self.lines.begin();
        let name = descriptor.base_name();
        let kind = descriptor.kind.as_str();
        let mut help = String::new();
        escape(descriptor.help, &mut help);
        writeln!(self.lines.to, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        match descriptor.unit() {
            Some(unit) => writeln!(self.lines.to, "# UNIT {name} {unit}"),
            None => Ok(()),
        }
    }

    fn series(&mut self, series: &Series<'_>) -> io::Result<()> {
        let Some(descriptor) = self.descriptor else {
            return Ok(());
        };
        match series.value {
            Value::Number(value, Some(_)) if descriptor.kind != MetricKind::Counter => {
                let value = Value::Number(value, None);
                self.lines.series(descriptor, &Series { value, ..*series })
            }
            _ => self.lines.series(descriptor, series),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.lines.to.write_all(b"# EOF\n")
    }
}
