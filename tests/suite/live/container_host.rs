//! A container host watched on `any`: bridge, veth, DNAT and masquerade show a connection under up to three names.

use super::View;
use crate::lab::Laboratory;
use crate::lab::cases::answered;
use crate::lab::connect::{MARKER, PATIENCE, connects, told};
use crate::lab::container_host::{CONTAINERS, CROSSINGS, ContainerHost, Crossing, marker};
use crate::lab::expect::Expectation;
use crate::lab::recording::Tapes;
use crate::lab::road::Family;

#[test]
fn a_container_host_counts_each_connection_once() {
    let Some(laboratory) = Laboratory::open("a_container_host_counts_each_connection_once") else {
        return;
    };
    let hosts = ContainerHost::build(&laboratory);
    let views = [
        View::start(&hosts.host, &[], &[]).expecting(HOST, expected(|crossing| crossing.vantage)),
        View::start(&hosts.host, &[], &CONTAINERS)
            .expecting(HOST, expected(|crossing| crossing.vantage_declared)),
    ];
    let mut tapes = Tapes::new();
    tapes.start(&hosts.host, "any");

    let _open = hosts.cross();
    let last = hosts.outside.inside(|| connects(marker(), 1, PATIENCE));
    assert_eq!(told(&last), [Some(Ok(()))], "the marker");

    tapes.finish(&format!("tcp src port {MARKER}"));
    let aside: Vec<_> = views.iter().map(|view| view.exporter.port()).collect();
    for view in &views {
        view.assert_right(&tapes.of("host any"), &aside);
    }
}

fn expected(vantage: impl Fn(&Crossing) -> &'static str) -> Vec<Expectation> {
    let client = Family::V4.container_host().outside;
    let mut all = vec![Expectation {
        about: "the marker",
        vantage: "server",
        client,
        server: marker(),
        seen: answered(1),
    }];
    for crossing in &CROSSINGS {
        all.extend(Family::BOTH.map(|family| Expectation {
            about: crossing.name,
            vantage: vantage(crossing),
            client: crossing.client(family),
            server: crossing.first_name(family),
            seen: crossing.seen,
        }));
    }
    all
}

const HOST: &[&str] = &[
    "192.0.2.1",
    "10.88.0.1",
    "2001:db8:9::1",
    "2001:db8:88::1",
    "127.0.0.0/8",
    "::1",
];
