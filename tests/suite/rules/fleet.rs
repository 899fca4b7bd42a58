//! A small fleet: three hosts with exporters, Prometheus, Alertmanager, and every fault at once on a port of its own.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use super::alertmanager::Alertmanager;
use super::prometheus::Prometheus;
use crate::lab::Laboratory;
use crate::lab::connect::{connects, server as listen};
use crate::lab::exporter::Exporter;
use crate::lab::namespace::{Namespace, cable};
use crate::lab::road::{Family, Road};
use crate::program::has_tool;

#[test]
fn real_faults_raise_the_right_alerts_and_name_the_right_leg() {
    let test = "real_faults_raise_the_right_alerts_and_name_the_right_leg";
    let Some(laboratory) = Laboratory::open(test) else {
        return;
    };
    if !has_tool("prometheus") || !has_tool("prometheus-alertmanager") {
        return;
    }
    let road = Road::build(&laboratory);
    let monitor = laboratory.host("monitor");
    let exporters: Vec<_> = [&road.client, &road.firewall, &road.server]
        .into_iter()
        .zip([CLIENT, FIREWALL, SERVER])
        .map(|(host, address)| watched(&monitor, host, address))
        .collect();
    let _open = road.server.inside(|| listen(to(HEALTHY), 4096));
    let webhooks = monitor.inside(|| TcpListener::bind("127.0.0.1:0").unwrap());
    let alertmanager = Alertmanager::start_on(
        monitor.command("prometheus-alertmanager"),
        9093,
        webhooks,
        "10s",
    );
    let prometheus = Prometheus::start(&monitor, &[CLIENT, FIREWALL, SERVER]);

    // All is well, and after a window both ends have watched for long enough to say so.
    let start = Instant::now();
    while legs(&prometheus) != leg_set(&[(HEALTHY, "fine")]) {
        assert!(
            start.elapsed() < PATIENCE,
            "never fine: {:?}\n{}",
            legs(&prometheus),
            state(&prometheus)
        );
        road.client
            .inside(|| connects(to(HEALTHY), 2, Duration::from_secs(2)));
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(firing(&prometheus), BTreeSet::new());

    road.firewall.nft(&format!(
        "add rule inet lab forward tcp dport {HEALTHY} drop"
    ));
    let (mut named, mut raised) = (BTreeSet::new(), BTreeSet::new());
    thread::scope(|scope| {
        let faults = [HEALTHY, 8002, 8003, 8004, 8005, 8006, 8007].map(|port| {
            let client = &road.client;
            scope.spawn(move || {
                client.inside(|| (0..3).for_each(|_| drop(connects(to(port), 10, BURST))));
            })
        });
        while faults.iter().any(|fault| !fault.is_finished()) {
            raised.extend(firing(&prometheus));
            named.extend(legs(&prometheus));
            thread::sleep(Duration::from_secs(1));
        }
    });

    let expected = [
        (HEALTHY, "fine"),
        (HEALTHY, "way_there"),
        (8002, "server_refuses"),
        (8003, "way_there_or_translated"),
        (8004, "server_host"),
        (8007, "way_back"),
    ];
    assert_eq!(named, leg_set(&expected));
    assert_eq!(
        raised,
        RAISED
            .map(|(name, who, port)| (name.into(), who.into(), port.to_string()))
            .into()
    );
    let told: Vec<_> = alertmanager
        .notices_within(Duration::from_secs(3))
        .iter()
        .map(|n| n.subject())
        .collect();
    let paged: Vec<_> = told
        .iter()
        .filter(|subject| subject.starts_with("/pager"))
        .collect();
    assert_eq!(paged, ["/pager 10.77.2.2"], "{told:?}");
    drop(exporters);
}

/// An exporter on a host, served to the monitor over a cable of its own.
fn watched<'h>(monitor: &Namespace, host: &'h Namespace, address: &str) -> Exporter<'h> {
    let (network, _) = address.rsplit_once('.').unwrap();
    let end = host.role();
    cable((monitor, end), (host, "monitor"));
    monitor.ip(&format!("addr add {network}.1/24 dev {end}"));
    host.ip(&format!("addr add {network}.2/24 dev monitor"));
    Exporter::start(host, &["--web.listen-address", address])
}

