//! How packets pass the host that captures them.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use crate::forge::{Body, Packet};

/// Where a conversation's packets are met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Path {
    /// Once each, entering.
    Direct,
    /// Twice each: entering on one interface, then leaving through another.
    Forwarded,
    /// Twice each, and on the far side both ends have another name.
    Translated,
}

impl Path {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        prop_oneof![3 => Just(Self::Direct), 2 => Just(Self::Forwarded), 1 => Just(Self::Translated)]
    }

    /// What is met of these packets, which are told as `client` knows them.
    pub(super) fn lead(self, packets: Vec<Packet>, client: SocketAddr) -> Vec<Packet> {
        packets
            .into_iter()
            .flat_map(|packet| self.meet(packet, client))
            .collect()
    }

    fn meet(self, packet: Packet, client: SocketAddr) -> Vec<Packet> {
        let far = if self == Self::Translated {
            renamed(&packet, client)
        } else {
            packet.clone()
        };
        let by_client = packet.header.from == client.ip() && !matches!(packet.body, Body::Icmp(_));
        let (first, second) = if by_client {
            (packet, far)
        } else {
            (far, packet)
        };
        let (inner, outer) = if by_client { (2, 3) } else { (3, 2) };
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

/// The packet as it is called beyond the translation of both its ends.
fn renamed(packet: &Packet, client: SocketAddr) -> Packet {
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
            *icmp.quote = renamed(&icmp.quote, client);
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

pub(super) const SECOND: u64 = 1_000_000_000;
