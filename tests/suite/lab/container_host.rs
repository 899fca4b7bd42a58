//! A container host: a bridge with two containers, published ports (DNAT), masquerade for what leaves, and a host outside.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::panic;
use std::thread::{self, ScopedJoinHandle};

use super::Laboratory;
use super::cases::{Seen, Told, answered, refused, unreachable};
use super::connect::{Connect, MARKER, PATIENCE, connects, server as listen, told};
use super::namespace::{Namespace, cable};
use super::road::{Family, unlimit_icmp};

/// The hosts, with their servers behind their ports.
pub(crate) struct ContainerHost {
    pub(crate) outside: Namespace,
    /// The container host itself.
    pub(crate) host: Namespace,
    web: Namespace,
    app: Namespace,
    _listeners: Vec<OwnedFd>,
}

/// Who lives where.
pub(crate) struct Addresses {
    pub(crate) outside: IpAddr,
    pub(crate) host: IpAddr,
    pub(crate) web: IpAddr,
    pub(crate) app: IpAddr,
}

/// Some connects through the container host.
pub(crate) struct Crossing {
    pub(crate) name: &'static str,
    from: Place,
    to: Place,
    pub(crate) port: u16,
    connects: usize,
    told: Told,
    /// What the host makes of it in the end; the last crossing happens twice.
    pub(crate) seen: Seen,
    /// From which vantage.
    pub(crate) vantage: &'static str,
    /// The same, where the containers' networks are declared to be the host's own.
    pub(crate) vantage_declared: &'static str,
}

/// A host by its part in the story.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
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
            host.set(parameter, "1");
        }
        unlimit_icmp(&host);
        cable((&outside, "eth0"), (&host, "eth0"));
        cable((&web, "eth0"), (&host, "veth-web"));
        web.ip(&format!("link set eth0 address {WEB}"));
        cable((&app, "eth0"), (&host, "veth-app"));
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
        host.nft(PUBLISHED);
        let mut _listeners = vec![];
        for family in Family::BOTH {
            let at = family.container_host();
            web.inside(|| _listeners.push(listen((at.web, 80).into(), 128)));
            app.inside(|| _listeners.push(listen((at.app, 8000).into(), 128)));
            host.inside(|| _listeners.push(listen((at.host, MARKER).into(), 128)));
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

    /// All crossings of both families at once; some 3 s. Before them, the last of them alone, while the host is not
    /// sure of the container's hardware address: with br_netfilter, packets then go another way, under another name.
    pub(crate) fn cross(&self) -> Vec<Connect> {
        let [.., hairpin] = &CROSSINGS;
        self.web_is("stale");
        let mut open: Vec<_> = Family::BOTH
            .into_iter()
            .flat_map(|family| hairpin.happen(self, family))
            .collect();
        self.web_is("permanent");
        open.extend(thread::scope(|scope| {
            let all = CROSSINGS
                .iter()
                .flat_map(|crossing| Family::BOTH.map(|family| (crossing, family)));
            let all: Vec<_> = all
                .map(|(one, family)| scope.spawn(move || one.happen(self, family)))
                .collect();
            let join = |one: ScopedJoinHandle<'_, _>| {
                one.join()
                    .unwrap_or_else(|panic| panic::resume_unwind(panic))
            };
            all.into_iter().flat_map(join).collect::<Vec<_>>()
        }));
        open
    }

    /// What the host thinks of the hardware address that it has of the web container.
    fn web_is(&self, state: &str) {
        for address in Family::BOTH.map(|family| family.container_host().web) {
            self.host.ip(&format!(
                "neigh replace {address} lladdr {WEB} dev br0 nud {state}"
            ));
        }
    }

    fn at(&self, place: Place) -> &Namespace {
        match place {
            Place::Outside => &self.outside,
            Place::Host => &self.host,
            Place::Web => &self.web,
            Place::App => &self.app,
        }
    }
}

/// Where the last connect of a run goes: from outside to the host itself.
pub(crate) fn marker() -> SocketAddr {
    (Family::V4.container_host().host, MARKER).into()
}

impl Crossing {
    pub(crate) fn client(&self, family: Family) -> IpAddr {
        family.container_host().of(self.from)
    }

