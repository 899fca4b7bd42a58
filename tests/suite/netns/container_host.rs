//! Topology of a container host: a bridge with two containers, and a host outside.
//!
//! Ports are published by DNAT; connections that leave the host are masqueraded. The live test of
//! the container host and the recorder of the golden captures use it.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::panic;
use std::thread::{self, ScopedJoinHandle};

use super::Laboratory;
use super::cases::{ConnectOutcome, ExpectedCounts, answered, refused, unreachable};
use super::connect::{
    CONNECT_TIMEOUT, Connect, MARKER_PORT, connects, listen_without_accepting as listen, results,
};
use super::namespace::{Namespace, create_veth};
use super::topology::{Family, disable_icmp_rate_limit};

/// Flags that configure the containers' networks as local.
pub(crate) const CONTAINER_NETWORK_FLAGS: [&str; 4] = [
    "--capture.local",
    "10.88.0.0/24",
    "--capture.local",
    "2001:db8:88::/64",
];

#[rustfmt::skip]
pub(crate) const CONTAINER_CASES: [ContainerCase; 9] = [
    ContainerCase { name: "published port", from: Role::Outside, to: Role::Host, port: 8080, connects: 5,
               outcome: ConnectOutcome::Connected, expected: answered(5), vantage: "server", vantage_configured: "server" },
    ContainerCase { name: "published port without a listener", from: Role::Outside, to: Role::Host, port: 8081, connects: 3,
               outcome: ConnectOutcome::Refused, expected: refused(3), vantage: "server", vantage_configured: "server" },
    ContainerCase { name: "published port of an absent container", from: Role::Outside, to: Role::Host, port: 8082, connects: 2,
               outcome: ConnectOutcome::Unreachable, expected: unreachable(2, "self"), vantage: "server", vantage_configured: "server" },
    ContainerCase { name: "a container to the outside", from: Role::Web, to: Role::Outside, port: 9000, connects: 4,
               outcome: ConnectOutcome::Connected, expected: answered(4), vantage: "transit", vantage_configured: "client" },
    ContainerCase { name: "a container to a closed port outside", from: Role::App, to: Role::Outside, port: 9001, connects: 2,
               outcome: ConnectOutcome::Refused, expected: refused(2), vantage: "transit", vantage_configured: "client" },
    ContainerCase { name: "container to container", from: Role::Web, to: Role::App, port: 8000, connects: 3,
               outcome: ConnectOutcome::Connected, expected: answered(3), vantage: "transit", vantage_configured: "local" },
    ContainerCase { name: "a container to another container's published port", from: Role::App, to: Role::Host, port: 8080, connects: 6,
               outcome: ConnectOutcome::Connected, expected: answered(6), vantage: "server", vantage_configured: "local" },
    ContainerCase { name: "the host to its own published port", from: Role::Host, to: Role::Host, port: 8080, connects: 3,
               outcome: ConnectOutcome::Connected, expected: answered(3), vantage: "client", vantage_configured: "local" },
    ContainerCase { name: "a container to its own published port", from: Role::Web, to: Role::Host, port: 8080, connects: 2,
               outcome: ConnectOutcome::Connected, expected: answered(4), vantage: "server", vantage_configured: "local" },
];

/// MAC address of the web container, which publishes its port.
const WEB_MAC: &str = "02:00:00:00:00:02";

