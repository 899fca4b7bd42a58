//! Samples as both text forms have them: a line each, put together in memory that is used again for the next.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::super::exemplar::Exemplar;
use super::number::Number;
use super::{Descriptor, HistogramSample, Series, Value};

/// Writes the lines of one family after the other.
pub(super) struct Lines<'w> {
    pub(super) to: &'w mut dyn Write,
    /// How this form writes the bound of a bucket.
    bound: fn(f64) -> String,
    /// All bounds of the present family, once one of its series had them: all of them have the same.
    bounds: Vec<String>,
    /// The labels of the present series without the brace that closes them, for a bucket has one more.
    labels: String,
    line: String,
}

impl<'w> Lines<'w> {
    pub(super) fn new(to: &'w mut dyn Write, bound: fn(f64) -> String) -> Self {
        Self {
            to,
            bound,
            bounds: Vec::new(),
            labels: String::new(),
            line: String::new(),
        }
    }

    /// The next series is of another family.
    pub(super) fn begin(&mut self) {
        self.bounds.clear();
    }

    /// A series; of a histogram, all that belong together. Each exemplar that it has is written.
    pub(super) fn series(&mut self, head: &Descriptor, series: &Series<'_>) -> io::Result<()> {
        self.labels.clear();
        label(head.labels, series.labels, &mut self.labels);
        match &series.value {
            Value::Number(value, exemplar) => self.sample(head.name, "", Number(*value), *exemplar),
            Value::Histogram(latencies) => self.histogram(head.name, latencies),
        }
    }

    fn histogram(&mut self, name: &str, latencies: &HistogramSample<'_>) -> io::Result<()> {
        let HistogramSample {
            histogram, bounds, ..
        } = latencies;
        if self.bounds.is_empty() {
            self.bounds.extend(
                bounds
                    .seconds()
                    .iter()
                    .chain([&f64::INFINITY])
                    .map(|bound| (self.bound)(*bound)),
            );
        }
        let all = (f64::INFINITY, histogram.count());
        let counts = histogram
            .cumulated(bounds)
            .chain([all])
            .map(|(_, count)| count);
        self.start(name, "_bucket");
        self.line.push_str(if self.labels.is_empty() {
            "{le=\""
        } else {
            ",le=\""
        });
        let same = self.line.len();
        for (place, (count, bound)) in counts.zip(&self.bounds).enumerate() {
            self.line.truncate(same);
            self.line.push_str(bound);
            self.line.push_str("\"} ");
            self.line.push_str(itoa::Buffer::new().format(count));
            end(&mut self.line, latencies.exemplar(place));
            self.to.write_all(self.line.as_bytes())?;
        }
        self.sample(name, "_sum", Number(histogram.sum_seconds()), None)?;
        self.sample(name, "_count", Number(histogram.count() as f64), None)
    }

    fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        value: Number,
        exemplar: Option<&Exemplar>,
    ) -> io::Result<()> {
        self.start(name, suffix);
        self.line
            .push_str(if self.labels.is_empty() { " " } else { "} " });
        value.push_to(&mut self.line);
        end(&mut self.line, exemplar);
        self.to.write_all(self.line.as_bytes())
    }

    fn start(&mut self, name: &str, suffix: &str) {
        self.line.clear();
        self.line.push_str(name);
        self.line.push_str(suffix);
        self.line.push_str(&self.labels);
    }
}

/// What would end a text is escaped.
pub(super) fn escape(text: &str, to: &mut String) {
    let mut rest = text;
    while let Some(place) = rest
        .bytes()
        .position(|byte| matches!(byte, b'\\' | b'\n' | b'"'))
    {
        let (plain, from) = rest.split_at(place);
        to.push_str(plain);
        let (ends, after) = from.split_at(1);
        to.push_str(match ends {
            "\n" => "\\n",
            "\"" => "\\\"",
            _ => "\\\\",
        });
        rest = after;
    }
    to.push_str(rest);
}

/// Names and values, after the brace that opens them; nothing where there are none.
fn label(names: &[&str], values: &[&str], to: &mut String) {
    let mut before = '{';
    for (name, value) in names.iter().zip(values) {
        to.push(before);
        to.push_str(name);
        to.push_str("=\"");
        escape(value, to);
        to.push('"');
        before = ',';
    }
}

/// The end of a line, with the exemplar before it.
fn end(line: &mut String, exemplar: Option<&Exemplar>) {
    if let Some(exemplar) = exemplar {
        let ((names, values), nanos) = (pairs(exemplar), exemplar.connection.at.as_nanos());
        line.push_str(" # ");
        label(&names, &values.each_ref().map(String::as_str), line);
        line.push_str("} ");
        Number(exemplar.value).push_to(line);
        let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        // A text takes all that is written to it.
        let _ = write!(line, " {seconds}.{rest:09}");
    }
    line.push('\n');
}

fn pairs(exemplar: &Exemplar) -> ([&'static str; 3], [String; 3]) {
    let labels = exemplar.labels();
    (
        labels.each_ref().map(|(name, _)| *name),
        labels.map(|(_, value)| value),
    )
}
