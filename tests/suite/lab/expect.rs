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

impl Expectation {
    pub(crate) fn key(&self) -> SetKey {
        let Self { vantage, client, server, .. } = self;
        let (local_address, peer) = match *vantage {
            "client" | "local" => (client.to_string(), server.ip()),
            "server" => (server.ip().to_string(), *client),
            _ => (String::new(), server.ip()),
        };
        let port = server.port().to_string();
        SetKey { vantage: (*vantage).to_owned(), local_address, port, peer: peer.to_string() }
    }

    /// Panics unless the page has this set, and each of its series has the right value.
    fn assert_met_by(&self, page: &Exposition, oracle: &Oracle, acks: bool, whose: &str) {
        let tally = oracle.tally(self.client, self.server);
        let attempts = self.seen.attempts();
        assert_eq!(tally.attempts, attempts, "{whose}, {}: the oracle disagrees with the story: {tally:?}", self.about);
        let key = self.key();
        let mut set = page.set(&key);
        let expected = self.series(&tally);
        if acks {
            assert_third_leg(&set, self.about, self.seen.answered + self.seen.late);
            set = set.only(|series| !is_third_leg(series));
        }
        set.assert_equals(&expected, &format!("{whose}, {}: {key:?}", self.about));
    }

    fn series(&self, tally: &Tally) -> Exposition {
        let Seen { answered, unanswered, refused, unreachable, prohibited, late, icmp } = self.seen;
        let attempts = self.seen.attempts();
        // An attempt that only an ICMP error tells of has no SYN.
        let repeated = tally.syns.saturating_sub(attempts);
        let counters: [Counter; 15] = [
            ("attempts_total", &[], attempts),
            ("answered_total", &[], answered),
            ("failures_total", &[("reason", "unanswered")], unanswered),
            ("failures_total", &[("reason", "refused")], refused),
            ("failures_total", &[("reason", "unreachable")], unreachable),
            ("failures_total", &[("reason", "prohibited")], prohibited),
            ("late_answers_total", &[], late),
            ("evicted_total", &[], 0),
            ("syns_total", &[], tally.syns),
            ("syn_retransmissions_total", &[], repeated),
            ("synacks_total", &[], tally.synacks),
            ("synack_retransmissions_total", &[], tally.synacks - answered - late),
            ("rsts_total", &[("sender", "client")], tally.client_rsts),
            ("rsts_total", &[("sender", "server")], tally.server_rsts),
            ("latency_seconds_count", &[], answered + late),
        ];
        let name = |name: &str| format!("tcp_handshake_{name}");
        let mut all: Vec<(Series, f64)> =
            counters.iter().map(|(what, labels, n)| (Series::new(&name(what), labels), float(*n))).collect();
        if let Some((code, reporter)) = icmp {
            let labels = [("code", code), ("reporter", reporter)];
            all.push((Series::new(&name("icmp_errors_total"), &labels), float(tally.icmp_errors)));
        }
        all.push((Series::new(&name("latency_seconds_sum"), &[]), tally.latencies.iter().sum()));
        all.extend(BOUNDS.iter().map(|bound| {
            let upper: f64 = bound.parse().expect("a bound is a number, or +Inf");
            let within = tally.latencies.iter().filter(|latency| **latency <= upper).count();
            (Series::new(&name("latency_seconds_bucket"), &[("le", bound)]), float(within))
        }));
        all.into_iter().collect()
    }
}

impl Seen {
    pub(crate) fn attempts(&self) -> usize {
        self.answered + self.unanswered + self.refused + self.unreachable + self.prohibited
    }
}

/// Name, labels besides the set's, value.
type Counter = (&'static str, &'static [(&'static str, &'static str)], usize);

/// Panics unless the page's sets are exactly the expected ones, each with exactly the right values. Sets of the ports
/// `aside` are nobody's business: the exporters' own.
pub(crate) fn assert_met(
    page: &Exposition,
    oracle: &Oracle,
    expected: &[Expectation],
    aside: &[String],
    acks: bool,
    whose: &str,
) {
    let there: BTreeSet<_> = page.sets().into_iter().filter(|set| !aside.contains(&set.port)).collect();
    let due: BTreeSet<_> = expected.iter().map(Expectation::key).collect();
    let missing: Vec<_> = due.difference(&there).collect();
    let surplus: Vec<_> = there.difference(&due).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{whose}: missing sets: {missing:#?}\nsurplus sets: {surplus:#?}\n{page}"
    );
    for one in expected {
        one.assert_met_by(page, oracle, acks, whose);
    }
}

fn assert_third_leg(set: &Exposition, about: &str, answers: usize) {
    for name in ["tcp_handshake_completed_total", "tcp_handshake_ack_latency_seconds_count"] {
        assert_eq!(set.get(name, &[]), Some(float(answers)), "{about}: {name}\n{set}");
    }
}

fn is_third_leg(series: &Series) -> bool {
    series.name.starts_with("tcp_handshake_completed") || series.name.starts_with("tcp_handshake_ack_latency")
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}

/// The default bounds of the latency histogram, as the page shows them.
const BOUNDS: [&str; 16] = [
    "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "0.95", "1.95",
    "2.95", "4.95", "+Inf",
];
