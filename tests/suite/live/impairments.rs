//! Live test of the impaired topology: verdicts on each host, live and from its recording, and by
//! `compare`.

use std::process::{Child, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::verdicts::{Verdicts, assert_equal, by_label_set, by_path, compared, live, recorded};
use crate::netns::Laboratory;
use crate::netns::connect::{CONNECT_TIMEOUT, MARKER_PORT, connects, results};
use crate::netns::exporter::{Exporter, PROGRAM};
use crate::netns::exposition::Exposition;
use crate::netns::impairments::{
    FIRST_SCANNED_PORT, IMPAIRMENTS, ImpairedTopology, Impairment, NARROW_PORT, SCANNED_PORTS,
    verdict_at_server,
};
use crate::netns::namespace::Namespace;
use crate::netns::recording::Recordings;
use crate::netns::signal;
use crate::netns::topology::{Topology, marker};

const CLIENT_ADDRESSES: &[&str] = &["10.77.1.2", "2001:db8:1::2"];
const FIREWALL_ADDRESSES: &[&str] = &["10.77.1.1", "10.77.2.1", "2001:db8:1::1", "2001:db8:2::1"];
const SERVER_ADDRESSES: &[&str] = &["10.77.2.2", "10.77.2.3", "2001:db8:2::2"];

#[test]
fn every_host_diagnoses_each_impairment() {
    let Some(laboratory) = Laboratory::open("every_host_diagnoses_each_impairment") else {
        return;
    };
    let impaired = ImpairedTopology::build(&laboratory);
    let Topology {
        client,
        firewall,
        server,
        ..
    } = &impaired.topology;
    let exporters = [client, firewall, server].map(|host| Exporter::start(host, &[]));
    let diagnose = start_diagnose(server);
    let mut recordings = Recordings::new();
    for (host, interface) in [(client, "eth0"), (firewall, "any"), (server, "eth0")] {
        recordings.start(host, interface);
    }
    let _open = impaired.run_all();
    let last = client.inside(|| connects(marker(), 1, CONNECT_TIMEOUT));
    assert_eq!(results(&last), [Some(Ok(()))], "the marker");
    recordings.finish(&format!("tcp src port {MARKER_PORT}"));

    let hosts = [
        ("client", "client eth0", CLIENT_ADDRESSES),
        ("firewall", "firewall any", FIREWALL_ADDRESSES),
        ("server", "server eth0", SERVER_ADDRESSES),
    ];
    for ((host, name, local_addresses), exporter) in hosts.iter().zip(&exporters) {
        let expected = expected(host);
        exporter.metrics_once("the last connect is seen", has_marker);
        let report = live(exporter);
        assert_equal(
            &format!("live on the {host}"),
            &report,
            &by_label_set(&report),
            &expected,
        );
        let report = recorded(&recordings.file(name), local_addresses);
        assert_equal(name, &report, &by_label_set(&report), &expected);
        assert_slow_verdict(host, &by_label_set(&report));
    }
    let report = interrupt(diagnose);
    assert_equal(
        "diagnose -i any",
        &report,
        &by_label_set(&report),
        &expected("server"),
    );

    let report = compared(
        &recordings.file("client eth0"),
        &recordings.file("server eth0"),
    );
    let expected: Vec<_> = IMPAIRMENTS
        .iter()
        .flat_map(|impairment| {
            ports(impairment, impairment.port).map(|port| (port, impairment.compared))
        })
        .collect();
    assert_equal("compare", &report, &by_path(&report), &expected);
    assert_forwarded_path_is_joined(&report);
    assert_narrow_direction_is_known(&report);
}

/// Returns the expected verdicts on a host. Only the target of the flood recognizes it.
fn expected(host: &str) -> Vec<(u16, &'static str)> {
    let of = |impairment: &'static Impairment| {
        let (port, verdict) = match host {
            "client" => (impairment.port, impairment.client),
            "firewall" => (impairment.port, impairment.firewall),
            _ => (impairment.server_port, impairment.server),
        };
        verdict
            .into_iter()
            .flat_map(move |verdict| ports(impairment, port).map(move |port| (port, verdict)))
    };
    let mut all: Vec<_> = IMPAIRMENTS.iter().flat_map(of).collect();
    if host == "server" {
        all.extend(
            [8024]
                .into_iter()
                .filter_map(|port| Some((port, verdict_at_server(port)?))),
        );
    }
    all
}

/// Returns the port of an impairment, or all scanned ports.
fn ports(impairment: &Impairment, port: u16) -> std::ops::Range<u16> {
    port..if impairment.port == FIRST_SCANNED_PORT {
        port + SCANNED_PORTS
    } else {
        port + 1
    }
}

/// The link behind the firewall becomes narrow during the test, and the recording contains the time
/// before.
fn assert_slow_verdict(host: &str, verdicts: &Verdicts) {
    let verdict = if host == "server" { "fine" } else { "slow" };
    let found: Vec<_> = verdicts[&NARROW_PORT].iter().collect();
    assert_eq!(found, [verdict], "at the {host}");
}

fn assert_forwarded_path_is_joined(report: &Value) {
    let path = path(report, 33304);
    assert_eq!(
        path["arrives_as"], "10.77.2.1 -> 10.77.2.2 port 8004",
        "{path:#}"
    );
    assert_eq!(path["wrong"], true);
}

/// The delay grows in the direction of the server only.
fn assert_narrow_direction_is_known(report: &Value) {
    let path = path(report, NARROW_PORT);
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

fn has_marker(page: &Exposition) -> bool {
    let last = MARKER_PORT.to_string();
    page.label_sets()
        .iter()
        .filter(|set| set.port == last)
        .any(|set| page.label_set(set).get("tcp_handshake_answered_total", &[]) >= Some(1.0))
}

/// Starts a live `diagnose` with a duration of 5 min, which the test interrupts by a signal.
fn start_diagnose(host: &Namespace) -> Child {
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

fn interrupt(diagnose: Child) -> Value {
    signal(&diagnose, Signal::SIGINT);
    let output = diagnose.wait_with_output().expect("it exits");
    assert_eq!(
        output.status.code(),
        Some(3),
        "status of a report with findings"
    );
    serde_json::from_slice(&output.stdout).expect("the report is JSON")
}
