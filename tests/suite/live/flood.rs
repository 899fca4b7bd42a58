//! Live tests of a SYN flood from spoofed sources, while known peers connect.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::netns::Laboratory;
use crate::netns::connect::CONNECT_TIMEOUT;
use crate::netns::exporter::Exporter;
use crate::netns::exposition::Exposition;
use crate::netns::namespace::Namespace;
use crate::netns::pair::connect;
use crate::netns::sender::{Load, send};

/// Last bytes of the addresses of the known peers.
const KNOWN_PEERS: std::ops::RangeInclusive<u8> = 10..=29;
/// Number of connects of each known peer.
const ROUNDS: u32 = 5;
const OPEN_PORT: u16 = 80;
/// A port without a listener, which the far host's firewall drops during the flood.
const SILENT_PORT: u16 = 82;
const SCRAPES: usize = 40;
const FLOOD_DURATION: Duration = Duration::from_secs(3);
/// A rate that an unoptimized build can process on a busy machine.
const SYNS_PER_SECOND: u64 = 10_000;

/// Sends more SYNs than the attempt table holds, from more sources than there are label sets.
///
/// No packet is dropped, memory is bounded, every attempt is in exactly one label set, and the
/// counts of known peers are exact.
#[test]
fn flood_keeps_counts_of_known_peers_exact() {
    let Some(laboratory) = Laboratory::open("flood_keeps_counts_of_known_peers_exact") else {
        return;
    };
    let [near, far] = ["near", "far"].map(|role| laboratory.host(role));
    connect(&near, &far);
    for peer in KNOWN_PEERS {
        near.ip(&format!("addr add {}/24 dev eth0", address(peer)));
    }
    let listener = far.inside(|| {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, OPEN_PORT)).expect("the port is free")
    });
    thread::spawn(move || listener.incoming().for_each(drop));
    let exporter = Exporter::start(&far, &["-i", "eth0", "--handshake.max-attempts", "4096"]);

    // The peers are known before the flood starts. During the flood, one of them connects to a port
    // without an answer.
    connect_known_peers(&near);
    let unanswered_peer = *KNOWN_PEERS.start();
    assert!(
        !connect_from(&near, unanswered_peer, SILENT_PORT, CONNECT_TIMEOUT),
        "nothing listens there"
    );
    far.nft(&format!(
        "table ip t {{\nchain c {{\ntype filter hook input priority 0\ntcp dport {SILENT_PORT} drop\n}}\n}}\n"
    ));
    let sent = thread::scope(|scope| {
        let flood = scope
            .spawn(|| near.inside(|| send(Load::Flood, "eth0", FLOOD_DURATION, SYNS_PER_SECOND)));
        connect_from(
            &near,
            unanswered_peer,
            SILENT_PORT,
            Duration::from_millis(500),
        );
        for _ in 1..ROUNDS {
            connect_known_peers(&near);
        }
        flood.join().expect("no panic")
    });

    // A busy machine loses frames on the veth pair, before any capture point. The veth pair counts
    // them.
    let lost = frames_lost(&near) as f64;
    let all = (sent + u64::from(ROUNDS) * KNOWN_PEERS.count() as u64 + 2) as f64;
    let attempts = |page: &Exposition| sum(page, "tcp_handshake_attempts_total");
    let page = exporter.metrics_once("all SYNs are counted", |page| {
        attempts(page) >= all - lost
            && known_peer_value(page, unanswered_peer, SILENT_PORT, "failures_total") == 2.0
    });
    let all = all - lost..=all;
    assert!(
        all.contains(&attempts(&page)),
        "every attempt is in exactly one label set: {all:?}"
    );
    assert_eq!(
        sum(&page, "tcp_handshake_exporter_dropped_packets_total"),
        0.0
    );
    for peer in KNOWN_PEERS {
        let values = ["attempts_total", "answered_total", "evicted_total"]
            .map(|metric| known_peer_value(&page, peer, OPEN_PORT, metric));
        assert_eq!(
            values,
            [f64::from(ROUNDS), f64::from(ROUNDS), 0.0],
            "{}",
            address(peer)
        );
    }
    assert_eq!(
        known_peer_value(&page, unanswered_peer, SILENT_PORT, "evicted_total"),
        0.0,
        "the attempt of a known peer is kept"
    );
    let evicted = sum(&page, "tcp_handshake_evicted_total");
    let decided =
        sum(&page, "tcp_handshake_answered_total") + sum(&page, "tcp_handshake_failures_total");
    let pending = sum(&page, "tcp_handshake_exporter_pending_attempts");
    assert!(
        evicted > sent as f64 / 2.0,
        "the table was full: {evicted} of {sent}"
    );
    assert_eq!(
        decided + evicted + pending,
        attempts(&page),
        "every attempt has an outcome"
    );
    let peak = exporter.peak_memory();
    assert!(peak <= 64 << 20, "{} MiB resident", peak >> 20);
}

