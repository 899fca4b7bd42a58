//! Two hosts on one cable, and one alone: small setups.

use std::net::SocketAddr;

use nix::errno::Errno;

use super::View;
use crate::lab::Laboratory;
use crate::lab::cases::{answered, refused, unreachable};
use crate::lab::connect::{PATIENCE, connects, server, told};
use crate::lab::expect::Expectation;
use crate::lab::exposition::Series;
use crate::lab::namespace::cable;
use crate::lab::pair::{OPEN, Pair, marker};
use crate::lab::recording::Tapes;
use crate::lab::road::Family::{self, V4, V6};

#[test]
fn a_pool_of_ten_is_ten_attempts_and_an_ecn_client_counts_like_any_other() {
    let Some(laboratory) = Laboratory::open("a_pool_of_ten_is_ten_attempts") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let [open, closed] =
        [OPEN, 81].map(|port| move |family: Family| SocketAddr::from((family.cable().far, port)));
    let expected = |vantage| {
        let case = |about, family: Family, server, seen| Expectation {
            about,
            vantage,
            client: family.cable().near,
            server,
            seen,
        };
        vec![
            case("a plain pool", V4, open(V4), answered(10)),
            case("an ECN pool", V6, open(V6), answered(10)),
            case("ECN, closed port", V4, closed(V4), refused(3)),
            case("the marker", V4, marker(), answered(1)),
        ]
    };
    let near = View::start(&pair.near, &["eth0"], &[])
        .expecting(&["192.0.2.1", "2001:db8:9::1"], expected("client"));
    let far = View::start(&pair.far, &["eth0"], &[])
        .expecting(&["192.0.2.2", "2001:db8:9::2"], expected("server"));
    let mut tapes = Tapes::new();
    tapes.start(&pair.near, "eth0");
    tapes.start(&pair.far, "eth0");

    let ask = |to, count| pair.near.inside(|| connects(to, count, PATIENCE));
    pair.near.set("net.ipv4.tcp_ecn", "0");
    let plain = ask(open(V4), 10);
    pair.near.set("net.ipv4.tcp_ecn", "1");
    let with_ecn = ask(open(V6), 10);
    let refused = ask(closed(V4), 3);
    let last = ask(marker(), 1);
    assert_eq!([told(&plain), told(&with_ecn)], [[Some(Ok(())); 10]; 2]);
    assert_eq!(
        (told(&refused), told(&last)),
        (vec![Some(Err(Errno::ECONNREFUSED)); 3], vec![Some(Ok(()))])
    );

    tapes.finish(&format!("tcp src port {}", marker().port()));
    near.assert_right(&tapes.of("near eth0"), &[]);
    let own = near
        .exporter
        .metrics()
        .only(|series| series.name == "tcp_handshake_local_address_info");
    let info = |address| {
        (
            Series::new(
                "tcp_handshake_local_address_info",
                &[("address", address), ("interface", "eth0")],
            ),
            1.0,
        )
    };
    own.assert_equals(
        &["192.0.2.1", "2001:db8:9::1"]
            .map(info)
            .into_iter()
            .collect(),
        0.0,
        "the host's own addresses",
    );
    far.assert_right(&tapes.of("far eth0"), &[]);
}

#[test]
fn a_host_alone_sees_its_closed_port_and_the_address_that_nobody_has() {
    let Some(laboratory) = Laboratory::open("a_host_alone") else {
        return;
    };
    let host = laboratory.host("alone");
    cable((&host, "eth0"), (&host, "nowhere"));
    host.ip("addr add 192.0.2.1/24 dev eth0\naddr add 2001:db8:9::1/64 dev eth0 nodad");
    let home = SocketAddr::from(([127, 0, 0, 1], 8099));
    let _listener = host.inside(|| server(home, 128));
    let closed = SocketAddr::from(([127, 0, 0, 1], 81));
    let nobody = |family: Family| SocketAddr::from((family.cable().nobody, 80));
    let from = |family: Family| family.cable().near;
    let local = closed.ip();
    let expected = vec![
        Expectation {
            about: "closed",
            vantage: "local",
            client: local,
            server: closed,
            seen: refused(1),
        },
        Expectation {
            about: "nobody",
            vantage: "client",
            client: from(V4),
            server: nobody(V4),
            seen: unreachable(1, "self"),
        },
        Expectation {
            about: "nobody",
            vantage: "client",
            client: from(V6),
            server: nobody(V6),
            seen: unreachable(1, "self"),
        },
        Expectation {
            about: "the marker",
            vantage: "local",
            client: local,
            server: home,
            seen: answered(1),
        },
    ];
    let view = View::start(&host, &[], &[])
        .expecting(&["192.0.2.1", "2001:db8:9::1", "127.0.0.0/8"], expected);
    let mut tapes = Tapes::new();
    tapes.start(&host, "any");

    let ask = |to| told(&host.inside(|| connects(to, 1, PATIENCE)));
    assert_eq!(ask(closed), [Some(Err(Errno::ECONNREFUSED))]);
    assert_eq!(ask(nobody(V4)), [Some(Err(Errno::EHOSTUNREACH))]);
    assert_eq!(ask(nobody(V6)), [Some(Err(Errno::EHOSTUNREACH))]);
    assert_eq!(ask(home), [Some(Ok(()))]);

    tapes.finish(&format!("tcp src port {}", home.port()));
    view.assert_right(&tapes.of("alone any"), &[view.exporter.port()]);
}
