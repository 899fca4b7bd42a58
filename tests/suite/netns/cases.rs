//! Every outcome of a connection attempt through the client-firewall-server topology.
//!
//! Each case lists the counts that the exporter on each host must show for it. The live test of the
//! path and the recorder of the golden captures run all cases.

use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;

use super::connect::{Connect, connects, results};
use super::topology::{Family, Topology};

const NO_COUNTS: ExpectedCounts = ExpectedCounts {
    answered: 0,
    unanswered: 0,
    refused: 0,
    unreachable: 0,
    prohibited: 0,
    late: 0,
    icmp: None,
};

/// Port of a listener with a backlog of 0 that never accepts.
pub(crate) const FULL_QUEUE_PORT: u16 = 8012;

#[rustfmt::skip]
pub(crate) const CASES: [ConnectCase; 19] = [
    ConnectCase { name: "open port", port: 8001, target: Target::Server, connects: 10,
           outcome: ConnectOutcome::Connected,
           client: Some(answered(10)), firewall: Some(answered(10)), server: Some(answered(10)) },
    ConnectCase { name: "closed port", port: 8002, target: Target::Server, connects: 3,
           outcome: ConnectOutcome::Refused,
           client: Some(refused(3)), firewall: Some(refused(3)), server: Some(refused(3)) },
    ConnectCase { name: "drop on the path", port: 8003, target: Target::Server, connects: 4,
           outcome: ConnectOutcome::TimedOut,
           client: Some(unanswered(4)), firewall: Some(unanswered(4)), server: None },
    ConnectCase { name: "drop in the server's input chain", port: 8004, target: Target::Server, connects: 2,
           outcome: ConnectOutcome::TimedOut,
           client: Some(unanswered(2)), firewall: Some(unanswered(2)), server: Some(unanswered(2)) },
    ConnectCase { name: "prohibited by the firewall", port: 8005, target: Target::Server, connects: 5,
           outcome: ConnectOutcome::Prohibited,
           client: Some(prohibited(5, "admin_prohibited", "router")), firewall: Some(prohibited(5, "admin_prohibited", "self")),
           server: None },
    ConnectCase { name: "reset by the firewall", port: 8006, target: Target::Server, connects: 6,
           outcome: ConnectOutcome::Refused,
           client: Some(refused(6)), firewall: Some(refused(6)), server: None },
    ConnectCase { name: "SYN/ACKs lost on the way back", port: 8007, target: Target::Server, connects: 3,
           outcome: ConnectOutcome::TimedOut,
           client: Some(unanswered(3)), firewall: Some(answered(3)), server: Some(answered(3)) },
    ConnectCase { name: "port forwarding", port: 33306, target: Target::Forwarded, connects: 7,
           outcome: ConnectOutcome::Connected,
           client: Some(answered(7)), firewall: Some(answered(7)), server: Some(answered(7)) },
    ConnectCase { name: "unassigned address behind the router", port: 8009, target: Target::UnassignedOnServerLink, connects: 3,
           outcome: ConnectOutcome::Unreachable,
           client: Some(unreachable(3, "router")), firewall: Some(unreachable(3, "self")), server: None },
    ConnectCase { name: "unassigned address on the client's link", port: 8010, target: Target::UnassignedOnClientLink, connects: 4,
           outcome: ConnectOutcome::Unreachable,
           client: Some(unreachable(4, "self")), firewall: None, server: None },
    ConnectCase { name: "late answer", port: 8011, target: Target::Server, connects: 2,
           outcome: ConnectOutcome::Connected,
           client: Some(late(2)), firewall: Some(late(2)), server: Some(answered(2)) },
    ConnectCase { name: "full accept queue", port: FULL_QUEUE_PORT, target: Target::Server, connects: 3,
           outcome: ConnectOutcome::TimedOut,
           client: Some(answered_and_unanswered(1, 3)), firewall: Some(answered_and_unanswered(1, 3)),
           server: Some(answered_and_unanswered(1, 3)) },
    ConnectCase { name: "loopback, open port", port: 8013, target: Target::Loopback, connects: 5,
           outcome: ConnectOutcome::Connected,
           client: Some(answered(5)), firewall: None, server: None },
    ConnectCase { name: "loopback, closed port", port: 8014, target: Target::Loopback, connects: 2,
           outcome: ConnectOutcome::Refused,
           client: Some(refused(2)), firewall: None, server: None },
    ConnectCase { name: "rejected by the firewall's default", port: 8015, target: Target::Server, connects: 2,
           outcome: ConnectOutcome::Refused,
           client: Some(prohibited(2, "port_unreachable", "router")), firewall: Some(prohibited(2, "port_unreachable", "self")),
           server: None },
    ConnectCase { name: "rejected by the server's input chain", port: 8016, target: Target::Server, connects: 3,
           outcome: ConnectOutcome::Refused,
           client: Some(prohibited(3, "port_unreachable", "peer")), firewall: Some(prohibited(3, "port_unreachable", "peer")),
           server: Some(prohibited(3, "port_unreachable", "self")) },
    ConnectCase { name: "hop limit exceeded", port: 8017, target: Target::Server, connects: 2,
           outcome: ConnectOutcome::Unreachable,
           client: Some(time_exceeded(2, "router")), firewall: Some(time_exceeded(2, "self")), server: None },
    ConnectCase { name: "rejected by the client's own output chain", port: 8018, target: Target::Server, connects: 2,
           outcome: ConnectOutcome::Refused,
           client: Some(prohibited(2, "port_unreachable", "self")), firewall: None, server: None },
    // Invisible to a capture, because packets pass the output chain before the capture point.
    ConnectCase { name: "dropped by the client's own output chain", port: 8019, target: Target::Server, connects: 2,
           outcome: ConnectOutcome::TimedOut,
           client: None, firewall: None, server: None },
];

