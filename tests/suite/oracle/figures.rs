//! What is to be told of the capture itself, beside its attempts.

use std::collections::BTreeMap;

/// Counts by the name of the series that shows them, without the prefix `tcp_handshake_exporter_`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    counts: BTreeMap<String, u64>,
}

impl Figures {
    pub(crate) fn add(&mut self, series: &str) {
        *self.counts.entry(series.to_owned()).or_default() += 1;
    }

    /// A copy of a packet that was counted.
    pub(crate) fn copy(&mut self, kind: &str) {
        self.add(&format!("duplicate_packets_total{{kind=\"{kind}\"}}"));
    }

    /// A packet that fits no attempt.
    pub(crate) fn unmatched(&mut self, kind: &str) {
        self.add(&format!("unmatched_segments_total{{kind=\"{kind}\"}}"));
    }

    /// An answer to an attempt that waits, but not to its SYN.
    pub(crate) fn unacceptable(&mut self, kind: &str) {
        self.add(&format!("unacceptable_answers_total{{kind=\"{kind}\"}}"));
    }

    /// A packet that was passed over.
    pub(crate) fn undecodable(&mut self, reason: &str) {
        self.add(&format!("undecodable_packets_total{{reason=\"{reason}\"}}"));
    }

    /// A number that is no count of what came.
    pub(crate) fn set(&mut self, series: &str, value: u64) {
        self.counts.insert(series.to_owned(), value);
    }

    /// All that the oracle knows, those that are zero too.
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

/// The reasons that tshark's layers tell of one by one.
const REASONS: [&str; 9] = [
    "gre", "ipip", "6in4", "etherip", "vxlan", "geneve", "gtp", "l2tp", "teredo",
];
