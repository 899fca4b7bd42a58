//! Builds the kernel's packet filter, which passes SYNs, RSTs, ICMP errors and little else.
//!
//! - Each address family, nesting and link type has separate arms. `tcp[...]` compiles to IPv4
//!   only, and `vlan` shifts the offsets of everything that follows it.
//! - Rare encapsulations that could hide a handshake pass without further inspection.
//! - Every packet of the host runs through the filter, so it must reject bulk TCP within a few
//!   instructions.

mod offsets;
mod raw_offsets;
mod file_filter;

use pcap::{Activated, Active, BpfProgram, Capture, Linktype};

use super::error::{CaptureError, pcap_message};
use crate::frame::Link;
pub(super) use file_filter::FileFilter;
use offsets::{is_encapsulation, is_vlan_tag, offsets_by_tags};

/// Options of the packet filter.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Filter {
    /// A pcap-filter(7) expression that TCP segments must match too.
    pub expression: Option<String>,
    /// `true` if ACKs without data pass too.
    pub acks: bool,
}

impl Filter {
    /// Installs the filter in a live capture of this link type.
    pub(super) fn install(
        &self,
        capture: &mut Capture<Active>,
        link: Link,
    ) -> Result<(), CaptureError> {
        let text = self.validated_text(capture, link)?;
        capture
            .filter(&text, true)
            .map_err(|error| self.error(&error, &text))
    }

    /// Compiles the filter to a program for packets of this `DLT_` number.
    ///
    /// # Errors
    ///
    /// Returns an error if the user's expression does not compile for this link type.
    pub fn program(&self, link: Link, number: i32) -> Result<BpfProgram, CaptureError> {
        let capture = Capture::dead(Linktype(number)).map_err(|error| self.error(&error, ""))?;
        let text = self.validated_text(&capture, link)?;
        capture
            .compile(&text, true)
            .map_err(|error| self.error(&error, &text))
    }

    /// Checks the syntax of the user's expression by compiling it for Ethernet.
    ///
    /// # Errors
    ///
    /// Returns an error if the expression does not compile.
    pub fn check(&self) -> Result<(), CaptureError> {
        let Some(expression) = &self.expression else {
            return Ok(());
        };
        let capture = Capture::dead(Linktype::ETHERNET).map_err(|error| self.error(&error, ""))?;
        capture
            .compile(expression, true)
            .map(drop)
            .map_err(|error| self.error(&error, expression))
    }

    /// Returns the whole expression.
    ///
    /// Compiles the user's part alone first, so that an error refers to the user's text.
    fn validated_text<T: Activated>(
        &self,
        capture: &Capture<T>,
        link: Link,
    ) -> Result<String, CaptureError> {
        if let Some(expression) = &self.expression {
            capture
                .compile(expression, true)
                .map_err(|error| self.error(&error, expression))?;
        }
        Ok(self.text(link))
    }

    /// Converts an error of libpcap about the user's expression, or about `filter` if there is
    /// none.
    fn error(&self, error: &pcap::Error, filter: &str) -> CaptureError {
        let filter = self.expression.as_deref().unwrap_or(filter).to_owned();
        CaptureError::Filter {
            filter,
            reason: pcap_message(error),
        }
    }

    /// Returns the whole expression for a link type.
    pub fn text(&self, link: Link) -> String {
        let standard = self.standard_offsets();
        match link {
            Link::Ethernet => {
                let tagged = format!("vlan and ({standard} or (vlan and {standard}))");
                let nested = self.nested(&offsets_by_tags(12, 14), |_, _| None);
                format!(
                    "{standard} or ({} and (({tagged}) or {nested}))",
                    is_not_ip(12)
                )
            }
            // libpcap reinserts a VLAN tag behind the cooked header, where `vlan` does not compile.
            Link::LinuxSll => {
                let nested = self.nested(&offsets_by_tags(14, 16), |ethertype, ip| {
                    Some(self.ip_by_ethertype(ethertype, ip))
                });
                format!("{standard} or ({} and ({nested}))", is_not_ip(14))
            }
            Link::LinuxSll2 => {
                let [_, first, second] = offsets_by_tags(18, 20);
                // With two tags, the header contains the innermost protocol although a tag remains
                // before it.
                let remaining = [first, second]
                    .map(|(ethertype, ip)| self.ip_by_ethertype(ethertype, ip))
                    .join(" or ");
                let is_tag_remaining = "link[20] & 0xf0 != 0x40 and link[20] & 0xf0 != 0x60";
                let nested = self.nested(&[(0, 20), first, second], |ethertype, ip| {
                    Some(self.ip_by_ethertype(ethertype, ip))
                });
                format!(
                    "{standard} or ({is_tag_remaining} and ({remaining})) or ({} and ({nested}))",
                    is_not_ip(0)
                )
            }
            // libpcap supports only the byte order and the address families of this host.
            Link::Null => {
                format!(
                    "{standard} or {}",
                    self.foreign_families(&[u32::swap_bytes, |number| number], u32::to_be)
                )
            }
            Link::Loop => format!(
                "{standard} or {}",
                self.foreign_families(&[|number| number], |number| number)
            ),
            Link::Ppp => format!("{standard} or {}", self.ppp()),
            Link::CiscoHdlc => format!(
                "{standard} or {} or {}",
                is_vlan_tag(2),
                self.encapsulated(2, 4)
            ),
            // libpcap does not support the fourth address, HT control, or padding behind every
            // radiotap header.
            Link::Wifi | Link::WifiRadiotap | Link::WifiPrism => {
                let unsupported =
                    "link[1] & 3 = 3 or link[1] & 0x80 != 0 or link[28:4] = 0xaaaa0300";
                format!("{standard} or (link[0] & 0x0c = 8 and ({unsupported}))")
            }
            _ => standard,
        }
    }