/// Just after the default timeout of an attempt, 5 s.
const AFTER_UNANSWERED_VERDICT: Duration = Duration::from_millis(5500);
/// Longer than the kernel takes to give up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Some connects to one port, and their outcome.
pub(crate) struct ConnectCase {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    pub(crate) target: Target,
    /// Number of simultaneous connects. For a full accept queue, one more connect before them fills
    /// it.
    pub(crate) connects: usize,
    pub(crate) outcome: ConnectOutcome,
    /// Counts on each host; `None` if no packet of the case reaches the host.
    pub(crate) client: Option<ExpectedCounts>,
    pub(crate) firewall: Option<ExpectedCounts>,
    pub(crate) server: Option<ExpectedCounts>,
}

/// Destination of a case's connects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    Server,
    /// The firewall's own address, with a port that it forwards to port 3306 of the server.
    Forwarded,
    UnassignedOnClientLink,
    UnassignedOnServerLink,
    Loopback,
}

/// Result of a connect, as the kernel returns it to the application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ConnectOutcome {
    Connected,
    Refused,
    Unreachable,
    Prohibited,
    TimedOut,
}

/// Counters that an exporter must show.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct ExpectedCounts {
    pub(crate) answered: usize,
    pub(crate) unanswered: usize,
    pub(crate) refused: usize,
    pub(crate) unreachable: usize,
    pub(crate) prohibited: usize,
    pub(crate) late: usize,
    /// Code and reporter of the ICMP errors.
    pub(crate) icmp: Option<(&'static str, &'static str)>,
}

impl ConnectCase {
    pub(crate) fn address(&self, family: Family) -> SocketAddr {
        let addresses = family.addresses();
        let host: IpAddr = match self.target {
            Target::Server => addresses.server,
            Target::Forwarded => addresses.outside,
            Target::UnassignedOnClientLink => addresses.unassigned_on_client_link,
            Target::UnassignedOnServerLink => addresses.unassigned_on_server_link,
            Target::Loopback => addresses.loopback,
        };
        (host, self.port).into()
    }

    /// Runs the connects on the client. Panics unless the kernel returns the expected result for
    /// each.
    fn run(&self, topology: &Topology, family: Family) -> Vec<Connect> {
        let to = self.address(family);
        topology.client.inside(|| {
            let mut all = vec![];
            if self.port == FULL_QUEUE_PORT {
                all.extend(connects(to, 1, CONNECT_TIMEOUT));
                assert_eq!(
                    results(&all),
                    [Some(Ok(()))],
                    "{} ({family:?}): the connect that fills the accept queue",
                    self.name
                );
            }
            let tested = connects(to, self.connects, CONNECT_TIMEOUT);
            assert_eq!(
                results(&tested),
                vec![Some(self.outcome.result(family)); self.connects],
                "{} ({family:?})",
                self.name
            );
            all.extend(tested);
            all
        })
    }
}

impl ConnectOutcome {
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

/// Runs all cases of both address families at once, in about 9 s.
///
/// The returned values keep the established connections open.
pub(crate) fn run_all(topology: &Topology) -> Vec<Connect> {
    thread::scope(|scope| {
        let all = CASES
            .iter()
            .flat_map(|case| Family::BOTH.map(|family| (case, family)));
        let cases: Vec<_> = all
            .map(|(case, family)| scope.spawn(move || case.run(topology, family)))
            .collect();
        // The timeout of an attempt runs on packet time. The client sends another SYN after it, at
        // 6 s.
        thread::sleep(AFTER_UNANSWERED_VERDICT);
        topology.remove_late_drop();
        cases
            .into_iter()
            .flat_map(|case| {
                case.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

/// Returns the counts of answered attempts.
pub(crate) const fn answered(answered: usize) -> ExpectedCounts {
    ExpectedCounts {
        answered,
        ..NO_COUNTS
    }
}

const fn unanswered(unanswered: usize) -> ExpectedCounts {
    ExpectedCounts {
        unanswered,
        ..NO_COUNTS
    }
}

/// Returns the counts of refused attempts.
pub(crate) const fn refused(refused: usize) -> ExpectedCounts {
    ExpectedCounts {
        refused,
        ..NO_COUNTS
    }
}

/// Returns the counts of attempts that `reporter` rejects with "host unreachable".
pub(crate) const fn unreachable(unreachable: usize, reporter: &'static str) -> ExpectedCounts {
    ExpectedCounts {
        unreachable,
        icmp: Some(("host_unreachable", reporter)),
        ..NO_COUNTS
    }
}

const fn prohibited(
    prohibited: usize,
    code: &'static str,
    reporter: &'static str,
) -> ExpectedCounts {
    ExpectedCounts {
        prohibited,
        icmp: Some((code, reporter)),
        ..NO_COUNTS
    }
}

const fn time_exceeded(unreachable: usize, reporter: &'static str) -> ExpectedCounts {
    ExpectedCounts {
        unreachable,
        icmp: Some(("time_exceeded", reporter)),
        ..NO_COUNTS
    }
}

const fn late(late: usize) -> ExpectedCounts {
    ExpectedCounts {
        unanswered: late,
        late,
        ..NO_COUNTS
    }
}

const fn answered_and_unanswered(answered: usize, unanswered: usize) -> ExpectedCounts {
    ExpectedCounts {
        answered,
        unanswered,
        ..NO_COUNTS
    }
}
