//! The exporter's own counts of a capture, besides those of its attempts.

use std::collections::BTreeMap;

/// The reasons that tshark's layers distinguish.
const REASONS: [&str; 9] = [
    "gre", "ipip", "6in4", "etherip", "vxlan", "geneve", "gtp", "l2tp", "teredo",
];

/// Counts by the name of the series that shows them, without the prefix `tcp_handshake_exporter_`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExporterCounts {
    counts: BTreeMap<String, u64>,
}

impl ExporterCounts {
    pub(crate) fn add(&mut self, series: &str) {
        *self.counts.entry(series.to_owned()).or_default() += 1;
    }

    /// Counts a duplicate packet.
    pub(crate) fn duplicate(&mut self, kind: &str) {
        self.add(&format!("duplicate_packets_total{{kind=\"{kind}\"}}"));
    }

    /// Counts a packet that matches no attempt.
    pub(crate) fn unmatched(&mut self, kind: &str) {
        self.add(&format!("unmatched_segments_total{{kind=\"{kind}\"}}"));
    }

    /// Counts a response to a pending attempt that does not acknowledge its SYN.
    pub(crate) fn unacceptable(&mut self, kind: &str) {
        self.add(&format!("unacceptable_answers_total{{kind=\"{kind}\"}}"));
    }

    /// Counts a packet that is not decoded.
    pub(crate) fn undecodable(&mut self, reason: &str) {
        self.add(&format!("undecodable_packets_total{{reason=\"{reason}\"}}"));
    }

    /// Sets a gauge.
    pub(crate) fn set(&mut self, series: &str, value: u64) {
        self.counts.insert(series.to_owned(), value);
    }

    /// Returns all counts that the oracle computes, including zeros.
    pub(crate) fn all(&self) -> BTreeMap<String, u64> {
        let kinds = |name: &str, kinds: &[&str]| {
            kinds
                .iter()
                .map(|kind| (format!("{name}{{kind=\"{kind}\"}}"), 0))
                .collect::<Vec<_>>()
        };
        let reasons = REASONS.map(|reason| {
            (
                format!("undecodable_packets_total{{reason=\"{reason}\"}}"),
                0,
            )
        });
        let mut all: BTreeMap<String, u64> = reasons.into();
        all.extend(kinds(
            "duplicate_packets_total",
            &["syn", "synack", "rst", "icmp"],
        ));
        all.extend(kinds(
            "unmatched_segments_total",
            &["synack", "rst", "icmp"],
        ));
        all.extend(kinds("unacceptable_answers_total", &["synack", "rst"]));
        all.extend(
            [
                "captured_packets_total",
                "clock_steps_total",
                "pending_attempts",
            ]
            .map(|name| (name.to_owned(), 0)),
        );
        all.extend(self.counts.clone());
        all
    }
}
