//! The label set of an attempt.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The four labels that all series of a label set have.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct LabelSet {
    pub vantage: String,
    pub local_address: String,
    pub port: String,
    pub peer: String,
}

impl LabelSet {
    /// Returns the label set of an attempt on a host with these local addresses.
    pub(crate) fn of(client: SocketAddr, server: SocketAddr, local: &[IpAddr]) -> Self {
        let (vantage, local_address, peer) =
            match (local.contains(&client.ip()), local.contains(&server.ip())) {
                (true, true) => ("local", client.ip().to_string(), server.ip()),
                (true, false) => ("client", client.ip().to_string(), server.ip()),
                (false, true) => ("server", server.ip().to_string(), client.ip()),
                (false, false) => ("transit", String::new(), server.ip()),
            };
        Self {
            vantage: vantage.to_owned(),
            local_address,
            port: server.port().to_string(),
            peer: peer.to_string(),
        }
    }
}

impl fmt::Display for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            vantage,
            local_address,
            port,
            peer,
        } = self;
        write!(
            f,
            "{vantage} {local_address}{}{peer} port {port}",
            if local_address.is_empty() {
                ""
            } else {
                " with "
            }
        )
    }
}
