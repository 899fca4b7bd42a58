//! The kernel's filter: passes SYNs, RSTs and ICMP errors, and next to nothing else.
//!
//! `tcp[...]` compiles to IPv4 only, and `vlan` shifts the offsets of all that follows it, so every family, nesting and
//! link type has arms of its own. A user's expression goes into each TCP arm: and-ed outside it would be shifted, or
//! lose the ICMP errors.

use pcap::{Activated, Active, BpfProgram, Capture, Offline};

use super::error::{CaptureError, words};
use crate::frame::Link;

/// What is to pass.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Filter {
    /// A pcap-filter(7) expression that TCP segments must match too.
    pub expression: Option<String>,
    /// Whether ACKs without data pass as well.
    pub acks: bool,
}

impl Filter {
    /// Sets the filter for a live capture of this link type.
    pub(super) fn install(&self, capture: &mut Capture<Active>, link: Link) -> Result<(), CaptureError> {
        let text = self.checked(capture, link)?;
        capture.filter(&text, true).map_err(|error| self.complaint(&error, &text))
    }

    /// The filter as a program, to run it over the packets of a file.
    pub(super) fn program(&self, capture: &Capture<Offline>, link: Link) -> Result<BpfProgram, CaptureError> {
        let text = self.checked(capture, link)?;
        capture.compile(&text, true).map_err(|error| self.complaint(&error, &text))
    }

    /// The whole expression, after a look at the user's part alone: so an error is about what the user wrote.
    fn checked<T: Activated>(&self, capture: &Capture<T>, link: Link) -> Result<String, CaptureError> {
        if let Some(expression) = &self.expression {
            capture.compile(expression, true).map_err(|error| self.complaint(&error, expression))?;
        }
        Ok(self.text(link))
    }

    fn complaint(&self, error: &pcap::Error, filter: &str) -> CaptureError {
        let filter = self.expression.as_deref().unwrap_or(filter).to_owned();
        CaptureError::Filter { filter, reason: words(error) }
    }

    /// The whole expression for a link type.
    pub fn text(&self, link: Link) -> String {
        let plain = self.plain();
        match link {
            Link::Ethernet => {
                let sessions = [(12, 14), (16, 18)].map(|(ethertype, header)| self.in_pppoe(ethertype, header));
                format!("{} or {plain} or (vlan and ({plain} or (vlan and ({plain}))))", sessions.join(" or "))
            }
            // libpcap puts a tag back behind the cooked header, where `vlan` does not compile.
            Link::LinuxSll => {
                let tagged = [(14, 18, 20), (18, 22, 24)]
                    .map(|(tag, ethertype, ip)| format!("({} and {})", is_tag(tag), self.at(ethertype, ip)));
                format!("{plain} or {} or {}", tagged.join(" or "), self.in_pppoe(14, 16))
            }
            // With two tags the header names the innermost protocol while a tag stands before it.
            Link::LinuxSll2 => {
                let tagged = [(22, 24), (26, 28)].map(|(ethertype, ip)| self.at(ethertype, ip));
                let not_ip = "(link[20] & 0xf0 != 0x40 and link[20] & 0xf0 != 0x60)";
                format!("{plain} or ({not_ip} and ({})) or {}", tagged.join(" or "), self.in_pppoe(0, 20))
            }
            _ => plain,
        }
    }

    /// For packets whose IP header is where libpcap expects it.
    fn plain(&self) -> String {
        let mut flags = vec!["tcp[13] & 6 != 0".to_owned()];
        let mut flags6 = vec!["ip6[53] & 6 != 0".to_owned()];
        if self.acks {
            flags.push(
                "(tcp[13] & 0x17 = 0x10 and ip[2:2] = ((ip[0] & 0xf) << 2) + ((tcp[12] & 0xf0) >> 2))".to_owned(),
            );
            flags6.push("(ip6[53] & 0x17 = 0x10 and ip6[4:2] = (ip6[52] & 0xf0) >> 2)".to_owned());
        }
        let also = self.expression.as_ref().map(|expression| format!(" and ({expression})")).unwrap_or_default();
        // An IPv6 header followed by an extension header (hop-by-hop, routing, authentication, destination options)
        // may lead to TCP; of fragments the first one does.
        let extended =
            "ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 51 or ip6[6] = 60 or (ip6[6] = 44 and ip6[42:2] & 0xfff8 = 0)";
        let (flags, flags6) = (flags.join(" or "), flags6.join(" or "));
        format!(
            "((({flags}) or ip proto 51 or (ip6[6] = 6 and ({flags6})) or {extended}){also} \
             or icmp[0] = 3 or icmp[0] = 4 or icmp[0] = 11 or icmp[0] = 12 \
             or (ip6[6] = 58 and ip6[40] >= 1 and ip6[40] <= 4))"
        )
    }

    /// The same by absolute offsets, where libpcap cannot be told where the IP header is. A user's expression would
    /// look at the wrong place there, and is left out.
    fn at(&self, ethertype: usize, ip: usize) -> String {
        format!(
            "((link[{ethertype}:2] = 0x0800 and {}) or (link[{ethertype}:2] = 0x86dd and {}))",
            self.v4_at(ip),
            self.v6_at(ip)
        )
    }

    fn in_pppoe(&self, ethertype: usize, session: usize) -> String {
        let (protocol, ip) = (session + 6, session + 8);
        format!(
            "(link[{ethertype}:2] = 0x8864 and ((link[{protocol}:2] = 0x0021 and {}) or (link[{protocol}:2] = 0x0057 and {})))",
            self.v4_at(ip),
            self.v6_at(ip)
        )
    }

    fn v4_at(&self, ip: usize) -> String {
        let tcp = |offset: usize| format!("link[((link[{ip}] & 0xf) << 2) + {}]", ip + offset);
        let mut flags = format!("{} & 6 != 0", tcp(13));
        if self.acks {
            flags = format!("{flags} or {} & 0x17 = 0x10", tcp(13));
        }
        format!(
            "((link[{fragment}:2] & 0x1fff = 0 and ((link[{protocol}] = 6 and ({flags})) or link[{protocol}] = 51)) \
             or (link[{protocol}] = 1 and ({kind} = 3 or {kind} = 4 or {kind} = 11 or {kind} = 12)))",
            fragment = ip + 6,
            protocol = ip + 9,
            kind = tcp(0),
        )
    }

    fn v6_at(&self, ip: usize) -> String {
        let (next, kind, flags) = (ip + 6, ip + 40, ip + 53);
        let acks = if self.acks { format!(" or link[{flags}] & 0x17 = 0x10") } else { String::new() };
        format!(
            "((link[{next}] = 6 and (link[{flags}] & 6 != 0{acks})) or link[{next}] = 0 or link[{next}] = 43 \
             or link[{next}] = 44 or link[{next}] = 51 or link[{next}] = 60 \
             or (link[{next}] = 58 and link[{kind}] >= 1 and link[{kind}] <= 4))"
        )
    }
}

fn is_tag(at: usize) -> String {
    format!("(link[{at}:2] = 0x8100 or link[{at}:2] = 0x88a8 or link[{at}:2] = 0x9100)")
}
