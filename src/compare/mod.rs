//! Comparison of two captures of the same time, one from a client and one from its server: where
//! was each attempt lost?
//!
//! The `compare` command passes the decoded packets of both files to [`Comparison::observe`] and
//! prints the [`ComparisonReport`].
//!
//! - Attempts are joined by the client's initial sequence number, which NAT and port forwarding do
//!   not change. If two attempts have the same one, the timestamp values of their SYNs decide.
//! - The two clocks may differ by hours: the offset is estimated from the packets that both
//!   captures contain.

/// The attempts of one capture.
mod view;
/// Joined attempts, and where each was lost.
mod outcome;
/// The offset between the two clocks.
mod clock_offset;
/// The report as data.
mod report;
/// The report as text.
mod text;

#[cfg(test)]
mod tests;

pub use outcome::Outcome;
pub use report::{ComparisonReport, VERSION};
pub use text::text;

use crate::packet::Packet;
use crate::time::Timestamp;
use view::CaptureView;

/// The host that a capture is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CaptureSide {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// The handshakes of both captures.
#[derive(Debug, Default)]
pub struct Comparison {
    client: CaptureView,
    server: CaptureView,
}

impl Comparison {
    /// Records a packet of one capture.
    pub fn observe(&mut self, side: CaptureSide, at: Timestamp, packet: &Packet) {
        self.view_mut(side).observe(at, packet);
    }

    /// Records that one capture ended with a packet of this time.
    pub const fn end(&mut self, side: CaptureSide, at: Timestamp) {
        self.view_mut(side).end(at);
    }

    /// Returns the outcome of each attempt of the client.
    pub fn report(self) -> ComparisonReport {
        ComparisonReport::of(&self.client, &self.server)
    }

    const fn view_mut(&mut self, side: CaptureSide) -> &mut CaptureView {
        match side {
            CaptureSide::Client => &mut self.client,
            CaptureSide::Server => &mut self.server,
        }
    }
}
