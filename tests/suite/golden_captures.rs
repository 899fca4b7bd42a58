//! The golden captures, and how each is extracted from a recording.

use crate::netns::topology::Family::{self, V4, V6};

/// Server ports of the path through the firewall.
const PATH_PORTS: &[u16] = &[
    8001, 8002, 8003, 8004, 8005, 8006, 8007, 33306, 8009, 8010, 8011, 8012,
];

/// Server ports of the scan.
const SCANNED: &[u16] = &[
    8100, 8101, 8102, 8103, 8104, 8105, 8106, 8107, 8108, 8109, 8110, 8111, 8112, 8113, 8114, 8115,
    8116, 8117, 8118, 8119, 8120, 8121, 8122, 8123, 8124,
];

/// All golden captures.
#[rustfmt::skip]
pub(crate) const GOLDEN_CAPTURES: [GoldenCapture; 57] = [
    capture(("demo", "client any"), V4, PATH_PORTS, 53,
          "every outcome at the client, one on each port: 8001 open, 8002 closed, 8003 dropped on the path, 8004 dropped by the \
           server's input chain, 8005 prohibited, 8006 reset by the firewall, 8007 SYN/ACKs lost, 33306 forwarded, 8009 and 8010 \
           unused addresses, 8011 a late answer, 8012 a full accept queue"),
    capture(("demo-server", "server any"), V4, &[3306, 8001, 8002, 8003, 8004, 8005, 8006, 8007, 8009, 8010, 8011, 8012], 31,
          "the packets of `demo` at the server; the forwarded port is its port 3306"),
    capture(("open", "client eth0"), V4, &[8001], 10, "ten connections to an open port"),
    capture(("open-v6", "client eth0"), V6, &[8001], 10, "`open` over IPv6"),
    capture(("open-server", "server eth0"), V4, &[8001], 10, "`open` at the server"),
    capture(("closed", "client eth0"), V4, &[8002], 3, "no listener: RST"),
    capture(("closed-v6", "client eth0"), V6, &[8002], 3, "`closed` over IPv6"),
    capture(("path-drop-client", "client eth0"), V4, &[8003], 4, "the firewall drops the SYNs"),
    capture(("path-drop-client-v6", "client eth0"), V6, &[8003], 4, "`path-drop-client` over IPv6"),
    capture(("path-drop-firewall", "firewall any"), V4, &[8003], 4, "at the firewall: the SYNs enter and never leave"),
    capture(("path-drop-server", "server eth0"), V4, &[8003], 0, "at the server: no packet"),
    capture(("input-drop-client", "client eth0"), V4, &[8004], 2, "the server's own firewall drops the SYNs"),
    capture(("input-drop-server", "server eth0"), V4, &[8004], 2, "at the server: SYNs without an answer"),
    capture(("prohibited", "client eth0"), V4, &[8005], 5,
          "the firewall sends ICMP 3/13; the first one comes while the connect call still holds the socket, so the kernel obeys only the second one"),
    capture(("prohibited-v6", "client eth0"), V6, &[8005], 5, "`prohibited` over IPv6: ICMPv6 1/1"),
    capture(("prohibited-firewall", "firewall any"), V4, &[8005], 5, "at the firewall, which is itself the reporter"),
    capture(("reset", "client eth0"), V4, &[8006], 6, "the firewall sends a RST in the server's name"),
    capture(("reset-firewall", "firewall any"), V4, &[8006], 6, "at the firewall: SYNs enter, RSTs leave, the server sees nothing"),
    capture(("reply-lost-client", "client eth0"), V4, &[8007], 3, "SYN/ACKs are lost on the way back: no answer"),
    capture(("reply-lost-server", "server eth0"), V4, &[8007], 3, "at the server: SYN/ACKs leave repeatedly"),
    capture(("reply-lost-firewall", "firewall any"), V4, &[8007], 3, "at the firewall: SYN/ACKs enter and never leave"),
    capture(("forward-client", "client eth0"), V4, &[33306], 7, "a forwarded port, at the client"),
    capture(("forward-firewall", "firewall any"), V4, &[33306, 3306], 7, "33306 is translated to 3306 of the server and masqueraded: two four-tuples of each attempt"),
    capture(("forward-firewall-v6", "firewall any"), V6, &[33306, 3306], 7, "`forward-firewall` over IPv6"),
    capture(("nobody-there", "client eth0"), V4, &[8009], 3, "no host behind the router has the address: ICMP 3/1 after 3 s"),
    capture(("nobody-there-v6", "client eth0"), V6, &[8009], 3, "`nobody-there` over IPv6: ICMPv6 1/3"),
    capture(("nobody-here", "client any"), V4, &[8010], 4, "no host on the local link has the address: no SYN is sent, the host sends ICMP 3/1 to itself"),
    capture(("nobody-here-v6", "client any"), V6, &[8010], 4, "`nobody-here` over IPv6: ICMPv6 1/3"),
    capture(("late", "client eth0"), V4, &[8011], 2, "the drop is lifted after 5.5 s: the SYN at 6 s is answered"),
    capture(("late-v6", "client eth0"), V6, &[8011], 2, "`late` over IPv6"),
    capture(("full-queue-client", "client eth0"), V4, &[8012], 4, "the first connection fills the accept queue, the others get no answer"),
    capture(("full-queue-server", "server eth0"), V4, &[8012], 4, "at the server: identical to a drop"),
    capture(("loopback", "client any"), V4, &[8013, 8014], 7, "on the loopback: 8013 open (five), 8014 closed (two)"),
    capture(("container-published", "host any"), V4, &[8080, 80], 18,
          "a published port, 8080 for a container's 80: from outside (five), from the neighbour container (six), from the host (three, \
           which start as port 80), from the container itself (four: two before the host has confirmed its hardware address, with \
           three four-tuples each, and two afterwards, with two four-tuples each)"),
    capture(("container-egress", "host any"), V4, &[9000, 9001], 6, "containers to the outside, masqueraded: 9000 open (four), 9001 closed (two)"),
    capture(("container-bridged", "host any"), V6, &[8000], 3, "container to container over the bridge, IPv6"),
    capture(("rejected-by-default", "client eth0"), V4, &[8015], 2, "the firewall rejects as nftables and iptables do by default: ICMP 3/3 from the router"),
    capture(("rejected-by-server", "client eth0"), V4, &[8016], 3, "the server's own firewall rejects: ICMP 3/3 from the peer"),
    capture(("rejected-by-server-server", "server eth0"), V4, &[8016], 3, "at the server, which is itself the reporter"),
    capture(("hops-used-up", "client eth0"), V4, &[8017], 2, "SYNs with hop limit one: ICMP 11/0 from the router"),
    capture(("own-reject", "client any"), V4, &[8018], 2, "the client's own output chain rejects: no SYN is sent, the host sends ICMP 3/3 to itself"),
    capture(("ecn", "near eth0"), V4, &[80], 3, "`net.ipv4.tcp_ecn=1`: SYN with ECE and CWR, SYN/ACK with ECE"),
    capture(("ecn-v6", "near eth0"), V6, &[80], 3, "`ecn` over IPv6"),
    capture(("too-short", "client eth0"), V4, &[8003], 4, "the beginning of `path-drop-client`: all attempts are pending").first(4),
    capture(("one-way", "client eth0"), V4, &[8001, 8002, 8006, 33306, 8099], 27, "only the client's SYNs of connections to five ports, as on a mirror port that shows one direction").only("src host 10.77.1.2 and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"),
    capture(("loss-client", "client eth0, impaired"), V4, &[8020], 12, "every third SYN is lost on the way"),
    capture(("loss-server", "server eth0, impaired"), V4, &[8020], 12, "`loss-client` at the server, where the loss is invisible"),
    capture(("loss-back-client", "client eth0, impaired"), V4, &[8021], 12, "every third SYN/ACK is lost on the way"),
    capture(("loss-back-server", "server eth0, impaired"), V4, &[8021], 12, "`loss-back-client` at the server, which repeats SYN/ACKs"),
    capture(("ecn-drop", "client eth0, impaired"), V4, &[8022], 6, "the firewall drops SYNs with ECE and CWR; the retransmissions have neither"),
    capture(("hurry-client", "client eth0, impaired"), V4, &[8025], 5, "the first SYN/ACKs are lost, and the clients close their sockets after half a second: the second SYN/ACKs draw a RST"),
    capture(("hurry-server", "server eth0, impaired"), V4, &[8025], 5, "`hurry-client` at the server"),
    capture(("slow", "client eth0, impaired"), V4, &[8026], 80, "forty handshakes, and after 8 s, over a link of 32 kbit/s, forty more").only("tcp[tcpflags] & tcp-syn != 0"),
    capture(("scan-client", "client eth0, impaired"), V4, SCANNED, 25, "the client tries 25 closed ports"),
    capture(("scan-server", "server eth0, impaired"), V4, SCANNED, 25, "`scan-client` at the server"),
    capture(("flood", "server eth0, impaired"), V4, &[8024], 60, "SYNs from sixty spoofed addresses"),
    capture(("forward-faults", "firewall any, impaired"), V4, &[33302, 33303, 33304, 33307, 8002, 8003, 8004, 8007], 12,
          "faults behind forwarded ports: 33302 closed at the server, 33303 dropped by the firewall, 33304 by the server, 33307 loses \
           its replies at the firewall").only("host 10.77.1.1 or host 10.77.2.1"),
];

