//! Live test of a container host that captures on `any`.
//!
//! Because of bridge, veth, DNAT and masquerade, a capture sees a connection with up to three
//! four-tuples.

use super::View;
use crate::netns::Laboratory;
use crate::netns::cases::answered;
use crate::netns::connect::{CONNECT_TIMEOUT, MARKER_PORT, connects, results};
use crate::netns::container_host::{
    CONTAINER_CASES, CONTAINER_NETWORK_FLAGS, ContainerCase, ContainerHost, marker,
};
use crate::netns::expect::Expectation;
use crate::netns::recording::Recordings;
use crate::netns::topology::Family;

const HOST_ADDRESSES: &[&str] = &[
    "192.0.2.1",
    "10.88.0.1",
    "2001:db8:9::1",
    "2001:db8:88::1",
    "127.0.0.0/8",
    "::1",
];

#[test]
fn container_host_counts_each_connection_once() {
    let Some(laboratory) = Laboratory::open("container_host_counts_each_connection_once") else {
        return;
    };
    let hosts = ContainerHost::build(&laboratory);
    let views = [
        View::start(&hosts.host, &[], &[]).expecting(HOST_ADDRESSES, expected(|case| case.vantage)),
        View::start(&hosts.host, &[], &CONTAINER_NETWORK_FLAGS)
            .expecting(HOST_ADDRESSES, expected(|case| case.vantage_configured)),
    ];
    let mut recordings = Recordings::new();
    recordings.start(&hosts.host, "any");

    let _open = hosts.run_all();
    let last = hosts
        .outside
        .inside(|| connects(marker(), 1, CONNECT_TIMEOUT));
    assert_eq!(results(&last), [Some(Ok(()))], "the marker");

    recordings.finish(&format!("tcp src port {MARKER_PORT}"));
    let ignored_ports: Vec<_> = views.iter().map(|view| view.exporter.port()).collect();
    for view in &views {
        view.assert_right(&recordings.file("host any"), &ignored_ports);
    }
}

fn expected(vantage: impl Fn(&ContainerCase) -> &'static str) -> Vec<Expectation> {
    let client = Family::V4.container_host_addresses().outside;
    let mut all = vec![Expectation {
        about: "the marker",
        vantage: "server",
        client,
        server: marker(),
        counts: answered(1),
    }];
    for case in &CONTAINER_CASES {
        all.extend(Family::BOTH.map(|family| Expectation {
            about: case.name,
            vantage: vantage(case),
            client: case.client(family),
            server: case.first_address(family),
            counts: case.expected,
        }));
    }
    all
}
