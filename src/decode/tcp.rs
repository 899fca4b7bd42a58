//! Parses TCP headers (RFC 9293 section 3.1) and the timestamps option (RFC 7323).

use etherparse::TcpHeaderSlice;

use super::error::{Discard, MALFORMED, TRUNCATED};
use super::ip::IpPacket;
use super::sink::PacketSink;
use crate::packet::{Address, CapturePoint, Endpoint, Flags, Segment};

/// Length of the header without options, in bytes.
const FIXED_HEADER_LEN: usize = 20;
/// Number of captured bytes that are required: the header up to and including the window.
const MIN_CAPTURED_LEN: usize = 16;
/// Offset of the byte that contains the data offset.
const DATA_OFFSET_AT: usize = 12;
/// Offset of the byte that contains the control bits.
const FLAGS_AT: usize = 13;
/// Control bits ECE and CWR.
const ECN_SETUP: u8 = 0xc0;
/// Option kind: end of option list.
const END: u8 = 0;
/// Option kind: no-operation.
const NO_OPERATION: u8 = 1;
/// Option kind: timestamps (RFC 7323).
const TIMESTAMPS: u8 = 8;

/// Parses the segment in `packet`. `bytes` begin at the TCP header.
///
/// A truncated capture suffices if it contains the header up to the window; missing options are
/// ignored. A packet with a length that leaves no space for a header is malformed (the kernel drops it
/// too, in `tcp_v4_rcv`).
///
/// The segment is passed to `sink`. Returning it in a `Result` would put it in memory and cost a
/// copy.
#[inline(always)]
pub(super) fn parse<T: PacketSink>(
    packet: &IpPacket<'_>,
    via: CapturePoint,
    bytes: &[u8],
    sink: T,
) -> Result<T::Outcome, Discard> {
    if packet.length < FIXED_HEADER_LEN {
        return Err(MALFORMED);
    }
    let fixed = fixed_header(bytes)?;
    let header = TcpHeaderSlice::from_slice(&fixed).map_err(|_| MALFORMED)?;
    let length = header_length(bytes)
        .filter(|&length| length >= FIXED_HEADER_LEN)
        .ok_or(MALFORMED)?;
    let flags = Flags::from_byte(flags_byte(bytes));
    // The length in the header counts only as far as the bytes were on the wire.
    let wire_length = packet.length.min(bytes.len() + packet.uncaptured);
    if !flags.has(Flags::SYN) && !flags.has(Flags::RST) && !is_pure_ack(flags, wire_length, length)
    {
        return Err(Discard::NotHandshake);
    }
    let options = bytes
        .get(FIXED_HEADER_LEN..length.min(bytes.len()))
        .unwrap_or_default();
    Ok(sink.segment(Segment {
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
        timestamp: timestamp(options, length - FIXED_HEADER_LEN),
        identification: packet.identification,
        hop_limit: packet.hop_limit,
        payload_length: u16::try_from(wire_length.saturating_sub(length)).unwrap_or(u16::MAX),
        ecn_setup: flags_byte(bytes) & ECN_SETUP == ECN_SETUP,
    }))
}

/// Returns the control bits of a header that may be truncated. `None` if it ends before them.
pub(super) fn partial_flags(bytes: &[u8]) -> Option<Flags> {
    bytes.get(FLAGS_AT).map(|byte| Flags::from_byte(*byte))
}

/// Returns the fixed header with a data offset of 20 bytes.
///
/// Fields behind the window are not used and may be missing; they are zero then.
#[inline(always)]
fn fixed_header(bytes: &[u8]) -> Result<[u8; FIXED_HEADER_LEN], Discard> {
    let mut fixed = match bytes.first_chunk::<FIXED_HEADER_LEN>() {
        Some(complete) => *complete,
        None if bytes.len() < MIN_CAPTURED_LEN => return Err(TRUNCATED),
        None => {
            let mut part = [0; FIXED_HEADER_LEN];
            part.iter_mut()
                .zip(bytes)
                .for_each(|(byte, captured)| *byte = *captured);
            part
        }
    };
    if let Some(offset) = fixed.get_mut(DATA_OFFSET_AT) {
        *offset = *offset & 0x0f | 0x50;
    }
    Ok(fixed)
}

fn header_length(bytes: &[u8]) -> Option<usize> {
    bytes
        .get(DATA_OFFSET_AT)
        .map(|byte| usize::from(byte >> 4) * 4)
}

fn flags_byte(bytes: &[u8]) -> u8 {
    bytes.get(FLAGS_AT).copied().unwrap_or(0)
}

fn is_pure_ack(flags: Flags, packet_length: usize, header_length: usize) -> bool {
    flags == Flags::ACK && packet_length <= header_length
}

/// Returns TSval of the timestamps option (RFC 7323 section 3.2).
///
/// `available` is the length of the options according to the header. An option that exceeds it is
/// ignored, even if all its bytes were captured.
#[inline(always)]
fn timestamp(options: &[u8], available: usize) -> Option<u32> {
    match options {
        // The layouts of Linux: in a SYN, and in all other segments.
        [2, 4, _, _, 4, 2, TIMESTAMPS, 10, a, b, c, d, ..] if available >= 16 => {
            Some(u32::from_be_bytes([*a, *b, *c, *d]))
        }
        [NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10, a, b, c, d, ..] if available >= 12 => {
            Some(u32::from_be_bytes([*a, *b, *c, *d]))
        }
        _ => scan_timestamp(options, available),
    }
}

/// Returns TSval by scanning the options by their lengths, whatever their kinds.
fn scan_timestamp(mut options: &[u8], mut available: usize) -> Option<u32> {
    loop {
        let length = match options {
            [END, ..] | [] => return None,
            [NO_OPERATION, ..] => 1,
            [_, length, ..] if *length >= 2 => usize::from(*length),
            _ => return None,
        };
        available = available.checked_sub(length)?;
        match options {
            [TIMESTAMPS, 10, a, b, c, d, ..] => return Some(u32::from_be_bytes([*a, *b, *c, *d])),
            _ => options = options.get(length..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Generates the option layouts that have a fast path, intact or with one byte changed, cut at
    /// any length.
    fn options() -> impl Strategy<Value = Vec<u8>> {
        let fast_path = prop_oneof![
            Just(vec![
                2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7
            ]),
            Just(vec![1, 1, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0]),
        ];
        (fast_path, 0..24_usize, any::<u8>(), 0..24_usize).prop_map(
            |(mut options, index, byte, length)| {
                if let Some(damaged) = options.get_mut(index) {
                    *damaged = byte;
                }
                options.truncate(length);
                options
            },
        )
    }

    proptest! {
        #[test]
        fn timestamp_fast_path_equals_scan(options in options(), available in 0..40_usize) {
            prop_assert_eq!(timestamp(&options, available), scan_timestamp(&options, available));
        }
    }
}
