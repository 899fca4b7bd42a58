//! Bad weather on the road: what a single connect cannot show. Loss, a path that fears ECN, a narrow link, clients in a
//! hurry, a scan, a flood, and faults behind a port that is forwarded.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::Laboratory;
use super::connect::{Connect, connects, server as listen, told};
use super::road::Road;
use crate::forge::{Packet, SYN, TcpOption, ip_packet};

/// The road on a bad day.
pub(crate) struct Weather {
    pub(crate) road: Road,
    _listeners: Vec<OwnedFd>,
}

/// One kind of weather, and what is to be said of it at each place.
pub(crate) struct Spell {
    pub(crate) port: u16,
    to: Ipv4Addr,
    connects: usize,
    patience: Duration,
    /// The port by its last name, where it is forwarded.
    pub(crate) at_server: u16,
    /// The verdicts of `diagnose`; none where the host sees nothing of it, or where it is not its business.
    pub(crate) client: Option<&'static str>,
    pub(crate) firewall: Option<&'static str>,
    pub(crate) server: Option<&'static str>,
    /// The verdict of `compare`, from the captures of client and server.
    pub(crate) both: &'static str,
}

impl Weather {
    pub(crate) fn build(laboratory: &Laboratory) -> Self {
        let road = Road::build(laboratory);
        let Road {
            client,
            firewall,
            server,
            ..
        } = &road;
        server.ip(&format!("addr add {TIMID}/24 dev eth0"));
        client.ip(&format!("route add {TIMID}/32 via 10.77.1.1 features ecn"));
        // What the flood's made-up senders would get is lost without a word.
        firewall.ip("route add blackhole 198.51.100.0/24");
        firewall.nft(FIREWALL);
        let at = |port| SocketAddr::from((SERVER, port));
        let mut _listeners = vec![];
        server.inside(|| {
            _listeners
                .extend([LOSS, LOSS_BACK, HURRY, NARROW, FLOOD].map(|port| listen(at(port), 128)));
            _listeners.push(listen((TIMID, ECN).into(), 128));
        });
        Self { road, _listeners }
    }

    /// All of it; some 9 s. What came about stays open in what is given back.
    pub(crate) fn happen(&self) -> Vec<Connect> {
        let Road {
            client, firewall, ..
        } = &self.road;
        let narrow = || client.inside(|| connects((SERVER, NARROW).into(), MANY, PATIENCE));
        let mut open = narrow();
        open.extend(thread::scope(|scope| {
            scope.spawn(|| client.inside(flood));
            let all: Vec<_> = SPELLS
                .iter()
                .map(|spell| scope.spawn(move || spell.happen(&self.road)))
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
            open.iter().filter(|one| one.told == Some(Ok(()))).count() >= 2 * MANY,
            "{:?}",
            told(&open)
        );
        open
    }
}

impl Spell {
    fn happen(&self, road: &Road) -> Vec<Connect> {
        let to = (self.to, self.port).into();
        let mut all = road
            .client
            .inside(|| connects(to, self.connects, self.patience));
        if self.port == HURRY {
            // They close their sockets, and hear no more.
            all.clear();
            thread::sleep(AFTER_THE_ANSWER);
        }
        if self.port == SCANNED {
            let ports = SCANNED + 1..SCANNED + SCAN;
            all.extend(ports.flat_map(|port| {
                road.client
                    .inside(|| connects((self.to, port).into(), 1, PATIENCE))
            }));
        }
        all
    }
}

/// SYNs from addresses that are nobody's.
fn flood() {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW)))
        .expect("root may forge packets");
    for host in 1..=FLOODERS {
        let from = SocketAddr::from(([198, 51, 100, host], 4000 + u16::from(host)));
        let to = SocketAddr::from((SERVER, FLOOD));
        let number = u32::from(host) * 1_000_003;
        let syn = Packet::tcp(0, from, to, SYN)
            .numbered(number, 0)
            .option(TcpOption::MaximumSegmentSize(1460));
        socket
            .send_to(&ip_packet(&syn), &SockAddr::from(to))
            .expect("it goes out");
    }
}

