//! Sample lines, which both text formats share.
//!
//! `text` and `open_metrics` pass each series; the lines go to the response body.
//!
//! Invariant: each line is assembled in a buffer that the next line reuses, so that a line is one
//! write and needs no allocation.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::super::descriptors::Descriptor;
use super::super::exemplar::Exemplar;
use super::number::Number;
use super::{HistogramSample, Series, Value};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Writes the sample lines of one family after the other.
pub(super) struct SampleLines<'w> {
    pub(super) to: &'w mut dyn Write,
    /// Formats the bound of a bucket as the format requires.
    format_bound: fn(f64) -> String,
    /// The formatted bounds of the present family, because all its series have the same bounds.
    /// Empty until its first histogram.
    bounds: Vec<String>,
    /// The labels of the present series without the closing brace, because a bucket has one more
    /// label.
    labels: String,
    line: String,
}

impl<'w> SampleLines<'w> {
    pub(super) fn new(to: &'w mut dyn Write, format_bound: fn(f64) -> String) -> Self {
        Self {
            to,
            format_bound,
            bounds: Vec::new(),
            labels: String::new(),
            line: String::new(),
        }
    }

    /// Begins another family.
    pub(super) fn begin(&mut self) {
        self.bounds.clear();
    }

    /// Writes all lines of a series, with each exemplar that it has.
    pub(super) fn series(
        &mut self,
        descriptor: &Descriptor,
        series: &Series<'_>,
    ) -> io::Result<()> {
        self.labels.clear();
        push_labels(descriptor.labels, series.labels, &mut self.labels);
        match &series.value {
            Value::Number(value, exemplar) => {
                self.sample(descriptor.name, "", Number(*value), *exemplar)
            }
            Value::Histogram(sample) => self.histogram(descriptor.name, sample),
        }
    }

    fn histogram(&mut self, name: &str, sample: &HistogramSample<'_>) -> io::Result<()> {
        let HistogramSample {
            histogram, bounds, ..
        } = sample;
        if self.bounds.is_empty() {
            let bounds = bounds.seconds().iter().chain([&f64::INFINITY]);
            self.bounds
                .extend(bounds.map(|bound| (self.format_bound)(*bound)));
        }
        let infinite = (f64::INFINITY, histogram.count());
        let counts = histogram
            .cumulative(bounds)
            .chain([infinite])
            .map(|(_, count)| count);
        self.start(name, "_bucket");
        self.line.push_str(if self.labels.is_empty() {
            "{le=\""
        } else {
            ",le=\""
        });
        let common_length = self.line.len();
        for (bucket, (count, bound)) in counts.zip(&self.bounds).enumerate() {
            self.line.truncate(common_length);
            self.line.push_str(bound);
            self.line.push_str("\"} ");
            self.line.push_str(itoa::Buffer::new().format(count));
            end_line(&mut self.line, sample.exemplar(bucket));
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
        end_line(&mut self.line, exemplar);
        self.to.write_all(self.line.as_bytes())
    }

    fn start(&mut self, name: &str, suffix: &str) {
        self.line.clear();
        self.line.push_str(name);
        self.line.push_str(suffix);
        self.line.push_str(&self.labels);
    }
}

/// Appends `text` with backslash, line feed and quotation mark escaped.
pub(super) fn escape(text: &str, to: &mut String) {
    let mut rest = text;
    while let Some(position) = rest
        .bytes()
        .position(|byte| matches!(byte, b'\\' | b'\n' | b'"'))
    {
        let (plain, special) = rest.split_at(position);
        to.push_str(plain);
        let (special, after) = special.split_at(1);
        to.push_str(match special {
            "\n" => "\\n",
            "\"" => "\\\"",
            _ => "\\\\",
        });
        rest = after;
    }
    to.push_str(rest);
}

/// Appends the opening brace and the labels, without the closing brace; nothing if there are no
/// labels.
fn push_labels(names: &[&str], values: &[&str], to: &mut String) {
    let mut separator = '{';
    for (name, value) in names.iter().zip(values) {
        to.push(separator);
        to.push_str(name);
        to.push_str("=\"");
        escape(value, to);
        to.push('"');
        separator = ',';
    }
}

/// Appends the exemplar, if there is one, and the line feed.
fn end_line(line: &mut String, exemplar: Option<&Exemplar>) {
    if let Some(exemplar) = exemplar {
        let labels = exemplar.labels();
        let names = labels.each_ref().map(|(name, _)| *name);
        let values = labels.each_ref().map(|(_, value)| value.as_str());
        line.push_str(" # ");
        push_labels(&names, &values, line);
        line.push_str("} ");
        Number(exemplar.value).push_to(line);
        let nanos = exemplar.connection.at.as_nanos();
        let seconds = nanos / NANOS_PER_SECOND;
        let fraction = nanos % NANOS_PER_SECOND;
        // Writing to a `String` cannot fail.
        let _ = write!(line, " {seconds}.{fraction:09}");
    }
    line.push('\n');
}