fn to(port: u16) -> SocketAddr {
    (Family::V4.addresses().server, port).into()
}

/// Where it breaks, as the client's paths say: (port, leg).
fn legs(prometheus: &Prometheus<'_>) -> BTreeSet<(String, String)> {
    let paths = prometheus.series(&format!(
        "path:tcp_handshake_where:info5m{{instance=\"{CLIENT}\"}}"
    ));
    paths
        .into_iter()
        .map(|path| (path["port"].clone(), path["where"].clone()))
        .collect()
}

fn leg_set(legs: &[(u16, &str)]) -> BTreeSet<(String, String)> {
    legs.iter()
        .map(|(port, leg)| (port.to_string(), (*leg).to_owned()))
        .collect()
}

/// Alerts that fire: (name, instance, port).
fn firing(prometheus: &Prometheus<'_>) -> BTreeSet<(String, String, String)> {
    let alerts = prometheus.series("ALERTS{alertstate=\"firing\"}");
    let label = |alert: &std::collections::BTreeMap<String, String>, key: &str| {
        alert.get(key).cloned().unwrap_or_default()
    };
    alerts
        .iter()
        .map(|a| {
            (
                label(a, "alertname"),
                label(a, "instance"),
                label(a, "port"),
            )
        })
        .collect()
}

/// What the path rules stand on, for whoever has to find out why they say something else.
fn state(prometheus: &Prometheus<'_>) -> String {
    let known = prometheus.series("{__name__=~\"(path|instance|instance_cause|address):.+\"}");
    known.iter().map(|series| format!("{series:?}\n")).collect()
}

const CLIENT: &str = "10.99.1.2:10077";
const FIREWALL: &str = "10.99.2.2:10077";
const SERVER: &str = "10.99.3.2:10077";

/// Works until the firewall is told to drop it.
const HEALTHY: u16 = 9001;
const PATIENCE: Duration = Duration::from_secs(60);
/// A client that is short of temper has its verdict after eight seconds.
const BURST: Duration = Duration::from_secs(9);

/// 8002: closed. 8003: dropped by the firewall. 8004: dropped by the server's host. 8005: rejected by the firewall.
/// 8006: reset by the firewall. 8007: SYN/ACKs dropped by the firewall, which has seen them: to it, all are answered.
const RAISED: [(&str, &str, u16); 18] = [
    ("TCPHandshakeUnanswered", CLIENT, HEALTHY),
    ("TCPHandshakeUnanswered", FIREWALL, HEALTHY),
    ("TCPHandshakePathLossThere", CLIENT, HEALTHY),
    ("TCPHandshakeRefused", CLIENT, 8002),
    ("TCPHandshakeRefused", FIREWALL, 8002),
    ("TCPHandshakeUnanswered", CLIENT, 8003),
    ("TCPHandshakeUnanswered", FIREWALL, 8003),
    ("TCPHandshakePathLossThere", CLIENT, 8003),
    ("TCPHandshakeUnanswered", CLIENT, 8004),
    ("TCPHandshakeUnanswered", FIREWALL, 8004),
    ("TCPHandshakeRejected", CLIENT, 8005),
    ("TCPHandshakeRejected", FIREWALL, 8005),
    ("TCPHandshakeRefused", CLIENT, 8006),
    ("TCPHandshakeRefused", FIREWALL, 8006),
    ("TCPHandshakeUnanswered", CLIENT, 8007),
    ("TCPHandshakePathLossBack", CLIENT, 8007),
    ("TCPHandshakeSynLoss", FIREWALL, 8007),
    ("TCPHandshakeRepliesNotAcknowledged", SERVER, 8007),
];
