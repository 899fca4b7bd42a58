//! What a capture hands over: bytes as they were on the wire, when, and where they were met.

use crate::time::Timestamp;

/// One captured frame, borrowed from the capture's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When the kernel, or whoever wrote the file, met it.
    pub at: Timestamp,
    /// Where it was met.
    pub interface: &'a Interface,
    /// Its length on the wire, in bytes; more than `bytes` holds where the capture cut it.
    pub wire_length: u32,
    /// What was captured of it, from the link header on.
    pub bytes: &'a [u8],
}

/// A place where frames are met: a network interface, or one capture file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its number among all that are watched, from 0.
    pub id: u16,
    /// How its frames begin.
    pub link: Link,
    /// Its own hardware address, where known: tells frames that leave from frames that enter.
    pub hardware_address: Option<[u8; 6]>,
}

/// The link layers that are understood, by what stands before the IP header.
/// See <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Link {
    /// Ethernet, with any number of VLAN tags, or PPPoE, inside.
    Ethernet,
    /// Linux cooked capture: 16 bytes, packet type first.
    LinuxSll,
    /// Linux cooked capture, version 2: 20 bytes, with the interface's index.
    LinuxSll2,
    /// BSD loopback: the address family in the byte order of whoever captured.
    Null,
    /// OpenBSD loopback: the address family in network byte order.
    Loop,
    /// No link header: IPv4 or IPv6, told by its version.
    Raw,
}
