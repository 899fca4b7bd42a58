//! Two hosts on one cable, and a port on the far one.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use super::Laboratory;
use super::connect::{MARKER, server as listen};
use super::namespace::{Namespace, cable};
use super::road::Family;

/// The near host, the far host, and what listens there.
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
            let at = family.cable().far;
            far.inside(|| {
                _listeners.extend([OPEN, MARKER].map(|port| listen((at, port).into(), 128)));
            });
        }
        Self {
            near,
            far,
            _listeners,
        }
    }
}

/// Lays the cable, with addresses at both ends.
pub(crate) fn connect(near: &Namespace, far: &Namespace) {
    cable((near, "eth0"), (far, "eth0"));
    near.ip("addr add 192.0.2.1/24 dev eth0\naddr add 2001:db8:9::1/64 dev eth0 nodad");
    far.ip("addr add 192.0.2.2/24 dev eth0\naddr add 2001:db8:9::2/64 dev eth0 nodad");
}

/// Where the last connect of a run goes.
pub(crate) fn marker() -> SocketAddr {
    (Family::V4.cable().far, MARKER).into()
}

/// Who lives where on the cable.
pub(crate) struct Addresses {
    pub(crate) near: IpAddr,
    pub(crate) far: IpAddr,
    pub(crate) nobody: IpAddr,
}

impl Family {
    pub(crate) fn cable(self) -> Addresses {
        let network = match self {
            Self::V4 => "192.0.2.",
            Self::V6 => "2001:db8:9::",
        };
        let host = |number: u8| format!("{network}{number}").parse().expect("an address");
        Addresses {
            near: host(1),
            far: host(2),
            nobody: host(99),
        }
    }
}

/// The port that listens, besides the marker's.
pub(crate) const OPEN: u16 = 80;
