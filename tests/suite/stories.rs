//! The stories that golden captures tell, and how each is cut from a whole recording.

use crate::netns::topology::Family::{self, V4, V6};

/// One golden capture.
pub(crate) struct Story {
    /// Its file's name, without extension.
    pub(crate) file: &'static str,
    /// The recording it is cut from.
    pub(crate) seen_from: &'static str,
    family: Family,
    /// The servers' ports in it, by any name.
    ports: &'static [u16],
    /// Of these packets, which; all if empty.
    only: &'static str,
    /// Of these, how many; all if none.
    pub(crate) first: Option<u32>,
    /// How many attempts are in it.
    pub(crate) attempts: u32,
    /// What happens.
    pub(crate) tells: &'static str,
}

impl Story {
    /// Its packets: TCP of these ports, and ICMP errors that quote a SYN to one of them.
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

    /// Those of its packets that pass this, too.
    const fn only(self, only: &'static str) -> Self {
        Self { only, ..self }
    }

    /// So many of its packets.
    const fn first(self, packets: u32) -> Self {
        Self {
            first: Some(packets),
            ..self
        }
    }
}

const fn story(
    (file, seen_from): (&'static str, &'static str),
    family: Family,
    ports: &'static [u16],
    attempts: u32,
    tells: &'static str,
) -> Story {
    Story {
        file,
        seen_from,
        family,
        ports,
        only: "",
        first: None,
        attempts,
        tells,
    }
}

const ROAD: &[u16] = &[
    8001, 8002, 8003, 8004, 8005, 8006, 8007, 33306, 8009, 8010, 8011, 8012,
];

const SCANNED: &[u16] = &[
    8100, 8101, 8102, 8103, 8104, 8105, 8106, 8107, 8108, 8109, 8110, 8111, 8112, 8113, 8114, 8115,
    8116, 8117, 8118, 8119, 8120, 8121, 8122, 8123, 8124,
];

