//! Compares the program's exposition with the oracle's table.

use std::collections::{BTreeMap, BTreeSet};

use super::counts::{Counts, Table};
use super::exporter_counts::ExporterCounts;
use super::exposition::ProgramSeries;

/// The default buckets, as text and in nanoseconds.
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

/// Result of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    /// Number of compared series.
    pub series: usize,
    /// Number of attempts in them.
    pub attempts: u64,
    /// One line for each series that differs.
    pub differences: Vec<String>,
}

/// Compares every series of every label set of either side. A missing count is zero.
pub(crate) fn compare(table: &Table, shown: &ProgramSeries) -> Agreement {
    let mut agreement = Agreement::default();
    let no_counts = Counts::default();
    let no_series = BTreeMap::new();
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
        let counts = table.get(set).unwrap_or(&no_counts);
        let series = shown.get(set).unwrap_or(&no_series);
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
    /// Adds another result.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.series += other.series;
        self.attempts += other.attempts;
        self.differences.extend(other.differences);
        self
    }
}

/// Compares the program's own counts of the capture. Only series that the oracle computes are compared.
pub(crate) fn compare_exporter_counts(
    counts: &ExporterCounts,
    shown: &BTreeMap<String, f64>,
) -> Agreement {
    let mut agreement = Agreement::default();
    for (name, wanted) in counts.all() {
        let found = shown.get(&name).copied();
        agreement.series += 1;
        if found != Some(float(wanted)) {
            agreement
                .differences
                .push(format!("{name}: oracle {wanted}, program {found:?}"));
        }
    }
    agreement
}

/// Returns every series of a label set with its value: counts, then histograms.
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

/// Returns the histograms of a label set by name.
fn histograms(counts: &Counts) -> [(&'static str, &[u64]); 2] {
    [
        ("latency_seconds", &counts.latencies),
        ("ack_latency_seconds", &counts.ack_latencies),
    ]
}

/// Returns the allowed difference: zero for counts. For the sum in seconds it is half a nanosecond, or the rounding error of
/// adding that many floats if that is larger.
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
