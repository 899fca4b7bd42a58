//! Counts of each label set, by the names of their series.

use std::collections::BTreeMap;

use super::labels::LabelSet;

/// Counts of all label sets.
pub(crate) type Table = BTreeMap<LabelSet, Counts>;

/// Counts of one label set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    /// By name of the series without the common prefix, with its additional labels.
    pub series: BTreeMap<String, u64>,
    /// First SYN to first SYN/ACK in nanoseconds, for each answered attempt.
    pub latencies: Vec<u64>,
    /// First SYN/ACK to the client's ACK in nanoseconds, for each completed attempt.
    pub ack_latencies: Vec<u64>,
}

impl Counts {
    pub(crate) fn add(&mut self, series: &str) {
        *self.series.entry(series.to_owned()).or_default() += 1;
    }

    pub(crate) fn get(&self, series: &str) -> u64 {
        self.series.get(series).copied().unwrap_or(0)
    }

    /// Counts an ICMP error: the first four pairs of code and reporter by name, later pairs as code `other`.
    pub(crate) fn add_icmp_error(&mut self, code: &str, reporter: &str) {
        let pair = format!("icmp_errors_total{{code=\"{code}\",reporter=\"{reporter}\"}}");
        let pairs = |name: &&String| {
            name.starts_with("icmp_errors_total{") && !name.contains("code=\"other\"")
        };
        if self.series.contains_key(&pair) || self.series.keys().filter(pairs).count() < 4 {
            self.add(&pair);
        } else {
            self.add(&format!(
                "icmp_errors_total{{code=\"other\",reporter=\"{reporter}\"}}"
            ));
        }
    }
}

/// Removes the reporter from a series of ICMP errors. Other names are returned unchanged.
pub(crate) fn without_reporter(series: &str) -> String {
    series
        .split_once(",reporter=")
        .map_or(series.to_owned(), |(code, _)| format!("{code}}}"))
}

/// Returns the table without the reporters of ICMP errors.
pub(crate) fn without_reporters(table: &Table) -> Table {
    let merged = |counts: &Counts| {
        let mut series = BTreeMap::new();
        for (name, count) in &counts.series {
            *series.entry(without_reporter(name)).or_default() += count;
        }
        Counts {
            series,
            ..counts.clone()
        }
    };
    table
        .iter()
        .map(|(set, counts)| (set.clone(), merged(counts)))
        .collect()
}
