//! Alternative explanations of a verdict, and the next step with its command.
//!
//! `report` adds them to each label set; they depend on the verdict and its [`Evidence`].

use serde::Serialize;

use super::capture_quality::CaptureQuality;
use super::evidence::{Evidence, IcmpReport};
use super::rules::{clients_abort, forwards_port, is_refused_here};
use super::verdict::Verdict;
use crate::labels::{Peer, Port, Reporter, Vantage};
use crate::packet::IcmpCode;

/// The next step: what to do, and the command for it. Its fields are those of the JSON report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct NextStep {
    pub(super) what: String,
    pub(super) command: String,
}

/// Returns other explanations of the same packets.
pub(super) fn alternatives(
    verdict: Verdict,
    evidence: &Evidence,
    capture: &CaptureQuality,
) -> Vec<&'static str> {
    let mut all = common_alternatives(verdict, evidence);
    match (verdict, capture.listen_overflows) {
        // The kernel counts overflows of accept queues. The summary contains its count.
        (Verdict::HostSilent | Verdict::HostOverloaded, Some(0)) => {
            all.retain(|other| !other.contains("accept queue"));
        }
        (Verdict::HostSilent | Verdict::HostOverloaded, Some(_)) => {
            all.sort_by_key(|other| !other.contains("accept queue"));
        }
        _ => {}
    }
    all
}

fn common_alternatives(verdict: Verdict, evidence: &Evidence) -> Vec<&'static str> {
    match verdict {
        Verdict::Refused
            if (evidence.is_server() && !forwards_port(evidence))
                || evidence.label_set.vantage == Vantage::Local =>
        {
            vec![
                "this host's firewall rejects with a RST",
                "the listener is bound to another address",
            ]
        }
        Verdict::Refused => vec![
            "something on the way (firewall, load balancer without backends) sends the RST in the server's name",
            "the server's firewall rejects with a RST",
            "the service listens on another address of that host",
        ],
        Verdict::RefusedOnTheWay if is_refused_here(evidence) => {
            vec!["the RSTs came in through an interface that is not captured"]
        }
        Verdict::RefusedOnTheWay => vec![
            "the port is forwarded to another host, where nothing listens",
            "the server's kernel and another stack on it use different TTLs",
        ],
        Verdict::Rejected
            if evidence
                .icmp_reports
                .iter()
                .all(|report| report.reporter == Reporter::Own) =>
        {
            Vec::new()
        }
        Verdict::Rejected => vec!["an ICMP error is not authenticated: its sender may be made up"],
        Verdict::SilentDrop => vec![
            "a firewall or security group on the way drops the SYNs",
            "the server's own firewall drops them, or its accept queue is full",
            "the server answers, and its SYN/ACKs are lost on the way back",
            "the host is down, or the address leads elsewhere",
        ],
        Verdict::HostSilent => vec![
            "this host's firewall drops the SYNs",
            "the accept queue of that port is full all the time",
            "the kernel drops them: conntrack table full, reverse-path filter",
            "the answers leave through an interface that is not captured",
        ],
        Verdict::HostOverloaded => vec![
            "the accept queue overflows in bursts",
            "a firewall here limits the rate of new connections",
            "the conntrack table is full",
        ],
        Verdict::FarOverloaded => vec![
            "the accept queue of the server overflows in bursts",
            "a firewall on the way limits new connections, or its state table is full",
            "one of several servers behind that address, or one of several paths, is dead",
        ],
        Verdict::Loss if evidence.is_server() => vec![
            "a congested or faulty link, in either direction",
            "clients on paths of more than a second",
            "clients that open ahead and send nothing, where the server defers accepting (TCP_DEFER_ACCEPT)",
        ],
        Verdict::Loss => {
            vec![
                "a congested or faulty link, in either direction",
                "the server drops some SYNs under load",
            ]
        }
        Verdict::Late if clients_abort(evidence) => vec![
            "the client's time limit is shorter than the way there and back",
            "its SYNs, or the first answers, are lost",
            "somebody tries the port with half a handshake, from far away",
        ],
        Verdict::Late => vec![
            "a host that just starts",
            "an accept queue that drains slowly",
            "heavy loss",
        ],
        Verdict::AckLost if evidence.label_set.vantage == Vantage::Client => {
            vec![
                "the server's accept queue is full, and it ignores the ACK",
                "the ACKs are lost on the way there",
            ]
        }
        Verdict::AckLost => vec![
            "the SYN/ACKs are lost on the way to the client: another route back, a stateful firewall that saw no SYN",
            "this host's accept queue is full, and it ignores the ACKs",
            "the client's address is made up: a SYN flood",
        ],
        Verdict::EcnDropped => vec!["chance, where few attempts were made"],
        Verdict::Flood => vec!["clients behind a path that loses the way back"],
        Verdict::Scan => vec![
            "a monitoring system",
            "a host with many services that are all down",
        ],
        Verdict::DroppedHere => vec!["the packets leave through an interface that is not captured"],
        Verdict::Slow => vec![
            "the path got longer",
            "the server, or a proxy before it, is busy",
        ],
        Verdict::CaptureUntrusted if evidence.counts().evicted > evidence.counts().decided() => {
            vec!["a flood of SYNs, or a scan: then most of them are nobody's attempts"]
        }
        Verdict::CaptureUntrusted => vec!["it missed none, and nothing came back"],
        Verdict::Undecided | Verdict::Fine => Vec::new(),
    }
}

