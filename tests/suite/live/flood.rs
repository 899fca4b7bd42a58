//! A flood of SYNs from spoofed sources, and regular peers in the midst of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::lab::Laboratory;
use crate::lab::connect::PATIENCE;
use crate::lab::exporter::Exporter;
use crate::lab::exposition::Exposition;
use crate::lab::namespace::Namespace;
use crate::lab::pair::connect;
use crate::lab::sender::{Load, send};

/// Far more SYNs than there is room for attempts, from more sources than there are sets: nothing is dropped, memory is
/// bounded, every attempt is in exactly one set, and what regular peers do is told as if nothing else happened.
#[test]
fn a_flood_is_counted_whole_and_regular_peers_stay_exact() {
    let Some(laboratory) = Laboratory::open("a_flood_is_counted_whole") else {
        return;
    };
    let [near, far] = ["near", "far"].map(|role| laboratory.host(role));
    connect(&near, &far);
    for regular in REGULARS {
        near.ip(&format!("addr add {}/24 dev eth0", address(regular)));
    }
    let listener =
        far.inside(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, OPEN)).expect("the port is free"));
    thread::spawn(move || listener.incoming().for_each(drop));
    let exporter = Exporter::start(&far, &["-i", "eth0", "--handshake.max-attempts", "4096"]);

    // They are known before the flood begins; one asks in the midst of it where nobody will answer.
    regulars_ask(&near);
    let asks_in_vain = *REGULARS.start();
    assert!(
        !ask(&near, asks_in_vain, SILENT, PATIENCE),
        "nothing listens there"
    );
    far.nft(&format!(
        "table ip t {{\nchain c {{\ntype filter hook input priority 0\ntcp dport {SILENT} drop\n}}\n}}\n"
    ));
    let sent = thread::scope(|scope| {
        let flood = scope.spawn(|| near.inside(|| send(Load::Flood, "eth0", FLOOD, A_SECOND)));
        ask(&near, asks_in_vain, SILENT, Duration::from_millis(500));
        for _ in 1..ROUNDS {
            regulars_ask(&near);
        }
        flood.join().expect("no panic")
    });

    // A machine that is very busy loses frames on the cable, before any capture; the cable counts them.
    let lost = frames_lost(&near) as f64;
    let all = (sent + u64::from(ROUNDS) * REGULARS.count() as u64 + 2) as f64;
    let attempts = |page: &Exposition| sum(page, "tcp_handshake_attempts_total");
    let page = exporter.metrics_once("all are counted", |page| {
        attempts(page) >= all - lost && regular(page, asks_in_vain, SILENT, "failures_total") == 2.0
    });
    let all = all - lost..=all;
    assert!(
        all.contains(&attempts(&page)),
        "every attempt is in exactly one set: {all:?}"
    );
    assert_eq!(
        sum(&page, "tcp_handshake_exporter_dropped_packets_total"),
        0.0
    );
    for peer in REGULARS {
        let told = ["attempts_total", "answered_total", "evicted_total"]
            .map(|metric| regular(&page, peer, OPEN, metric));
        assert_eq!(
            told,
            [f64::from(ROUNDS), f64::from(ROUNDS), 0.0],
            "{}",
            address(peer)
        );
    }
    assert_eq!(
        regular(&page, asks_in_vain, SILENT, "evicted_total"),
        0.0,
        "a regular peer's attempt is kept"
    );
    let evicted = sum(&page, "tcp_handshake_evicted_total");
    let decided =
        sum(&page, "tcp_handshake_answered_total") + sum(&page, "tcp_handshake_failures_total");
    let pending = sum(&page, "tcp_handshake_exporter_pending_attempts");
    assert!(
        evicted > sent as f64 / 2.0,
        "there was no room: {evicted} of {sent}"
    );
    assert_eq!(
        decided + evicted + pending,
        attempts(&page),
        "and none is forgotten without a word"
    );
    let peak = exporter.peak_memory();
    assert!(peak <= 64 << 20, "{} MiB resident", peak >> 20);
}

/// Forty at once, who read as they can: each is answered, none of them holds up the capture, and what waits for them takes
/// little room.
#[test]
fn forty_scrapes_at_once_in_a_flood_are_all_answered() {
    let Some(laboratory) = Laboratory::open("forty_scrapes_at_once") else {
        return;
    };
    let [near, far] = ["near", "far"].map(|role| laboratory.host(role));
    connect(&near, &far);
    let exporter = Exporter::start(&far, &["-i", "eth0"]);
    thread::scope(|scope| {
        let flood = scope.spawn(|| near.inside(|| send(Load::Flood, "eth0", FLOOD, A_SECOND)));
        exporter.metrics_once("the table of sets is full", |page| {
            sum(page, "tcp_handshake_exporter_sets") > 500.0
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
                    "all 500 sets are on it: {} bytes",
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

fn regulars_ask(near: &Namespace) {
    for regular in REGULARS {
        assert!(
            ask(near, regular, OPEN, PATIENCE),
            "{} is answered",
            address(regular)
        );
    }
}

/// Whether a connect from this address succeeds.
fn ask(near: &Namespace, regular: u8, port: u16, patience: Duration) -> bool {
    near.inside(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::new(address(regular), 0).into())
            .expect("the address is its own");
        let far: SocketAddr = (Ipv4Addr::new(192, 0, 2, 2), port).into();
        socket.connect_timeout(&far.into(), patience).is_ok()
    })
}

pub(super) fn frames_lost(near: &Namespace) -> u64 {
    let output = near
        .command("cat")
        .arg("/sys/class/net/eth0/statistics/tx_dropped")
        .output()
        .expect("it is there");
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .expect("a number")
}

/// A metric of the set of a regular peer and port.
fn regular(page: &Exposition, peer: u8, port: u16, metric: &str) -> f64 {
    let metric = format!("tcp_handshake_{metric}");
    let (peer, port) = (address(peer).to_string(), port.to_string());
    let own = page.only(|series| {
        series.labels.get("peer") == Some(&peer) && series.labels.get("port") == Some(&port)
    });
    sum(&own, &metric)
}

pub(super) fn sum(page: &Exposition, metric: &str) -> f64 {
    page.only(|series| series.name == metric)
        .values()
        .iter()
        .sum()
}

fn address(regular: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, regular).into()
}

const REGULARS: std::ops::RangeInclusive<u8> = 10..=29;
/// How often each of them connects.
const ROUNDS: u32 = 5;
const OPEN: u16 = 80;
/// A port where nothing listens, and that the far host's firewall drops during the flood.
const SILENT: u16 = 82;
const SCRAPES: usize = 40;
const FLOOD: Duration = Duration::from_secs(3);
/// What a build without optimisation can bear on a busy machine.
const A_SECOND: u64 = 10_000;