    pub(crate) fn to(&self, family: Family) -> SocketAddr {
        (family.container_host().of(self.to), self.port).into()
    }

    /// What the host sees first of whom the connects go to: the host's own meet DNAT before they meet a capture.
    pub(crate) fn first_name(&self, family: Family) -> SocketAddr {
        match self.from {
            Place::Host => (family.container_host().web, 80).into(),
            _ => self.to(family),
        }
    }

    fn happen(&self, hosts: &ContainerHost, family: Family) -> Vec<Connect> {
        let to = self.to(family);
        let these = hosts
            .at(self.from)
            .inside(|| connects(to, self.connects, PATIENCE));
        assert_eq!(
            told(&these),
            vec![Some(self.told.result(family)); self.connects],
            "{} ({family:?})",
            self.name
        );
        these
    }
}

impl Addresses {
    fn of(&self, place: Place) -> IpAddr {
        match place {
            Place::Outside => self.outside,
            Place::Host => self.host,
            Place::Web => self.web,
            Place::App => self.app,
        }
    }
}

impl Family {
    pub(crate) fn container_host(self) -> Addresses {
        let [street, house] = match self {
            Self::V4 => ["192.0.2.", "10.88.0."],
            Self::V6 => ["2001:db8:9::", "2001:db8:88::"],
        };
        let host =
            |network: &str, number: u8| format!("{network}{number}").parse().expect("an address");
        Addresses {
            outside: host(street, 2),
            host: host(street, 1),
            web: host(house, 2),
            app: host(house, 3),
        }
    }
}

/// The containers' networks, declared to be the host's own.
pub(crate) const CONTAINERS: [&str; 4] = [
    "--capture.local",
    "10.88.0.0/24",
    "--capture.local",
    "2001:db8:88::/64",
];

#[rustfmt::skip]
pub(crate) const CROSSINGS: [Crossing; 9] = [
    Crossing { name: "published port", from: Place::Outside, to: Place::Host, port: 8080, connects: 5,
               told: Told::Connected, seen: answered(5), vantage: "server", vantage_declared: "server" },
    Crossing { name: "published, but nothing listens", from: Place::Outside, to: Place::Host, port: 8081, connects: 3,
               told: Told::Refused, seen: refused(3), vantage: "server", vantage_declared: "server" },
    Crossing { name: "published, but no such container", from: Place::Outside, to: Place::Host, port: 8082, connects: 2,
               told: Told::Unreachable, seen: unreachable(2, "self"), vantage: "server", vantage_declared: "server" },
    Crossing { name: "a container to the outside", from: Place::Web, to: Place::Outside, port: 9000, connects: 4,
               told: Told::Connected, seen: answered(4), vantage: "transit", vantage_declared: "client" },
    Crossing { name: "a container to a closed port outside", from: Place::App, to: Place::Outside, port: 9001, connects: 2,
               told: Told::Refused, seen: refused(2), vantage: "transit", vantage_declared: "client" },
    Crossing { name: "container to container", from: Place::Web, to: Place::App, port: 8000, connects: 3,
               told: Told::Connected, seen: answered(3), vantage: "transit", vantage_declared: "local" },
    Crossing { name: "a container to its neighbour's published port", from: Place::App, to: Place::Host, port: 8080, connects: 6,
               told: Told::Connected, seen: answered(6), vantage: "server", vantage_declared: "local" },
    Crossing { name: "the host to its own published port", from: Place::Host, to: Place::Host, port: 8080, connects: 3,
               told: Told::Connected, seen: answered(3), vantage: "client", vantage_declared: "local" },
    Crossing { name: "a container to its own published port", from: Place::Web, to: Place::Host, port: 8080, connects: 2,
               told: Told::Connected, seen: answered(4), vantage: "server", vantage_declared: "local" },
];

/// The hardware address of the container that publishes its port.
const WEB: &str = "02:00:00:00:00:02";
/// As container engines write them: DNAT for what comes in and for the host itself, masquerade for what leaves and for
/// a container that meets itself.
const PUBLISHED: &str = "table inet lab {
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