/// One golden capture.
pub(crate) struct GoldenCapture {
    /// File name without extension.
    pub(crate) file: &'static str,
    /// The recording that contains it: host and interface.
    pub(crate) recorded_on: &'static str,
    family: Family,
    /// Server ports in it, before and after translation.
    ports: &'static [u16],
    /// Filter on these packets. All are kept if it is empty.
    only: &'static str,
    /// Maximum number of packets. All are kept if it is `None`.
    pub(crate) first: Option<u32>,
    /// Number of attempts.
    pub(crate) attempts: u32,
    /// What happens in it.
    pub(crate) description: &'static str,
}

impl GoldenCapture {
    /// Returns the filter of its packets: TCP of these ports, and ICMP errors that quote a SYN to one of them.
    pub(crate) fn filter(&self) -> String {
        let (family, icmp) = match self.family {
            V4 => ("ip", "icmp and icmp[30:2]"),
            V6 => ("ip6", "icmp6 and ip6[90:2]"),
        };
        let ports = self
            .ports
            .iter()
            .map(|port| format!("tcp port {port} or ({icmp} = {port})"))
            .collect::<Vec<_>>();
        let all = format!("{family} and ({})", ports.join(" or "));
        if self.only.is_empty() {
            all
        } else {
            format!("{all} and ({})", self.only)
        }
    }

    /// Keeps only the packets that also pass this filter.
    const fn only(self, only: &'static str) -> Self {
        Self { only, ..self }
    }

    /// Keeps only the first packets.
    const fn first(self, packets: u32) -> Self {
        Self {
            first: Some(packets),
            ..self
        }
    }
}

const fn capture(
    (file, recorded_on): (&'static str, &'static str),
    family: Family,
    ports: &'static [u16],
    attempts: u32,
    description: &'static str,
) -> GoldenCapture {
    GoldenCapture {
        file,
        recorded_on,
        family,
        ports,
        only: "",
        first: None,
        attempts,
        description,
    }
}
