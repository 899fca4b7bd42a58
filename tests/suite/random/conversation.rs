//! Random conversations between hosts, several at once: SYNs by measured schedules, with every possible outcome.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::path::{Path, SECOND};
use crate::packet_builder::{ACK, Packet, RST, SYN, TcpOption};

/// Client and server of each conversation.
const ENDPOINTS: [(&str, &str); 7] = [
    ("10.0.0.2:40000", "10.0.0.9:443"),
    ("10.0.0.2:40001", "10.0.0.9:443"),
    ("10.0.0.3:40000", "10.0.0.9:443"),
    ("10.0.0.2:40000", "10.0.0.9:80"),
    ("[2001:db8::2]:40000", "[2001:db8::9]:443"),
    ("[2001:db8::2]:40001", "[2001:db8::9]:443"),
    ("[2001:db8::3]:40000", "[2001:db8::9]:80"),
];

/// Times of SYNs in milliseconds: Linux from 6.5, older Linux, old Windows, Windows after a refusal.
const SCHEDULES: [&[u64]; 4] = [
    &[
        0, 1000, 2000, 3100, 4100, 5100, 7100, 11_200, 19_400, 35_500, 69_600,
    ],
    &[0, 1000, 3000, 7000, 15_000, 31_000, 63_000],
    &[0, 3000, 9000],
    &[0, 500, 1000],
];

/// Type and code of ICMP errors.
const V4_ERRORS: [(u8, u8); 10] = [
    (3, 0),
    (3, 1),
    (3, 3),
    (3, 4),
    (3, 9),
    (3, 10),
    (3, 13),
    (4, 0),
    (11, 0),
    (12, 0),
];

/// Type and code of ICMPv6 errors.
const V6_ERRORS: [(u8, u8); 10] = [
    (1, 0),
    (1, 1),
    (1, 2),
    (1, 3),
    (1, 4),
    (1, 5),
    (1, 6),
    (2, 0),
    (3, 0),
    (4, 0),
];

const SERVER_ISN: u32 = 0x7000_0000;

/// Nanoseconds.
const MILLISECOND: u64 = 1_000_000;

/// One connection attempt and its outcome.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    /// Nanoseconds since the start of the capture.
    start: u64,
    client: SocketAddr,
    server: SocketAddr,
    isn: u32,
    timestamps: bool,
    identified: bool,
    /// Times of its SYNs, in milliseconds after the start.
    schedule: Vec<u64>,
    outcome: Outcome,
    /// Nanoseconds from a SYN to its response.
    delay: u64,
    path: Path,
}

/// Outcome of an attempt.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// No response.
    Silence,
    /// The last SYN is answered. The answer is repeated this number of times.
    Answer(u32),
    /// Every SYN is answered by a RST. Its ack differs from ISN + 1 by this number.
    Resets(u32),
    /// The last SYN is answered by the ICMP error with this index. The quoted number differs from the ISN by the second value.
    Error(usize, u32),
    /// A SYN/ACK with a wrong ack, the client's RST, another SYN, and then an answer.
    WrongThenRight,
    /// An answer, followed by a RST from the client or the server.
    AnswerThenReset { by_client: bool },
    /// The client gives up and starts another attempt on the same ports.
    AnotherIsn,
}

/// Generates conversations within one minute between few endpoints, which therefore overlap.
///
/// Each has its own ISN. The ISNs are far enough apart that no ack is acceptable for two of them; the first ones are close
/// to where sequence numbers wrap.
pub(crate) fn conversations() -> impl Strategy<Value = Vec<Conversation>> {
    prop::collection::vec(conversation(), 10..40).prop_map(|mut conversations| {
        for (number, conversation) in (0..).zip(&mut conversations) {
            conversation.isn = (u32::MAX - 200_000).wrapping_add(number * 100_000);
        }
        conversations
    })
}

/// Returns the packets of all conversations in time order.
pub(crate) fn packets(conversations: &[Conversation]) -> Vec<Packet> {
    let mut packets: Vec<Packet> = conversations
        .iter()
        .flat_map(Conversation::packets)
        .collect();
    packets.sort_by_key(|packet| packet.at);
    packets
}

