//! Topology of two hosts on one link, with a listening port on the far host.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use super::Laboratory;
use super::connect::{MARKER_PORT, listen_without_accepting as listen};
use super::namespace::{Namespace, create_veth};
use super::topology::Family;

/// The port with a listener, besides the marker port.
pub(crate) const OPEN_PORT: u16 = 80;

/// The near host, the far host, and the listeners there.
pub(crate) struct Pair {
    pub(crate) near: Namespace,
    pub(crate) far: Namespace,
    _listeners: Vec<OwnedFd>,
}

impl Pair {
    pub(crate) fn build(laboratory: &Laboratory) -> Self {
        let [near, far] = ["near", "far"].map(|role| laboratory.host(role));
        connect(&near, &far);
        let mut _listeners = vec![];
        for family in Family::BOTH {
            let at = family.pair_addresses().far;
            far.inside(|| {
                _listeners
                    .extend([OPEN_PORT, MARKER_PORT].map(|port| listen((at, port).into(), 128)));
            });
        }
        Self {
            near,
            far,
            _listeners,
        }
    }
}

/// Connects both hosts by a veth pair with addresses at both ends.
pub(crate) fn connect(near: &Namespace, far: &Namespace) {
    create_veth((near, "eth0"), (far, "eth0"));
    near.ip("addr add 192.0.2.1/24 dev eth0\naddr add 2001:db8:9::1/64 dev eth0 nodad");
    far.ip("addr add 192.0.2.2/24 dev eth0\naddr add 2001:db8:9::2/64 dev eth0 nodad");
}

/// Returns the destination of the last connect of a run.
pub(crate) fn marker() -> SocketAddr {
    (Family::V4.pair_addresses().far, MARKER_PORT).into()
}

/// Addresses on the link in one address family.
pub(crate) struct PairAddresses {
    pub(crate) near: IpAddr,
    pub(crate) far: IpAddr,
    /// An address on the link that no host has.
    pub(crate) unassigned: IpAddr,
}

impl Family {
    pub(crate) fn pair_addresses(self) -> PairAddresses {
        let network = match self {
            Self::V4 => "192.0.2.",
            Self::V6 => "2001:db8:9::",
        };
        let host = |number: u8| format!("{network}{number}").parse().expect("an address");
        PairAddresses {
            near: host(1),
            far: host(2),
            unassigned: host(99),
        }
    }
}
