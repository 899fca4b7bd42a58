//! How far the program's page agrees with the oracle's table.

use std::collections::{BTreeMap, BTreeSet};

use super::counts::{Counts, Table};
use super::exposition::Shown;
use super::figures::Figures;

/// What came of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    /// Series compared.
    pub series: usize,
    /// Attempts that they tell of.
    pub attempts: u64,
    /// One line for each series on which the two differ.
    pub differences: Vec<String>,
}

/// Compares every series of every set that either of the two knows. A count that is not there is zero.
pub(crate) fn compare(table: &Table, shown: &Shown) -> Agreement {
    let mut agreement = Agreement::default();
    let (none, nothing) = (Counts::default(), BTreeMap::new());
    let sets: BTreeSet<_> = table.keys().chain(shown.keys()).collect();
    for set in sets {
        if !shown.contains_key(set) {
            agreement
                .differences
                .push(format!("{set}: the program has no such set"));
        } else if !table.contains_key(set) {
            agreement
                .differences
                .push(format!("{set}: the oracle has no such set"));
        }
        let (counts, series) = (
            table.get(set).unwrap_or(&none),
            shown.get(set).unwrap_or(&nothing),
        );
        agreement.attempts += counts.get("attempts_total");
        let expected = expectations(counts);
        let names: BTreeSet<_> = expected
            .iter()
            .map(|(name, _)| name)
            .chain(series.keys())
            .collect();
        for name in names {
            let wanted = expected
                .iter()
                .find(|(other, _)| other == name)
                .map_or(0.0, |(_, value)| *value);
            let found = series.get(name).copied().unwrap_or(0.0);
            agreement.series += 1;
            if (wanted - found).abs() > tolerance(name, counts) {
                agreement
                    .differences
                    .push(format!("{set}: {name}: oracle {wanted}, program {found}"));
            }
        }
    }
    agreement
}

impl Agreement {
    /// Both together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.series += other.series;
        self.attempts += other.attempts;
        self.differences.extend(other.differences);
        self
    }
}

/// Compares what the program tells of the capture itself. What the oracle does not work out is not compared.
pub(crate) fn compare_figures(figures: &Figures, told: &BTreeMap<String, f64>) -> Agreement {
    let mut agreement = Agreement::default();
    for (name, wanted) in figures.all() {
        let found = told.get(&name).copied();
        agreement.series += 1;
        if found != Some(float(wanted)) {
            agreement
                .differences
                .push(format!("{name}: oracle {wanted}, program {found:?}"));
        }
    }
    agreement
}

/// Every series of a set with its value: counts, then the histogram.
fn expectations(counts: &Counts) -> Vec<(String, f64)> {
    let mut series: Vec<(String, f64)> = counts
        .series
        .iter()
        .map(|(name, count)| (name.clone(), float(*count)))
        .collect();
    for (name, latencies) in histograms(counts) {
        for (text, nanoseconds) in BOUNDS {
            let at_most = latencies
                .iter()
                .filter(|latency| **latency <= nanoseconds)
                .count();
            series.push((format!("{name}_bucket{{le=\"{text}\"}}"), at_most as f64));
        }
        series.push((
            format!("{name}_bucket{{le=\"+Inf\"}}"),
            latencies.len() as f64,
        ));
        series.push((format!("{name}_count"), latencies.len() as f64));
        series.push((format!("{name}_sum"), float(latencies.iter().sum()) / 1e9));
    }
    series
}

/// Whose latencies the page shows under which name.
fn histograms(counts: &Counts) -> [(&'static str, &[u64]); 2] {
    [
        ("latency_seconds", &counts.latencies),
        ("ack_latency_seconds", &counts.ack_latencies),
    ]
}

/// Nothing for counts. For the sum in seconds half a nanosecond, or what adding that many floats may lose if that is
/// more.
fn tolerance(name: &str, counts: &Counts) -> f64 {
    let is_sum = |(histogram, _): &(&str, &[u64])| name.strip_suffix("_sum") == Some(histogram);
    histograms(counts)
        .into_iter()
        .find(is_sum)
        .map_or(0.0, |(_, latencies)| {
            let sum = float(latencies.iter().sum()) / 1e9;
            (sum * latencies.len() as f64 * f64::EPSILON).max(0.5e-9)
        })
}

fn float(count: u64) -> f64 {
    count as f64
}

/// The default buckets, as they are written and in nanoseconds.
const BOUNDS: [(&str, u64); 15] = [
    ("0.00025", 250_000),
    ("0.0005", 500_000),
    ("0.001", 1_000_000),
    ("0.0025", 2_500_000),
    ("0.005", 5_000_000),
    ("0.01", 10_000_000),
    ("0.025", 25_000_000),
    ("0.05", 50_000_000),
    ("0.1", 100_000_000),
    ("0.25", 250_000_000),
    ("0.5", 500_000_000),
    ("0.95", 950_000_000),
    ("1.95", 1_950_000_000),
    ("2.95", 2_950_000_000),
    ("4.95", 4_950_000_000),
];
