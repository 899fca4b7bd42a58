//! Live test of the client-firewall-server topology: every outcome of an attempt in one run, for
//! IPv4 and IPv6.

use super::View;
use super::verdicts::{
    assert_equal, by_label_set, by_path, compared, expected_verdicts, live, recorded, sentence,
};
use crate::netns::Laboratory;
use crate::netns::cases::{CASES, ConnectCase, FULL_QUEUE_PORT, Target, answered, run_all};
use crate::netns::connect::{CONNECT_TIMEOUT, MARKER_PORT, connects, results};
use crate::netns::expect::Expectation;
use crate::netns::recording::Recordings;
use crate::netns::topology::{Family, Topology, marker};

const CLIENT_ADDRESSES: &[&str] = &["10.77.1.2", "2001:db8:1::2", "127.0.0.0/8", "::1"];

const FIREWALL_ADDRESSES: &[&str] = &[
    "10.77.1.1",
    "10.77.2.1",
    "2001:db8:1::1",
    "2001:db8:2::1",
    "127.0.0.0/8",
    "::1",
];

const SERVER_ADDRESSES: &[&str] = &["10.77.2.2", "2001:db8:2::2", "127.0.0.0/8", "::1"];

#[test]
fn every_outcome_is_counted_exactly_on_every_host() {
    let Some(laboratory) = Laboratory::open("every_outcome_is_counted_exactly_on_every_host")
    else {
        return;
    };
    let topology = Topology::build(&laboratory);
    let Topology {
        client,
        firewall,
        server,
        ..
    } = &topology;
    let leaves_the_client = |case: &ConnectCase| case.firewall.is_some();
    let port_flags = &["-p", "8001-8004", "-p", "3306", "-p", "8099"];
    let is_selected = |port: u16| matches!(port, 8001..=8004 | 3306 | MARKER_PORT);
    let views = [
        (
            "client any",
            View::start(client, &[], &[]).expecting(CLIENT_ADDRESSES, expected_at_client(|_| true)),
        ),
        (
            "client any",
            View::start(client, &["eth0", "lo"], &[])
                .expecting(CLIENT_ADDRESSES, expected_at_client(|_| true)),
        ),
        (
            "client eth0",
            View::start(client, &["eth0"], &["--capture.acks"])
                .expecting(CLIENT_ADDRESSES, expected_at_client(leaves_the_client)),
        ),
        (
            "firewall any",
            View::start(firewall, &[], &[]).expecting(FIREWALL_ADDRESSES, expected_at_firewall()),
        ),
        (
            "firewall any",
            View::start(firewall, &["outside", "inside"], &[])
                .expecting(FIREWALL_ADDRESSES, expected_at_firewall()),
        ),
        (
            "server any",
            View::start(server, &[], &[]).expecting(SERVER_ADDRESSES, expected_at_server(|_| true)),
        ),
        (
            "server eth0",
            View::start(server, &["eth0"], &[])
                .expecting(SERVER_ADDRESSES, expected_at_server(|_| true)),
        ),
        (
            "server any",
            View::start(server, &[], port_flags)
                .expecting(SERVER_ADDRESSES, expected_at_server(is_selected)),
        ),
    ];
    let mut recordings = Recordings::new();
    for (host, interface) in [
        (client, "any"),
        (client, "eth0"),
        (firewall, "any"),
        (server, "any"),
        (server, "eth0"),
    ] {
        recordings.start(host, interface);
    }

    let _open = run_all(&topology);
    let last = client.inside(|| connects(marker(), 1, CONNECT_TIMEOUT));
    assert_eq!(results(&last), [Some(Ok(()))], "the marker");

    recordings.finish(&format!("tcp src port {MARKER_PORT}"));
    let ignored_ports: Vec<_> = views.iter().map(|(_, view)| view.exporter.port()).collect();
    for (name, view) in &views {
        view.assert_right(&recordings.file(name), &ignored_ports);
    }
    assert_verdicts(&views, &recordings);
}

/// Checks the verdicts of each host that captures on all interfaces, live and from its recording.
///
/// Checks also the verdicts of `compare` on the recordings of client and server.
fn assert_verdicts(views: &[(&str, View<'_>)], recordings: &Recordings) {
    for (name, view) in views
        .iter()
        .filter(|(name, view)| name.ends_with("any") && view.options.is_empty())
    {
        let host = name.split(' ').next().unwrap_or_default();
        let expected = expected_verdicts(host);
        let report = live(&view.exporter);
        assert_equal(&view.about, &report, &by_label_set(&report), &expected);
        if host == "server" {
            let text = sentence(&report, FULL_QUEUE_PORT);
            assert!(
                text.contains(" Accept queues of this host overflowed ")
                    && text.contains("ListenOverflows"),
                "{text}"
            );
        }
        let report = recorded(&recordings.file(name), view.local_addresses);
        assert_equal(name, &report, &by_label_set(&report), &expected);
    }
    let report = compared(
        &recordings.file("client eth0"),
        &recordings.file("server eth0"),
    );
    assert_equal(
        "compare",
        &report,
        &by_path(&report),
        &expected_verdicts("both"),
    );
}

fn expected_at_client(wanted: impl Fn(&ConnectCase) -> bool) -> Vec<Expectation> {
    let mut all = vec![expected_marker("client")];
    for case in CASES.iter().filter(|case| wanted(case)) {
        all.extend(Family::BOTH.into_iter().filter_map(|family| {
            let addresses = family.addresses();
            let (vantage, client) = if case.target == Target::Loopback {
                ("local", addresses.loopback)
            } else {
                ("client", addresses.client)
            };
            Some(Expectation {
                about: case.name,
                vantage,
                client,
                server: case.address(family),
                counts: case.client?,
            })
        }));
    }
    all
}

fn expected_at_firewall() -> Vec<Expectation> {
    let mut all = vec![expected_marker("transit")];
    for case in &CASES {
        // A forwarded port has the firewall's own address.
        let vantage = if case.target == Target::Forwarded {
            "server"
        } else {
            "transit"
        };
        all.extend(Family::BOTH.into_iter().filter_map(|family| {
            let client = family.addresses().client;
            Some(Expectation {
                about: case.name,
                vantage,
                client,
                server: case.address(family),
                counts: case.firewall?,
            })
        }));
    }
    all
}

fn expected_at_server(wanted: impl Fn(u16) -> bool) -> Vec<Expectation> {
    let mut all = vec![expected_marker("server")];
    for case in &CASES {
        all.extend(Family::BOTH.into_iter().filter_map(|family| {
            let addresses = family.addresses();
            let (client, port) = match case.target {
                Target::Forwarded => (addresses.inside, 3306),
                _ => (addresses.client, case.port),
            };
            let server = (addresses.server, port).into();
            let expected = Expectation {
                about: case.name,
                vantage: "server",
                client,
                server,
                counts: case.server?,
            };
            wanted(port).then_some(expected)
        }));
    }
    all
}

fn expected_marker(vantage: &'static str) -> Expectation {
    let client = Family::V4.addresses().client;
    Expectation {
        about: "the marker",
        vantage,
        client,
        server: marker(),
        counts: answered(1),
    }
}
