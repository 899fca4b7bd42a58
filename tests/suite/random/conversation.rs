//! Conversations as hosts hold them, several at once: SYNs by measured schedules, and all that may become of them.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::path::{Path, SECOND};
use crate::forge::{ACK, Packet, RST, SYN, TcpOption};

/// One client's try, and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    begins: u64,
    client: SocketAddr,
    server: SocketAddr,
    isn: u32,
    timestamps: bool,
    identified: bool,
    /// When its SYNs are sent, in milliseconds.
    schedule: Vec<u64>,
    end: End,
    /// From a SYN to what it draws, in nanoseconds.
    delay: u64,
    path: Path,
}

/// What becomes of a try.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Nothing comes back.
    Silence,
    /// The last SYN is answered, and the answer is repeated so often.
    Answer(u32),
    /// Every SYN draws a RST, and its ack is so far off.
    Resets(u32),
    /// The last SYN draws an ICMP error, the one with this number, and the number it quotes is so far off.
    Error(usize, u32),
    /// A SYN/ACK with a wrong ack, the client's RST and its SYN again, and then an answer.
    WrongThenRight,
    /// An answer, then a RST from the client or the server.
    AnswerThenReset { by_client: bool },
    /// The client gives up and begins again on the same ports.
    AnotherIsn,
}

/// Several conversations within a minute, with few ends, so that they meet.
///
/// Each has its own ISN, far from the others' so that no ack is right for two of them; the first ones lie about where
/// numbers wrap.
pub(crate) fn conversations() -> impl Strategy<Value = Vec<Conversation>> {
    prop::collection::vec(conversation(), 10..40).prop_map(|mut conversations| {
        for (number, conversation) in (0..).zip(&mut conversations) {
            conversation.isn = (u32::MAX - 200_000).wrapping_add(number * 100_000);
        }
        conversations
    })
}

/// The packets of all of them, in the order of time.
pub(crate) fn packets(conversations: &[Conversation]) -> Vec<Packet> {
    let mut packets: Vec<Packet> = conversations
        .iter()
        .flat_map(Conversation::packets)
        .collect();
    packets.sort_by_key(|packet| packet.at);
    packets
}

fn conversation() -> impl Strategy<Value = Conversation> {
    let who = (0..60_000_u64, prop::sample::select(&ENDS[..]), Path::any());
    let schedule = (prop::sample::select(&SCHEDULES[..]), 1..12_usize);
    let delay = prop_oneof![3 => 1..2_000_000_u64, 1 => 1..7 * SECOND];
    let how = (any::<bool>(), any::<bool>(), schedule, end(), delay);
    (who, how).prop_map(
        |((begins, (client, server), path), (timestamps, identified, schedule, end, delay))| {
            let (times, syns) = schedule;
            Conversation {
                begins: begins * MILLISECOND,
                client: client.parse().unwrap(),
                server: server.parse().unwrap(),
                isn: 0,
                // Without a timestamp the names of an IPv6 attempt cannot be told to be one attempt's.
                timestamps: timestamps || path == Path::Translated,
                identified,
                schedule: times.iter().take(syns).copied().collect(),
                end,
                delay,
                path,
            }
        },
    )
}

fn end() -> impl Strategy<Value = End> {
    let off = prop_oneof![3 => Just(0), 1 => Just(1), 1 => Just(u32::MAX)];
    prop_oneof![
        2 => Just(End::Silence),
        4 => (0..4_u32).prop_map(End::Answer),
        2 => off.clone().prop_map(End::Resets),
        3 => (0..V4_ERRORS.len(), off).prop_map(|(number, off)| End::Error(number, off)),
        1 => Just(End::WrongThenRight),
        1 => any::<bool>().prop_map(|by_client| End::AnswerThenReset { by_client }),
        1 => Just(End::AnotherIsn),
    ]
}

impl Conversation {
    fn packets(&self) -> Vec<Packet> {
        let mut said = Vec::new();
        for number in 0..self.schedule.len() {
            said.push(self.syn(self.sent(number), number, self.isn));
            if let End::Resets(off) = self.end {
                let ack = self.isn.wrapping_add(1).wrapping_add(off);
                said.push(self.server_says(self.sent(number) + self.delay, RST | ACK, 0, ack));
            }
        }
        self.say_end(self.sent(self.schedule.len() - 1) + self.delay, &mut said);
        self.path.lead(said, self.client)
    }

