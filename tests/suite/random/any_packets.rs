//! Random packets in any order: few endpoints, few sequence numbers, all flags, times near every limit.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use crate::packet_builder::{ACK, FIN, Packet, RST, SYN, TcpOption};

/// Nanoseconds.
const MILLISECOND: u64 = 1_000_000;

/// Generates 50 to 299 packets in time order, except for steps back of a millisecond.
///
/// Either both endpoints send SYNs, or NAT may add aliases. Both together are ambiguous: the server would have to answer on
/// another four-tuple than that of its own SYN.
pub(crate) fn any_packets() -> impl Strategy<Value = Vec<Packet>> {
    prop_oneof![packets(SynSenders::BothSides), packets(SynSenders::Clients)]
}

/// The endpoints that send SYNs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SynSenders {
    /// All endpoints. Packets only enter the host.
    BothSides,
    /// The endpoint with the higher address. Packets enter and leave the host.
    Clients,
}

fn packets(senders: SynSenders) -> impl Strategy<Value = Vec<Packet>> {
    let packet = prop_oneof![6 => segment(senders).boxed(), 1 => error(senders).boxed()];
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

/// Generates the time between two packets, in nanoseconds.
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

fn segment(senders: SynSenders) -> impl Strategy<Value = Packet> {
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
    let point = (1..3_u32, any::<bool>(), any::<bool>());
    (endpoints(), flags, 0..3_u32, marks, point).prop_map(
        move |((from, to), flags, offset, marks, point)| {
            let (timestamp, identification) = marks;
            let is_syn = flags & (SYN | ACK) == SYN;
            let timestamp = timestamp.filter(|_| flags & RST == 0);
            // Packets without timestamp and identification are duplicates by milliseconds alone; packet scripts test that.
            let marked = senders == SynSenders::Clients && (flags == SYN || timestamp.is_some());
            let identification = if marked {
                identification
            } else {
                identification.max(1)
            };
            let (interface, leaving, routed) = point;
            let (from, to) = if senders == SynSenders::Clients && is_syn {
                (from.max(to), from.min(to))
            } else {
                (from, to)
            };
            let data = usize::from(from.port() == 81);
            let leaving = leaving && senders == SynSenders::Clients;
            let acknowledgment = if flags & ACK == 0 {
                0
            } else {
                isn(to).wrapping_add(offset)
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
        },
    )
}

fn error(senders: SynSenders) -> impl Strategy<Value = Packet> {
    let code = prop::sample::select(vec![(3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (11, 0)]);
    let reporter = prop::sample::select(vec![
        IpAddr::from([10, 0, 0, 1]),
        IpAddr::from([10, 0, 0, 3]),
    ]);
    (segment(senders), code, reporter, 1..3_u32, any::<bool>()).prop_map(
        move |(quote, code, reporter, interface, leaving)| {
            let leaving = leaving && senders == SynSenders::Clients;
            Packet::icmp(0, reporter, code, quote).through(interface, leaving)
        },
    )
}

/// Generates two different hosts of three, on two ports.
fn endpoints() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    (0..3_u8, 1..3_u8, 0..2_u16, 0..2_u16).prop_map(|(host, other, port, other_port)| {
        let endpoint = |host: u8, port| SocketAddr::from(([10, 0, 0, 2 + host % 3], 80 + port));
        (endpoint(host, port), endpoint(host + other, other_port))
    })
}

/// Returns the ISN of an endpoint. The ISNs are far enough apart that no ack is acceptable for two of them; some are close to
/// where sequence numbers wrap.
fn isn(endpoint: SocketAddr) -> u32 {
    let IpAddr::V4(host) = endpoint.ip() else {
        return 0;
    };
    let number = u32::from(host.octets()[3]) * 2 + u32::from(endpoint.port());
    (u32::MAX - 875).wrapping_add(number * 10)
}
