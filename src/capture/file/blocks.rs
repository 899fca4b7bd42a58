//! The format of blocks, pcapng (draft-ietf-opsawg-pcapng): sections of interfaces and packets.

use super::head::{Broken, Described, Head, LONGEST_PACKET, Order, Resolution, Ticks};
use super::input::Input;
use crate::time::Timestamp;

/// Where in a file of blocks the reader is.
pub(super) struct Blocks {
    id: u16,
    order: Order,
    /// Of this section.
    pub(super) interfaces: Vec<Described>,
    /// In the whole file.
    described: u32,
    number: u64,
    last: Timestamp,
}

impl Blocks {
    /// Whether the file begins like this format.
    pub(super) fn open(input: &mut Input, id: u16) -> std::io::Result<Option<Self>> {
        let is_section = input.peek(4)? == SECTION.to_be_bytes();
        let (interfaces, last) = (Vec::new(), Timestamp::default());
        Ok(is_section.then_some(Self {
            id,
            order: Order::Little,
            interfaces,
            described: 0,
            number: 0,
            last,
        }))
    }

    /// The next packet; what stands before it is taken in, or skipped.
    pub(super) fn head(&mut self, input: &mut Input) -> Result<Option<Head>, Broken> {
        loop {
            let start = input.peek(12)?;
            if start.is_empty() {
                return Ok(None);
            }
            if start.get(..4) == Some(&SECTION.to_be_bytes()) {
                self.order = match start.get(8..12) {
                    Some([0x4d, 0x3c, 0x2b, 0x1a]) => Order::Little,
                    Some([0x1a, 0x2b, 0x3c, 0x4d]) => Order::Big,
                    Some(_) => {
                        return Err(self.damaged(input, "begins a section, but in no byte order"));
                    }
                    None => self.order,
                };
            }
            let (Some(kind), Some(length)) =
                (self.order.u32_at(start, 0), self.order.u32_at(start, 4))
            else {
                return Err(Broken::cut(&self.after(), 12 - start.len() as u64));
            };
            if length < LEAST {
                return Err(self.damaged(
                    input,
                    &format!("claims {length} bytes, fewer than a block can have"),
                ));
            }
            match kind {
                PACKET | OLD_PACKET | SIMPLE_PACKET => {
                    return self.packet(input, kind, length).map(Some);
                }
                SECTION => {
                    self.interfaces.clear();
                    self.skip(input, length)?;
                }
                INTERFACE => self.interface(input, length)?,
                _ => self.skip(input, length)?,
            }
        }
    }

    /// Whether the next block can be read without waiting for more bytes.
    pub(super) fn is_whole(&self, here: &[u8]) -> bool {
        let length = self
            .order
            .u32_at(here, 4)
            .and_then(|length| usize::try_from(length).ok());
        length.is_some_and(|length| here.len() >= length.min(LONGEST_BLOCK))
    }

    fn interface(&mut self, input: &mut Input, length: u32) -> Result<(), Broken> {
        if self.interfaces.len() >= MOST_INTERFACES {
            return Err(self.damaged(
                input,
                &format!("describes more than {MOST_INTERFACES} interfaces"),
            ));
        }
        let block = self.whole(input, length)?;
        let body = block.get(8..block.len() - 4).unwrap_or_default();
        let (Some(number), Some(options)) = (self.order.u16_at(body, 0), body.get(8..)) else {
            return Err(self.damaged(input, "describes an interface without a link type"));
        };
        let ticks = self.ticks(options);
        self.interfaces.push(Described::new(
            self.id,
            self.described,
            number.into(),
            ticks,
        ));
        self.described += 1;
        input.take(length as usize);
        Ok(())
    }

