//! Client, firewall, server: every outcome there is, in one run, for IPv4 and IPv6.

use super::View;
use super::verdicts::{
    assert_are, compared, live, of_paths, of_sets, of_the_road, recorded, sentence,
};
use crate::lab::Laboratory;
use crate::lab::cases::{CASES, Case, FULL_QUEUE, Target, answered, happen_all};
use crate::lab::connect::{MARKER, PATIENCE, connects, told};
use crate::lab::expect::Expectation;
use crate::lab::recording::Tapes;
use crate::lab::road::{Family, Road, marker};

#[test]
fn every_outcome_is_counted_exactly_on_every_host() {
    let Some(laboratory) = Laboratory::open("every_outcome_is_counted_exactly_on_every_host")
    else {
        return;
    };
    let road = Road::build(&laboratory);
    let Road {
        client,
        firewall,
        server,
        ..
    } = &road;
    let on_the_wire = |case: &Case| case.firewall.is_some();
    let some_ports = &["-p", "8001-8004", "-p", "3306", "-p", "8099"];
    let is_some = |port: u16| matches!(port, 8001..=8004 | 3306 | MARKER);
    let views = [
        (
            "client any",
            View::start(client, &[], &[]).expecting(CLIENT, at_the_client(|_| true)),
        ),
        (
            "client any",
            View::start(client, &["eth0", "lo"], &[]).expecting(CLIENT, at_the_client(|_| true)),
        ),
        (
            "client eth0",
            View::start(client, &["eth0"], &["--capture.acks"])
                .expecting(CLIENT, at_the_client(on_the_wire)),
        ),
        (
            "firewall any",
            View::start(firewall, &[], &[]).expecting(FIREWALL, at_the_firewall()),
        ),
        (
            "firewall any",
            View::start(firewall, &["outside", "inside"], &[])
                .expecting(FIREWALL, at_the_firewall()),
        ),
        (
            "server any",
            View::start(server, &[], &[]).expecting(SERVER, at_the_server(|_| true)),
        ),
        (
            "server eth0",
            View::start(server, &["eth0"], &[]).expecting(SERVER, at_the_server(|_| true)),
        ),
        (
            "server any",
            View::start(server, &[], some_ports).expecting(SERVER, at_the_server(is_some)),
        ),
    ];
    let mut tapes = Tapes::new();
    for (host, interface) in [
        (client, "any"),
        (client, "eth0"),
        (firewall, "any"),
        (server, "any"),
        (server, "eth0"),
    ] {
        tapes.start(host, interface);
    }

    let _open = happen_all(&road);
    let last = client.inside(|| connects(marker(), 1, PATIENCE));
    assert_eq!(told(&last), [Some(Ok(()))], "the marker");

    tapes.finish(&format!("tcp src port {MARKER}"));
    let aside: Vec<_> = views.iter().map(|(_, view)| view.exporter.port()).collect();
    for (tape, view) in &views {
        view.assert_right(&tapes.of(tape), &aside);
    }
    assert_said(&views, &tapes);
}

/// The same in words, on each host that sees everything, live and of its recording, and from both ends.
fn assert_said(views: &[(&str, View<'_>)], tapes: &Tapes) {
    for (tape, view) in views
        .iter()
        .filter(|(tape, view)| tape.ends_with("any") && view.options.is_empty())
    {
        let place = tape.split(' ').next().unwrap_or_default();
        let expected = of_the_road(place);
        let report = live(&view.exporter);
        assert_are(&view.about, &report, &of_sets(&report), &expected);
        if place == "server" {
            let words = sentence(&report, FULL_QUEUE);
            assert!(
                words.contains(" Accept queues of this host overflowed ")
                    && words.contains("ListenOverflows"),
                "{words}"
            );
        }
        let report = recorded(&tapes.of(tape), view.own);
        assert_are(tape, &report, &of_sets(&report), &expected);
    }
    let report = compared(&tapes.of("client eth0"), &tapes.of("server eth0"));
    assert_are(
        "both ends",
        &report,
        &of_paths(&report),
        &of_the_road("both"),
    );
}

fn at_the_client(wanted: impl Fn(&Case) -> bool) -> Vec<Expectation> {
    let mut all = vec![the_marker("client")];
    for case in CASES.iter().filter(|case| wanted(case)) {
        all.extend(Family::BOTH.into_iter().filter_map(|family| {
            let own = family.addresses();
            let (vantage, client) = if case.target == Target::Loopback {
                ("local", own.loopback)
            } else {
                ("client", own.client)
            };
            Some(Expectation {
                about: case.name,
                vantage,
                client,
                server: case.to(family),
                seen: case.client?,
            })
        }));
    }
    all
}

fn at_the_firewall() -> Vec<Expectation> {
    let mut all = vec![the_marker("transit")];
    for case in &CASES {
        // A forwarded port is an address of the firewall's own.
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
                server: case.to(family),
                seen: case.firewall?,
            })
        }));
    }
    all
}

fn at_the_server(wanted: impl Fn(u16) -> bool) -> Vec<Expectation> {
    let mut all = vec![the_marker("server")];
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
                seen: case.server?,
            };
            wanted(port).then_some(expected)
        }));
    }
    all
}

fn the_marker(vantage: &'static str) -> Expectation {
    let client = Family::V4.addresses().client;
    Expectation {
        about: "the marker",
        vantage,
        client,
        server: marker(),
        seen: answered(1),
    }
}

const CLIENT: &[&str] = &["10.77.1.2", "2001:db8:1::2", "127.0.0.0/8", "::1"];
const FIREWALL: &[&str] = &[
    "10.77.1.1",
    "10.77.2.1",
    "2001:db8:1::1",
    "2001:db8:2::1",
    "127.0.0.0/8",
    "::1",
];
const SERVER: &[&str] = &["10.77.2.2", "2001:db8:2::2", "127.0.0.0/8", "::1"];
