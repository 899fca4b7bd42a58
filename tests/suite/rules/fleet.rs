//! Live test of the rules: three hosts with exporters, Prometheus, Alertmanager, and all faults at
//! once on separate ports.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use super::alertmanager::Alertmanager;
use super::prometheus::Prometheus;
use crate::netns::Laboratory;
use crate::netns::connect::{connects, listen_without_accepting as listen};
use crate::netns::exporter::Exporter;
use crate::netns::namespace::{Namespace, create_veth};
use crate::netns::topology::{Family, Topology};
use crate::program::has_tool;

const CLIENT_TARGET: &str = "10.99.1.2:10077";
const FIREWALL_TARGET: &str = "10.99.2.2:10077";
const SERVER_TARGET: &str = "10.99.3.2:10077";
/// Port that works until the test adds a drop rule on the firewall.
const HEALTHY_PORT: u16 = 9001;
const STARTUP_TIMEOUT: Duration = Duration::from_secs(60);
/// Longer than the client's kernel takes to give up, 8 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(9);

/// Expected alerts: name, instance, port.
///
/// 8002: closed. 8003: dropped by the firewall. 8004: dropped by the server's host. 8005: rejected
/// by the firewall. 8006: reset by the firewall. 8007: SYN/ACKs dropped by the firewall after its
/// capture point, so that its exporter counts all attempts as answered.
const EXPECTED_ALERTS: [(&str, &str, u16); 18] = [
    ("TCPHandshakeUnanswered", CLIENT_TARGET, HEALTHY_PORT),
    ("TCPHandshakeUnanswered", FIREWALL_TARGET, HEALTHY_PORT),
    ("TCPHandshakePathLossThere", CLIENT_TARGET, HEALTHY_PORT),
    ("TCPHandshakeRefused", CLIENT_TARGET, 8002),
    ("TCPHandshakeRefused", FIREWALL_TARGET, 8002),
    ("TCPHandshakeUnanswered", CLIENT_TARGET, 8003),
    ("TCPHandshakeUnanswered", FIREWALL_TARGET, 8003),
    ("TCPHandshakePathLossThere", CLIENT_TARGET, 8003),
    ("TCPHandshakeUnanswered", CLIENT_TARGET, 8004),
    ("TCPHandshakeUnanswered", FIREWALL_TARGET, 8004),
    ("TCPHandshakeRejected", CLIENT_TARGET, 8005),
    ("TCPHandshakeRejected", FIREWALL_TARGET, 8005),
    ("TCPHandshakeRefused", CLIENT_TARGET, 8006),
    ("TCPHandshakeRefused", FIREWALL_TARGET, 8006),
    ("TCPHandshakeUnanswered", CLIENT_TARGET, 8007),
    ("TCPHandshakePathLossBack", CLIENT_TARGET, 8007),
    ("TCPHandshakeSynLoss", FIREWALL_TARGET, 8007),
    ("TCPHandshakeRepliesNotAcknowledged", SERVER_TARGET, 8007),
];

