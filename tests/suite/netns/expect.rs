//! Checks the metrics of a host's exporter: exactly the expected label sets, each with exactly the
//! expected values.
//!
//! The expected attempts come from the connects of the test, the expected packets from the oracle's
//! reading of a recording.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::cases::ExpectedCounts;
use super::exposition::{Exposition, LabelSetKey, Series};
use super::oracle::{Oracle, PacketCounts};

const LATENCY: &str = "tcp_handshake_latency_seconds";
const COMPLETED: &str = "tcp_handshake_completed_total";
const ACK_LATENCY: &str = "tcp_handshake_ack_latency_seconds";

/// Default upper bounds of the histograms in seconds, as the text format shows them.
const BOUNDS: [&str; 16] = [
    "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5",
    "0.95", "1.95", "2.95", "4.95", "+Inf",
];

/// One label set that the metrics must contain.
#[derive(Debug)]
pub(crate) struct Expectation {
    pub(crate) about: &'static str,
    pub(crate) vantage: &'static str,
    pub(crate) client: IpAddr,
    pub(crate) server: SocketAddr,
    pub(crate) counts: ExpectedCounts,
}

/// Scraped metrics, and the sources of the expected values.
pub(crate) struct ScrapeCheck<'r> {
    pub(crate) subject: String,
    pub(crate) page: &'r Exposition,
    pub(crate) oracle: &'r Oracle,
    /// Tolerance of one latency, in seconds.
    ///
    /// Zero if the metrics come from the file that the oracle reads. Live, the kernel stamps some
    /// packets anew for each capture, at slightly different times (TCP packets that arrive with a
    /// delivery time of their sender).
    pub(crate) tolerance: f64,
    /// `true` if the final ACK of the three-way handshake is captured, too.
    pub(crate) acks: bool,
    /// Ports of label sets to ignore: the exporters' own HTTP ports.
    pub(crate) ignored_ports: &'r [String],
}

impl ScrapeCheck<'_> {
    /// Panics unless the label sets are exactly the expected ones, each with exactly the expected
    /// series and values.
    pub(crate) fn assert_matches(&self, expected: &[Expectation]) {
        let Self {
            subject,
            page,
            ignored_ports,
            ..
        } = self;
        let found: BTreeSet<_> = page
            .label_sets()
            .into_iter()
            .filter(|set| !ignored_ports.contains(&set.port))
            .collect();
        let wanted: BTreeSet<_> = expected.iter().map(Expectation::key).collect();
        let missing: Vec<_> = wanted.difference(&found).collect();
        let surplus: Vec<_> = found
            .difference(&wanted)
            .map(|key| format!("{key:?}\n{}", page.label_set(key)))
            .collect();
        assert!(
            missing.is_empty(),
            "{subject}: missing label sets: {missing:#?}\n{page}"
        );
        assert!(
            surplus.is_empty(),
            "{subject}: surplus label sets: {}\n",
            surplus.join("")
        );
        for one in expected {
            self.assert_label_set_matches(one);
        }
    }

    fn assert_label_set_matches(&self, expected: &Expectation) {
        let about = format!("{}, {}", self.subject, expected.about);
        let Expectation {
            client,
            server,
            counts,
            ..
        } = *expected;
        let packets = self.oracle.packet_counts(client, server);
        assert_eq!(
            packets.attempts,
            counts.attempts(),
            "{about}: the oracle counts other attempts than the test made: {packets:?}"
        );
        let key = expected.key();
        let set = self.page.label_set(&key);
        let mut wanted = counters(counts, &packets);
        wanted.extend(self.histogram(LATENCY, &set, &packets.latencies));
        if self.acks {
            wanted.push((Series::new(COMPLETED, &[]), float(counts.answers())));
            wanted.extend(self.histogram(ACK_LATENCY, &set, &packets.ack_latencies));
        }
        let tolerance = self.tolerance * float(packets.latencies.len());
        set.assert_equals(
            &wanted.into_iter().collect(),
            tolerance,
            &format!("{about}: {key:?}"),
        );
    }

    /// Returns the expected histogram. A bucket within the tolerance keeps its scraped value.
    fn histogram(&self, name: &str, set: &Exposition, latencies: &[f64]) -> Vec<(Series, f64)> {
        let within = |upper: f64| {
            float(
                latencies
                    .iter()
                    .filter(|latency| **latency <= upper)
                    .count(),
            )
        };
        let buckets = BOUNDS.iter().map(|bound| {
            let series = Series::new(&format!("{name}_bucket"), &[("le", bound)]);
            let upper: f64 = bound.parse().expect("a bound is a number, or +Inf");
            let allowed = within(upper - self.tolerance)..=within(upper + self.tolerance);
            let scraped = set
                .get(&series.name, &[("le", bound)])
                .filter(|value| allowed.contains(value));
            (series, scraped.unwrap_or(within(upper)))
        });
        let sum = (
            Series::new(&format!("{name}_sum"), &[]),
            latencies.iter().sum(),
        );
        let count = (
            Series::new(&format!("{name}_count"), &[]),
            float(latencies.len()),
        );
        buckets.chain([sum, count]).collect()
    }
}