fn conversation() -> impl Strategy<Value = Conversation> {
    let sides = (
        0..60_000_u64,
        prop::sample::select(&ENDPOINTS[..]),
        Path::any(),
    );
    let schedule = (prop::sample::select(&SCHEDULES[..]), 1..12_usize);
    let delay = prop_oneof![3 => 1..2_000_000_u64, 1 => 1..7 * SECOND];
    let content = (any::<bool>(), any::<bool>(), schedule, outcome(), delay);
    (sides, content).prop_map(
        |((start, (client, server), path), (timestamps, identified, schedule, outcome, delay))| {
            let (times, syns) = schedule;
            Conversation {
                start: start * MILLISECOND,
                client: client.parse().unwrap(),
                server: server.parse().unwrap(),
                isn: 0,
                // Without a timestamp, nothing identifies the alias of an IPv6 attempt.
                timestamps: timestamps || path == Path::Translated,
                identified,
                schedule: times.iter().take(syns).copied().collect(),
                outcome,
                delay,
                path,
            }
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let offset = prop_oneof![3 => Just(0), 1 => Just(1), 1 => Just(u32::MAX)];
    prop_oneof![
        2 => Just(Outcome::Silence),
        4 => (0..4_u32).prop_map(Outcome::Answer),
        2 => offset.clone().prop_map(Outcome::Resets),
        3 => (0..V4_ERRORS.len(), offset).prop_map(|(index, offset)| Outcome::Error(index, offset)),
        1 => Just(Outcome::WrongThenRight),
        1 => any::<bool>().prop_map(|by_client| Outcome::AnswerThenReset { by_client }),
        1 => Just(Outcome::AnotherIsn),
    ]
}

impl Conversation {
    fn packets(&self) -> Vec<Packet> {
        let mut packets = Vec::new();
        for number in 0..self.schedule.len() {
            packets.push(self.syn(self.sent(number), number, self.isn));
            if let Outcome::Resets(offset) = self.outcome {
                let ack = self.isn.wrapping_add(1).wrapping_add(offset);
                packets.push(self.server_packet(self.sent(number) + self.delay, RST | ACK, 0, ack));
            }
        }
        self.add_outcome(
            self.sent(self.schedule.len() - 1) + self.delay,
            &mut packets,
        );
        self.path.capture(packets, self.client)
    }

    fn add_outcome(&self, at: u64, packets: &mut Vec<Packet>) {
        let right = self.isn.wrapping_add(1);
        let answer = |at| self.server_packet(at, SYN | ACK, SERVER_ISN, right);
        match self.outcome {
            Outcome::Silence | Outcome::Resets(_) => {}
            Outcome::Answer(repeats) => {
                packets.extend((0..=repeats).map(|n| answer(at + ((1 << n) - 1) * SECOND)));
            }
            Outcome::Error(index, offset) => {
                let (reporter, code) = if self.client.is_ipv4() {
                    ("10.0.0.1", V4_ERRORS[index])
                } else {
                    ("2001:db8::1", V6_ERRORS[index])
                };
                let quote = self.syn(at, self.schedule.len() - 1, self.isn.wrapping_add(offset));
                packets.push(Packet::icmp(at, reporter.parse().unwrap(), code, quote));
            }
            Outcome::WrongThenRight => {
                packets.push(self.server_packet(at, SYN | ACK, SERVER_ISN, right.wrapping_add(77)));
                packets.push(self.client_packet(at + MILLISECOND, RST, right.wrapping_add(77)));
                packets.push(self.syn(at + 10 * MILLISECOND, self.schedule.len(), self.isn));
                packets.push(answer(at + 11 * MILLISECOND));
            }
            Outcome::AnswerThenReset { by_client } => {
                let reset = if by_client {
                    self.client_packet(at + SECOND, RST, right)
                } else {
                    self.server_packet(at + SECOND, RST | ACK, SERVER_ISN + 1, right)
                };
                packets.extend([answer(at), reset]);
            }
            Outcome::AnotherIsn => {
                let isn = self.isn.wrapping_add(70_000);
                packets.push(self.syn(at, 0, isn));
                packets.push(self.server_packet(
                    at + MILLISECOND,
                    SYN | ACK,
                    SERVER_ISN,
                    isn.wrapping_add(1),
                ));
            }
        }
    }

    fn sent(&self, number: usize) -> u64 {
        self.start + self.schedule[number] * MILLISECOND
    }

    fn syn(&self, at: u64, number: usize, isn: u32) -> Packet {
        let number = u16::try_from(number).unwrap();
        // Fast Open (RFC 7413): the first SYN has data.
        let data = if number == 0 && isn.is_multiple_of(3) {
            300
        } else {
            0
        };
        let mut syn = self.client_packet(at, SYN, isn).data(data);
        if self.timestamps {
            syn = syn.option(TcpOption::Timestamps(u32::from(number) * 1000));
        }
        syn.identified(if self.identified { number + 1 } else { 0 })
    }

    fn client_packet(&self, at: u64, flags: u8, sequence: u32) -> Packet {
        Packet::tcp(at, self.client, self.server, flags).numbered(sequence, 0)
    }

    fn server_packet(&self, at: u64, flags: u8, sequence: u32, ack: u32) -> Packet {
        Packet::tcp(at, self.server, self.client, flags).numbered(sequence, ack)
    }
}
