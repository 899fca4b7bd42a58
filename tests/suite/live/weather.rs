//! Bad weather on the road, in words: what is said on each host, live and of its recording, and of both ends.

use std::process::{Child, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::verdicts::{Verdicts, assert_are, compared, live, of_paths, of_sets, recorded};
use crate::lab::Laboratory;
use crate::lab::connect::{MARKER, PATIENCE, connects, told};
use crate::lab::exporter::{Exporter, PROGRAM};
use crate::lab::exposition::Exposition;
use crate::lab::namespace::Namespace;
use crate::lab::recording::Tapes;
use crate::lab::road::{Road, marker};
use crate::lab::signal;
use crate::lab::weather::{NARROW, SCAN, SCANNED, SPELLS, Spell, Weather, at_the_server};

#[test]
fn bad_weather_is_told_by_its_kind_on_every_host() {
    let Some(laboratory) = Laboratory::open("bad_weather_is_told_by_its_kind_on_every_host") else {
        return;
    };
    let weather = Weather::build(&laboratory);
    let Road {
        client,
        firewall,
        server,
        ..
    } = &weather.road;
    let exporters = [client, firewall, server].map(|host| Exporter::start(host, &[]));
    let sniffing = diagnose_for_a_while(server);
    let mut tapes = Tapes::new();
    for (host, interface) in [(client, "eth0"), (firewall, "any"), (server, "eth0")] {
        tapes.start(host, interface);
    }
    let _open = weather.happen();
    let last = client.inside(|| connects(marker(), 1, PATIENCE));
    assert_eq!(told(&last), [Some(Ok(()))], "the marker");
    tapes.finish(&format!("tcp src port {MARKER}"));

    let places = [
        ("client", "client eth0", CLIENT),
        ("firewall", "firewall any", FIREWALL),
        ("server", "server eth0", SERVER),
    ];
    for ((place, tape, own), exporter) in places.iter().zip(&exporters) {
        let expected = expected(place);
        exporter.metrics_once("the last connect is seen", saw_the_marker);
        let report = live(exporter);
        assert_are(
            &format!("live on the {place}"),
            &report,
            &of_sets(&report),
            &expected,
        );
        let report = recorded(&tapes.of(tape), own);
        assert_are(tape, &report, &of_sets(&report), &expected);
        assert_became_slow(place, &of_sets(&report));
    }
    let report = ended(sniffing);
    assert_are(
        "diagnose -i any",
        &report,
        &of_sets(&report),
        &expected("server"),
    );

    let report = compared(&tapes.of("client eth0"), &tapes.of("server eth0"));
    let expected: Vec<_> = SPELLS
        .iter()
        .flat_map(|spell| ports(spell, spell.port).map(|port| (port, spell.both)))
        .collect();
    assert_are("both ends", &report, &of_paths(&report), &expected);
    assert_forwarded_under_both_names(&report);
    assert_the_narrow_way_is_known(&report);
}

/// The verdicts at a host. A flood is known as one at its target only.
fn expected(place: &str) -> Vec<(u16, &'static str)> {
    let of = |spell: &'static Spell| {
        let (port, verdict) = match place {
            "client" => (spell.port, spell.client),
            "firewall" => (spell.port, spell.firewall),
            _ => (spell.at_server, spell.server),
        };
        verdict
            .into_iter()
            .flat_map(move |verdict| ports(spell, port).map(move |port| (port, verdict)))
    };
    let mut all: Vec<_> = SPELLS.iter().flat_map(of).collect();
    if place == "server" {
        all.extend(
            [8024]
                .into_iter()
                .filter_map(|port| Some((port, at_the_server(port)?))),
        );
    }
    all
}

/// The spell's port, or all that are scanned.
fn ports(spell: &Spell, port: u16) -> std::ops::Range<u16> {
    port..if spell.port == SCANNED {
        port + SCAN
    } else {
        port + 1
    }
}

/// The link became narrow behind the firewall: its past is in the recording.
fn assert_became_slow(place: &str, verdicts: &Verdicts) {
    let verdict = if place == "server" { "fine" } else { "slow" };
    let found: Vec<_> = verdicts[&NARROW].iter().collect();
    assert_eq!(found, [verdict], "at the {place}");
}

fn assert_forwarded_under_both_names(report: &Value) {
    let path = path(report, 33304);
    assert_eq!(
        path["arrives_as"], "10.77.2.1 -> 10.77.2.2 port 8004",
        "{path:#}"
    );
    assert_eq!(path["wrong"], true);
}

/// The way there took longer in the end, the way back did not.
fn assert_the_narrow_way_is_known(report: &Value) {
    let path = path(report, NARROW);
    let change =
        |way: &str| path[way]["max"].as_f64().unwrap() - path[way]["min"].as_f64().unwrap();
    assert_eq!(path["verdict"], "fine");
    assert!(change("delay_there_seconds") > 0.2, "{path:#}");
    assert!(
        change("delay_back_seconds") < change("delay_there_seconds") / 2.0,
        "{path:#}"
    );
}

fn path(report: &Value, port: u16) -> &Value {
    report["paths"]
        .as_array()
        .unwrap()
        .iter()
        .find(|path| path["port"] == port)
        .unwrap_or_else(|| panic!("{report:#}"))
}

fn saw_the_marker(page: &Exposition) -> bool {
    let last = MARKER.to_string();
    page.sets()
        .iter()
        .filter(|set| set.port == last)
        .any(|set| page.set(set).get("tcp_handshake_answered_total", &[]) >= Some(1.0))
}

/// `diagnose` as somebody runs it who wants to know now. A signal ends it before its time.
fn diagnose_for_a_while(host: &Namespace) -> Child {
    let flags = [
        "diagnose",
        "-i",
        "any",
        "--for",
        "5m",
        "--output",
        "json",
        "-p",
        "8000-8200,3306",
    ];
    host.command(PROGRAM)
        .args(flags)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

fn ended(sniffing: Child) -> Value {
    signal(&sniffing, Signal::SIGINT);
    let output = sniffing.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(3), "something is wrong");
    serde_json::from_slice(&output.stdout).expect("the report is JSON")
}

const CLIENT: &[&str] = &["10.77.1.2", "2001:db8:1::2"];
const FIREWALL: &[&str] = &["10.77.1.1", "10.77.2.1", "2001:db8:1::1", "2001:db8:2::1"];
const SERVER: &[&str] = &["10.77.2.2", "10.77.2.3", "2001:db8:2::2"];
