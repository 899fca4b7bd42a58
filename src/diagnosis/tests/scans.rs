//! Verdicts that depend on several label sets.

use super::super::Verdict;
use super::super::counts::AttemptCounts;
use super::super::evidence::{Evidence, correlate};
use super::super::rules::verdict;
use super::evidence;
use crate::labels::Vantage::{self, Client, Server, Transit};
use crate::labels::{LabelSet, Peer, Port};

#[test]
fn scan_and_flood_need_minimum_counts() {
    let verdict_of_ports = |vantage: Vantage, ports: u16, counts: AttemptCounts| {
        let port = |n: u16| {
            let set = evidence(vantage, counts);
            Evidence {
                label_set: LabelSet {
                    port: Port::Number(n),
                    ..set.label_set.clone()
                },
                ..set
            }
        };
        let mut evidence: Vec<Evidence> = (1..=ports).map(port).collect();
        correlate(&mut evidence);
        verdict(&evidence[0])
    };
    let refused_once = counts! { attempts: 1, refused: 1 };
    assert_eq!(verdict_of_ports(Server, 10, refused_once), Verdict::Scan);
    assert_eq!(verdict_of_ports(Server, 9, refused_once), Verdict::Refused);
    assert_eq!(verdict_of_ports(Client, 20, refused_once), Verdict::Scan);
    assert_eq!(verdict_of_ports(Client, 19, refused_once), Verdict::Refused);
    assert_eq!(
        verdict_of_ports(Transit, 99, refused_once),
        Verdict::Refused
    );
    let verdict_of_peers = |any_rejected: bool| {
        let evidence = Evidence {
            unanswered_peers: 20,
            any_peer_rejected: any_rejected,
            ..evidence(Client, counts! { attempts: 1, unanswered: 1 })
        };
        verdict(&evidence)
    };
    assert_eq!(verdict_of_peers(true), Verdict::Scan);
    // Twenty peers without any rejection are no scan: this host is cut off.
    assert_eq!(verdict_of_peers(false), Verdict::SilentDrop);
    assert_eq!(
        verdict_of_ports(Server, 99, counts! { attempts: 50, refused: 50 }),
        Verdict::Refused
    );
    assert_eq!(
        verdict_of_ports(Server, 99, counts! { attempts: 1, answered: 1 }),
        Verdict::Fine
    );

    let half_open = counts! { attempts: 1, answered: 1, synacks: 4, synack_retransmissions: 3 };
    let verdict_of_half_open = |peers: u8, counts: AttemptCounts| {
        let peer = |n: u8| {
            let set = evidence(Server, counts);
            let peer =
                Peer::Network(ipnet::IpNet::from(std::net::IpAddr::from([198, 51, 100, n])).into());
            Evidence {
                label_set: LabelSet {
                    peer,
                    ..set.label_set.clone()
                },
                ..set
            }
        };
        let mut evidence: Vec<Evidence> = (1..=peers).map(peer).collect();
        correlate(&mut evidence);
        verdict(&evidence[0])
    };
    assert_eq!(verdict_of_half_open(50, half_open), Verdict::Flood);
    assert_eq!(verdict_of_half_open(49, half_open), Verdict::AckLost);
    assert_eq!(
        verdict_of_half_open(49, counts! { synack_retransmissions: 1, ..half_open }),
        Verdict::Fine
    );
    assert_eq!(
        verdict_of_half_open(50, counts! { completed: 1, ..half_open }),
        Verdict::Fine
    );
}
