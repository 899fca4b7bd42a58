//! Topology of three hosts in a row: client, firewall, server.
//!
//! IPv4 and IPv6 use the same links. The firewall routes, filters and forwards one port; each fault
//! has its own port.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use super::Laboratory;
use super::connect::{MARKER_PORT, listen_without_accepting as listen};
use super::namespace::{Namespace, create_veth};

/// Parameter of Linux 6.5 and later: number of SYN retransmissions at intervals of 1 s.
const SYN_LINEAR_TIMEOUTS: &str = "net.ipv4.tcp_syn_linear_timeouts";

/// One fault per port; port 33306 is forwarded to port 3306 of the server.
const FIREWALL_RULES: &str = "table inet lab {
  set late_drop { type inet_service; elements = { 8011 } }
  chain forward {
    type filter hook forward priority 0;
    tcp dport 8003 drop
    tcp dport 8005 reject with icmpx type admin-prohibited
    tcp dport 8006 reject with tcp reset
    tcp dport 8015 reject
    tcp sport 8007 tcp flags & (syn | ack) == syn | ack drop
    tcp dport @late_drop drop
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

/// Faults of the server.
const SERVER_RULES: &str = "table inet lab {
  chain input {
    type filter hook input priority 0;
    tcp dport 8004 drop
    tcp dport 8016 reject
  }
}";

/// Faults of the client.
const CLIENT_RULES: &str = "table inet lab {
  chain output {
    type filter hook output priority 0;
    tcp dport 8017 ip ttl set 1
    tcp dport 8017 ip6 hoplimit set 1
    tcp dport 8018 reject
    tcp dport 8019 drop
  }
}";

/// The three hosts, and the listeners on their ports.
pub(crate) struct Topology {
    pub(crate) client: Namespace,
    pub(crate) firewall: Namespace,
    pub(crate) server: Namespace,
    _listeners: Vec<OwnedFd>,
}

impl Topology {
    /// Creates links, addresses, routes, rules and listeners.
    pub(crate) fn build(laboratory: &Laboratory) -> Self {
        let [client, firewall, server] =
            ["client", "firewall", "server"].map(|role| laboratory.host(role));
        for parameter in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
            firewall.set_parameter(parameter, "1");
        }
        disable_icmp_rate_limit(&firewall);
        create_veth((&client, "eth0"), (&firewall, "outside"));
        create_veth((&server, "eth0"), (&firewall, "inside"));
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
        firewall.nft(FIREWALL_RULES);
        server.nft(SERVER_RULES);
        client.nft(CLIENT_RULES);
        shorten_syn_retries(&client);
        // Ends the server's SYN/ACK retransmissions before the client gives up.
        server.set_parameter("net.ipv4.tcp_synack_retries", "1");
        server.set_parameter("net.ipv4.tcp_abort_on_overflow", "0");
        let _listeners = listeners(&client, &server);
        Self {
            client,
            firewall,
            server,
            _listeners,
        }
    }

    /// Removes the drop rule of the late answer, so that the server answers the next SYN.
    pub(crate) fn remove_late_drop(&self) {
        self.firewall.nft("flush set inet lab late_drop");
    }
}

/// Limits the client's SYN retransmissions, to shorten the test.
///
/// SYNs are sent at 0, 1, 2, 3, 4, 5 and 6 s, and the client gives up at 8 s. Before Linux 6.5 SYNs
/// are sent at 0, 1, 3 and 7 s, and the client gives up at 15 s.
pub(crate) fn shorten_syn_retries(client: &Namespace) {
    let linear = client.has_parameter(SYN_LINEAR_TIMEOUTS);
    client.set_parameter("net.ipv4.tcp_syn_retries", if linear { "2" } else { "3" });
    if linear {
        client.set_parameter(SYN_LINEAR_TIMEOUTS, "5");
    }
}

/// Disables the rate limits of ICMP, so that the router sends an error for every SYN that it cannot
/// deliver.
pub(crate) fn disable_icmp_rate_limit(router: &Namespace) {
    router.set_parameter("net.ipv4.icmp_ratelimit", "0");
    router.set_parameter("net.ipv6.icmp.ratelimit", "0");
    for parameter in ["net.ipv4.icmp_msgs_per_sec", "net.ipv4.icmp_msgs_burst"] {
        // Older kernels have these parameters once for all namespaces. Their default is high enough
        // for the test.
        if router.has_parameter(parameter) {
            router.set_parameter(parameter, "10000");
        }
    }
}

fn listeners(client: &Namespace, server: &Namespace) -> Vec<OwnedFd> {
    let mut open = vec![];
    for family in Family::BOTH {
        let TopologyAddresses {
            server: server_address,
            loopback,
            ..
        } = family.addresses();
        server.inside(|| {
            open.extend(
                [3306, 8001, 8003, 8004, 8005, 8006, 8007, 8011, MARKER_PORT]
                    .map(|port| listen((server_address, port).into(), 128)),
            );
            open.push(listen((server_address, 8012).into(), 0));
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

/// Addresses of the hosts in one address family.
pub(crate) struct TopologyAddresses {
    pub(crate) client: IpAddr,
    /// The firewall's address on the client's link.
    pub(crate) outside: IpAddr,
    /// The firewall's address on the server's link.
    pub(crate) inside: IpAddr,
    pub(crate) server: IpAddr,
    /// An address on the client's link that no host has.
    pub(crate) unassigned_on_client_link: IpAddr,
    /// An address on the server's link that no host has.
    pub(crate) unassigned_on_server_link: IpAddr,
    pub(crate) loopback: IpAddr,
}

impl Family {
    pub(crate) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub(crate) fn addresses(self) -> TopologyAddresses {
        let [client_link, server_link, loopback] = match self {
            Self::V4 => ["10.77.1.", "10.77.2.", "127.0.0."],
            Self::V6 => ["2001:db8:1::", "2001:db8:2::", "::"],
        };
        let host =
            |network: &str, number: u8| format!("{network}{number}").parse().expect("an address");
        TopologyAddresses {
            client: host(client_link, 2),
            outside: host(client_link, 1),
            inside: host(server_link, 1),
            server: host(server_link, 2),
            unassigned_on_client_link: host(client_link, 99),
            unassigned_on_server_link: host(server_link, 99),
            loopback: host(loopback, 1),
        }
    }
}

/// Returns the destination of the last connect of a run, which goes from the client to the server.
pub(crate) fn marker() -> SocketAddr {
    (Family::V4.addresses().server, MARKER_PORT).into()
}
