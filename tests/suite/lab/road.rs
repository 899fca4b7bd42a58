//! Three hosts in a row: client, firewall, server. Both address families run over the same cables.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use super::Laboratory;
use super::connect::{MARKER, server as listen};
use super::namespace::{Namespace, cable};

/// The road, with a server behind each port that has one.
pub(crate) struct Road {
    pub(crate) client: Namespace,
    pub(crate) firewall: Namespace,
    pub(crate) server: Namespace,
    _listeners: Vec<OwnedFd>,
}

impl Road {
    /// Lays cables, addresses, routes and rules, and opens the ports.
    pub(crate) fn build(laboratory: &Laboratory) -> Self {
        let [client, firewall, server] =
            ["client", "firewall", "server"].map(|role| laboratory.host(role));
        for parameter in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
            firewall.set(parameter, "1");
        }
        unlimit_icmp(&firewall);
        cable((&client, "eth0"), (&firewall, "outside"));
        cable((&server, "eth0"), (&firewall, "inside"));
        client.ip("addr add 10.77.1.2/24 dev eth0\n\
                   addr add 2001:db8:1::2/64 dev eth0 nodad\n\
                   route add default via 10.77.1.1\n\
                   route add ::/0 via 2001:db8:1::1");
        firewall.ip("addr add 10.77.1.1/24 dev outside\n\
                     addr add 2001:db8:1::1/64 dev outside nodad\n\
                     addr add 10.77.2.1/24 dev inside\n\
                     addr add 2001:db8:2::1/64 dev inside nodad");
        server.ip("addr add 10.77.2.2/24 dev eth0\n\
                   addr add 2001:db8:2::2/64 dev eth0 nodad\n\
                   route add default via 10.77.2.1\n\
                   route add ::/0 via 2001:db8:2::1");
        firewall.nft(FIREWALL);
        server.nft(SERVER);
        client.nft(CLIENT);
        short_tempered(&client);
        // So that the server falls silent before the client gives up.
        server.set("net.ipv4.tcp_synack_retries", "1");
        server.set("net.ipv4.tcp_abort_on_overflow", "0");
        let _listeners = listeners(&client, &server);
        Self {
            client,
            firewall,
            server,
            _listeners,
        }
    }

    /// The connection that was lost on the way is no longer: the late answer.
    pub(crate) fn lift_the_drop(&self) {
        self.firewall.nft("flush set inet lab lifted_later");
    }
}

/// A client that gives up early: SYNs at 0, 1, 2, 3, 4, 5, 6 s and an end at 8 s; before Linux 6.5 at 0, 1, 3, 7 and 15 s.
pub(crate) fn short_tempered(client: &Namespace) {
    let linear = client.knows(LINEAR_TIMEOUTS);
    client.set("net.ipv4.tcp_syn_retries", if linear { "2" } else { "3" });
    if linear {
        client.set(LINEAR_TIMEOUTS, "5");
    }
}

/// A router that answers every SYN it cannot deliver, however many there are.
pub(crate) fn unlimit_icmp(router: &Namespace) {
    router.set("net.ipv4.icmp_ratelimit", "0");
    router.set("net.ipv6.icmp.ratelimit", "0");
    for parameter in ["net.ipv4.icmp_msgs_per_sec", "net.ipv4.icmp_msgs_burst"] {
        // Older kernels have these for all hosts together, and enough for a test.
        if router.knows(parameter) {
            router.set(parameter, "10000");
        }
    }
}

fn listeners(client: &Namespace, server: &Namespace) -> Vec<OwnedFd> {
    let mut open = vec![];
    for family in Family::BOTH {
        let Addresses {
            server: there,
            loopback,
            ..
        } = family.addresses();
        server.inside(|| {
            open.extend(
                [3306, 8001, 8003, 8004, 8005, 8006, 8007, 8011, MARKER]
                    .map(|port| listen((there, port).into(), 128)),
            );
            open.push(listen((there, 8012).into(), 0));
        });
        client.inside(|| open.push(listen((loopback, 8013).into(), 128)));
    }
    open
}

/// IPv4 or IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    V4,
    V6,
}

/// Who lives where on the road.
pub(crate) struct Addresses {
    pub(crate) client: IpAddr,
    /// The firewall, to the client.
    pub(crate) outside: IpAddr,
    /// The firewall, to the server.
    pub(crate) inside: IpAddr,
    pub(crate) server: IpAddr,
    /// An address on the client's own link that nobody has.
    pub(crate) nobody_here: IpAddr,
    /// An address on the server's link that nobody has.
    pub(crate) nobody_there: IpAddr,
    pub(crate) loopback: IpAddr,
}

impl Family {
    pub(crate) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub(crate) fn addresses(self) -> Addresses {
        let [here, there, loopback] = match self {
            Self::V4 => ["10.77.1.", "10.77.2.", "127.0.0."],
            Self::V6 => ["2001:db8:1::", "2001:db8:2::", "::"],
        };
        let host =
            |network: &str, number: u8| format!("{network}{number}").parse().expect("an address");
        Addresses {
            client: host(here, 2),
            outside: host(here, 1),
            inside: host(there, 1),
            server: host(there, 2),
            nobody_here: host(here, 99),
            nobody_there: host(there, 99),
            loopback: host(loopback, 1),
        }
    }
}

/// Where the last connect of a run goes: from the client to the server.
pub(crate) fn marker() -> SocketAddr {
    (Family::V4.addresses().server, MARKER).into()
}

const LINEAR_TIMEOUTS: &str = "net.ipv4.tcp_syn_linear_timeouts";

const FIREWALL: &str = "table inet lab {
  set lifted_later { type inet_service; elements = { 8011 } }
  chain forward {
    type filter hook forward priority 0;
    tcp dport 8003 drop
    tcp dport 8005 reject with icmpx type admin-prohibited
    tcp dport 8006 reject with tcp reset
    tcp dport 8015 reject
    tcp sport 8007 tcp flags & (syn | ack) == syn | ack drop
    tcp dport @lifted_later drop
  }
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr 10.77.1.1 tcp dport 33306 dnat ip to 10.77.2.2:3306
    ip6 daddr 2001:db8:1::1 tcp dport 33306 dnat ip6 to [2001:db8:2::2]:3306
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    tcp dport 3306 masquerade
  }
}";

const SERVER: &str = "table inet lab {
  chain input {
    type filter hook input priority 0;
    tcp dport 8004 drop
    tcp dport 8016 reject
  }
}";

const CLIENT: &str = "table inet lab {
  chain output {
    type filter hook output priority 0;
    tcp dport 8017 ip ttl set 1
    tcp dport 8017 ip6 hoplimit set 1
    tcp dport 8018 reject
    tcp dport 8019 drop
  }
}";
