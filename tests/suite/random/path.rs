//! The path of packets through the capturing host.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use crate::packet_builder::{Body, Packet};

/// Nanoseconds.
pub(super) const SECOND: u64 = 1_000_000_000;

/// How the packets of a conversation pass the capturing host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Path {
    /// Each packet is captured once, entering.
    Direct,
    /// Each packet is captured twice: entering through one interface, then leaving through another.
    Forwarded,
    /// Each packet is captured twice, and NAT translates both endpoints on the far side.
    Translated,
}

impl Path {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        prop_oneof![3 => Just(Self::Direct), 2 => Just(Self::Forwarded), 1 => Just(Self::Translated)]
    }

    /// Returns the captured packets. The given ones are as `client` sees them.
    pub(super) fn capture(self, packets: Vec<Packet>, client: SocketAddr) -> Vec<Packet> {
        packets
            .into_iter()
            .flat_map(|packet| self.capture_one(packet, client))
            .collect()
    }

    fn capture_one(self, packet: Packet, client: SocketAddr) -> Vec<Packet> {
        let far = if self == Self::Translated {
            translated(&packet, client)
        } else {
            packet.clone()
        };
        let by_client = packet.header.from == client.ip() && !matches!(packet.body, Body::Icmp(_));
        let (first, second, inner, outer) = if by_client {
            (packet, far, 2, 3)
        } else {
            (far, packet, 3, 2)
        };
        let mut later = second.through(outer, true);
        later.at += 20_000;
        later.header.hop_limit -= 1;
        if self == Self::Direct {
            vec![first.through(inner, false)]
        } else {
            vec![first.through(inner, false), later]
        }
    }
}

/// Returns the packet after the translation of both its endpoints.
fn translated(packet: &Packet, client: SocketAddr) -> Packet {
    let mut packet = packet.clone();
    let by_client = packet.header.from == client.ip();
    match &mut packet.body {
        Body::Tcp(tcp) => {
            let client_port = if by_client {
                &mut tcp.from
            } else {
                &mut tcp.to
            };
            *client_port = client_port.wrapping_add(10_000);
            (packet.header.from, packet.header.to) = if by_client {
                (masquerade(packet.header.from), container(packet.header.to))
            } else {
                (container(packet.header.from), masquerade(packet.header.to))
            };
        }
        Body::Icmp(icmp) => {
            *icmp.quote = translated(&icmp.quote, client);
            packet.header.to = masquerade(packet.header.to);
        }
        Body::Udp => {}
    }
    packet
}

fn masquerade(address: IpAddr) -> IpAddr {
    if address.is_ipv4() {
        [10, 0, 0, 5].into()
    } else {
        IpAddr::V6("2001:db8::5".parse().unwrap())
    }
}

fn container(address: IpAddr) -> IpAddr {
    if address.is_ipv4() {
        [172, 17, 0, 2].into()
    } else {
        IpAddr::V6("fd00::2".parse().unwrap())
    }
}
