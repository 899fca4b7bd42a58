//! The network interfaces of this host (names, addresses, state), and the link types of libpcap.

use std::collections::BTreeMap;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use pcap::Linktype;

use super::error::CaptureError;
use crate::frame::Link;

/// Linux cooked capture v2, the only link type of the device `any` that identifies interfaces.
pub(super) const LINUX_SLL2: Linktype = Linktype(276);

/// A network interface.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct NetworkInterface {
    /// Its IP addresses.
    pub addresses: Vec<IpAddr>,
    /// Its hardware address. `None` if it has none.
    pub hardware_address: Option<[u8; 6]>,
    /// `true` if it is set up.
    pub up: bool,
    /// `true` if it is the loopback.
    pub loopback: bool,
}

/// Returns the current interfaces of this host by name.
///
/// # Errors
///
/// Returns an error if the system cannot list them.
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

/// Returns the kernel's index of the interface. `None` if no interface has the name; `any` is none.
pub(super) fn index_of(name: &str) -> Option<u32> {
    nix::net::if_::if_nametoindex(name).ok()
}

/// Returns the name of the link type that a capture on the interface has.
///
/// Returns `None` if this program cannot capture there.
pub fn link_type(name: &str) -> Option<String> {
    let capture = pcap::Capture::from_device(name).ok()?.open().ok()?;
    capture.get_datalink().get_name().ok()
}

/// Returns the link layer of a libpcap link type, or an error if it is not supported.
pub(super) fn supported_link(link: Linktype, place: &str) -> Result<Link, CaptureError> {
    match u32::try_from(link.0).map_or(Link::Other, Link::from_linktype) {
        Link::Other => Err(CaptureError::Link {
            place: place.to_owned(),
            link: name_of(link),
        }),
        supported => Ok(supported),
    }
}

/// Returns the name that libpcap gives to a link type number.
pub(super) fn link_type_name(number: u32) -> String {
    name_of(Linktype(i32::try_from(number).unwrap_or(-1)))
}

fn name_of(link: Linktype) -> String {
    link.get_name()
        .unwrap_or_else(|_| format!("number {}", link.0))
}
