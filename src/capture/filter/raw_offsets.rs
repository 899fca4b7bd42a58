//! Filter arms with raw offsets, for packets with an IP header at an offset that libpcap does not
//! expect.
//!
//! A user's expression would read the wrong offsets in these arms, so they do not contain it.

use super::Filter;
use super::offsets::{is_mpls, is_snap, is_vlan_tag};

/// Maximum length of an IPv4 header and a TCP header together, in bytes.
const MAX_IPV4_TCP_HEADERS: usize = 120;
/// `AF_INET` of this system.
const AF_INET: u32 = 2;
/// `AF_INET6` of this system.
const AF_INET6: u32 = 10;
/// Maximum depth of MPLS label stacks that are inspected. Deeper stacks are rare.
const MAX_LABELS: usize = 2;

impl Filter {
    /// Matches relevant IP packets that follow an EtherType.
    pub(super) fn ip_by_ethertype(&self, ethertype: usize, ip: usize) -> String {
        let is_type = |number| format!("link[{ethertype}:2] = {number}");
        self.v4_or_v6(&is_type("0x0800"), &is_type("0x86dd"), ip)
    }

    /// Matches relevant IP packets in PPPoE, MPLS and 802.2 SNAP that follow an EtherType.
    pub(super) fn encapsulated(&self, ethertype: usize, payload: usize) -> String {
        let protocol = |number| format!("link[{}:2] = {number}", payload + 6);
        format!(
            "(link[{ethertype}:2] = 0x8864 and {}) or ({} and {}) or ({} and {})",
            self.v4_or_v6(&protocol("0x0021"), &protocol("0x0057"), payload + 8),
            is_mpls(ethertype),
            self.mpls(payload, MAX_LABELS),
            is_snap(ethertype, payload),
            self.ip_by_ethertype(payload + 6, payload + 8),
        )
    }

    /// Matches relevant IP packets in PPP, with and without its optional fields, and in Cisco HDLC.
    pub(super) fn ppp(&self) -> String {
        let cisco = format!(
            "({} or {} or {})",
            self.ip_by_ethertype(2, 4),
            is_vlan_tag(2),
            self.encapsulated(2, 4)
        );
        [
            self.v4_or_v6("link[0:2] = 0x0021", "link[0:2] = 0x0057", 2),
            self.v4_or_v6("link[0:4] >> 8 = 0xff0321", "link[0:4] >> 8 = 0xff0357", 3),
            self.v4_or_v6("link[0] = 0x21", "link[0] = 0x57", 1),
            format!("((link[0:2] = 0x0f00 or link[0:2] = 0x8f00) and {cisco})"),
        ]
        .join(" or ")
    }

    /// Matches relevant IP packets behind an address family as other systems write it.
    ///
    /// Their byte order or their number of `AF_INET6` differs. `native` converts to the encoding of
    /// this system, which libpcap matches itself.
    pub(super) fn foreign_families(
        &self,
        orders: &[fn(u32) -> u32],
        native: fn(u32) -> u32,
    ) -> String {
        let arms = |families: &[u32], packet: String| {
            let numbers = families
                .iter()
                .flat_map(|family| orders.iter().map(|order| order(*family)));
            let foreign =
                numbers.filter(|number| ![native(AF_INET), native(AF_INET6)].contains(number));
            foreign
                .map(|number| format!("(link[0:4] = {number} and {packet})"))
                .collect::<Vec<_>>()
        };
        [
            arms(&[AF_INET], self.v4_at(4)),
            arms(&[AF_INET6, 24, 28, 30], self.v6_at(4)),
        ]
        .concat()
        .join(" or ")
    }

    /// Matches relevant IP packets behind at most `depth` MPLS labels, and everything behind more
    /// labels.
    fn mpls(&self, label: usize, depth: usize) -> String {
        let bottom = format!("link[{}] & 1 = 1", label + 2);
        let ip = label + 4;
        let version = |nibble| format!("link[{ip}] & 0xf0 = {nibble}");
        let here = self.v4_or_v6(&version("0x40"), &version("0x60"), ip);
        let below = if depth > 1 {
            self.mpls(ip, depth - 1)
        } else {
            format!("link[{ip}] >= 0")
        };
        format!(
            "(({bottom} and {here}) or (link[{}] & 1 = 0 and {below}))",
            label + 2
        )
    }

    /// Matches relevant packets at offset `ip` under the condition of their IP version.
    fn v4_or_v6(&self, is_v4: &str, is_v6: &str, ip: usize) -> String {
        format!(
            "(({is_v4} and {}) or ({is_v6} and {}))",
            self.v4_at(ip),
            self.v6_at(ip)
        )
    }

    /// Matches relevant IPv4 packets at offset `ip`: SYN, RST, ICMP errors, and AH without
    /// an inspection of its payload.
    fn v4_at(&self, ip: usize) -> String {
        let tcp = |offset: usize| format!("link[((link[{ip}] & 0xf) << 2) + {}]", ip + offset);
        let mut flags = format!("{} & 6 != 0", tcp(13));
        if self.acks {
            // Detects pure ACKs by the total length alone. With the sum of both header lengths, the
            // optimizer of libpcap 1.10.3 produces a condition that is never true.
            flags = format!(
                "{flags} or ({} & 0x17 = 0x10 and link[{}:2] <= {MAX_IPV4_TCP_HEADERS})",
                tcp(13),
                ip + 2
            );
        }
        format!(
            "link[{fragment}:2] & 0x1fff = 0 and ((link[{protocol}] = 6 and ({flags})) or link[{protocol}] = 51 \
             or (link[{protocol}] = 1 and ({kind} = 3 or {kind} = 4 or {kind} = 11 or {kind} = 12)))",
            fragment = ip + 6,
            protocol = ip + 9,
            kind = tcp(0),
        )
    }

    /// Matches relevant IPv6 packets at offset `ip`: as IPv4, and every packet with an extension
    /// header.
    fn v6_at(&self, ip: usize) -> String {
        let next = ip + 6;
        let kind = ip + 40;
        let flags = ip + 53;
        let acks = if self.acks {
            format!(
                " or (link[{flags}] & 0x17 = 0x10 and link[{}:2] = (link[{}] & 0xf0) >> 2)",
                ip + 4,
                ip + 52
            )
        } else {
            String::new()
        };
        format!(
            "((link[{next}] = 6 and (link[{flags}] & 6 != 0{acks})) or link[{next}] = 0 or link[{next}] = 43 \
             or (link[{next}] = 44 and link[{}:2] & 0xfff8 = 0) or link[{next}] = 51 or link[{next}] = 60 \
             or (link[{next}] = 58 and link[{kind}] >= 1 and link[{kind}] <= 4))",
            ip + 42
        )
    }
}