    fn say_end(&self, at: u64, said: &mut Vec<Packet>) {
        let right = self.isn.wrapping_add(1);
        let answer = |at| self.server_says(at, SYN | ACK, SERVER_ISN, right);
        match self.end {
            End::Silence | End::Resets(_) => {}
            End::Answer(repeats) => {
                said.extend((0..=repeats).map(|n| answer(at + ((1 << n) - 1) * SECOND)));
            }
            End::Error(number, off) => {
                let (reporter, code) = if self.client.is_ipv4() {
                    ("10.0.0.1", V4_ERRORS[number])
                } else {
                    ("2001:db8::1", V6_ERRORS[number])
                };
                let quote = self.syn(at, self.schedule.len() - 1, self.isn.wrapping_add(off));
                said.push(Packet::icmp(at, reporter.parse().unwrap(), code, quote));
            }
            End::WrongThenRight => {
                said.push(self.server_says(at, SYN | ACK, SERVER_ISN, right.wrapping_add(77)));
                said.push(self.client_says(at + MILLISECOND, RST, right.wrapping_add(77)));
                said.push(self.syn(at + 10 * MILLISECOND, self.schedule.len(), self.isn));
                said.push(answer(at + 11 * MILLISECOND));
            }
            End::AnswerThenReset { by_client } => {
                let reset = if by_client {
                    self.client_says(at + SECOND, RST, right)
                } else {
                    self.server_says(at + SECOND, RST | ACK, SERVER_ISN + 1, right)
                };
                said.extend([answer(at), reset]);
            }
            End::AnotherIsn => {
                let isn = self.isn.wrapping_add(70_000);
                said.push(self.syn(at, 0, isn));
                said.push(self.server_says(
                    at + MILLISECOND,
                    SYN | ACK,
                    SERVER_ISN,
                    isn.wrapping_add(1),
                ));
            }
        }
    }

    fn sent(&self, number: usize) -> u64 {
        self.begins + self.schedule[number] * MILLISECOND
    }

    fn syn(&self, at: u64, number: usize, isn: u32) -> Packet {
        let number = u16::try_from(number).unwrap();
        // Fast open: the first SYN has data.
        let data = if number == 0 && isn.is_multiple_of(3) {
            300
        } else {
            0
        };
        let mut syn = self.client_says(at, SYN, isn).data(data);
        if self.timestamps {
            syn = syn.option(TcpOption::Timestamps(u32::from(number) * 1000));
        }
        syn.identified(if self.identified { number + 1 } else { 0 })
    }

    fn client_says(&self, at: u64, flags: u8, sequence: u32) -> Packet {
        Packet::tcp(at, self.client, self.server, flags).numbered(sequence, 0)
    }

    fn server_says(&self, at: u64, flags: u8, sequence: u32, ack: u32) -> Packet {
        Packet::tcp(at, self.server, self.client, flags).numbered(sequence, ack)
    }
}

/// Who talks to whom.
const ENDS: [(&str, &str); 7] = [
    ("10.0.0.2:40000", "10.0.0.9:443"),
    ("10.0.0.2:40001", "10.0.0.9:443"),
    ("10.0.0.3:40000", "10.0.0.9:443"),
    ("10.0.0.2:40000", "10.0.0.9:80"),
    ("[2001:db8::2]:40000", "[2001:db8::9]:443"),
    ("[2001:db8::2]:40001", "[2001:db8::9]:443"),
    ("[2001:db8::3]:40000", "[2001:db8::9]:80"),
];

/// When SYNs are sent, in milliseconds: Linux from 6.5, older Linux, old Windows, Windows after a refusal.
const SCHEDULES: [&[u64]; 4] = [
    &[
        0, 1000, 2000, 3100, 4100, 5100, 7100, 11_200, 19_400, 35_500, 69_600,
    ],
    &[0, 1000, 3000, 7000, 15_000, 31_000, 63_000],
    &[0, 3000, 9000],
    &[0, 500, 1000],
];

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

const MILLISECOND: u64 = 1_000_000;
