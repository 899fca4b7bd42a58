//! The client-firewall-server topology with impairments that a single connect cannot show.
//!
//! Impairments are packet loss, a path that drops ECN setup SYNs, a narrow link, clients with a
//! short timeout, a port scan, a SYN flood, and faults behind forwarded ports. Each has its own
//! port, so that all can run at once.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::Laboratory;
use super::connect::{Connect, connects, listen_without_accepting as listen, results};
use super::topology::Topology;
use crate::packet_builder::{Packet, SYN, TcpOption, ip_packet};

const LOSS_PORT: u16 = 8020;
const LOSS_BACK_PORT: u16 = 8021;
const ECN_PORT: u16 = 8022;
const FLOOD_PORT: u16 = 8024;
const HURRY_PORT: u16 = 8025;
pub(crate) const NARROW_PORT: u16 = 8026;
/// First port of the port scan.
pub(crate) const FIRST_SCANNED_PORT: u16 = 8100;
/// Number of ports of the port scan.
pub(crate) const SCANNED_PORTS: u16 = 25;
const FLOOD_SOURCES: u8 = 60;
/// Number of connects over the link, before and after it becomes narrow.
const NARROW_CONNECTS: usize = 40;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 2);
/// Address of the server to which the client connects with ECN.
const ECN_SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 3);
/// Address of the firewall, with forwarded ports.
const FIREWALL_OUTSIDE: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 1);
const IPPROTO_RAW: i32 = 255;
/// Longer than the kernel takes to give up.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(20);
const HURRIED_CLIENT_TIMEOUT: Duration = Duration::from_millis(500);
/// Time until the server has retransmitted the SYN/ACK, which meets a closed socket.
const AFTER_LATE_SYNACK: Duration = Duration::from_millis(1500);

#[rustfmt::skip]
pub(crate) const IMPAIRMENTS: [Impairment; 9] = [
    Impairment { client: Some("loss"), firewall: Some("loss"), server: Some("fine"), compared: "loss_there", ..impairment(LOSS_PORT, SERVER, 12) },
    Impairment { client: Some("loss"), firewall: Some("loss"), server: Some("loss"), compared: "loss_back", ..impairment(LOSS_BACK_PORT, SERVER, 12) },
    Impairment { client: Some("ecn_dropped"), firewall: Some("ecn_dropped"), server: Some("fine"), compared: "loss_there", ..impairment(ECN_PORT, ECN_SERVER, 6) },
    Impairment { client: Some("late"), firewall: Some("late"), server: Some("late"), compared: "loss_back", timeout: HURRIED_CLIENT_TIMEOUT, ..impairment(HURRY_PORT, SERVER, 5) },
    Impairment { client: Some("scan"), firewall: Some("refused"), server: Some("scan"), compared: "refused_by_server", ..impairment(FIRST_SCANNED_PORT, SERVER, 1) },
    Impairment { server_port: 8002, client: Some("refused"), firewall: Some("refused"), server: Some("refused"), compared: "refused_by_server",
            ..impairment(33302, FIREWALL_OUTSIDE, 3) },
    Impairment { server_port: 8003, client: Some("silent_drop"), firewall: Some("host_silent"), server: None, compared: "lost_there",
            ..impairment(33303, FIREWALL_OUTSIDE, 3) },
    Impairment { server_port: 8004, client: Some("silent_drop"), firewall: Some("silent_drop"), server: Some("host_silent"), compared: "never_answered",
            ..impairment(33304, FIREWALL_OUTSIDE, 3) },
    Impairment { server_port: 8007, client: Some("silent_drop"), firewall: Some("dropped_here"), server: Some("ack_lost"), compared: "lost_back",
            ..impairment(33307, FIREWALL_OUTSIDE, 3) },
];

/// Drops every third SYN of port 8020, every third SYN/ACK of 8021, ECN setup SYNs of 8022, and the
/// first SYN/ACK to each client of 8025.
const FIREWALL_RULES: &str = "table inet impairments {
  set answered_once { type ipv4_addr . inet_service; size 1000; flags dynamic,timeout; timeout 1m; }
  chain forward {
    type filter hook forward priority 1;
    tcp dport 8020 tcp flags & (syn | ack) == syn numgen inc mod 3 0 drop
    tcp sport 8021 tcp flags & (syn | ack) == (syn | ack) numgen inc mod 3 0 drop
    tcp dport 8022 tcp flags & (syn | ecn | cwr) == (syn | ecn | cwr) drop
    tcp sport 8025 tcp flags & (syn | ack) == (syn | ack) ip daddr . tcp dport != @answered_once add @answered_once { ip daddr . tcp dport } drop
  }
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr 10.77.1.1 tcp dport 33302 dnat ip to 10.77.2.2:8002
    ip daddr 10.77.1.1 tcp dport 33303 dnat ip to 10.77.2.2:8003
    ip daddr 10.77.1.1 tcp dport 33304 dnat ip to 10.77.2.2:8004
    ip daddr 10.77.1.1 tcp dport 33307 dnat ip to 10.77.2.2:8007
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ct status dnat tcp dport { 8002, 8003, 8004, 8007 } masquerade
  }
}";

/// The topology with impairments.
pub(crate) struct ImpairedTopology {
    pub(crate) topology: Topology,
    _listeners: Vec<OwnedFd>,
}

