//! The kernel's filter: passes SYNs, RSTs and ICMP errors, and next to nothing else.
//!
//! `tcp[...]` compiles to IPv4 only, and `vlan` shifts the offsets of all that follows it, so every family, nesting and
//! link type has arms of its own. What is seldom met but could hide a handshake passes as a whole. Every packet of the
//! host runs through this: bulk TCP must fall out after a handful of instructions.

mod absolute;
mod plain;
mod sieve;

use pcap::{Activated, Active, BpfProgram, Capture, Linktype};

use super::error::{CaptureError, words};
use crate::frame::Link;
use absolute::{is_rare, is_tag, types};
pub(super) use sieve::Sieve;

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
    pub(super) fn install(
        &self,
        capture: &mut Capture<Active>,
        link: Link,
    ) -> Result<(), CaptureError> {
        let text = self.checked(capture, link)?;
        capture
            .filter(&text, true)
            .map_err(|error| self.complaint(&error, &text))
    }

    /// The filter as a program, to run it over packets of this `DLT_` number.
    ///
    /// # Errors
    ///
    /// The user's expression does not compile, or does not for this link type.
    pub fn program(&self, link: Link, number: i32) -> Result<BpfProgram, CaptureError> {
        let dead = |error| self.complaint(&error, "");
        let capture = Capture::dead(Linktype(number)).map_err(dead)?;
        let text = self.checked(&capture, link)?;
        capture
            .compile(&text, true)
            .map_err(|error| self.complaint(&error, &text))
    }

    /// Whether the user's expression compiles for anything.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn check(&self) -> Result<(), CaptureError> {
        let Some(expression) = &self.expression else {
            return Ok(());
        };
        let capture =
            Capture::dead(Linktype::ETHERNET).map_err(|error| self.complaint(&error, ""))?;
        capture
            .compile(expression, true)
            .map(drop)
            .map_err(|error| self.complaint(&error, expression))
    }

    /// The whole expression, after a look at the user's part alone: so an error is about what the user wrote.
    fn checked<T: Activated>(
        &self,
        capture: &Capture<T>,
        link: Link,
    ) -> Result<String, CaptureError> {
        if let Some(expression) = &self.expression {
            capture
                .compile(expression, true)
                .map_err(|error| self.complaint(&error, expression))?;
        }
        Ok(self.text(link))
    }

    fn complaint(&self, error: &pcap::Error, filter: &str) -> CaptureError {
        let filter = self.expression.as_deref().unwrap_or(filter).to_owned();
        CaptureError::Filter {
            filter,
            reason: words(error),
        }
    }

    /// The whole expression for a link type.
    pub fn text(&self, link: Link) -> String {
        let plain = self.plain();
        match link {
            Link::Ethernet => {
                let tagged = format!("vlan and ({plain} or (vlan and {plain}))");
                let behind = self.behind_types(&types(12, 14), |_, _| None);
                format!(
                    "{plain} or ({} and (({tagged}) or {behind}))",
                    is_not_ip(12)
                )
            }
            // libpcap puts a tag back behind the cooked header, where `vlan` does not compile.
            Link::LinuxSll => {
                let behind = self.behind_types(&types(14, 16), |t, ip| Some(self.at(t, ip)));
                format!("{plain} or ({} and ({behind}))", is_not_ip(14))
            }
            Link::LinuxSll2 => {
                let [_, first, second] = types(18, 20);
                // With two tags the header names the innermost protocol while a tag stands before it.
                let left = [first, second]
                    .map(|(ethertype, ip)| self.at(ethertype, ip))
                    .join(" or ");
                let is_left = "link[20] & 0xf0 != 0x40 and link[20] & 0xf0 != 0x60";
                let behind =
                    self.behind_types(&[(0, 20), first, second], |t, ip| Some(self.at(t, ip)));
                format!(
                    "{plain} or ({is_left} and ({left})) or ({} and ({behind}))",
                    is_not_ip(0)
                )
            }
            // libpcap knows this host's byte order and address families alone.
            Link::Null => {
                format!(
                    "{plain} or {}",
                    self.of_other_systems(&[u32::swap_bytes, |number| number], u32::to_be)
                )
            }
            Link::Loop => format!(
                "{plain} or {}",
                self.of_other_systems(&[|number| number], |number| number)
            ),
            Link::Ppp => format!("{plain} or {}", self.ppp()),
            Link::CiscoHdlc => format!("{plain} or {} or {}", is_tag(2), self.rare(2, 4)),
            // libpcap knows neither the fourth address, nor HT control, nor padding behind every radiotap header.
            Link::Wifi | Link::WifiRadiotap | Link::WifiPrism => {
                let odd = "link[1] & 3 = 3 or link[1] & 0x80 != 0 or link[28:4] = 0xaaaa0300";
                format!("{plain} or (link[0] & 0x0c = 8 and ({odd}))")
            }
            _ => plain,
        }
    }

    /// What is no IP packet at once: below one tag or two, or wrapped. What lies deeper passes as a whole.
    fn behind_types(
        &self,
        types: &[(usize, usize); 3],
        ip: impl Fn(usize, usize) -> Option<String>,
    ) -> String {
        let &[(t0, p0), (t1, p1), (t2, p2)] = types;
        let arms = |t, p, rare| {
            ip(t, p)
                .into_iter()
                .chain([rare])
                .collect::<Vec<_>>()
                .join(" or ")
        };
        // Kernels before 6.9 refuse filters of more than some 650 instructions (net.core.optmem_max).
        let short_of_room = self.acks || self.expression.is_some();
        let below_one = if short_of_room {
            is_rare(t1, p1)
        } else {
            self.rare(t1, p1)
        };
        format!(
            "({} and ({} or ({} and ({} or {})))) or {}",
            is_tag(t0),
            arms(t1, p1, below_one),
            is_tag(t1),
            arms(t2, p2, is_rare(t2, p2)),
            is_tag(t2),
            self.rare(t0, p0)
        )
    }
}

/// IP packets take another path, and shall not have to look at this one.
fn is_not_ip(ethertype: usize) -> String {
    format!("link[{ethertype}:2] != 0x0800 and link[{ethertype}:2] != 0x86dd")
}
