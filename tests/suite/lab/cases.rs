//! Everything that can become of a connection attempt on the road, and what each host must make of it.

use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;

use super::connect::{Connect, connects, told};
use super::road::{Family, Road};

/// Some connects to one port, and the outcome.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    pub(crate) target: Target,
    /// How many at once. A full accept queue takes one more before them, to fill it.
    pub(crate) connects: usize,
    pub(crate) told: Told,
    /// What each host sees of it; none where it never gets there.
    pub(crate) client: Option<Seen>,
    pub(crate) firewall: Option<Seen>,
    pub(crate) server: Option<Seen>,
}

/// Where a case's connects go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    Server,
    /// The firewall's own address, with a port that is forwarded to 3306 of the server.
    Forwarded,
    NobodyHere,
    NobodyThere,
    Loopback,
}

/// What the kernel tells the application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Connected,
    Refused,
    Unreachable,
    Prohibited,
    TimedOut,
}

/// What an exporter must count.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Seen {
    pub(crate) answered: usize,
    pub(crate) unanswered: usize,
    pub(crate) refused: usize,
    pub(crate) unreachable: usize,
    pub(crate) prohibited: usize,
    pub(crate) late: usize,
    /// Code and reporter of the ICMP errors.
    pub(crate) icmp: Option<(&'static str, &'static str)>,
}

impl Case {
    pub(crate) fn to(&self, family: Family) -> SocketAddr {
        let addresses = family.addresses();
        let host: IpAddr = match self.target {
            Target::Server => addresses.server,
            Target::Forwarded => addresses.outside,
            Target::NobodyHere => addresses.nobody_here,
            Target::NobodyThere => addresses.nobody_there,
            Target::Loopback => addresses.loopback,
        };
        (host, self.port).into()
    }

    /// Does it, from the client; panics unless the kernel tells each connect what it should.
    fn happen(&self, road: &Road, family: Family) -> Vec<Connect> {
        let to = self.to(family);
        road.client.inside(|| {
            let mut all = vec![];
            if self.port == FULL_QUEUE {
                all.extend(connects(to, 1, PATIENCE));
                assert_eq!(
                    told(&all),
                    [Some(Ok(()))],
                    "{} ({family:?}): the connect that fills the queue",
                    self.name
                );
            }
            let these = connects(to, self.connects, PATIENCE);
            assert_eq!(
                told(&these),
                vec![Some(self.told.result(family)); self.connects],
                "{} ({family:?})",
                self.name
            );
            all.extend(these);
            all
        })
    }
}

impl Told {
    pub(crate) fn result(self, family: Family) -> Result<(), Errno> {
        match (self, family) {
            (Self::Connected, _) => Ok(()),
            (Self::Refused, _) => Err(Errno::ECONNREFUSED),
            (Self::Unreachable, _) | (Self::Prohibited, Family::V4) => Err(Errno::EHOSTUNREACH),
            (Self::Prohibited, Family::V6) => Err(Errno::EACCES),
            (Self::TimedOut, _) => Err(Errno::ETIMEDOUT),
        }
    }
}