/// Rules as container engines write them.
///
/// DNAT applies to packets that arrive and to packets of the host itself. Masquerade applies to
/// packets that leave and to connections of a container to its own published port.
const NFT_RULES: &str = "table inet lab {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr 192.0.2.1 tcp dport 8080 dnat ip to 10.88.0.2:80
    ip daddr 192.0.2.1 tcp dport 8081 dnat ip to 10.88.0.2:81
    ip daddr 192.0.2.1 tcp dport 8082 dnat ip to 10.88.0.9:80
    ip6 daddr 2001:db8:9::1 tcp dport 8080 dnat ip6 to [2001:db8:88::2]:80
    ip6 daddr 2001:db8:9::1 tcp dport 8081 dnat ip6 to [2001:db8:88::2]:81
    ip6 daddr 2001:db8:9::1 tcp dport 8082 dnat ip6 to [2001:db8:88::9]:80
  }
  chain output {
    type nat hook output priority -100;
    ip daddr 192.0.2.1 tcp dport 8080 dnat ip to 10.88.0.2:80
    ip6 daddr 2001:db8:9::1 tcp dport 8080 dnat ip6 to [2001:db8:88::2]:80
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr 10.88.0.0/24 oifname eth0 masquerade
    ip saddr 10.88.0.2 ip daddr 10.88.0.2 masquerade
    ip6 saddr 2001:db8:88::/64 oifname eth0 masquerade
    ip6 saddr 2001:db8:88::2 ip6 daddr 2001:db8:88::2 masquerade
  }
}";

/// The hosts, and the listeners on their ports.
pub(crate) struct ContainerHost {
    pub(crate) outside: Namespace,
    /// The host that runs the containers.
    pub(crate) host: Namespace,
    web: Namespace,
    app: Namespace,
    _listeners: Vec<OwnedFd>,
}

/// Addresses of the hosts in one address family.
pub(crate) struct ContainerHostAddresses {
    pub(crate) outside: IpAddr,
    pub(crate) host: IpAddr,
    pub(crate) web: IpAddr,
    pub(crate) app: IpAddr,
}

/// Some connects that the container host sends, receives or forwards.
pub(crate) struct ContainerCase {
    pub(crate) name: &'static str,
    from: Role,
    to: Role,
    pub(crate) port: u16,
    connects: usize,
    outcome: ConnectOutcome,
    /// Counts on the host at the end of the test; the last case runs twice.
    pub(crate) expected: ExpectedCounts,
    /// Vantage from which the host counts them.
    pub(crate) vantage: &'static str,
    /// Vantage if the containers' networks are configured as local.
    pub(crate) vantage_configured: &'static str,
}

/// A host's role in a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Outside,
    Host,
    Web,
    App,
}

impl ContainerHost {
    pub(crate) fn build(laboratory: &Laboratory) -> Self {
        let [outside, host, web, app] =
            ["outside", "host", "web", "app"].map(|role| laboratory.host(role));
        for parameter in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
            host.set_parameter(parameter, "1");
        }
        disable_icmp_rate_limit(&host);
        create_veth((&outside, "eth0"), (&host, "eth0"));
        create_veth((&web, "eth0"), (&host, "veth-web"));
        web.ip(&format!("link set eth0 address {WEB_MAC}"));
        create_veth((&app, "eth0"), (&host, "veth-app"));
        outside.ip("addr add 192.0.2.2/24 dev eth0\n\
                    addr add 2001:db8:9::2/64 dev eth0 nodad");
        host.ip("link add br0 type bridge\n\
                 link set br0 up\n\
                 link set veth-web master br0\n\
                 link set veth-app master br0\n\
                 link set veth-web type bridge_slave hairpin on\n\
                 addr add 192.0.2.1/24 dev eth0\n\
                 addr add 2001:db8:9::1/64 dev eth0 nodad\n\
                 addr add 10.88.0.1/24 dev br0\n\
                 addr add 2001:db8:88::1/64 dev br0 nodad");
        for (container, number) in [(&web, 2), (&app, 3)] {
            container.ip(&format!(
                "addr add 10.88.0.{number}/24 dev eth0\n\
                 addr add 2001:db8:88::{number}/64 dev eth0 nodad\n\
                 route add default via 10.88.0.1\n\
                 route add ::/0 via 2001:db8:88::1"
            ));
        }
        host.nft(NFT_RULES);
        let mut _listeners = vec![];
        for family in Family::BOTH {
            let at = family.container_host_addresses();
            web.inside(|| _listeners.push(listen((at.web, 80).into(), 128)));
            app.inside(|| _listeners.push(listen((at.app, 8000).into(), 128)));
            host.inside(|| _listeners.push(listen((at.host, MARKER_PORT).into(), 128)));
            outside.inside(|| _listeners.push(listen((at.outside, 9000).into(), 128)));
        }
        Self {
            outside,
            host,
            web,
            app,
            _listeners,
        }
    }

    /// Runs all cases of both address families at once, in about 3 s.
    ///
    /// Runs the last case also alone before them, while the neighbor entry of the container is
    /// stale. With br_netfilter, packets then take another route with other addresses.
    pub(crate) fn run_all(&self) -> Vec<Connect> {
        let [.., hairpin] = &CONTAINER_CASES;
        self.set_web_neighbor_state("stale");
        let mut open: Vec<_> = Family::BOTH
            .into_iter()
            .flat_map(|family| hairpin.run(self, family))
            .collect();
        self.set_web_neighbor_state("permanent");
        open.extend(thread::scope(|scope| {
            let all = CONTAINER_CASES
                .iter()
                .flat_map(|case| Family::BOTH.map(|family| (case, family)));
            let all: Vec<_> = all
                .map(|(one, family)| scope.spawn(move || one.run(self, family)))
                .collect();
            let join = |one: ScopedJoinHandle<'_, _>| {
                one.join()
                    .unwrap_or_else(|panic| panic::resume_unwind(panic))
            };
            all.into_iter().flat_map(join).collect::<Vec<_>>()
        }));
        open
    }

    /// Sets the state of the host's neighbor entry for the web container.
    fn set_web_neighbor_state(&self, state: &str) {
        for address in Family::BOTH.map(|family| family.container_host_addresses().web) {
            self.host.ip(&format!(
                "neigh replace {address} lladdr {WEB_MAC} dev br0 nud {state}"
            ));
        }
    }

    fn namespace(&self, role: Role) -> &Namespace {
        match role {
            Role::Outside => &self.outside,
            Role::Host => &self.host,
            Role::Web => &self.web,
            Role::App => &self.app,
        }
    }
}