/// Forty scrapes at once, which read at their own pace, are all answered. They do not delay the
/// capture, and the buffered responses keep memory bounded.
#[test]
fn forty_concurrent_scrapes_succeed_during_a_flood() {
    let Some(laboratory) = Laboratory::open("forty_concurrent_scrapes_succeed_during_a_flood")
    else {
        return;
    };
    let [near, far] = ["near", "far"].map(|role| laboratory.host(role));
    connect(&near, &far);
    let exporter = Exporter::start(&far, &["-i", "eth0"]);
    thread::scope(|scope| {
        let flood = scope
            .spawn(|| near.inside(|| send(Load::Flood, "eth0", FLOOD_DURATION, SYNS_PER_SECOND)));
        exporter.metrics_once("the table of label sets is full", |page| {
            sum(page, "tcp_handshake_exporter_label_sets") > 500.0
        });
        while !flood.is_finished() {
            let scrapes: Vec<_> = (0..SCRAPES)
                .map(|_| scope.spawn(|| exporter.get("/metrics")))
                .collect();
            for scrape in scrapes {
                let (status, page) = scrape.join().expect("no panic");
                assert_eq!(status, 200);
                assert!(
                    page.len() > 1_000_000,
                    "all 500 label sets are in the response: {} bytes",
                    page.len()
                );
            }
        }
        assert!(flood.join().expect("no panic") > 0);
    });
    assert_eq!(
        sum(
            &exporter.metrics(),
            "tcp_handshake_exporter_dropped_packets_total"
        ),
        0.0
    );
    let peak = exporter.peak_memory();
    assert!(peak <= 64 << 20, "{} MiB resident", peak >> 20);
}

fn connect_known_peers(near: &Namespace) {
    for peer in KNOWN_PEERS {
        assert!(
            connect_from(near, peer, OPEN_PORT, CONNECT_TIMEOUT),
            "{} is answered",
            address(peer)
        );
    }
}

/// Connects from this peer's address; returns `true` on success.
fn connect_from(near: &Namespace, peer: u8, port: u16, timeout: Duration) -> bool {
    near.inside(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::new(address(peer), 0).into())
            .expect("the address is local");
        let far: SocketAddr = (Ipv4Addr::new(192, 0, 2, 2), port).into();
        socket.connect_timeout(&far.into(), timeout).is_ok()
    })
}

/// Returns the number of frames that the near end of the veth pair dropped.
pub(super) fn frames_lost(near: &Namespace) -> u64 {
    let output = near
        .command("cat")
        .arg("/sys/class/net/eth0/statistics/tx_dropped")
        .output()
        .expect("the interface has statistics");
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .expect("a number")
}

/// Returns the value of a metric for a known peer and port.
fn known_peer_value(page: &Exposition, peer: u8, port: u16, metric: &str) -> f64 {
    let metric = format!("tcp_handshake_{metric}");
    let peer = address(peer).to_string();
    let port = port.to_string();
    let label_set = page.only(|series| {
        series.labels.get("peer") == Some(&peer) && series.labels.get("port") == Some(&port)
    });
    sum(&label_set, &metric)
}

/// Returns the sum of a metric over all series.
pub(super) fn sum(page: &Exposition, metric: &str) -> f64 {
    page.only(|series| series.name == metric)
        .values()
        .iter()
        .sum()
}

fn address(peer: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, peer).into()
}