/// Returns the next step. `None` if there is nothing to do.
pub(super) fn next_step(
    verdict: Verdict,
    evidence: &Evidence,
    capture: &CaptureQuality,
) -> Option<NextStep> {
    let step = |what: &str, command: String| {
        Some(NextStep {
            what: what.to_owned(),
            command,
        })
    };
    let port = &evidence.label_set.port;
    let server = evidence.server();
    match verdict {
        Verdict::Undecided | Verdict::Fine => None,
        Verdict::CaptureUntrusted if evidence.counts().evicted > evidence.counts().decided() => {
            step(
                "judge again with room for more",
                "tcp_handshake_exporter diagnose -i any --for 1m --handshake.max-attempts 1048576"
                    .to_owned(),
            )
        }
        Verdict::CaptureUntrusted if capture.dropped == 0 => step(
            "capture where both directions pass, best on the host itself",
            capture_command(evidence),
        ),
        Verdict::CaptureUntrusted => step(
            "capture again, narrower and with a larger buffer",
            format!(
                "tcp_handshake_exporter diagnose -i any --for 1m -p {} --capture.buffer-size 64MiB",
                if *port == Port::Other {
                    "0-65535".to_owned()
                } else {
                    port.to_string()
                }
            ),
        ),
        Verdict::Refused | Verdict::SilentDrop | Verdict::FarOverloaded
            if forwards_port(evidence) =>
        {
            step(
                "see where they are passed on to, and look there",
                conntrack_command(port),
            )
        }
        Verdict::Refused
            if evidence.is_server() || evidence.label_set.vantage == Vantage::Local =>
        {
            step(
                "see what listens here",
                format!("ss -ltnp{}", ss_filter(port)),
            )
        }
        Verdict::Refused => step(
            "on the server, see what listens",
            format!("ss -ltnp{}", ss_filter(port)),
        ),
        Verdict::RefusedOnTheWay if is_refused_here(evidence) => step(
            "find the rule that refuses here",
            "nft list ruleset | grep -n reject".to_owned(),
        ),
        Verdict::RefusedOnTheWay => step(
            "find the hop that refuses",
            format!("traceroute -n -T{} {server}", traceroute_port(port)),
        ),
        Verdict::Rejected => step(&rejection_step(evidence), rejection_command(evidence)),
        Verdict::HostSilent => step(
            "look for the rule that drops them, then at the accept queue (Recv-Q against Send-Q)",
            format!(
                "nft list ruleset | grep -n drop; ss -ltn{}; nstat -az TcpExtListenOverflows TcpExtListenDrops",
                ss_filter(port)
            ),
        ),
        Verdict::HostOverloaded => step(
            "see whether the accept queue is full (Recv-Q against Send-Q)",
            format!(
                "ss -ltn{}; nstat -az TcpExtListenOverflows TcpExtListenDrops",
                ss_filter(port)
            ),
        ),
        Verdict::FarOverloaded => step(
            "on the server, see whether the accept queue is full (Recv-Q against Send-Q)",
            format!(
                "ss -ltn{}; nstat -az TcpExtListenOverflows TcpExtListenDrops",
                ss_filter(port)
            ),
        ),
        Verdict::Late if clients_abort(evidence) => step(
            "on the client, compare its time limit with how long answers take",
            capture_command(evidence),
        ),
        Verdict::Late if evidence.is_server() => step(
            "see what holds the accept queue up",
            format!("ss -ltnp{}", ss_filter(port)),
        ),
        Verdict::Late | Verdict::SilentDrop => step(
            "on the server, see whether the SYNs arrive (then its host drops them) or not (then the path does), or capture at both ends and `compare`",
            capture_command(evidence),
        ),
        Verdict::AckLost if evidence.label_set.vantage == Vantage::Client => step(
            "on the server, see whether the accept queue is full (Recv-Q against Send-Q)",
            format!("ss -ltn{}", ss_filter(port)),
        ),
        Verdict::AckLost => step(
            "on the client, see whether the SYN/ACKs arrive",
            capture_command(evidence),
        ),
        Verdict::Loss if evidence.is_server() => step(
            "on the client, see whether the SYN/ACKs arrive",
            capture_command(evidence),
        ),
        Verdict::Loss | Verdict::Slow => step(
            "see where on the way",
            format!("mtr -n -T{} {server}", mtr_port(port)),
        ),
        Verdict::EcnDropped => step(
            "on the client, try without ECN",
            "sysctl -w net.ipv4.tcp_ecn=0".to_owned(),
        ),
        Verdict::DroppedHere => step(
            "look for the rule that drops them, then at the route",
            format!(
                "nft list ruleset | grep -n drop; ip route get {server}; sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter"
            ),
        ),
        Verdict::Flood => step(
            "see whether SYN cookies are on and how often they are sent",
            "sysctl net.ipv4.tcp_syncookies; nstat -az TcpExtSyncookiesSent".to_owned(),
        ),
        Verdict::Scan if evidence.is_server() => step(
            "see what it asks for",
            format!(
                "tcpdump -nni any 'tcp and src host {}'",
                evidence.label_set.peer
            ),
        ),
        Verdict::Scan => step(
            "see which program it is",
            "ss -tnp state syn-sent".to_owned(),
        ),
    }
}

