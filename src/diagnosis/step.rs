//! What else it could be, and what to do next.

use super::CaptureQuality;
use super::case::Report;
use super::exam::Evidence;
use super::rules::{clients_give_up, forwards, refuses_here};
use super::verdict::Verdict;
use crate::labels::{Peer, Port, Reporter, Vantage};
use crate::packet::IcmpCode;

/// The next step: what to do, and the command for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NextStep {
    pub(super) what: String,
    pub(super) command: String,
}

/// What the same packets could mean as well.
pub(super) fn alternatives(
    verdict: Verdict,
    exam: &Evidence,
    capture: &CaptureQuality,
) -> Vec<&'static str> {
    let mut all = fitting(verdict, exam);
    match (verdict, capture.listen_overflows) {
        // The kernel says so itself: its word is in the sentence.
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

fn fitting(verdict: Verdict, exam: &Evidence) -> Vec<&'static str> {
    match verdict {
        Verdict::Refused
            if (exam.is_asked() && !forwards(exam)) || exam.name.vantage == Vantage::Local =>
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
        Verdict::RefusedOnTheWay if refuses_here(exam) => {
            vec!["the RSTs came in through an interface that is not captured"]
        }
        Verdict::RefusedOnTheWay => vec![
            "the port is forwarded to another host, where nothing listens",
            "the server's kernel and another stack on it use different TTLs",
        ],
        Verdict::Rejected
            if exam
                .reports
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
        Verdict::Loss if exam.is_asked() => vec![
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
        Verdict::Late if clients_give_up(exam) => vec![
            "the client's time limit is shorter than the way there and back",
            "its SYNs, or the first answers, are lost",
            "somebody tries the port with half a handshake, from far away",
        ],
        Verdict::Late => vec![
            "a host that just starts",
            "an accept queue that drains slowly",
            "heavy loss",
        ],
        Verdict::AckLost if exam.name.vantage == Vantage::Client => {
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
        Verdict::CaptureUntrusted if exam.judged().evicted > exam.judged().decided() => {
            vec!["a flood of SYNs, or a scan: then most of them are nobody's attempts"]
        }
        Verdict::CaptureUntrusted => vec!["it missed none, and nothing came back"],
        Verdict::Undecided | Verdict::Fine => Vec::new(),
    }
}

/// What to do next.
pub(super) fn next(verdict: Verdict, exam: &Evidence, facts: &CaptureQuality) -> Option<NextStep> {
    let there = |what: &str, command: String| {
        Some(NextStep {
            what: what.to_owned(),
            command,
        })
    };
    let port = &exam.name.port;
    let server = exam.server();
    match verdict {
        Verdict::Undecided | Verdict::Fine => None,
        Verdict::CaptureUntrusted if exam.judged().evicted > exam.judged().decided() => there(
            "judge again with room for more",
            "tcp_handshake_exporter diagnose -i any --for 1m --handshake.max-attempts 1048576"
                .to_owned(),
        ),
        Verdict::CaptureUntrusted if facts.dropped == 0 => there(
            "capture where both directions pass, best on the host itself",
            capture(exam),
        ),
        Verdict::CaptureUntrusted => there(
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
        Verdict::Refused | Verdict::SilentDrop | Verdict::FarOverloaded if forwards(exam) => there(
            "see where they are passed on to, and look there",
            forwarded(port),
        ),
        Verdict::Refused if exam.is_asked() || exam.name.vantage == Vantage::Local => {
            there("see what listens here", format!("ss -ltnp{}", sport(port)))
        }
        Verdict::Refused => there(
            "on the server, see what listens",
            format!("ss -ltnp{}", sport(port)),
        ),
        Verdict::RefusedOnTheWay if refuses_here(exam) => there(
            "find the rule that refuses here",
            "nft list ruleset | grep -n reject".to_owned(),
        ),
        Verdict::RefusedOnTheWay => there(
            "find the hop that refuses",
            format!("traceroute -n -T{} {server}", dport(port)),
        ),
        Verdict::Rejected => there(&rejection_step(exam), rejection_command(exam)),
        Verdict::HostSilent => there(
            "look for the rule that drops them, then at the accept queue (Recv-Q against Send-Q)",
            format!(
                "nft list ruleset | grep -n drop; ss -ltn{}; nstat -az TcpExtListenOverflows TcpExtListenDrops",
                sport(port)
            ),
        ),
        Verdict::HostOverloaded => there(
            "see whether the accept queue is full (Recv-Q against Send-Q)",
            format!(
                "ss -ltn{}; nstat -az TcpExtListenOverflows TcpExtListenDrops",
                sport(port)
            ),
        ),
        Verdict::FarOverloaded => there(
            "on the server, see whether the accept queue is full (Recv-Q against Send-Q)",
            format!(
                "ss -ltn{}; nstat -az TcpExtListenOverflows TcpExtListenDrops",
                sport(port)
            ),
        ),
        Verdict::Late if clients_give_up(exam) => there(
            "on the client, compare its time limit with how long answers take",
            capture(exam),
        ),
        Verdict::Late if exam.is_asked() => there(
            "see what holds the accept queue up",
            format!("ss -ltnp{}", sport(port)),
        ),
        Verdict::Late | Verdict::SilentDrop => there(
            "on the server, see whether the SYNs arrive (then its host drops them) or not (then the path does), or capture at both ends and `compare`",
            capture(exam),
        ),
        Verdict::AckLost if exam.name.vantage == Vantage::Client => there(
            "on the server, see whether the accept queue is full (Recv-Q against Send-Q)",
            format!("ss -ltn{}", sport(port)),
        ),
        Verdict::AckLost => there(
            "on the client, see whether the SYN/ACKs arrive",
            capture(exam),
        ),
        Verdict::Loss if exam.is_asked() => there(
            "on the client, see whether the SYN/ACKs arrive",
            capture(exam),
        ),
        Verdict::Loss | Verdict::Slow => there(
            "see where on the way",
            format!("mtr -n -T{} {server}", mtr_port(port)),
        ),
        Verdict::EcnDropped => there(
            "on the client, try without ECN",
            "sysctl -w net.ipv4.tcp_ecn=0".to_owned(),
        ),
        Verdict::DroppedHere => there(
            "look for the rule that drops them, then at the route",
            format!(
                "nft list ruleset | grep -n drop; ip route get {server}; sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter"
            ),
        ),
        Verdict::Flood => there(
            "see whether SYN cookies are on and how often they are sent",
            "sysctl net.ipv4.tcp_syncookies; nstat -az TcpExtSyncookiesSent".to_owned(),
        ),
        Verdict::Scan if exam.is_asked() => there(
            "see what it asks for",
            format!("tcpdump -nni any 'tcp and src host {}'", exam.name.peer),
        ),
        Verdict::Scan => there(
            "see which program it is",
            "ss -tnp state syn-sent".to_owned(),
        ),
    }
}

/// The tcpdump command that shows the set's handshakes.
pub(super) fn capture(exam: &Evidence) -> String {
    let mut terms = Vec::new();
    if let Port::Number(port) = exam.name.port {
        terms.push(format!("port {port}"));
    }
    let ends = [
        exam.name.local.map(|local| format!("host {local}")),
        far_end(exam),
    ];
    // A set in transit names the server only; from this host, both ends are known.
    terms.extend(ends.into_iter().flatten());
    let tcp = if terms.is_empty() {
        "tcp".to_owned()
    } else {
        format!("tcp and {}", terms.join(" and "))
    };
    format!("tcpdump -nni any '({tcp}) or icmp or icmp6'")
}

fn far_end(exam: &Evidence) -> Option<String> {
    match &exam.name.peer {
        Peer::Network(block) if block.is_host() => Some(format!("host {block}")),
        Peer::Network(block) => Some(format!("net {block}")),
        Peer::Group(_) | Peer::Other => None,
    }
}

fn rejection_step(exam: &Evidence) -> String {
    match exam.reports.iter().max_by_key(|report| report.count) {
        Some(report) if is_prohibition(report.code) => {
            format!("{}, find the rule that rejects", place(report))
        }
        Some(report) if report.code == IcmpCode::TimeExceeded => {
            "see where it goes in circles".to_owned()
        }
        Some(report) => format!("{}, see the route and the neighbour", place(report)),
        None => "see who rejects".to_owned(),
    }
}

fn place(report: &Report) -> String {
    if report.reporter == Reporter::Own {
        "here".to_owned()
    } else {
        format!("on {}", report.by)
    }
}

fn rejection_command(exam: &Evidence) -> String {
    match exam.reports.iter().max_by_key(|report| report.count) {
        Some(report) if is_prohibition(report.code) => {
            "nft list ruleset | grep -n reject".to_owned()
        }
        Some(report) if report.code == IcmpCode::TimeExceeded => {
            format!(
                "traceroute -n -T{} {}",
                dport(&exam.name.port),
                exam.server()
            )
        }
        Some(_) => format!("ip route get {0}; ip neigh show {0}", exam.server()),
        None => capture(exam),
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

fn sport(port: &Port) -> String {
    if let Port::Number(port) = port {
        format!(" 'sport = :{port}'")
    } else {
        String::new()
    }
}

fn dport(port: &Port) -> String {
    if let Port::Number(port) = port {
        format!(" -p {port}")
    } else {
        String::new()
    }
}

/// What the kernel's table of translations knows of the port.
fn forwarded(port: &Port) -> String {
    let which = if let Port::Number(port) = port {
        format!(" --orig-port-dst {port}")
    } else {
        String::new()
    };
    format!("conntrack -L -p tcp{which}; nft list ruleset | grep -n dnat")
}

fn mtr_port(port: &Port) -> String {
    if let Port::Number(port) = port {
        format!(" -P {port}")
    } else {
        String::new()
    }
}