#[test]
fn real_faults_raise_the_expected_alerts() {
    let test = "real_faults_raise_the_expected_alerts";
    let Some(laboratory) = Laboratory::open(test) else {
        return;
    };
    if !has_tool("prometheus") || !has_tool("prometheus-alertmanager") {
        return;
    }
    let topology = Topology::build(&laboratory);
    let monitor = laboratory.host("monitor");
    let exporters: Vec<_> = [&topology.client, &topology.firewall, &topology.server]
        .into_iter()
        .zip([CLIENT_TARGET, FIREWALL_TARGET, SERVER_TARGET])
        .map(|(host, address)| start_exporter(&monitor, host, address))
        .collect();
    let _open = topology
        .server
        .inside(|| listen(server_address(HEALTHY_PORT), 4096));
    let webhooks = monitor.inside(|| TcpListener::bind("127.0.0.1:0").unwrap());
    let alertmanager = Alertmanager::start_on(
        monitor.command("prometheus-alertmanager"),
        9093,
        webhooks,
        "10s",
    );
    let prometheus = Prometheus::start(&monitor, &[CLIENT_TARGET, FIREWALL_TARGET, SERVER_TARGET]);

    // Without faults, the path is fine as soon as both exporters have data of a whole window.
    let start = Instant::now();
    while legs(&prometheus) != leg_set(&[(HEALTHY_PORT, "fine")]) {
        assert!(
            start.elapsed() < STARTUP_TIMEOUT,
            "never fine: {:?}\n{}",
            legs(&prometheus),
            path_rule_series(&prometheus)
        );
        topology
            .client
            .inside(|| connects(server_address(HEALTHY_PORT), 2, Duration::from_secs(2)));
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(firing(&prometheus), BTreeSet::new());

    topology.firewall.nft(&format!(
        "add rule inet lab forward tcp dport {HEALTHY_PORT} drop"
    ));
    let mut named = BTreeSet::new();
    let mut raised = BTreeSet::new();
    thread::scope(|scope| {
        let faults = [HEALTHY_PORT, 8002, 8003, 8004, 8005, 8006, 8007].map(|port| {
            let client = &topology.client;
            scope.spawn(move || {
                client.inside(|| {
                    (0..3).for_each(|_| drop(connects(server_address(port), 10, CONNECT_TIMEOUT)));
                });
            })
        });
        while faults.iter().any(|fault| !fault.is_finished()) {
            raised.extend(firing(&prometheus));
            named.extend(legs(&prometheus));
            thread::sleep(Duration::from_secs(1));
        }
    });

    let expected = [
        (HEALTHY_PORT, "fine"),
        (HEALTHY_PORT, "way_there"),
        (8002, "server_refuses"),
        (8003, "way_there_or_translated"),
        (8004, "server_host"),
        (8007, "way_back"),
    ];
    assert_eq!(named, leg_set(&expected));
    assert_eq!(
        raised,
        EXPECTED_ALERTS
            .map(|(name, instance, port)| (name.into(), instance.into(), port.to_string()))
            .into()
    );
    let received: Vec<_> = alertmanager
        .notifications_until_quiet(Duration::from_secs(3))
        .iter()
        .map(|n| n.subject())
        .collect();
    let paged: Vec<_> = received
        .iter()
        .filter(|subject| subject.starts_with("/pager"))
        .collect();
    assert_eq!(paged, ["/pager 10.77.2.2"], "{received:?}");
    drop(exporters);
}

/// Starts an exporter on a host. The monitor scrapes it over a separate veth pair.
fn start_exporter<'h>(monitor: &Namespace, host: &'h Namespace, address: &str) -> Exporter<'h> {
    let (network, _) = address.rsplit_once('.').unwrap();
    let end = host.role();
    create_veth((monitor, end), (host, "monitor"));
    monitor.ip(&format!("addr add {network}.1/24 dev {end}"));
    host.ip(&format!("addr add {network}.2/24 dev monitor"));
    Exporter::start(host, &["--web.listen-address", address])
}

fn server_address(port: u16) -> SocketAddr {
    (Family::V4.addresses().server, port).into()
}

/// Returns (port, leg) of the client's paths: the leg on which attempts fail.
fn legs(prometheus: &Prometheus<'_>) -> BTreeSet<(String, String)> {
    let paths = prometheus.series(&format!(
        "path:tcp_handshake_loss_location:info5m{{instance=\"{CLIENT_TARGET}\"}}"
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

/// Returns (name, instance, port) of the firing alerts.
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

/// Returns the series of the path rules, for the message of a failed assertion.
fn path_rule_series(prometheus: &Prometheus<'_>) -> String {
    let known = prometheus.series("{__name__=~\"(path|instance|instance_cause|address):.+\"}");
    known.iter().map(|series| format!("{series:?}\n")).collect()
}