/// Returns the tcpdump command that shows the handshakes of the label set.
pub(super) fn capture_command(evidence: &Evidence) -> String {
    let mut terms = Vec::new();
    if let Port::Number(port) = evidence.label_set.port {
        terms.push(format!("port {port}"));
    }
    let hosts = [
        evidence
            .label_set
            .local
            .map(|local| format!("host {local}")),
        peer_filter(evidence),
    ];
    // In transit the label set contains the server only; in other vantages, both hosts.
    terms.extend(hosts.into_iter().flatten());
    let tcp = if terms.is_empty() {
        "tcp".to_owned()
    } else {
        format!("tcp and {}", terms.join(" and "))
    };
    format!("tcpdump -nni any '({tcp}) or icmp or icmp6'")
}

fn peer_filter(evidence: &Evidence) -> Option<String> {
    match &evidence.label_set.peer {
        Peer::Network(prefix) if prefix.is_host() => Some(format!("host {prefix}")),
        Peer::Network(prefix) => Some(format!("net {prefix}")),
        Peer::Group(_) | Peer::Other => None,
    }
}

fn rejection_step(evidence: &Evidence) -> String {
    match evidence
        .icmp_reports
        .iter()
        .max_by_key(|report| report.count)
    {
        Some(report) if is_prohibition(report.code) => {
            format!("{}, find the rule that rejects", rejecting_host(report))
        }
        Some(report) if report.code == IcmpCode::TimeExceeded => {
            "see where it goes in circles".to_owned()
        }
        Some(report) => format!(
            "{}, see the route and the neighbour",
            rejecting_host(report)
        ),
        None => "see who rejects".to_owned(),
    }
}

fn rejecting_host(report: &IcmpReport) -> String {
    if report.reporter == Reporter::Own {
        "here".to_owned()
    } else {
        format!("on {}", report.by)
    }
}

fn rejection_command(evidence: &Evidence) -> String {
    match evidence
        .icmp_reports
        .iter()
        .max_by_key(|report| report.count)
    {
        Some(report) if is_prohibition(report.code) => {
            "nft list ruleset | grep -n reject".to_owned()
        }
        Some(report) if report.code == IcmpCode::TimeExceeded => {
            format!(
                "traceroute -n -T{} {}",
                traceroute_port(&evidence.label_set.port),
                evidence.server()
            )
        }
        Some(_) => format!("ip route get {0}; ip neigh show {0}", evidence.server()),
        None => capture_command(evidence),
    }
}

const fn is_prohibition(code: IcmpCode) -> bool {
    matches!(
        code,
        IcmpCode::PortUnreachable
            | IcmpCode::AdminProhibited
            | IcmpCode::HostProhibited
            | IcmpCode::NetProhibited
            | IcmpCode::PolicyFailed
            | IcmpCode::RejectRoute
    )
}

fn ss_filter(port: &Port) -> String {
    if let Port::Number(port) = port {
        format!(" 'sport = :{port}'")
    } else {
        String::new()
    }
}

fn traceroute_port(port: &Port) -> String {
    if let Port::Number(port) = port {
        format!(" -p {port}")
    } else {
        String::new()
    }
}

/// Returns the command that lists the kernel's address translations for the port.
fn conntrack_command(port: &Port) -> String {
    let filter = if let Port::Number(port) = port {
        format!(" --orig-port-dst {port}")
    } else {
        String::new()
    };
    format!("conntrack -L -p tcp{filter}; nft list ruleset | grep -n dnat")
}

fn mtr_port(port: &Port) -> String {
    if let Port::Number(port) = port {
        format!(" -P {port}")
    } else {
        String::new()
    }
}
