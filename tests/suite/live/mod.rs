//! The exporter on real hosts, against what the kernel tells the clients and what tcpdump and tshark see.

mod cable;
mod container_host;
mod faults;
mod flood;
mod life;
mod privilege;
mod reload;
mod road;
mod soak;
mod verdicts;
mod weather;

use std::path::Path;

use crate::lab::connect::MARKER;
use crate::lab::expect::{Expectation, Reading};
use crate::lab::exporter::{Exporter, diagnose};
use crate::lab::exposition::Exposition;
use crate::lab::namespace::Namespace;
use crate::lab::oracle::Oracle;

/// An exporter on a host, and what it must show in the end.
struct View<'h> {
    exporter: Exporter<'h>,
    about: String,
    /// What both the exporter and `diagnose` are told.
    options: Vec<&'static str>,
    /// The host's own addresses, which `diagnose` must be told.
    own: &'static [&'static str],
    expected: Vec<Expectation>,
}

impl<'h> View<'h> {
    /// Watches these interfaces, or `any` where there are none.
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
            own: &[],
            expected: vec![],
        }
    }

    fn expecting(self, own: &'static [&'static str], expected: Vec<Expectation>) -> Self {
        Self {
            own,
            expected,
            ..self
        }
    }

    /// Panics unless it shows what it must, once the last connect, the marker, is answered, and unless a recording of the
    /// same time holds the same for the oracle and for `diagnose`.
    fn assert_right(&self, recording: &Path, aside: &[String]) {
        let last = MARKER.to_string();
        let answered = |page: &Exposition| {
            let sets = page.sets().into_iter().filter(|set| set.port == last);
            sets.map(|set| page.set(&set))
                .any(|set| set.get("tcp_handshake_answered_total", &[]) >= Some(1.0))
        };
        let page = self
            .exporter
            .metrics_once("the last connect is answered", answered);
        assert_in_good_health(&page);
        let oracle = Oracle::read(recording);
        let acks = self.options.contains(&"--capture.acks");
        let live = Reading {
            whose: self.about.clone(),
            page: &page,
            oracle: &oracle,
            slack: LIVE_SLACK,
            acks,
            aside,
        };
        live.assert_shows(&self.expected);
        let locals = self
            .own
            .iter()
            .flat_map(|address| ["--capture.local", *address]);
        let flags: Vec<_> = self.options.iter().copied().chain(locals).collect();
        let whose = format!("diagnose {} with {flags:?}", recording.display());
        let page = &diagnose(recording, &flags);
        Reading {
            whose,
            page,
            slack: 0.0,
            ..live
        }
        .assert_shows(&self.expected);
    }
}

/// Panics if the exporter itself says that its numbers cannot be trusted.
fn assert_in_good_health(page: &Exposition) {
    let captures = page
        .only(|series| series.name == "tcp_handshake_exporter_capture_up")
        .values();
    assert!(
        !captures.is_empty() && captures.iter().all(|up| *up > 0.0),
        "a capture is down:\n{page}"
    );
    for trouble in TROUBLES {
        let name = format!("tcp_handshake_exporter_{trouble}");
        let all = page.only(|series| series.name == name).values();
        assert!(
            !all.is_empty() && all.iter().all(|count| *count == 0.0),
            "{name}:\n{page}"
        );
    }
}

const TROUBLES: [&str; 4] = [
    "dropped_packets_total",
    "sets_folded_total",
    "clock_steps_total",
    "pending_attempts",
];
/// Seconds between two captures' clocks for one packet; a machine under load may take a while from one to the other.
const LIVE_SLACK: f64 = 0.000_5;
