//! For packets whose IP header is where libpcap expects it. Here, and only here, a user's expression applies: and-ed
//! outside it would be shifted, or lose the ICMP errors.

use super::Filter;

impl Filter {
    pub(super) fn plain(&self) -> String {
        let mut flags = vec!["tcp[13] & 6 != 0"];
        let mut flags6 = vec!["ip6[53] & 6 != 0"];
        if self.acks {
            flags.push("(tcp[13] & 0x17 = 0x10 and ip[2:2] = ((ip[0] & 0xf) << 2) + ((tcp[12] & 0xf0) >> 2))");
            flags6.push("(ip6[53] & 0x17 = 0x10 and ip6[4:2] = (ip6[52] & 0xf0) >> 2)");
        }
        // What is in an extension header's place may be an ICMP error, which no expression about ports should lose.
        let (also, also_extended) = match &self.expression {
            Some(expression) => (
                format!(" and ({expression})"),
                format!(" and ({expression} or ip6[40] = 58)"),
            ),
            None => (String::new(), String::new()),
        };
        // An IPv6 header followed by an extension header (hop-by-hop, routing, authentication, destination options)
        // may lead to TCP; of fragments the first one does.
        let extended = "(ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 51 or ip6[6] = 60 or (ip6[6] = 44 and ip6[42:2] & 0xfff8 = 0))";
        let (flags, flags6) = (flags.join(" or "), flags6.join(" or "));
        format!(
            "(((({flags}) or ip proto 51 or (ip6[6] = 6 and ({flags6}))){also}) or ({extended}{also_extended}) \
             or icmp[0] = 3 or icmp[0] = 4 or icmp[0] = 11 or icmp[0] = 12 \
             or (ip6[6] = 58 and ip6[40] >= 1 and ip6[40] <= 4))"
        )
    }
}
