//! The addresses of this host, polled because they change.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::capture::{ANY, interfaces};
use crate::labels::LocalAddressSource;
use crate::time::Timestamp;

const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// The shortest time between two polls because of an attempt in transit.
const UNKNOWN_VANTAGE_INTERVAL: Duration = Duration::from_millis(250);
/// Series of `local_address_info`.
const MAX_SHOWN: usize = 256;

/// Reads the addresses of the interfaces periodically, and sooner if an attempt seems to be in
/// transit: this host may just have got its address.
pub(super) struct LocalAddressPoller {
    /// `--capture.local`.
    configured: Vec<IpNet>,
    /// `--capture.interface`.
    interfaces: Vec<String>,
    last_poll: Option<Timestamp>,
}

/// What a poll returns.
pub(super) struct LocalAddresses {
    pub(super) source: LocalAddressSource,
    /// Address and interface, of captured interfaces only.
    pub(super) shown: Vec<(String, String)>,
}

/// Why to poll.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    Periodic,
    /// An attempt seems to be in transit.
    UnknownVantage,
}

impl LocalAddressPoller {
    pub(super) const fn new(configured: Vec<IpNet>, interfaces: Vec<String>) -> Self {
        Self {
            configured,
            interfaces,
            last_poll: None,
        }
    }

    /// Replaces the configured networks. The next poll is due at once.
    pub(super) fn set_configured(&mut self, configured: Vec<IpNet>) {
        self.configured = configured;
        self.last_poll = None;
    }

    fn is_due(&self, now: Timestamp, trigger: Trigger) -> bool {
        let interval = match trigger {
            Trigger::Periodic => POLL_INTERVAL,
            Trigger::UnknownVantage => UNKNOWN_VANTAGE_INTERVAL,
        };
        // If the clock stepped back, the last poll lies ahead.
        self.last_poll
            .is_none_or(|last| now < last || now >= last + interval)
    }

    /// Reads the addresses. `None` if that is not due, or failed: then the addresses read before
    /// stay in use.
    pub(super) fn poll(&mut self, now: Timestamp, trigger: Trigger) -> Option<LocalAddresses> {
        if !self.is_due(now, trigger) {
            return None;
        }
        self.last_poll = Some(now);
        match interfaces::list() {
            Ok(found) => {
                let all = found
                    .values()
                    .flat_map(|interface| interface.addresses.iter().copied());
                Some(LocalAddresses {
                    source: LocalAddressSource::for_host(all, &self.configured),
                    shown: shown(&found, &self.interfaces),
                })
            }
            Err(error) => {
                tracing::warn!(%error, "cannot read this host's addresses: the last known ones stay in use");
                None
            }
        }
    }
}

/// Returns the addresses of captured interfaces, without loopback and link-local ones.
fn shown(
    found: &BTreeMap<String, interfaces::NetworkInterface>,
    captured: &[String],
) -> Vec<(String, String)> {
    let all = captured.iter().any(|name| name == ANY);
    found
        .iter()
        .filter(|(name, interface)| !interface.loopback && (all || captured.contains(name)))
        .flat_map(|(name, interface)| {
            let addresses = interface.addresses.iter();
            addresses.map(move |address| (address, name))
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
