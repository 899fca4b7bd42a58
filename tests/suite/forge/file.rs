//! Capture files: pcap in both byte orders and both precisions, and pcapng.

use super::link::Link;
use super::network::ip_packet;
use super::packet::Packet;

/// A capture file's kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// The classic one.
    Pcap { order: Order, precision: Precision },
    /// The newer one, with one section, and an interface for each that the packets came through.
    Pcapng { order: Order, precision: Precision },
}

/// The byte order of whoever wrote the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    /// The number in this order.
    pub(super) fn bytes(self, number: u32) -> [u8; 4] {
        if self == Self::Little {
            number.to_le_bytes()
        } else {
            number.to_be_bytes()
        }
    }
}

/// The unit of timestamps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Precision {
    Micro,
    Nano,
}

impl Format {
    /// What most tests need.
    pub(crate) const PLAIN: Self = Self::Pcap {
        order: Order::Little,
        precision: Precision::Nano,
    };

    /// What tells interfaces apart even where link headers do not.
    pub(crate) const SEVERAL: Self = Self::Pcapng {
        order: Order::Little,
        precision: Precision::Nano,
    };

    /// Each of them.
    pub(crate) const ALL: [Self; 8] = {
        use {Format::*, Order::*, Precision::*};
        [
            Pcap {
                order: Little,
                precision: Micro,
            },
            Pcap {
                order: Little,
                precision: Nano,
            },
            Pcap {
                order: Big,
                precision: Micro,
            },
            Pcap {
                order: Big,
                precision: Nano,
            },
            Pcapng {
                order: Little,
                precision: Micro,
            },
            Pcapng {
                order: Little,
                precision: Nano,
            },
            Pcapng {
                order: Big,
                precision: Micro,
            },
            Pcapng {
                order: Big,
                precision: Nano,
            },
        ]
    };
}

/// The story as a capture file; of each frame at most `snaplen` bytes.
pub(crate) fn capture(story: &[Packet], link: Link, format: Format, snaplen: u32) -> Vec<u8> {
    let (Format::Pcap { order, .. } | Format::Pcapng { order, .. }) = format;
    let frames = story.iter().map(|packet| {
        let ip = ip_packet(packet);
        let bytes = [link.header(packet, ip.len(), order), ip].concat();
        Frame {
            at: START + packet.at,
            interface: packet.via.interface,
            bytes,
        }
    });
    match format {
        Format::Pcap { order, precision } => {
            pcap(frames, link, Writer::new(order), precision, snaplen)
        }
        Format::Pcapng { order, precision } => {
            pcapng(frames, link, Writer::new(order), precision, snaplen)
        }
    }
}

struct Frame {
    at: u64,
    interface: u32,
    bytes: Vec<u8>,
}

/// See draft-ietf-opsawg-pcap.
fn pcap(
    frames: impl Iterator<Item = Frame>,
    link: Link,
    mut file: Writer,
    precision: Precision,
    snaplen: u32,
) -> Vec<u8> {
    file.u32(if precision == Precision::Nano {
        0xa1b2_3c4d
    } else {
        0xa1b2_c3d4
    });
    file.u16(2)
        .u16(4)
        .u32(0)
        .u32(0)
        .u32(snaplen.into())
        .u32(link.number().into());
    for Frame {
        at, bytes: frame, ..
    } in frames
    {
        let fraction = at % SECOND
            / if precision == Precision::Nano {
                1
            } else {
                1000
            };
        let captured = &frame[..frame.len().min(usize::try_from(snaplen).unwrap())];
        file.u32(at / SECOND)
            .u32(fraction)
            .u32(captured.len() as u64)
            .u32(frame.len() as u64)
            .bytes(captured);
    }
    file.bytes
}

/// See draft-ietf-opsawg-pcapng.
fn pcapng(
    frames: impl Iterator<Item = Frame>,
    link: Link,
    mut file: Writer,
    precision: Precision,
    snaplen: u32,
) -> Vec<u8> {
    let mut section = file.empty();
    section
        .u32(0x1a2b_3c4d)
        .u16(1)
        .u16(0)
        .u32(0xffff_ffff)
        .u32(0xffff_ffff);
    file.block(0x0a0d_0d0a, &section);
    let resolution = if precision == Precision::Nano { 9 } else { 6 };
    let mut interfaces = Vec::new();
    for Frame {
        at,
        interface,
        bytes: frame,
    } in frames
    {
        if !interfaces.contains(&interface) {
            interfaces.push(interface);
            let mut block = file.empty();
            block
                .u16(link.number())
                .u16(0)
                .u32(snaplen.into())
                .u16(9)
                .u16(1)
                .bytes(&[resolution, 0, 0, 0])
                .u16(0)
                .u16(0);
            file.block(1, &block);
        }
        let number = interfaces
            .iter()
            .position(|known| *known == interface)
            .unwrap() as u64;
        let at = at
            / if precision == Precision::Nano {
                1
            } else {
                1000
            };
        let captured = &frame[..frame.len().min(usize::try_from(snaplen).unwrap())];
        let mut packet = file.empty();
        packet
            .u32(number)
            .u32(at >> 32)
            .u32(at & 0xffff_ffff)
            .u32(captured.len() as u64)
            .u32(frame.len() as u64);
        packet.bytes(captured).bytes(&vec![
            0;
            captured.len().next_multiple_of(4) - captured.len()
        ]);
        file.block(6, &packet);
    }
    file.bytes
}

/// Bytes in one order.
struct Writer {
    order: Order,
    bytes: Vec<u8>,
}

impl Writer {
    fn new(order: Order) -> Self {
        Self {
            order,
            bytes: Vec::new(),
        }
    }

    fn empty(&self) -> Self {
        Self::new(self.order)
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&if self.order == Order::Little {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        })
    }

    fn u32(&mut self, value: u64) -> &mut Self {
        let value = u32::try_from(value).unwrap();
        self.bytes(&self.order.bytes(value))
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    fn block(&mut self, kind: u64, contents: &Self) {
        let length = contents.bytes.len() as u64 + 12;
        self.u32(kind)
            .u32(length)
            .bytes(&contents.bytes)
            .u32(length);
    }
}

const SECOND: u64 = 1_000_000_000;

/// When every story begins: 2025-01-01 00:00:00 UTC, in nanoseconds.
const START: u64 = 1_735_689_600 * SECOND;