/// One impairment, and its expected verdicts on each host.
pub(crate) struct Impairment {
    pub(crate) port: u16,
    to: Ipv4Addr,
    connects: usize,
    timeout: Duration,
    /// Destination port at the server, which differs from `port` if the port is forwarded.
    pub(crate) server_port: u16,
    /// Expected verdicts of `diagnose`; `None` if the host sees no packet of it, or if its verdict
    /// is not checked.
    pub(crate) client: Option<&'static str>,
    pub(crate) firewall: Option<&'static str>,
    pub(crate) server: Option<&'static str>,
    /// Expected verdict of `compare` on the captures of client and server.
    pub(crate) compared: &'static str,
}

impl ImpairedTopology {
    pub(crate) fn build(laboratory: &Laboratory) -> Self {
        let topology = Topology::build(laboratory);
        let Topology {
            client,
            firewall,
            server,
            ..
        } = &topology;
        server.ip(&format!("addr add {ECN_SERVER}/24 dev eth0"));
        client.ip(&format!(
            "route add {ECN_SERVER}/32 via 10.77.1.1 features ecn"
        ));
        // Drops the answers to the flood's spoofed sources without an ICMP error.
        firewall.ip("route add blackhole 198.51.100.0/24");
        firewall.nft(FIREWALL_RULES);
        let at = |port| SocketAddr::from((SERVER, port));
        let mut _listeners = vec![];
        server.inside(|| {
            _listeners.extend(
                [
                    LOSS_PORT,
                    LOSS_BACK_PORT,
                    HURRY_PORT,
                    NARROW_PORT,
                    FLOOD_PORT,
                ]
                .map(|port| listen(at(port), 128)),
            );
            _listeners.push(listen((ECN_SERVER, ECN_PORT).into(), 128));
        });
        Self {
            topology,
            _listeners,
        }
    }

    /// Runs all impairments, in about 9 s.
    ///
    /// The returned values keep the established connections open.
    pub(crate) fn run_all(&self) -> Vec<Connect> {
        let Topology {
            client, firewall, ..
        } = &self.topology;
        let narrow = || {
            client.inside(|| {
                connects(
                    (SERVER, NARROW_PORT).into(),
                    NARROW_CONNECTS,
                    CLIENT_TIMEOUT,
                )
            })
        };
        let mut open = narrow();
        open.extend(thread::scope(|scope| {
            scope.spawn(|| client.inside(flood));
            let all: Vec<_> = IMPAIRMENTS
                .iter()
                .map(|impairment| scope.spawn(move || impairment.run(&self.topology)))
                .collect();
            all.into_iter()
                .flat_map(|one| {
                    one.join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect::<Vec<_>>()
        }));
        firewall.tc("qdisc add dev inside root tbf rate 32kbit burst 1600 limit 65536");
        open.extend(narrow());
        firewall.tc("qdisc del dev inside root");
        assert!(
            open.iter().filter(|one| one.result == Some(Ok(()))).count() >= 2 * NARROW_CONNECTS,
            "{:?}",
            results(&open)
        );
        open
    }
}

impl Impairment {
    fn run(&self, topology: &Topology) -> Vec<Connect> {
        let to = (self.to, self.port).into();
        let mut all = topology
            .client
            .inside(|| connects(to, self.connects, self.timeout));
        if self.port == HURRY_PORT {
            // The clients close their sockets before the second SYN/ACK arrives.
            all.clear();
            thread::sleep(AFTER_LATE_SYNACK);
        }
        if self.port == FIRST_SCANNED_PORT {
            let ports = FIRST_SCANNED_PORT + 1..FIRST_SCANNED_PORT + SCANNED_PORTS;
            all.extend(ports.flat_map(|port| {
                topology
                    .client
                    .inside(|| connects((self.to, port).into(), 1, CLIENT_TIMEOUT))
            }));
        }
        all
    }
}

/// Sends SYNs from spoofed addresses that no host has.
fn flood() {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(IPPROTO_RAW)))
        .expect("root may open raw sockets");
    for host in 1..=FLOOD_SOURCES {
        let from = SocketAddr::from(([198, 51, 100, host], 4000 + u16::from(host)));
        let to = SocketAddr::from((SERVER, FLOOD_PORT));
        let number = u32::from(host) * 1_000_003;
        let syn = Packet::tcp(0, from, to, SYN)
            .numbered(number, 0)
            .option(TcpOption::MaximumSegmentSize(1460));
        socket
            .send_to(&ip_packet(&syn), &SockAddr::from(to))
            .expect("the packet is sent");
    }
}

/// Returns an impairment of a port with this number of connects, without expected verdicts.
const fn impairment(port: u16, to: Ipv4Addr, connects: usize) -> Impairment {
    Impairment {
        port,
        to,
        connects,
        timeout: CLIENT_TIMEOUT,
        server_port: port,
        client: None,
        firewall: None,
        server: None,
        compared: "",
    }
}

/// Returns the expected verdict at the server for a port that is not in `IMPAIRMENTS`.
pub(crate) fn verdict_at_server(port: u16) -> Option<&'static str> {
    match port {
        FLOOD_PORT => Some("flood"),
        NARROW_PORT => Some("fine"),
        _ => None,
    }
}
