//! What a host's exporter must show: the number of connects made, as the story has it, and the number of packets, as
//! the oracle has read them. Nothing less, nothing more.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::cases::Seen;
use super::exposition::{Exposition, Series, SetKey};
use super::oracle::{Oracle, Tally};

/// One set that must be there.
#[derive(Debug)]
pub(crate) struct Expectation {
    pub(crate) about: &'static str,
    pub(crate) vantage: &'static str,
    pub(crate) client: IpAddr,
    pub(crate) server: SocketAddr,
    pub(crate) seen: Seen,
}

/// A page of metrics, and what it is held against.
pub(crate) struct Reading<'r> {
    pub(crate) whose: String,
    pub(crate) page: &'r Exposition,
    pub(crate) oracle: &'r Oracle,
    /// How far one latency may be off, in seconds: nothing where the page was made of the very file that the oracle has
    /// read. Live, the kernel stamps some packets for each capture anew, a moment apart (TCP that arrives with a
    /// delivery time of its sender's).
    pub(crate) slack: f64,
    /// Whether the third leg is captured, too.
    pub(crate) acks: bool,
    /// Ports of sets that are nobody's business: the exporters' own.
    pub(crate) aside: &'r [String],
}

impl Reading<'_> {
    /// Panics unless the page's sets are exactly the expected ones, each with exactly the right series and values.
    pub(crate) fn assert_shows(&self, expected: &[Expectation]) {
        let Self {
            whose, page, aside, ..
        } = self;
        let there: BTreeSet<_> = page
            .sets()
            .into_iter()
            .filter(|set| !aside.contains(&set.port))
            .collect();
        let due: BTreeSet<_> = expected.iter().map(Expectation::key).collect();
        let missing: Vec<_> = due.difference(&there).collect();
        let surplus: Vec<_> = there
            .difference(&due)
            .map(|key| format!("{key:?}\n{}", page.set(key)))
            .collect();
        assert!(
            missing.is_empty(),
            "{whose}: missing sets: {missing:#?}\n{page}"
        );
        assert!(
            surplus.is_empty(),
            "{whose}: surplus sets: {}\n",
            surplus.join("")
        );
        for one in expected {
            self.assert_shows_set(one);
        }
    }

    fn assert_shows_set(&self, expected: &Expectation) {
        let about = format!("{}, {}", self.whose, expected.about);
        let Expectation {
            client,
            server,
            seen,
            ..
        } = *expected;
        let tally = self.oracle.tally(client, server);
        assert_eq!(
            tally.attempts,
            seen.attempts(),
            "{about}: the oracle disagrees with the story: {tally:?}"
        );
        let key = expected.key();
        let set = self.page.set(&key);
        let mut due = counters(seen, &tally);
        due.extend(self.histogram(LATENCY, &set, &tally.latencies));
        if self.acks {
            due.push((Series::new(COMPLETED, &[]), float(seen.answers())));
            due.extend(self.histogram(ACK_LATENCY, &set, &tally.ack_latencies));
        }
        let slack = self.slack * float(tally.latencies.len());
        set.assert_equals(
            &due.into_iter().collect(),
            slack,
            &format!("{about}: {key:?}"),
        );
    }

    /// A histogram as it must be; where a bucket is a little off and may be, as it is.
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
            let allowed = within(upper - self.slack)..=within(upper + self.slack);
            let is = set
                .get(&series.name, &[("le", bound)])
                .filter(|is| allowed.contains(is));
            (series, is.unwrap_or(within(upper)))
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
    fn key(&self) -> SetKey {
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
        SetKey {
            vantage: (*vantage).to_owned(),
            local_address,
            port,
            peer: peer.to_string(),
        }
    }
}

impl Seen {
    fn attempts(&self) -> usize {
        self.answered + self.unanswered + self.refused + self.unreachable + self.prohibited
    }

    fn answers(&self) -> usize {
        self.answered + self.late
    }
}

fn counters(seen: Seen, tally: &Tally) -> Vec<(Series, f64)> {
    let Seen {
        answered,
        unanswered,
        refused,
        unreachable,
        prohibited,
        late,
        icmp,
    } = seen;
    // An attempt that only an ICMP error tells of has no SYN.
    let repeated = tally.syns.saturating_sub(seen.attempts());
    let counters: [Counter; 14] = [
        ("attempts", &[], seen.attempts()),
        ("answered", &[], answered),
        ("failures", &[("reason", "unanswered")], unanswered),
        ("failures", &[("reason", "refused")], refused),
        ("failures", &[("reason", "unreachable")], unreachable),
        ("failures", &[("reason", "prohibited")], prohibited),
        ("late_answers", &[], late),
        ("evicted", &[], 0),
        ("syns", &[], tally.syns),
        ("syn_retransmissions", &[], repeated),
        ("synacks", &[], tally.synacks),
        (
            "synack_retransmissions",
            &[],
            tally.synacks.saturating_sub(seen.answers()),
        ),
        ("rsts", &[("sender", "client")], tally.client_rsts),
        ("rsts", &[("sender", "server")], tally.server_rsts),
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
            tally.icmp_errors,
        )
    }));
    all
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}

/// Name, labels besides the set's, value.
type Counter = (&'static str, &'static [(&'static str, &'static str)], usize);

const LATENCY: &str = "tcp_handshake_latency_seconds";
const COMPLETED: &str = "tcp_handshake_completed_total";
const ACK_LATENCY: &str = "tcp_handshake_ack_latency_seconds";
/// The default bounds of the histograms, as the page shows them.
const BOUNDS: [&str; 16] = [
    "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5",
    "0.95", "1.95", "2.95", "4.95", "+Inf",
];
