//! Applies the user's filter expression to the packets of a file, one link type at a time.

use pcap::BpfProgram;

use super::super::error::CaptureError;
use super::Filter;
use crate::frame::Link;

/// A compiled user filter for one link type.
///
/// It rejects only packets that pass the default filter but not the user's expression. Tunnels and
/// damaged packets of a file pass, because they are counted although the kernel filter would drop
/// them.
pub(in crate::capture) struct FileFilter {
    with_expression: BpfProgram,
    without_expression: BpfProgram,
}

impl FileFilter {
    /// Compiles the filter for a `LINKTYPE_` number. Returns `None` if the user gave no expression.
    ///
    /// # Errors
    ///
    /// Returns an error if the expression does not compile for the link type.
    pub(in crate::capture) fn new(
        filter: &Filter,
        number: u32,
    ) -> Result<Option<Self>, CaptureError> {
        if filter.expression.is_none() {
            return Ok(None);
        }
        let link = Link::from_linktype(number);
        // The `DLT_` numbers of libpcap differ for LLC over ATM and raw IP.
        let number = match number {
            100 => 11,
            101 | 228 | 229 => 12,
            number => i32::try_from(number).unwrap_or(-1),
        };
        let without_expression = Filter {
            expression: None,
            acks: true,
        };
        Ok(Some(Self {
            with_expression: filter.program(link, number)?,
            without_expression: without_expression.program(link, number)?,
        }))
    }

    /// Returns `true` if the user's expression rejects the packet.
    pub(in crate::capture) fn is_filtered_out(&self, bytes: &[u8]) -> bool {
        !self.with_expression.filter(bytes) && self.without_expression.filter(bytes)
    }
}