#[rustfmt::skip]
pub(crate) const STORIES: [Story; 57] = [
    story(("demo", "client any"), V4, ROAD, 53,
          "every outcome at once, a port each, as a client sees it: 8001 open, 8002 closed, 8003 dropped on the path, 8004 dropped by \
           the server's input chain, 8005 prohibited, 8006 reset by the firewall, 8007 its SYN/ACKs lost, 33306 forwarded, 8009 and 8010 \
           nobody there, 8011 a late answer, 8012 a full accept queue"),
    story(("demo-server", "server any"), V4, &[3306, 8001, 8002, 8003, 8004, 8005, 8006, 8007, 8009, 8010, 8011, 8012], 31,
          "the same time, as the server sees it; the forwarded port is its 3306"),
    story(("open", "client eth0"), V4, &[8001], 10, "a pool of ten to an open port"),
    story(("open-v6", "client eth0"), V6, &[8001], 10, "the same over IPv6"),
    story(("open-server", "server eth0"), V4, &[8001], 10, "the same pool as `open`, at the server"),
    story(("closed", "client eth0"), V4, &[8002], 3, "nothing listens: RST"),
    story(("closed-v6", "client eth0"), V6, &[8002], 3, "the same over IPv6"),
    story(("path-drop-client", "client eth0"), V4, &[8003], 4, "the firewall drops the SYNs"),
    story(("path-drop-client-v6", "client eth0"), V6, &[8003], 4, "the same over IPv6"),
    story(("path-drop-firewall", "firewall any"), V4, &[8003], 4, "at the firewall: the SYNs enter and never leave"),
    story(("path-drop-server", "server eth0"), V4, &[8003], 0, "at the server: not one packet"),
    story(("input-drop-client", "client eth0"), V4, &[8004], 2, "the server's own firewall drops the SYNs"),
    story(("input-drop-server", "server eth0"), V4, &[8004], 2, "at the server: SYNs without an answer"),
    story(("prohibited", "client eth0"), V4, &[8005], 5,
          "the firewall says ICMP 3/13; it comes while the connect call still holds the socket, so the kernel heeds the second one only"),
    story(("prohibited-v6", "client eth0"), V6, &[8005], 5, "the same over IPv6: ICMPv6 1/1"),
    story(("prohibited-firewall", "firewall any"), V4, &[8005], 5, "at the firewall, which is itself the reporter"),
    story(("reset", "client eth0"), V4, &[8006], 6, "the firewall sends a RST in the server's name"),
    story(("reset-firewall", "firewall any"), V4, &[8006], 6, "at the firewall: SYNs enter, RSTs leave, the server sees nothing"),
    story(("reply-lost-client", "client eth0"), V4, &[8007], 3, "SYN/ACKs are lost on the way back: no answer"),
    story(("reply-lost-server", "server eth0"), V4, &[8007], 3, "at the server: SYN/ACKs leave, again and again"),
    story(("reply-lost-firewall", "firewall any"), V4, &[8007], 3, "at the firewall: SYN/ACKs enter and never leave"),
    story(("forward-client", "client eth0"), V4, &[33306], 7, "a forwarded port, at the client"),
    story(("forward-firewall", "firewall any"), V4, &[33306, 3306], 7, "33306 becomes 3306 of the server, masqueraded: two names of each attempt"),
    story(("forward-firewall-v6", "firewall any"), V6, &[33306, 3306], 7, "the same over IPv6"),
    story(("nobody-there", "client eth0"), V4, &[8009], 3, "behind the router nobody has that address: ICMP 3/1 after 3 s"),
    story(("nobody-there-v6", "client eth0"), V6, &[8009], 3, "the same over IPv6: ICMPv6 1/3"),
    story(("nobody-here", "client any"), V4, &[8010], 4, "nobody on the own link: no SYN ever, an ICMP 3/1 from the host to itself"),
    story(("nobody-here-v6", "client any"), V6, &[8010], 4, "the same over IPv6: ICMPv6 1/3"),
    story(("late", "client eth0"), V4, &[8011], 2, "the drop is lifted after 5.5 s: the SYN at 6 s is answered"),
    story(("late-v6", "client eth0"), V6, &[8011], 2, "the same over IPv6"),
    story(("full-queue-client", "client eth0"), V4, &[8012], 4, "the first connection fills the accept queue, the others get no answer"),
    story(("full-queue-server", "server eth0"), V4, &[8012], 4, "at the server: byte for byte like a drop"),
    story(("loopback", "client any"), V4, &[8013, 8014], 7, "on the loopback: 8013 open (five), 8014 closed (two)"),
    story(("container-published", "host any"), V4, &[8080, 80], 18,
          "a published port, 8080 for a container's 80: from outside (five), from the neighbour container (six), from the host (three, \
           which begin as port 80), from the container itself (four: two before the host is sure of its hardware address, which show \
           under three names, two after, which show under two)"),
    story(("container-egress", "host any"), V4, &[9000, 9001], 6, "containers to the outside, masqueraded: 9000 open (four), 9001 closed (two)"),
    story(("container-bridged", "host any"), V6, &[8000], 3, "container to container over the bridge, IPv6"),
    story(("rejected-by-default", "client eth0"), V4, &[8015], 2, "the firewall rejects as nftables and iptables do by default: ICMP 3/3 from the router"),
    story(("rejected-by-server", "client eth0"), V4, &[8016], 3, "the server's own firewall rejects: ICMP 3/3 from the peer"),
    story(("rejected-by-server-server", "server eth0"), V4, &[8016], 3, "at the server, which is itself the reporter"),
    story(("hops-used-up", "client eth0"), V4, &[8017], 2, "SYNs with one hop to go: ICMP 11/0 from the router"),
    story(("own-reject", "client any"), V4, &[8018], 2, "the client's own output chain rejects: no SYN ever, an ICMP 3/3 from the host to itself"),
    story(("ecn", "near eth0"), V4, &[80], 3, "`net.ipv4.tcp_ecn=1`: SYN with ECE and CWR, SYN/ACK with ECE"),
    story(("ecn-v6", "near eth0"), V6, &[80], 3, "the same over IPv6"),
    story(("too-short", "client eth0"), V4, &[8003], 4, "the beginning of `path-drop-client`: all attempts still wait").first(4),
    story(("one-way", "client eth0"), V4, &[8001, 8002, 8006, 33306, 8099], 27, "of what the client and five ports said only the client's SYNs: half a mirror port").only("src host 10.77.1.2 and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"),
    story(("loss-client", "client eth0, bad weather"), V4, &[8020], 12, "every third SYN is lost on the way"),
    story(("loss-server", "server eth0, bad weather"), V4, &[8020], 12, "the same at the server, which cannot know"),
    story(("loss-back-client", "client eth0, bad weather"), V4, &[8021], 12, "every third SYN/ACK is lost on the way"),
    story(("loss-back-server", "server eth0, bad weather"), V4, &[8021], 12, "the same at the server, which repeats SYN/ACKs"),
    story(("ecn-drop", "client eth0, bad weather"), V4, &[8022], 6, "the firewall drops SYNs with ECE and CWR; those that follow have neither"),
    story(("hurry-client", "client eth0, bad weather"), V4, &[8025], 5, "the first SYN/ACKs are lost, and the clients close their sockets after half a second: the second ones meet a RST"),
    story(("hurry-server", "server eth0, bad weather"), V4, &[8025], 5, "the same at the server"),
    story(("slow", "client eth0, bad weather"), V4, &[8026], 80, "forty handshakes, and after 8 s, over a link of 32 kbit/s, forty more").only("tcp[tcpflags] & tcp-syn != 0"),
    story(("scan-client", "client eth0, bad weather"), V4, SCANNED, 25, "the client tries 25 closed ports"),
    story(("scan-server", "server eth0, bad weather"), V4, SCANNED, 25, "the same at the server"),
    story(("flood", "server eth0, bad weather"), V4, &[8024], 60, "SYNs from sixty made-up addresses"),
    story(("forward-faults", "firewall any, bad weather"), V4, &[33302, 33303, 33304, 33307, 8002, 8003, 8004, 8007], 12,
          "faults behind forwarded ports: 33302 closed at the server, 33303 dropped by the firewall, 33304 by the server, 33307 loses \
           its replies at the firewall").only("host 10.77.1.1 or host 10.77.2.1"),
];
