//! Two captures of the same time, from a client and from its server: where was each attempt lost?
//!
//! Attempts are joined by the client's initial sequence number, which NAT and port forwarding leave alone, and where two
//! share one, by the timestamp values of their SYNs. The two clocks may differ by hours: the offset is estimated from
//! what both ends saw.

mod clock;
mod outcome;
mod report;
mod side;
mod text;
#[cfg(test)]
mod tests;

pub use outcome::Outcome;
pub use report::{ComparisonReport, VERSION};
pub use text::text;

use crate::packet::Packet;
use crate::time::Timestamp;
use side::CaptureView;

/// Which capture a packet is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The client's.
    Client,
    /// The server's.
    Server,
}

/// Both captures, as far as handshakes go.
#[derive(Debug, Default)]
pub struct Comparison {
    client: CaptureView,
    server: CaptureView,
}

impl Comparison {
    /// A packet of one capture.
    pub fn observe(&mut self, end: End, at: Timestamp, packet: &Packet) {
        match end {
            End::Client => self.client.observe(at, packet),
            End::Server => self.server.observe(at, packet),
        }
    }

    /// That capture ended, with a packet of this time.
    pub const fn end(&mut self, end: End, at: Timestamp) {
        match end {
            End::Client => self.client.end(at),
            End::Server => self.server.end(at),
        }
    }

    /// What became of each attempt of the client.
    pub fn report(self) -> ComparisonReport {
        ComparisonReport::of(&self.client, &self.server)
    }
}
