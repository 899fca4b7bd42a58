//! Live tests of the exporter on hosts in network namespaces.
//!
//! The expected values come from the results that the kernel returns to the clients, and from
//! recordings by tcpdump that tshark reads.

mod container_host;
mod faults;
mod flood;
mod impairments;
mod lifecycle;
mod path;
mod privilege;
mod reload;
mod soak;
mod verdicts;
mod veth;

use std::path::Path;

use crate::netns::connect::MARKER_PORT;
use crate::netns::expect::{Expectation, ScrapeCheck};
use crate::netns::exporter::{Exporter, diagnose};
use crate::netns::exposition::Exposition;
use crate::netns::namespace::Namespace;
use crate::netns::oracle::Oracle;

/// Metrics of the exporter that must exist and be 0.
const ERROR_METRICS: [&str; 4] = [
    "dropped_packets_total",
    "overflowed_attempts_total",
    "clock_steps_total",
    "pending_attempts",
];

/// Largest difference in seconds between the timestamps of one packet in two captures, on a machine
/// under load.
const LIVE_TOLERANCE_SECONDS: f64 = 0.000_5;

/// An exporter on a host, and the metrics that it must show at the end of the test.
struct View<'h> {
    exporter: Exporter<'h>,
    about: String,
    /// Flags of both the exporter and `diagnose`.
    options: Vec<&'static str>,
    /// The host's addresses, which `diagnose` needs as flags.
    local_addresses: &'static [&'static str],
    expected: Vec<Expectation>,
}

impl<'h> View<'h> {
    /// Starts an exporter on these interfaces; without interfaces it captures on `any`.
    fn start(host: &'h Namespace, interfaces: &[&'static str], options: &[&'static str]) -> Self {
        let flags: Vec<_> = interfaces
            .iter()
            .flat_map(|name| ["-i", *name])
            .chain(options.iter().copied())
            .collect();
        let about = format!("on {} with {flags:?}", host.name());
        let exporter = Exporter::start(host, &flags);
        Self {
            exporter,
            about,
            options: options.to_vec(),
            local_addresses: &[],
            expected: vec![],
        }
    }

    fn expecting(
        self,
        local_addresses: &'static [&'static str],
        expected: Vec<Expectation>,
    ) -> Self {
        Self {
            local_addresses,
            expected,
            ..self
        }
    }

    /// Waits until the last connect, the marker, is counted. Panics unless the metrics are the
    /// expected ones.
    ///
    /// Panics also unless `diagnose` shows the expected metrics for a recording of the same time.
    fn assert_right(&self, recording: &Path, ignored_ports: &[String]) {
        let last = MARKER_PORT.to_string();
        let answered = |page: &Exposition| {
            let sets = page.label_sets().into_iter().filter(|set| set.port == last);
            sets.map(|set| page.label_set(&set))
                .any(|set| set.get("tcp_handshake_answered_total", &[]) >= Some(1.0))
        };
        let page = self
            .exporter
            .metrics_once("the last connect is answered", answered);
        assert_healthy(&page);
        let oracle = Oracle::read(recording);
        let acks = self.options.contains(&"--capture.acks");
        let live = ScrapeCheck {
            subject: self.about.clone(),
            page: &page,
            oracle: &oracle,
            tolerance: LIVE_TOLERANCE_SECONDS,
            acks,
            ignored_ports,
        };
        live.assert_matches(&self.expected);
        let locals = self
            .local_addresses
            .iter()
            .flat_map(|address| ["--capture.local", *address]);
        let flags: Vec<_> = self.options.iter().copied().chain(locals).collect();
        let subject = format!("diagnose {} with {flags:?}", recording.display());
        let page = &diagnose(recording, &flags);
        ScrapeCheck {
            subject,
            page,
            tolerance: 0.0,
            ..live
        }
        .assert_matches(&self.expected);
    }
}

/// Panics if a capture is down, or if the exporter reports lost or overflowed counts.
fn assert_healthy(page: &Exposition) {
    let captures = page
        .only(|series| series.name == "tcp_handshake_exporter_capture_up")
        .values();
    assert!(
        !captures.is_empty() && captures.iter().all(|up| *up > 0.0),
        "a capture is down:\n{page}"
    );
    for metric in ERROR_METRICS {
        let name = format!("tcp_handshake_exporter_{metric}");
        let all = page.only(|series| series.name == name).values();
        assert!(
            !all.is_empty() && all.iter().all(|count| *count == 0.0),
            "{name}:\n{page}"
        );
    }
}