impl Expectation {
    fn key(&self) -> LabelSetKey {
        let Self {
            vantage,
            client,
            server,
            ..
        } = self;
        let (local_address, peer) = match *vantage {
            "client" | "local" => (client.to_string(), server.ip()),
            "server" => (server.ip().to_string(), *client),
            _ => (String::new(), server.ip()),
        };
        let port = server.port().to_string();
        LabelSetKey {
            vantage: (*vantage).to_owned(),
            local_address,
            port,
            peer: peer.to_string(),
        }
    }
}

impl ExpectedCounts {
    fn attempts(&self) -> usize {
        self.answered + self.unanswered + self.refused + self.unreachable + self.prohibited
    }

    fn answers(&self) -> usize {
        self.answered + self.late
    }
}

fn counters(counts: ExpectedCounts, packets: &PacketCounts) -> Vec<(Series, f64)> {
    let ExpectedCounts {
        answered,
        unanswered,
        refused,
        unreachable,
        prohibited,
        late,
        icmp,
    } = counts;
    // An attempt that is known only from an ICMP error has no SYN.
    let repeated = packets.syns.saturating_sub(counts.attempts());
    let counters: [CounterRow; 14] = [
        ("attempts", &[], counts.attempts()),
        ("answered", &[], answered),
        ("failures", &[("reason", "unanswered")], unanswered),
        ("failures", &[("reason", "refused")], refused),
        ("failures", &[("reason", "unreachable")], unreachable),
        ("failures", &[("reason", "prohibited")], prohibited),
        ("late_answers", &[], late),
        ("evicted", &[], 0),
        ("syns", &[], packets.syns),
        ("syn_retransmissions", &[], repeated),
        ("synacks", &[], packets.synacks),
        (
            "synack_retransmissions",
            &[],
            packets.synacks.saturating_sub(counts.answers()),
        ),
        ("rsts", &[("sender", "client")], packets.client_rsts),
        ("rsts", &[("sender", "server")], packets.server_rsts),
    ];
    let total = |name: &str, labels: &[(&str, &str)], count| {
        (
            Series::new(&format!("tcp_handshake_{name}_total"), labels),
            float(count),
        )
    };
    let mut all: Vec<_> = counters
        .iter()
        .map(|(name, labels, count)| total(name, labels, *count))
        .collect();
    all.extend(icmp.map(|(code, reporter)| {
        total(
            "icmp_errors",
            &[("code", code), ("reporter", reporter)],
            packets.icmp_errors,
        )
    }));
    all
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a count below 2^32"))
}

/// Name, labels besides those of the label set, value.
type CounterRow = (&'static str, &'static [(&'static str, &'static str)], usize);
