//! Two hosts on one cable, and a port on the far one.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::Laboratory;
use super::connect::server as listen;
use super::namespace::{Namespace, cable};
use super::road::Family;

/// The near host, the far host, and one that listens there.
pub(crate) struct Pair {
    pub(crate) near: Namespace,
    pub(crate) far: Namespace,
    _listeners: Vec<OwnedFd>,
}

impl Pair {
    pub(crate) fn build(laboratory: &Laboratory) -> Self {
        let [near, far] = ["near", "far"].map(|role| laboratory.host(role));
        cable((&near, "eth0"), (&far, "eth0"));
        near.ip("addr add 192.0.2.1/24 dev eth0\naddr add 2001:db8:9::1/64 dev eth0 nodad");
        far.ip("addr add 192.0.2.2/24 dev eth0\naddr add 2001:db8:9::2/64 dev eth0 nodad");
        let _listeners = far.inside(|| Family::BOTH.map(|family| listen(open(family), 128)).into());
        Self { near, far, _listeners }
    }
}

/// The port that listens.
pub(crate) fn open(family: Family) -> SocketAddr {
    match family {
        Family::V4 => ([192, 0, 2, 2], OPEN).into(),
        Family::V6 => ([0x2001, 0xdb8, 9, 0, 0, 0, 0, 2], OPEN).into(),
    }
}

/// Its number.
pub(crate) const OPEN: u16 = 80;

/// How long a connect on the cable may take; neighbours that do not exist take 3 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
