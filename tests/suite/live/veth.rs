//! Live tests of two hosts on one link, and of one host alone.

use std::net::SocketAddr;

use nix::errno::Errno;

use super::View;
use crate::netns::Laboratory;
use crate::netns::cases::{answered, refused, unreachable};
use crate::netns::connect::{
    CONNECT_TIMEOUT, connects, listen_without_accepting as listen, results,
};
use crate::netns::expect::Expectation;
use crate::netns::exposition::Series;
use crate::netns::namespace::create_veth;
use crate::netns::pair::{OPEN_PORT, Pair, marker};
use crate::netns::recording::Recordings;
use crate::netns::topology::Family::{self, V4, V6};

#[test]
fn pair_counts_plain_and_ecn_attempts_alike() {
    let Some(laboratory) = Laboratory::open("pair_counts_plain_and_ecn_attempts_alike") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let [open, closed] = [OPEN_PORT, 81]
        .map(|port| move |family: Family| SocketAddr::from((family.pair_addresses().far, port)));
    let expected = |vantage| {
        let case = |about, family: Family, server, counts| Expectation {
            about,
            vantage,
            client: family.pair_addresses().near,
            server,
            counts,
        };
        vec![
            case("ten plain connects", V4, open(V4), answered(10)),
            case("ten connects with ECN", V6, open(V6), answered(10)),
            case("ECN, closed port", V4, closed(V4), refused(3)),
            case("the marker", V4, marker(), answered(1)),
        ]
    };
    let near = View::start(&pair.near, &["eth0"], &[])
        .expecting(&["192.0.2.1", "2001:db8:9::1"], expected("client"));
    let far = View::start(&pair.far, &["eth0"], &[])
        .expecting(&["192.0.2.2", "2001:db8:9::2"], expected("server"));
    let mut recordings = Recordings::new();
    recordings.start(&pair.near, "eth0");
    recordings.start(&pair.far, "eth0");

    let connect = |to, count| pair.near.inside(|| connects(to, count, CONNECT_TIMEOUT));
    pair.near.set_parameter("net.ipv4.tcp_ecn", "0");
    let plain = connect(open(V4), 10);
    pair.near.set_parameter("net.ipv4.tcp_ecn", "1");
    let with_ecn = connect(open(V6), 10);
    let refused = connect(closed(V4), 3);
    let last = connect(marker(), 1);
    assert_eq!(
        [results(&plain), results(&with_ecn)],
        [[Some(Ok(())); 10]; 2]
    );
    assert_eq!(
        (results(&refused), results(&last)),
        (vec![Some(Err(Errno::ECONNREFUSED)); 3], vec![Some(Ok(()))])
    );

    recordings.finish(&format!("tcp src port {}", marker().port()));
    near.assert_right(&recordings.file("near eth0"), &[]);
    let local_addresses = near
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
    local_addresses.assert_equals(
        &["192.0.2.1", "2001:db8:9::1"]
            .map(info)
            .into_iter()
            .collect(),
        0.0,
        "the host's own addresses",
    );
    far.assert_right(&recordings.file("far eth0"), &[]);
}

#[test]
fn lone_host_counts_closed_port_and_unassigned_address() {
    let Some(laboratory) = Laboratory::open("lone_host_counts_closed_port_and_unassigned_address")
    else {
        return;
    };
    let host = laboratory.host("alone");
    create_veth((&host, "eth0"), (&host, "peer"));
    host.ip("addr add 192.0.2.1/24 dev eth0\naddr add 2001:db8:9::1/64 dev eth0 nodad");
    let marker_address = SocketAddr::from(([127, 0, 0, 1], 8099));
    let _listener = host.inside(|| listen(marker_address, 128));
    let closed = SocketAddr::from(([127, 0, 0, 1], 81));
    let unassigned = |family: Family| SocketAddr::from((family.pair_addresses().unassigned, 80));
    let from = |family: Family| family.pair_addresses().near;
    let local = closed.ip();
    let expected = vec![
        Expectation {
            about: "closed port",
            vantage: "local",
            client: local,
            server: closed,
            counts: refused(1),
        },
        Expectation {
            about: "unassigned address",
            vantage: "client",
            client: from(V4),
            server: unassigned(V4),
            counts: unreachable(1, "self"),
        },
        Expectation {
            about: "unassigned address",
            vantage: "client",
            client: from(V6),
            server: unassigned(V6),
            counts: unreachable(1, "self"),
        },
        Expectation {
            about: "the marker",
            vantage: "local",
            client: local,
            server: marker_address,
            counts: answered(1),
        },
    ];
    let view = View::start(&host, &[], &[])
        .expecting(&["192.0.2.1", "2001:db8:9::1", "127.0.0.0/8"], expected);
    let mut recordings = Recordings::new();
    recordings.start(&host, "any");

    let connect = |to| results(&host.inside(|| connects(to, 1, CONNECT_TIMEOUT)));
    assert_eq!(connect(closed), [Some(Err(Errno::ECONNREFUSED))]);
    assert_eq!(connect(unassigned(V4)), [Some(Err(Errno::EHOSTUNREACH))]);
    assert_eq!(connect(unassigned(V6)), [Some(Err(Errno::EHOSTUNREACH))]);
    assert_eq!(connect(marker_address), [Some(Ok(()))]);

    recordings.finish(&format!("tcp src port {}", marker_address.port()));
    view.assert_right(&recordings.file("alone any"), &[view.exporter.port()]);
}
