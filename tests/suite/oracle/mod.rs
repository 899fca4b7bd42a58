//! The oracle: an independent computation of the expected exposition from tshark's reading of a capture file, and its
//! comparison with the program. This module uses the program only by its output.

mod attempt;
mod compare;
mod duplicates;
mod counts;
mod exposition;
mod facts;
mod exporter_counts;
mod folder;
mod icmp;
mod classifier;
mod labels;
mod undecodable;
pub(crate) mod tshark;

use std::net::IpAddr;
use std::path::Path;

use compare::compare_exporter_counts;
pub(crate) use compare::{Agreement, compare};
use counts::without_reporters;
pub(crate) use counts::{Counts, Table};
pub(crate) use exporter_counts::ExporterCounts;
pub(crate) use exposition::{
    ELSEWHERE, IN_TRANSIT, ProgramSeries, exporter_counts, page, page_of_any,
};
use exposition::{by_server, parse};
pub(crate) use facts::Fact;
pub(crate) use labels::LabelSet;

/// Returns the facts of a capture file, frame by frame, as tshark reads them.
pub(crate) fn facts(file: &Path) -> Vec<Fact> {
    facts_of_any(file)
        .unwrap_or_else(|error| panic!("tshark read nothing of {}: {error}", file.display()))
}

/// Returns the facts of a file that may be no capture, or tshark's error message.
pub(crate) fn facts_of_any(file: &Path) -> Result<Vec<Fact>, String> {
    let mut facts: Vec<Fact> = Vec::new();
    tshark::read(file, |row| {
        let before = facts.last().map_or(0, |fact| fact.at);
        facts.push(Fact::from_row(row, before));
    })?;
    Ok(facts)
}

/// Compares the program with the oracle, on attempts and on the exporter's own counts. `local` and `arguments` must give the
/// same local addresses.
pub(crate) fn agree(
    file: &Path,
    facts: &[Fact],
    (local, arguments): (&[IpAddr], &str),
    acks: Acks,
) -> Agreement {
    let page = page(file, &format!("{arguments} {}", acks.argument()));
    let (table, counts) = classify_all(facts, local, acks);
    let agreement = match (local, arguments) {
        // The vantages are inferred then.
        ([], "") => compare(&without_reporters(&table), &by_server(&parse(&page))),
        _ => compare(&table, &parse(&page)),
    };
    agreement.and(compare_exporter_counts(&counts, &exporter_counts(&page)))
}

/// Returns the expected counts of these frames on a host with these addresses.
pub(crate) fn classify(facts: &[Fact], local: &[IpAddr]) -> Table {
    classify_all(facts, local, Acks::Ignored).0
}

/// Returns the expected counts, including the exporter's own.
pub(crate) fn classify_all(
    facts: &[Fact],
    local: &[IpAddr],
    acks: Acks,
) -> (Table, ExporterCounts) {
    let mut classifier = classifier::Classifier::new(local, acks);
    for fact in facts {
        classifier.observe(fact);
    }
    classifier.into_table()
}

/// Whether final ACKs of handshakes are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Acks {
    #[default]
    Ignored,
    Counted,
}

impl Acks {
    /// Returns the corresponding argument.
    pub(crate) fn argument(self) -> &'static str {
        if self == Self::Counted {
            "--capture.acks"
        } else {
            ""
        }
    }
}

/// Returns the program's series for `file`, with further arguments separated by white space.
pub(crate) fn program_series(file: &Path, arguments: &str) -> ProgramSeries {
    parse(&page(file, arguments))
}
