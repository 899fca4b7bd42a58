//! Capture files: pcap in both byte orders and both precisions, and pcapng.

use super::link::Link;
use super::network::ip_packet;
use super::packet::Packet;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Time 0 of every script: 2025-01-01 00:00:00 UTC.
const START_NANOS: u64 = 1_735_689_600 * NANOS_PER_SECOND;

/// Format of a capture file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// Classic pcap.
    Pcap { order: Order, precision: Precision },
    /// pcapng with one section, and one interface block for each interface in the packets.
    Pcapng { order: Order, precision: Precision },
}

/// Byte order of the writer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    /// Returns the number in this byte order.
    pub(super) fn bytes(self, number: u32) -> [u8; 4] {
        if self == Self::Little {
            number.to_le_bytes()
        } else {
            number.to_be_bytes()
        }
    }
}

/// Unit of timestamps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Precision {
    Micro,
    Nano,
}

impl Format {
    /// The format of most tests.
    pub(crate) const PLAIN: Self = Self::Pcap {
        order: Order::Little,
        precision: Precision::Nano,
    };

    /// A format that distinguishes interfaces even if link headers do not.
    pub(crate) const SEVERAL: Self = Self::Pcapng {
        order: Order::Little,
        precision: Precision::Nano,
    };

    /// All formats.
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

/// Returns a capture file of the packets, with at most `snaplen` bytes of each frame.
pub(crate) fn capture(packets: &[Packet], link: Link, format: Format, snaplen: u32) -> Vec<u8> {
    let (Format::Pcap { order, .. } | Format::Pcapng { order, .. }) = format;
    let frames = packets.iter().map(|packet| {
        let ip = ip_packet(packet);
        let bytes = [link.header(packet, ip.len(), order), ip].concat();
        Frame {
            at: START_NANOS + packet.at,
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

/// Writes pcap (draft-ietf-opsawg-pcap).
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
        let fraction = at % NANOS_PER_SECOND
            / if precision == Precision::Nano {
                1
            } else {
                1000
            };
        let captured = &frame[..frame.len().min(usize::try_from(snaplen).unwrap())];
        file.u32(at / NANOS_PER_SECOND)
            .u32(fraction)
            .u32(captured.len() as u64)
            .u32(frame.len() as u64)
            .bytes(captured);
    }
    file.bytes
}

/// Writes pcapng (draft-ietf-opsawg-pcapng).
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

/// A buffer of numbers in one byte order.
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
