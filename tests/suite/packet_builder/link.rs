//! Link headers, in every link layer of captures.

use std::net::IpAddr;

use super::file::Order;
use super::packet::Packet;

/// Link layer of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Link {
    /// Ethernet II.
    Ethernet,
    /// Ethernet with one 802.1Q tag.
    Vlan,
    /// Ethernet with an 802.1ad tag and an 802.1Q tag inside.
    QinQ,
    /// Ethernet with a PPPoE session inside.
    Pppoe,
    /// Linux cooked version 1: it has the packet type but no interface.
    Sll,
    /// Linux cooked version 2: it has the packet type and the interface.
    Sll2,
    /// Linux cooked version 2 with an 802.1Q tag in the payload, as QinQ frames appear there.
    Sll2Vlan,
    /// BSD loopback: the address family in the byte order of the file.
    Null,
    /// OpenBSD loopback.
    Loop,
    /// No link header.
    Raw,
}

impl Link {
    /// All link layers.
    pub(crate) const ALL: [Self; 10] = [
        Self::Ethernet,
        Self::Vlan,
        Self::QinQ,
        Self::Pppoe,
        Self::Sll,
        Self::Sll2,
        Self::Sll2Vlan,
        Self::Null,
        Self::Loop,
        Self::Raw,
    ];

    /// Returns the LINKTYPE_ number (<https://www.tcpdump.org/linktypes.html>).
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::Null => 0,
            Self::Ethernet | Self::Vlan | Self::QinQ | Self::Pppoe => 1,
            Self::Raw => 101,
            Self::Loop => 108,
            Self::Sll => 113,
            Self::Sll2 | Self::Sll2Vlan => 276,
        }
    }

    /// Returns the link header for `packet` in a file of this byte order.
    pub(crate) fn header(self, packet: &Packet, ip_length: usize, order: Order) -> Vec<u8> {
        let v4 = packet.header.from.is_ipv4();
        let ethertype: [u8; 2] = if v4 { [0x08, 0x00] } else { [0x86, 0xdd] };
        let family: u32 = if v4 { 2 } else { 30 };
        let tagged = [&[0x00, 0x2a], &ethertype[..]].concat();
        match self {
            Self::Ethernet => [&macs(packet)[..], &ethertype].concat(),
            Self::Vlan => [&macs(packet)[..], &[0x81, 0x00], &tagged].concat(),
            Self::QinQ => [
                &macs(packet)[..],
                &[0x88, 0xa8, 0x00, 0x07, 0x81, 0x00],
                &tagged,
            ]
            .concat(),
            Self::Pppoe => {
                let length = u16::try_from(ip_length + 2).unwrap().to_be_bytes();
                let protocol = if v4 { [0x00, 0x21] } else { [0x00, 0x57] };
                [
                    &macs(packet)[..],
                    &[0x88, 0x64, 0x11, 0x00, 0x00, 0x01],
                    &length,
                    &protocol,
                ]
                .concat()
            }
            Self::Sll => [
                &[0, packet_type(packet), 0, 1, 0, 6],
                &sender(packet)[..],
                &[0, 0],
                &ethertype,
            ]
            .concat(),
            Self::Sll2 => sll2(packet, ethertype),
            Self::Sll2Vlan => [sll2(packet, [0x81, 0x00]), tagged].concat(),
            Self::Null => order.bytes(family).to_vec(),
            Self::Loop => Order::Big.bytes(family).to_vec(),
            Self::Raw => Vec::new(),
        }
    }
}

fn sll2(packet: &Packet, ethertype: [u8; 2]) -> Vec<u8> {
    let index = packet.via.interface.to_be_bytes();
    [
        &ethertype[..],
        &[0, 0],
        &index,
        &[0, 1, packet_type(packet), 6],
        &sender(packet),
        &[0, 0],
    ]
    .concat()
}

/// Returns LINUX_SLL_HOST or LINUX_SLL_OUTGOING.
fn packet_type(packet: &Packet) -> u8 {
    if packet.via.leaving { 4 } else { 0 }
}

fn macs(packet: &Packet) -> [u8; 12] {
    [mac(packet.header.to), mac(packet.header.from)]
        .concat()
        .try_into()
        .unwrap()
}

fn sender(packet: &Packet) -> [u8; 6] {
    mac(packet.header.from)
}

/// Returns a locally administered hardware address that ends like the IP address.
fn mac(address: IpAddr) -> [u8; 6] {
    let end: [u8; 4] = match address {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(v6) => v6.octets()[12..].try_into().unwrap(),
    };
    [0x02, 0, end[0], end[1], end[2], end[3]]
}
