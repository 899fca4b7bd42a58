//! TCP headers (RFC 9293 section 3.1) and the one option that matters here.

use etherparse::TcpHeaderSlice;

use super::PacketSink;
use super::net::Internet;
use super::skip::{Discard, MALFORMED, TRUNCATED};
use crate::packet::{Address, CapturePoint, Endpoint, Flags, Segment};

/// Reads the segment that `packet` carries. Of a capture that was cut the header is enough as far as the window; options
/// that are not there are done without. A packet that itself says it has no room for a header is none (the kernel drops
/// it too: `tcp_v4_rcv`).
///
/// It is handed over: as a result it would be in memory, in one piece with what else might come of it, and be copied from there.
#[inline(always)]
pub(super) fn read<T: PacketSink>(
    packet: &Internet<'_>,
    via: CapturePoint,
    bytes: &[u8],
    taker: T,
) -> Result<T::Outcome, Discard> {
    if packet.length < FIXED {
        return Err(MALFORMED);
    }
    let fixed = fixed_header(bytes)?;
    let header = TcpHeaderSlice::from_slice(&fixed).map_err(|_| MALFORMED)?;
    let length = header_length(bytes)
        .filter(|&length| length >= FIXED)
        .ok_or(MALFORMED)?;
    let flags = Flags::from_byte(flags_byte(bytes));
    // What the packet tells of, and was not on the wire, is not there.
    let there = packet.length.min(bytes.len() + packet.beyond);
    if !flags.has(Flags::SYN) && !flags.has(Flags::RST) && !is_pure_ack(flags, there, length) {
        return Err(Discard::NotHandshake);
    }
    let options = bytes
        .get(FIXED..length.min(bytes.len()))
        .unwrap_or_default();
    Ok(taker.segment(Segment {
        via,
        from: Endpoint {
            address: Address::from_bits(packet.from),
            port: header.source_port(),
        },
        to: Endpoint {
            address: Address::from_bits(packet.to),
            port: header.destination_port(),
        },
        sequence: header.sequence_number(),
        acknowledgment: header.acknowledgment_number(),
        flags,
        timestamp: timestamp(options, length - FIXED),
        identification: packet.identification,
        hop_limit: packet.hop_limit,
        payload_length: u16::try_from(there.saturating_sub(length)).unwrap_or(u16::MAX),
        ecn_setup: flags_byte(bytes) & ECN_SETUP == ECN_SETUP,
    }))
}

/// The control bits of a header that may be too short to be whole.
pub(super) fn flags_of_part(bytes: &[u8]) -> Option<Flags> {
    bytes.get(FLAGS_AT).map(|byte| Flags::from_byte(*byte))
}

/// The first twenty bytes with a data offset that claims no more than these; what nobody asks for may be missing.
#[inline(always)]
fn fixed_header(bytes: &[u8]) -> Result<[u8; FIXED], Discard> {
    let mut fixed = match bytes.first_chunk::<FIXED>() {
        Some(whole) => *whole,
        None if bytes.len() < NEEDED => return Err(TRUNCATED),
        None => {
            let mut part = [0; FIXED];
            part.iter_mut()
                .zip(bytes)
                .for_each(|(byte, captured)| *byte = *captured);
            part
        }
    };
    if let Some(offset) = fixed.get_mut(OFFSET_AT) {
        *offset = *offset & 0x0f | 0x50;
    }
    Ok(fixed)
}

fn header_length(bytes: &[u8]) -> Option<usize> {
    bytes.get(OFFSET_AT).map(|byte| usize::from(byte >> 4) * 4)
}

fn flags_byte(bytes: &[u8]) -> u8 {
    bytes.get(FLAGS_AT).copied().unwrap_or(0)
}

fn is_pure_ack(flags: Flags, packet_length: usize, header_length: usize) -> bool {
    flags == Flags::ACK && packet_length <= header_length
}

/// TSval of the timestamps option (RFC 7323 section 3.2). Options are walked by their lengths, whatever their kind; one
/// that would be longer than the `room` that the header has is none, however many bytes of it were captured.
#[inline(always)]
fn timestamp(options: &[u8], room: usize) -> Option<u32> {
    match options {
        // As Linux writes it in its SYNs, and pads it elsewhere.
        [2, 4, _, _, 4, 2, TIMESTAMPS, 10, a, b, c, d, ..] if room >= 16 => {
            Some(u32::from_be_bytes([*a, *b, *c, *d]))
        }
        [NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10, a, b, c, d, ..] if room >= 12 => {
            Some(u32::from_be_bytes([*a, *b, *c, *d]))
        }
        _ => walked_timestamp(options, room),
    }
}

fn walked_timestamp(mut options: &[u8], mut room: usize) -> Option<u32> {
    loop {
        let length = match options {
            [END, ..] | [] => return None,
            [NO_OPERATION, ..] => 1,
            [_, length, ..] if *length >= 2 => usize::from(*length),
            _ => return None,
        };
        room = room.checked_sub(length)?;
        match options {
            [TIMESTAMPS, 10, a, b, c, d, ..] => return Some(u32::from_be_bytes([*a, *b, *c, *d])),
            _ => options = options.get(length..)?,
        }
    }
}

const FIXED: usize = 20;
/// Up to the window.
const NEEDED: usize = 16;
const OFFSET_AT: usize = 12;
const FLAGS_AT: usize = 13;
/// ECE and CWR.
const ECN_SETUP: u8 = 0xc0;
const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const TIMESTAMPS: u8 = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The beginnings that are known at sight, whole or a little damaged, and what may follow.
    fn options() -> impl Strategy<Value = Vec<u8>> {
        let known = prop_oneof![
            Just(vec![
                2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7
            ]),
            Just(vec![1, 1, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0]),
        ];
        (known, 0..24_usize, any::<u8>(), 0..24_usize).prop_map(
            |(mut options, place, byte, length)| {
                if let Some(damaged) = options.get_mut(place) {
                    *damaged = byte;
                }
                options.truncate(length);
                options
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_known_at_sight_is_what_a_walk_finds(options in options(), room in 0..40_usize) {
            prop_assert_eq!(timestamp(&options, room), walked_timestamp(&options, room));
        }
    }
}