    /// The options that tell how timestamps count: `if_tsresol` and `if_tsoffset`.
    fn ticks(&self, mut options: &[u8]) -> Ticks {
        let mut ticks = Ticks::MICROSECONDS;
        while let (Some(code), Some(length)) =
            (self.order.u16_at(options, 0), self.order.u16_at(options, 2))
        {
            let value = options.get(4..4 + usize::from(length)).unwrap_or_default();
            match (code, value) {
                (END, _) => break,
                (RESOLUTION, &[power]) if power & 0x80 == 0 => {
                    ticks.resolution = Resolution::Decimal(power);
                }
                (RESOLUTION, &[power]) => ticks.resolution = Resolution::Binary(power & 0x7f),
                (OFFSET, value) if value.len() == 8 => {
                    let halves = [0, 4]
                        .map(|at| u64::from(self.order.u32_at(value, at).unwrap_or_default()));
                    let [first, second] = halves;
                    let offset = if self.order == Order::Little {
                        second << 32 | first
                    } else {
                        first << 32 | second
                    };
                    ticks.offset = offset.cast_signed();
                }
                _ => {}
            }
            options = options
                .get(4 + usize::from(length).next_multiple_of(4)..)
                .unwrap_or_default();
        }
        ticks
    }

    fn packet(&mut self, input: &mut Input, kind: u32, length: u32) -> Result<Head, Broken> {
        let order = self.order;
        let block = self.whole(input, length)?;
        let field = |at| order.u32_at(block, at).unwrap_or_default();
        let (header, interface) = match kind {
            SIMPLE_PACKET => (12, 0),
            OLD_PACKET => (28, u32::from(order.u16_at(block, 8).unwrap_or_default())),
            _ => (28, field(8)),
        };
        let body = (length as usize).saturating_sub(header + 4);
        let (captured, wire_length) = match kind {
            SIMPLE_PACKET => (body.min(field(8) as usize), field(8)),
            _ => (field(20) as usize, field(24)),
        };
        let ticks = u64::from(field(12)) << 32 | u64::from(field(16));
        if captured > body || captured > LONGEST_PACKET {
            return Err(self.damaged(input, &format!("claims {captured} bytes of {body}")));
        }
        let interface = interface as usize;
        let Some(described) = self.interfaces.get(interface) else {
            return Err(self.damaged(
                input,
                &format!("was met on interface {interface}, which the file does not describe"),
            ));
        };
        // A simple packet has no time of its own.
        self.last = if kind == SIMPLE_PACKET {
            self.last
        } else {
            described.ticks.time(ticks)
        };
        self.number += 1;
        Ok(Head {
            at: self.last,
            interface,
            wire_length,
            offset: header,
            captured,
            record: length as usize,
        })
    }

    /// A block that is to be looked into; its length must stand at its end too.
    fn whole<'a>(&self, input: &'a mut Input, length: u32) -> Result<&'a [u8], Broken> {
        let wanted = length as usize;
        if wanted > LONGEST_BLOCK {
            return Err(self.damaged(
                input,
                &format!("claims {length} bytes, which no packet has"),
            ));
        }
        let missing = wanted - input.peek(wanted)?.len();
        if missing > 0 {
            return Err(Broken::cut(&self.after(), missing as u64));
        }
        if self.order.u32_at(input.here(), wanted - 4) != Some(length) {
            return Err(self.damaged(input, "has one length at its begin and another at its end"));
        }
        Ok(input.here().get(..wanted).unwrap_or_default())
    }

    fn skip(&self, input: &mut Input, length: u32) -> Result<(), Broken> {
        match input.skip(length.into())? {
            0 => Ok(()),
            missing => Err(Broken::cut(&self.after(), missing)),
        }
    }

    fn after(&self) -> String {
        format!("what follows packet {}", self.number)
    }

    fn damaged(&self, input: &Input, how: &str) -> Broken {
        Broken::damaged(&self.after(), input, how)
    }
}

/// Section header; the same in either byte order.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const PACKET: u32 = 6;
const END: u16 = 0;
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;
const LEAST: u32 = 12;
/// A packet, and room for what is said about it.
const LONGEST_BLOCK: usize = LONGEST_PACKET + 65_536;
const MOST_INTERFACES: usize = 4096;
