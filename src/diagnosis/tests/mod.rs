//! Tests of the diagnosis: verdicts from counts, reports, and verdicts from packets.

/// Adds fields by name to default counts, or to the counts after `..`.
macro_rules! counts {
    ($($field:ident: $value:expr,)* ..$base:expr) => {
        AttemptCounts { $($field: $value,)* ..$base }
    };
    ($($field:ident: $value:expr),* $(,)?) => {
        AttemptCounts { $($field: $value,)* ..AttemptCounts::default() }
    };
}

mod packets;
mod reports;
mod scans;
mod verdicts;

use std::time::Duration;

use super::counts::AttemptCounts;
use super::evidence::{Evidence, Ttls};
use super::window::WindowCounts;
use crate::labels::Vantage::{self, Transit};
use crate::labels::{LabelSet, Peer, Port};
use crate::packet::Address;
use crate::time::Timestamp;

fn address(text: &str) -> Address {
    text.parse::<std::net::IpAddr>().unwrap().into()
}

/// Returns evidence for port 3306 of 10.0.0.9 with these counts.
fn evidence(vantage: Vantage, in_span: AttemptCounts) -> Evidence {
    let peer =
        Peer::Network(ipnet::IpNet::from("10.0.0.9".parse::<std::net::IpAddr>().unwrap()).into());
    let local = (vantage != Transit).then(|| address("10.0.0.1"));
    Evidence {
        label_set: LabelSet {
            vantage,
            local,
            port: Port::Number(3306),
            peer,
        },
        window: WindowCounts {
            in_span,
            ..WindowCounts::default()
        },
        timelines: Vec::new(),
        icmp_reports: Vec::new(),
        rst_ttls: Ttls::default(),
        synack_ttls: Ttls::default(),
        first_seen: Timestamp::default(),
        last_seen: Timestamp::default() + Duration::from_secs(10),
        unanswered_ports: 0,
        unanswered_peers: 0,
        any_peer_rejected: false,
        half_open_peers: 0,
        silence_inconclusive: false,
        one_interface: false,
    }
}