/// Returns the destination of the last connect of a run, which goes from outside to the host
/// itself.
pub(crate) fn marker() -> SocketAddr {
    (Family::V4.container_host_addresses().host, MARKER_PORT).into()
}

impl ContainerCase {
    pub(crate) fn client(&self, family: Family) -> IpAddr {
        family.container_host_addresses().of(self.from)
    }

    pub(crate) fn address(&self, family: Family) -> SocketAddr {
        (family.container_host_addresses().of(self.to), self.port).into()
    }

    /// Returns the destination in the first packet that a capture on the host sees.
    ///
    /// Connects of the host itself pass DNAT before the capture point.
    pub(crate) fn first_address(&self, family: Family) -> SocketAddr {
        match self.from {
            Role::Host => (family.container_host_addresses().web, 80).into(),
            _ => self.address(family),
        }
    }

    fn run(&self, hosts: &ContainerHost, family: Family) -> Vec<Connect> {
        let to = self.address(family);
        let connects = hosts
            .namespace(self.from)
            .inside(|| connects(to, self.connects, CONNECT_TIMEOUT));
        assert_eq!(
            results(&connects),
            vec![Some(self.outcome.result(family)); self.connects],
            "{} ({family:?})",
            self.name
        );
        connects
    }
}

impl ContainerHostAddresses {
    fn of(&self, role: Role) -> IpAddr {
        match role {
            Role::Outside => self.outside,
            Role::Host => self.host,
            Role::Web => self.web,
            Role::App => self.app,
        }
    }
}

impl Family {
    pub(crate) fn container_host_addresses(self) -> ContainerHostAddresses {
        let [outside, containers] = match self {
            Self::V4 => ["192.0.2.", "10.88.0."],
            Self::V6 => ["2001:db8:9::", "2001:db8:88::"],
        };
        let host =
            |network: &str, number: u8| format!("{network}{number}").parse().expect("an address");
        ContainerHostAddresses {
            outside: host(outside, 2),
            host: host(outside, 1),
            web: host(containers, 2),
            app: host(containers, 3),
        }
    }
}
