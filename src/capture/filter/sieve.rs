//! The user's part of the filter, run over the packets of a file.

use pcap::BpfProgram;

use super::super::error::CaptureError;
use super::Filter;
use crate::frame::Link;

/// Tells the packets that the user does not want from those that are no handshake's: a file's tunnels and damaged
/// packets are to be counted, whatever the kernel's filter would make of them.
pub(in crate::capture) struct Sieve {
    wanted: BpfProgram,
    all: BpfProgram,
}

impl Sieve {
    /// For packets of this `LINKTYPE_` number; there is none where the user wants all.
    pub(in crate::capture) fn new(
        filter: &Filter,
        number: u32,
    ) -> Result<Option<Self>, CaptureError> {
        if filter.expression.is_none() {
            return Ok(None);
        }
        let link = Link::of_number(number);
        // libpcap has numbers of its own for these two.
        let number = match number {
            100 => 11,
            101 | 228 | 229 => 12,
            number => i32::try_from(number).unwrap_or(-1),
        };
        let all = Filter {
            expression: None,
            acks: true,
        };
        Ok(Some(Self {
            wanted: filter.program(link, number)?,
            all: all.program(link, number)?,
        }))
    }

    /// Whether the user's expression keeps the packet out.
    pub(in crate::capture) fn keeps_out(&self, bytes: &[u8]) -> bool {
        !self.wanted.filter(bytes) && self.all.filter(bytes)
    }
}
