//! This host's interfaces: names, addresses, state.

use std::collections::BTreeMap;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::error::CaptureError;

/// One network interface.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct NetworkInterface {
    /// Its IP addresses.
    pub addresses: Vec<IpAddr>,
    /// Its hardware address, if it has one.
    pub hardware_address: Option<[u8; 6]>,
    /// Whether it is set up.
    pub up: bool,
    /// Whether it is the loopback.
    pub loopback: bool,
}

/// All interfaces of this host by name, as they are now.
///
/// # Errors
///
/// The system does not tell.
pub fn list() -> Result<BTreeMap<String, NetworkInterface>, CaptureError> {
    let entries = getifaddrs().map_err(|error| CaptureError::Interfaces(error.to_string()))?;
    let mut interfaces = BTreeMap::<String, NetworkInterface>::new();
    for entry in entries {
        let interface = interfaces.entry(entry.interface_name).or_default();
        interface.up |= entry.flags.contains(InterfaceFlags::IFF_UP);
        interface.loopback |= entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let Some(address) = entry.address else {
            continue;
        };
        if let Some(v4) = address.as_sockaddr_in() {
            interface.addresses.push(v4.ip().into());
        } else if let Some(v6) = address.as_sockaddr_in6() {
            interface.addresses.push(v6.ip().into());
        } else if let Some(link) = address.as_link_addr() {
            interface.hardware_address = link.addr();
        }
    }
    Ok(interfaces)
}

/// The link type that a capture on the interface would have, by name, if this program may capture there.
pub fn link_type(name: &str) -> Option<String> {
    let capture = pcap::Capture::from_device(name).ok()?.open().ok()?;
    capture.get_datalink().get_name().ok()
}
