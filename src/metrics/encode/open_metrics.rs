//! OpenMetrics 1.0.0: text with units, exemplars, and an end.

use std::fmt::{self, Display};
use std::io::{self, Write};

use super::super::exemplar::Exemplar;
use super::super::table::Kind;
use super::number::{Bound, Number};
use super::{Encoder, Head, Latencies, Series, Value};

/// Lines of text.
pub(crate) struct OpenMetrics<'w> {
    to: &'w mut dyn Write,
    head: Option<&'static Head>,
}

/// The labels of a series in braces, with one more where there is one; nothing where there are none.
struct Labels<'a> {
    names: &'a [&'a str],
    values: &'a [&'a str],
    le: Option<Bound>,
}

/// A text in which what would end it is escaped.
struct Escaped<'a> {
    text: &'a str,
    quotes: bool,
}

impl<'w> OpenMetrics<'w> {
    pub(in super::super) fn new(to: &'w mut dyn Write) -> Self {
        Self { to, head: None }
    }

    fn number(&mut self, head: &Head, series: &Series<'_>, value: f64, exemplar: Option<&Exemplar>) -> io::Result<()> {
        let labels = Labels { names: head.labels, values: series.labels, le: None };
        write!(self.to, "{}{labels} {}", head.name, Number(value))?;
        self.end_line(exemplar)
    }

    fn histogram(&mut self, head: &Head, series: &Series<'_>, latencies: &Latencies<'_>) -> io::Result<()> {
        let Latencies { histogram, bounds, .. } = latencies;
        let all = (f64::INFINITY, histogram.count());
        for (place, (value, count)) in histogram.cumulated(bounds).chain([all]).enumerate() {
            let le = Some(Bound(value));
            let labels = Labels { names: head.labels, values: series.labels, le };
            write!(self.to, "{}_bucket{labels} {count}", head.name)?;
            self.end_line(latencies.exemplar(place))?;
        }
        let labels = Labels { names: head.labels, values: series.labels, le: None };
        writeln!(self.to, "{}_sum{labels} {}", head.name, Number(histogram.sum_seconds()))?;
        writeln!(self.to, "{}_count{labels} {}", head.name, histogram.count())
    }

    fn end_line(&mut self, exemplar: Option<&Exemplar>) -> io::Result<()> {
        if let Some(exemplar) = exemplar {
            let ((names, values), nanos) = (pairs(exemplar), exemplar.connection.at.as_nanos());
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let labels = Labels { names: &names, values: &values, le: None };
            let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
            write!(self.to, " # {labels} {} {seconds}.{rest:09}", Number(exemplar.value))?;
        }
        self.to.write_all(b"\n")
    }
}

impl Encoder for OpenMetrics<'_> {
    fn begin(&mut self, head: &'static Head) -> io::Result<()> {
        self.head = Some(head);
        let name = head.base();
        let kind = head.kind.as_str();
        writeln!(self.to, "# HELP {name} {}", Escaped { text: head.help, quotes: true })?;
        writeln!(self.to, "# TYPE {name} {kind}")?;
        match head.unit() {
            Some(unit) => writeln!(self.to, "# UNIT {name} {unit}"),
            None => Ok(()),
        }
    }

    fn series(&mut self, series: &Series<'_>) -> io::Result<()> {
        let Some(head) = self.head else { return Ok(()) };
        match &series.value {
            Value::Number(value, exemplar) => {
                self.number(head, series, *value, exemplar.filter(|_| head.kind == Kind::Counter))
            }
            Value::Histogram(latencies) => self.histogram(head, series, latencies),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.to.write_all(b"# EOF\n")
    }
}

fn pairs(exemplar: &Exemplar) -> ([&'static str; 3], [String; 3]) {
    let labels = exemplar.labels();
    (labels.each_ref().map(|(name, _)| *name), labels.map(|(_, value)| value))
}

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = '{';
        for (name, text) in self.names.iter().zip(self.values) {
            write!(f, "{before}{name}=\"{}\"", Escaped { text, quotes: true })?;
            before = ',';
        }
        if let Some(le) = &self.le {
            write!(f, "{before}le=\"{le}\"")?;
            before = ',';
        }
        if before == '{' { Ok(()) } else { f.write_str("}") }
    }
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = |c: char| c == '\\' || c == '\n' || (c == '"' && self.quotes);
        let mut rest = self.text;
        while let Some(place) = rest.find(ends) {
            let (plain, from) = rest.split_at(place);
            f.write_str(plain)?;
            let mut characters = from.chars();
            f.write_str(match characters.next() {
                Some('\n') => "\\n",
                Some('"') => "\\\"",
                _ => "\\\\",
            })?;
            rest = characters.as_str();
        }
        f.write_str(rest)
    }
}
