//! OpenMetrics 1.0.0: text with units, exemplars, and an end.

use std::io::{self, Write};

use super::super::table::Kind;
use super::lines::{Lines, escape};
use super::number::Bound;
use super::{Descriptor, Encoder, Series, Value};

/// Lines of text.
pub(crate) struct OpenMetrics<'w> {
    lines: Lines<'w>,
    head: Option<&'static Descriptor>,
}

impl<'w> OpenMetrics<'w> {
    pub(in super::super) fn new(to: &'w mut dyn Write) -> Self {
        Self {
            lines: Lines::new(to, |bound| Bound(bound).to_string()),
            head: None,
        }
    }
}

impl Encoder for OpenMetrics<'_> {
    fn begin(&mut self, head: &'static Descriptor) -> io::Result<()> {
        self.head = Some(head);
        self.lines.begin();
        let (name, kind, mut help) = (head.base(), head.kind.as_str(), String::new());
        escape(head.help, &mut help);
        writeln!(self.lines.to, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        match head.unit() {
            Some(unit) => writeln!(self.lines.to, "# UNIT {name} {unit}"),
            None => Ok(()),
        }
    }

    fn series(&mut self, series: &Series<'_>) -> io::Result<()> {
        match (self.head, &series.value) {
            // Exemplars are for counters and buckets.
            (Some(head), Value::Number(value, Some(_))) if head.kind != Kind::Counter => {
                self.lines.series(
                    head,
                    &Series {
                        value: Value::Number(*value, None),
                        ..*series
                    },
                )
            }
            (Some(head), _) => self.lines.series(head, series),
            (None, _) => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.lines.to.write_all(b"# EOF\n")
    }
}
