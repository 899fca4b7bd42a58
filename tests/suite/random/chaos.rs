//! Packets that nobody would send in this order: few ends, few numbers, all flags, times near every limit.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use crate::forge::{ACK, FIN, Packet, RST, SYN, TcpOption};

/// Up to three hundred of them, in the order of time but for steps back of a millisecond.
pub(crate) fn chaos() -> impl Strategy<Value = Vec<Packet>> {
    prop::collection::vec((gap(), prop_oneof![12 => segment().boxed(), 2 => error().boxed()]), 50..300).prop_map(
        |drawn| {
            let mut now = MILLISECOND;
            let mut packets = Vec::new();
            for (gap, mut packet) in drawn {
                now = now.saturating_add_signed(gap);
                packet.at = now;
                packets.push(packet);
            }
            packets
        },
    )
}

/// From packet to packet, in nanoseconds.
fn gap() -> impl Strategy<Value = i64> {
    let milliseconds = |n: i64| n * 1_000_000;
    prop_oneof![
        1 => Just(-milliseconds(1)),
        1 => Just(0),
        8 => Just(1000),
        4 => Just(milliseconds(3)),
        2 => Just(milliseconds(5)),
        2 => Just(milliseconds(48)),
        2 => Just(milliseconds(50)),
        4 => Just(milliseconds(400)),
        2 => Just(milliseconds(1000)),
        1 => Just(milliseconds(5000)),
        1 => Just(milliseconds(11_000)),
    ]
}

fn segment() -> impl Strategy<Value = Packet> {
    let flags = prop_oneof![
        8 => Just(SYN),
        5 => Just(SYN | ACK),
        3 => Just(RST | ACK),
        1 => Just(RST),
        1 => Just(SYN | FIN),
        1 => Just(SYN | ACK | RST),
        1 => Just(ACK),
    ];
    let numbers = (prop::sample::select(&ISNS[..]), prop::sample::select(&ISNS[..]), 0..3_u32);
    let marks = (prop::option::of(1..3_u32), 0..3_u16, prop_oneof![5 => Just(0_usize), 1 => Just(1)]);
    let met = (1..3_u32, any::<bool>(), 62..65_u8);
    (ends(), flags, numbers, marks, met).prop_map(|((from, to), flags, (isn, other, off), marks, met)| {
        let (timestamp, identification, data) = marks;
        let (interface, leaving, hop_limit) = met;
        let mut packet = Packet::tcp(0, from, to, flags).numbered(isn, other.wrapping_add(off));
        packet = packet.data(data).identified(identification).through(interface, leaving);
        packet.header.hop_limit = hop_limit;
        timestamp.into_iter().fold(packet, |packet, value| packet.option(TcpOption::Timestamps(value)))
    })
}

fn error() -> impl Strategy<Value = Packet> {
    let code = prop::sample::select(vec![(3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (11, 0)]);
    let reporter = prop::sample::select(vec![IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 3])]);
    (segment(), code, reporter, 1..3_u32, any::<bool>()).prop_map(|(quote, code, reporter, interface, leaving)| {
        Packet::icmp(0, reporter, code, quote).through(interface, leaving)
    })
}

/// Any two of three hosts, on two ports.
fn ends() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    (0..3_u8, 1..3_u8, 0..2_u16, 0..2_u16).prop_map(|(host, other, port, other_port)| {
        let end = |host: u8, port| SocketAddr::from(([10, 0, 0, 2 + host % 3], 80 + port));
        (end(host, port), end(host + other, other_port))
    })
}

/// So far apart that no ack is right for two of them.
const ISNS: [u32; 3] = [1000, u32::MAX, 10];

const MILLISECOND: u64 = 1_000_000;