const LOSS: u16 = 8020;
const LOSS_BACK: u16 = 8021;
const ECN: u16 = 8022;
const FLOOD: u16 = 8024;
const HURRY: u16 = 8025;
pub(crate) const NARROW: u16 = 8026;
/// The first of the ports that are scanned.
pub(crate) const SCANNED: u16 = 8100;
pub(crate) const SCAN: u16 = 25;
const FLOODERS: u8 = 60;
const MANY: usize = 40;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 2);
/// The server by the address that it is asked at with ECN.
const TIMID: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 3);
/// The firewall, whose ports are forwarded.
const FORWARDED: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 1);
const RAW: i32 = 255;

const PATIENCE: Duration = Duration::from_secs(20);
const HASTE: Duration = Duration::from_millis(500);
const AFTER_THE_ANSWER: Duration = Duration::from_millis(1500);

/// Which port, asked how often by whom with how much patience.
const fn spell(port: u16, to: Ipv4Addr, connects: usize) -> Spell {
    Spell {
        port,
        to,
        connects,
        patience: PATIENCE,
        at_server: port,
        client: None,
        firewall: None,
        server: None,
        both: "",
    }
}

#[rustfmt::skip]
pub(crate) const SPELLS: [Spell; 9] = [
    Spell { client: Some("loss"), firewall: Some("loss"), server: Some("fine"), both: "loss_there", ..spell(LOSS, SERVER, 12) },
    Spell { client: Some("loss"), firewall: Some("loss"), server: Some("loss"), both: "loss_back", ..spell(LOSS_BACK, SERVER, 12) },
    Spell { client: Some("ecn_dropped"), firewall: Some("ecn_dropped"), server: Some("fine"), both: "loss_there", ..spell(ECN, TIMID, 6) },
    Spell { client: Some("late"), firewall: Some("late"), server: Some("late"), both: "loss_back", patience: HASTE, ..spell(HURRY, SERVER, 5) },
    Spell { client: Some("scan"), firewall: Some("refused"), server: Some("scan"), both: "refused_by_server", ..spell(SCANNED, SERVER, 1) },
    Spell { at_server: 8002, client: Some("refused"), firewall: Some("refused"), server: Some("refused"), both: "refused_by_server",
            ..spell(33302, FORWARDED, 3) },
    Spell { at_server: 8003, client: Some("silent_drop"), firewall: Some("host_silent"), server: None, both: "lost_there",
            ..spell(33303, FORWARDED, 3) },
    Spell { at_server: 8004, client: Some("silent_drop"), firewall: Some("silent_drop"), server: Some("host_silent"), both: "never_answered",
            ..spell(33304, FORWARDED, 3) },
    Spell { at_server: 8007, client: Some("silent_drop"), firewall: Some("dropped_here"), server: Some("ack_lost"), both: "lost_back",
            ..spell(33307, FORWARDED, 3) },
];

/// What else there is to be said, of ports that are no spell of their own.
pub(crate) fn at_the_server(port: u16) -> Option<&'static str> {
    match port {
        FLOOD => Some("flood"),
        NARROW => Some("fine"),
        _ => None,
    }
}

/// Every third SYN, or SYN/ACK, is dropped; of those in a hurry, the first SYN/ACK of each.
const FIREWALL: &str = "table inet weather {
  set hurried { type ipv4_addr . inet_service; size 1000; flags dynamic,timeout; timeout 1m; }
  chain forward {
    type filter hook forward priority 1;
    tcp dport 8020 tcp flags & (syn | ack) == syn numgen inc mod 3 0 drop
    tcp sport 8021 tcp flags & (syn | ack) == (syn | ack) numgen inc mod 3 0 drop
    tcp dport 8022 tcp flags & (syn | ecn | cwr) == (syn | ecn | cwr) drop
    tcp sport 8025 tcp flags & (syn | ack) == (syn | ack) ip daddr . tcp dport != @hurried add @hurried { ip daddr . tcp dport } drop
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
