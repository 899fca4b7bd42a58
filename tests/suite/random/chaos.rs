//! Packets that nobody would send in this order: few ends, few numbers, all flags, times near every limit.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use crate::forge::{ACK, FIN, Packet, RST, SYN, TcpOption};

/// Up to three hundred of them, in the order of time but for steps back of a millisecond.
///
/// Either both ends may ask, or NAT may change names. Both at once is too much: what a server asked under one name it
/// would have to answer under another.
pub(crate) fn chaos() -> impl Strategy<Value = Vec<Packet>> {
    prop_oneof![packets(Asking::BothSides), packets(Asking::Clients)]
}

/// Which of the ends send SYNs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asking {
    /// All of them, and what they send only ever enters the host.
    BothSides,
    /// The higher address of two, and packets enter and leave.
    Clients,
}

fn packets(asking: Asking) -> impl Strategy<Value = Vec<Packet>> {
    let packet = prop_oneof![6 => segment(asking).boxed(), 1 => error(asking).boxed()];
    prop::collection::vec((gap(), packet), 50..300).prop_map(|drawn| {
        let mut now = MILLISECOND;
        let mut packets = Vec::new();
        for (gap, mut packet) in drawn {
            now = now.saturating_add_signed(gap);
            packet.at = now;
            packets.push(packet);
        }
        packets
    })
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
        4 => Just(milliseconds(397)),
        2 => Just(milliseconds(1003)),
        1 => Just(milliseconds(5007)),
        1 => Just(milliseconds(11_013)),
    ]
}

fn segment(asking: Asking) -> impl Strategy<Value = Packet> {
    let flags = prop_oneof![
        8 => Just(SYN),
        5 => Just(SYN | ACK),
        3 => Just(RST | ACK),
        1 => Just(RST),
        1 => Just(SYN | FIN),
        1 => Just(SYN | ACK | RST),
        1 => Just(ACK),
    ];
    let marks = (prop::option::of(1..3_u32), 0..3_u16);
    let met = (1..3_u32, any::<bool>(), any::<bool>());
    (ends(), flags, 0..3_u32, marks, met).prop_map(move |((from, to), flags, off, marks, met)| {
        let (timestamp, identification) = marks;
        let asks = flags & (SYN | ACK) == SYN;
        let timestamp = timestamp.filter(|_| flags & RST == 0);
        // Whether what nothing marks is a copy is a matter of milliseconds: told in stories.
        let marked = asking == Asking::Clients && (flags == SYN || timestamp.is_some());
        let identification = if marked {
            identification
        } else {
            identification.max(1)
        };
        let (interface, leaving, routed) = met;
        let (from, to) = if asking == Asking::Clients && asks {
            (from.max(to), from.min(to))
        } else {
            (from, to)
        };
        let data = usize::from(from.port() == 81);
        let leaving = leaving && asking == Asking::Clients;
        let acknowledgment = if flags & ACK == 0 {
            0
        } else {
            isn(to).wrapping_add(off)
        };
        let mut packet = Packet::tcp(0, from, to, flags).numbered(isn(from), acknowledgment);
        packet = packet
            .data(data)
            .identified(identification)
            .through(interface, leaving);
        packet.header.hop_limit = match (leaving, routed) {
            (false, _) => 64,
            (true, true) => 63,
            (true, false) => 65,
        };
        timestamp.into_iter().fold(packet, |packet, value| {
            packet.option(TcpOption::Timestamps(value))
        })
    })
}

fn error(asking: Asking) -> impl Strategy<Value = Packet> {
    let code = prop::sample::select(vec![(3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (11, 0)]);
    let reporter = prop::sample::select(vec![
        IpAddr::from([10, 0, 0, 1]),
        IpAddr::from([10, 0, 0, 3]),
    ]);
    (segment(asking), code, reporter, 1..3_u32, any::<bool>()).prop_map(
        move |(quote, code, reporter, interface, leaving)| {
            let leaving = leaving && asking == Asking::Clients;
            Packet::icmp(0, reporter, code, quote).through(interface, leaving)
        },
    )
}

/// Any two of three hosts, on two ports.
fn ends() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    (0..3_u8, 1..3_u8, 0..2_u16, 0..2_u16).prop_map(|(host, other, port, other_port)| {
        let end = |host: u8, port| SocketAddr::from(([10, 0, 0, 2 + host % 3], 80 + port));
        (end(host, port), end(host + other, other_port))
    })
}

/// Each end has one, so far from the others that no ack is right for two of them; some lie about where numbers wrap.
fn isn(end: SocketAddr) -> u32 {
    let IpAddr::V4(host) = end.ip() else { return 0 };
    let number = u32::from(host.octets()[3]) * 2 + u32::from(end.port());
    (u32::MAX - 875).wrapping_add(number * 10)
}

const MILLISECOND: u64 = 1_000_000;
