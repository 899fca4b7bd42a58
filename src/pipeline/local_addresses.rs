//! This host's addresses, followed as they change.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::capture::{ANY, interfaces};
use crate::labels::LocalAddressSource;
use crate::time::Timestamp;

/// Looks at the interfaces now and then, and sooner where an attempt is nobody's: an address may just have come.
pub(super) struct LocalAddressPoller {
    declared: Vec<IpNet>,
    watched: Vec<String>,
    last_look: Option<Timestamp>,
}

/// What a look found.
pub(super) struct Found {
    pub(super) locality: LocalAddressSource,
    /// Addresses of watched interfaces, for joins: address and interface.
    pub(super) shown: Vec<(String, String)>,
}

/// Why to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Time has passed.
    Round,
    /// An attempt is nobody's.
    Stranger,
}

impl LocalAddressPoller {
    /// Those of the interfaces, and what was `declared` beside them; those of `watched` interfaces are shown.
    pub(super) const fn new(declared: Vec<IpNet>, watched: Vec<String>) -> Self {
        Self {
            declared,
            watched,
            last_look: None,
        }
    }

    /// These are declared from now on; the next look is due at once.
    pub(super) fn set_configured(&mut self, declared: Vec<IpNet>) {
        self.declared = declared;
        self.last_look = None;
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&self, now: Timestamp, occasion: Occasion) -> bool {
        let pause = if occasion == Occasion::Stranger {
            LOOK_FOR_STRANGERS
        } else {
            LOOK
        };
        // After a clock that stepped back the last look lies ahead.
        self.last_look
            .is_none_or(|last| now < last || now >= last + pause)
    }

    /// Looks, if it is time to.
    pub(super) fn look(&mut self, now: Timestamp, occasion: Occasion) -> Option<Found> {
        if !self.is_due(now, occasion) {
            return None;
        }
        self.last_look = Some(now);
        match interfaces::list() {
            Ok(found) => {
                let all = found
                    .values()
                    .flat_map(|interface| interface.addresses.iter().copied());
                let locality = LocalAddressSource::for_host(all, &self.declared);
                Some(Found {
                    locality,
                    shown: shown(&found, &self.watched),
                })
            }
            Err(error) => {
                tracing::warn!(%error, "this host's addresses are taken as they were");
                None
            }
        }
    }
}

/// No loopback, no link-local, not too many.
fn shown(
    found: &BTreeMap<String, interfaces::NetworkInterface>,
    watched: &[String],
) -> Vec<(String, String)> {
    let all = watched.iter().any(|name| name == ANY);
    found
        .iter()
        .filter(|(name, interface)| !interface.loopback && (all || watched.contains(name)))
        .flat_map(|(name, interface)| {
            interface
                .addresses
                .iter()
                .map(move |address| (address, name))
        })
        .filter(|(address, _)| !is_link_local(address))
        .map(|(address, name)| (address.to_string(), name.clone()))
        .take(MAX_SHOWN)
        .collect()
}

const fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

const LOOK: Duration = Duration::from_secs(5);
const LOOK_FOR_STRANGERS: Duration = Duration::from_millis(250);
const MAX_SHOWN: usize = 256;