    /// Returns the arm for packets with an IP header that libpcap finds.
    ///
    /// Only this arm contains the user's expression. Combined with the whole filter by `and`, the
    /// expression would read shifted offsets or reject ICMP errors.
    fn standard_offsets(&self) -> String {
        let mut flags = vec!["tcp[13] & 6 != 0"];
        let mut flags6 = vec!["ip6[53] & 6 != 0"];
        if self.acks {
            flags.push("(tcp[13] & 0x17 = 0x10 and ip[2:2] = ((ip[0] & 0xf) << 2) + ((tcp[12] & 0xf0) >> 2))");
            flags6.push("(ip6[53] & 0x17 = 0x10 and ip6[4:2] = (ip6[52] & 0xf0) >> 2)");
        }
        // An extension header may precede an ICMP error, which an expression about ports must not
        // reject.
        let (also, also_extended) = match &self.expression {
            Some(expression) => (
                format!(" and ({expression})"),
                format!(" and ({expression} or ip6[40] = 58)"),
            ),
            None => (String::new(), String::new()),
        };
        // Extension headers that may precede TCP: hop-by-hop, routing, authentication and
        // destination options. Of fragments, only the first one contains the TCP header.
        let extended = "(ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 51 or ip6[6] = 60 or (ip6[6] = 44 and ip6[42:2] & 0xfff8 = 0))";
        let flags = flags.join(" or ");
        let flags6 = flags6.join(" or ");
        format!(
            "(((({flags}) or ip proto 51 or (ip6[6] = 6 and ({flags6}))){also}) or ({extended}{also_extended}) \
             or icmp[0] = 3 or icmp[0] = 4 or icmp[0] = 11 or icmp[0] = 12 \
             or (ip6[6] = 58 and ip6[40] >= 1 and ip6[40] <= 4))"
        )
    }

    /// Returns the arm for packets behind one or two VLAN tags, or in PPPoE, MPLS or 802.2 SNAP.
    ///
    /// Everything behind more tags passes. `ip` creates the arm of IP behind the tags, if any.
    fn nested(
        &self,
        offsets: &[(usize, usize); 3],
        ip: impl Fn(usize, usize) -> Option<String>,
    ) -> String {
        let &[(type0, payload0), (type1, payload1), (type2, payload2)] = offsets;
        let arms = |ethertype, payload, encapsulated| {
            ip(ethertype, payload)
                .into_iter()
                .chain([encapsulated])
                .collect::<Vec<_>>()
                .join(" or ")
        };
        // Kernels before 6.9 reject filters of more than about 650 instructions
        // (net.core.optmem_max).
        let must_be_short = self.acks || self.expression.is_some();
        let behind_one_tag = if must_be_short {
            is_encapsulation(type1, payload1)
        } else {
            self.encapsulated(type1, payload1)
        };
        format!(
            "({} and ({} or ({} and ({} or {})))) or {}",
            is_vlan_tag(type0),
            arms(type1, payload1, behind_one_tag),
            is_vlan_tag(type1),
            arms(type2, payload2, is_encapsulation(type2, payload2)),
            is_vlan_tag(type2),
            self.encapsulated(type0, payload0)
        )
    }
}

/// Excludes plain IP packets from the nested arms, so that they are not evaluated for each of them.
fn is_not_ip(ethertype: usize) -> String {
    format!("link[{ethertype}:2] != 0x0800 and link[{ethertype}:2] != 0x86dd")
}