/// All cases of both families at once; some 9 s. The connections that came about stay open in what is given back.
pub(crate) fn happen_all(road: &Road) -> Vec<Connect> {
    thread::scope(|scope| {
        let all = CASES
            .iter()
            .flat_map(|case| Family::BOTH.map(|family| (case, family)));
        let cases: Vec<_> = all
            .map(|(case, family)| scope.spawn(move || case.happen(road, family)))
            .collect();
        // The verdict is a matter of packet time; the client sends another SYN after it, at 6 s.
        thread::sleep(AFTER_THE_VERDICT);
        road.lift_the_drop();
        cases
            .into_iter()
            .flat_map(|case| {
                case.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

const NOTHING: Seen = Seen {
    answered: 0,
    unanswered: 0,
    refused: 0,
    unreachable: 0,
    prohibited: 0,
    late: 0,
    icmp: None,
};

/// So many answered.
pub(crate) const fn answered(answered: usize) -> Seen {
    Seen {
        answered,
        ..NOTHING
    }
}

const fn unanswered(unanswered: usize) -> Seen {
    Seen {
        unanswered,
        ..NOTHING
    }
}

/// So many refused.
pub(crate) const fn refused(refused: usize) -> Seen {
    Seen { refused, ..NOTHING }
}

/// So many that reach nobody, and who says so.
pub(crate) const fn unreachable(unreachable: usize, reporter: &'static str) -> Seen {
    Seen {
        unreachable,
        icmp: Some(("host_unreachable", reporter)),
        ..NOTHING
    }
}

const fn prohibited(prohibited: usize, code: &'static str, reporter: &'static str) -> Seen {
    Seen {
        prohibited,
        icmp: Some((code, reporter)),
        ..NOTHING
    }
}

const fn looping(unreachable: usize, reporter: &'static str) -> Seen {
    Seen {
        unreachable,
        icmp: Some(("time_exceeded", reporter)),
        ..NOTHING
    }
}

const fn late(late: usize) -> Seen {
    Seen {
        unanswered: late,
        late,
        ..NOTHING
    }
}

const fn mixed(answered: usize, unanswered: usize) -> Seen {
    Seen {
        answered,
        unanswered,
        ..NOTHING
    }
}

/// Listens with a backlog of 0 and does not accept.
pub(crate) const FULL_QUEUE: u16 = 8012;

#[rustfmt::skip]
pub(crate) const CASES: [Case; 19] = [
    Case { name: "open port", port: 8001, target: Target::Server, connects: 10, told: Told::Connected,
           client: Some(answered(10)), firewall: Some(answered(10)), server: Some(answered(10)) },
    Case { name: "closed port", port: 8002, target: Target::Server, connects: 3, told: Told::Refused,
           client: Some(refused(3)), firewall: Some(refused(3)), server: Some(refused(3)) },
    Case { name: "drop on the path", port: 8003, target: Target::Server, connects: 4, told: Told::TimedOut,
           client: Some(unanswered(4)), firewall: Some(unanswered(4)), server: None },
    Case { name: "drop in the server's input chain", port: 8004, target: Target::Server, connects: 2, told: Told::TimedOut,
           client: Some(unanswered(2)), firewall: Some(unanswered(2)), server: Some(unanswered(2)) },
    Case { name: "prohibited by the firewall", port: 8005, target: Target::Server, connects: 5, told: Told::Prohibited,
           client: Some(prohibited(5, "admin_prohibited", "router")), firewall: Some(prohibited(5, "admin_prohibited", "self")), server: None },
    Case { name: "reset by the firewall", port: 8006, target: Target::Server, connects: 6, told: Told::Refused,
           client: Some(refused(6)), firewall: Some(refused(6)), server: None },
    Case { name: "SYN/ACKs lost on the way back", port: 8007, target: Target::Server, connects: 3, told: Told::TimedOut,
           client: Some(unanswered(3)), firewall: Some(answered(3)), server: Some(answered(3)) },
    Case { name: "port forwarding", port: 33306, target: Target::Forwarded, connects: 7, told: Told::Connected,
           client: Some(answered(7)), firewall: Some(answered(7)), server: Some(answered(7)) },
    Case { name: "nobody behind the router", port: 8009, target: Target::NobodyThere, connects: 3, told: Told::Unreachable,
           client: Some(unreachable(3, "router")), firewall: Some(unreachable(3, "self")), server: None },
    Case { name: "nobody on the own link", port: 8010, target: Target::NobodyHere, connects: 4, told: Told::Unreachable,
           client: Some(unreachable(4, "self")), firewall: None, server: None },
    Case { name: "late answer", port: 8011, target: Target::Server, connects: 2, told: Told::Connected,
           client: Some(late(2)), firewall: Some(late(2)), server: Some(answered(2)) },
    Case { name: "full accept queue", port: FULL_QUEUE, target: Target::Server, connects: 3, told: Told::TimedOut,
           client: Some(mixed(1, 3)), firewall: Some(mixed(1, 3)), server: Some(mixed(1, 3)) },
    Case { name: "loopback, open port", port: 8013, target: Target::Loopback, connects: 5, told: Told::Connected,
           client: Some(answered(5)), firewall: None, server: None },
    Case { name: "loopback, closed port", port: 8014, target: Target::Loopback, connects: 2, told: Told::Refused,
           client: Some(refused(2)), firewall: None, server: None },
    Case { name: "rejected by the firewall's default", port: 8015, target: Target::Server, connects: 2, told: Told::Refused,
           client: Some(prohibited(2, "port_unreachable", "router")), firewall: Some(prohibited(2, "port_unreachable", "self")), server: None },
    Case { name: "rejected by the server's input chain", port: 8016, target: Target::Server, connects: 3, told: Told::Refused,
           client: Some(prohibited(3, "port_unreachable", "peer")), firewall: Some(prohibited(3, "port_unreachable", "peer")),
           server: Some(prohibited(3, "port_unreachable", "self")) },
    Case { name: "hops used up", port: 8017, target: Target::Server, connects: 2, told: Told::Unreachable,
           client: Some(looping(2, "router")), firewall: Some(looping(2, "self")), server: None },
    Case { name: "rejected by the client's own output chain", port: 8018, target: Target::Server, connects: 2, told: Told::Refused,
           client: Some(prohibited(2, "port_unreachable", "self")), firewall: None, server: None },
    // Cannot be seen: a capture sits behind the output chain.
    Case { name: "dropped by the client's own output chain", port: 8019, target: Target::Server, connects: 2, told: Told::TimedOut,
           client: None, firewall: None, server: None },
];

const AFTER_THE_VERDICT: Duration = Duration::from_millis(5500);
const PATIENCE: Duration = Duration::from_secs(20);
