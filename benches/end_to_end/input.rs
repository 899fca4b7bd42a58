//! Generates the capture files of the benchmark from a seed, identical on every machine.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::sender::{Random, frame};

/// Network of the servers in all inputs. In the servers' view each client is a peer.
pub(crate) const SERVERS: &str = "10.2.0.0/24";
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// A kind of traffic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Attempts of 2,000 clients to 50 servers: 60 % answered, the others refused, unanswered, or
    /// answered late, with retransmissions as kernels send them.
    Mix,
    /// SYNs, each from a different source.
    Flood,
    /// Data of established connections, with one SYN in a thousand packets.
    Bulk,
}

impl Traffic {
    pub(crate) const ALL: [Self; 3] = [Self::Mix, Self::Flood, Self::Bulk];

    pub(crate) const fn packets(self) -> u64 {
        match self {
            Self::Mix => 4_000_000,
            Self::Flood => 5_000_000,
            Self::Bulk => 4_000_000,
        }
    }

    /// Writes the capture file, unless it exists. Returns its path.
    pub(crate) fn write(self, folder: &Path) -> PathBuf {
        self.write_packets(folder, self.packets())
    }

    /// Writes a capture file of `packets` packets, unless it exists. Returns its path.
    pub(crate) fn write_packets(self, folder: &Path, packets: u64) -> PathBuf {
        let path = folder.join(format!("{}-{packets}.pcap", self.name()));
        if path.exists() {
            return path;
        }
        let mut writer = Writer::create(&path.with_extension("part"));
        let mut random = Random::new(0x5eed);
        match self {
            Self::Mix => mix(&mut writer, &mut random, packets),
            Self::Flood => flood(&mut writer, &mut random, packets),
            Self::Bulk => bulk(&mut writer, &mut random, packets),
        }
        writer.finish();
        std::fs::rename(path.with_extension("part"), &path).expect("the file can be renamed");
        path
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mix => "mix",
            Self::Flood => "flood",
            Self::Bulk => "bulk",
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let description = match self {
            Self::Mix => "a mix of answered, refused, unanswered and late attempts",
            Self::Flood => "nothing but SYNs from spoofed sources",
            Self::Bulk => "data, and one SYN in a thousand packets",
        };
        write!(
            f,
            "{}: {} packets, {description}",
            self.name(),
            self.packets()
        )
    }
}

/// A packet to write, and its time in nanoseconds since the start.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ScheduledPacket {
    at: u64,
    from: (u32, u16),
    to: (u32, u16),
    sequence: u32,
    acknowledgment: u32,
    flags: u8,
    timestamp: u32,
}

fn mix(writer: &mut Writer, random: &mut Random, packets: u64) {
    let mut scheduled = std::collections::BinaryHeap::new();
    let mut now = 0_u64;
    let mut attempts = 0_u32;
    while writer.packets < packets {
        now += 40_000 + u64::from(random.below(20_000));
        while scheduled.peek().is_some_and(
            |std::cmp::Reverse(next): &std::cmp::Reverse<ScheduledPacket>| next.at <= now,
        ) {
            if let Some(std::cmp::Reverse(next)) =
                scheduled.pop().filter(|_| writer.packets < packets)
            {
                writer.packet(&next);
            }
        }
        attempts += 1;
        let client = (
            0x0a01_0000 + random.below(2_000),
            1024 + u16::try_from(attempts % 60_000).unwrap_or(0),
        );
        let server = (
            0x0a02_0000 + random.below(50),
            8000 + u16::try_from(random.below(4)).unwrap_or(0),
        );
        let isn = random.next();
        let answer = random.next();
        let millisecond = 1_000_000;
        let syn = |after: u64| ScheduledPacket {
            at: now + after * millisecond,
            from: client,
            to: server,
            sequence: isn,
            acknowledgment: 0,
            flags: SYN,
            timestamp: u32::try_from((now / millisecond + after) & 0xffff_ffff).unwrap_or(0),
        };
        let reply = |after: u64, flags: u8| ScheduledPacket {
            at: now + after * millisecond,
            from: server,
            to: client,
            sequence: if flags == SYN | ACK { answer } else { 0 },
            acknowledgment: isn.wrapping_add(1),
            flags,
            timestamp: 1,
        };
        let delay = 1 + u64::from(random.below(80));
        let packets = match random.below(100) {
            0..60 => vec![syn(0), reply(delay, SYN | ACK)],
            60..75 => vec![syn(0), reply(delay, RST | ACK)],
            75..83 => vec![syn(0), syn(1000), reply(1000 + delay, SYN | ACK)],
            83..95 => vec![syn(0), syn(1000), syn(3000), syn(7000)],
            _ => vec![
                syn(0),
                syn(1000),
                syn(3000),
                syn(7000),
                reply(7000 + delay, SYN | ACK),
            ],
        };
        scheduled.extend(packets.into_iter().map(std::cmp::Reverse));
    }
}

fn flood(writer: &mut Writer, random: &mut Random, packets: u64) {
    for number in 0..packets {
        let port = u16::try_from(random.below(64_000)).unwrap_or(0) + 1024;
        writer.packet(&ScheduledPacket {
            at: number * 2_000,
            from: (random.next(), port),
            to: (0x0a02_0001, 80),
            sequence: random.next(),
            acknowledgment: 0,
            flags: SYN,
            timestamp: random.next(),
        });
    }
}

fn bulk(writer: &mut Writer, random: &mut Random, packets: u64) {
    for number in 0..packets {
        let syn = number % 1000 == 0;
        writer.packet(&ScheduledPacket {
            at: number * 1_000,
            from: (
                0x0a01_0001,
                1024 + u16::try_from(number / 1000 % 60_000).unwrap_or(0),
            ),
            to: (0x0a02_0001, 80),
            sequence: random.next(),
            acknowledgment: if syn { 0 } else { random.next() },
            flags: if syn { SYN } else { ACK },
            timestamp: u32::try_from(number / 1000).unwrap_or(0),
        });
    }
}

/// Writes a pcap file with nanosecond timestamps and link type Ethernet.
struct Writer {
    out: BufWriter<File>,
    packets: u64,
}

impl Writer {
    fn create(path: &Path) -> Self {
        let mut out = BufWriter::new(File::create(path).expect("the file can be written"));
        let header: [u32; 6] = [0xa1b2_3c4d, 0x0004_0002, 0, 0, 65_535, 1];
        out.write_all(&header.map(u32::to_le_bytes).concat())
            .expect("the file can be written");
        Self { out, packets: 0 }
    }

    fn packet(&mut self, packet: &ScheduledPacket) {
        let frame = frame(
            packet.from,
            packet.to,
            [packet.sequence, packet.acknowledgment],
            packet.flags,
            packet.timestamp,
        );
        let at = 1_700_000_000_000_000_000 + packet.at;
        let part = |number: u64| u32::try_from(number).unwrap_or(0).to_le_bytes();
        let header = [
            part(at / 1_000_000_000),
            part(at % 1_000_000_000),
            part(66),
            part(66),
        ]
        .concat();
        self.out
            .write_all(&header)
            .and_then(|()| self.out.write_all(&frame))
            .expect("the file can be written");
        self.packets += 1;
    }

    fn finish(mut self) {
        self.out.flush().expect("the file can be written");
    }
}
