//! Frames of which only a part was captured.

use tcp_handshake_exporter::decode::{Discard, Undecodable};
use tcp_handshake_exporter::packet::{IcmpError, Packet, Quote, Segment};

use crate::wire_samples::{all_wraps, decode_captured, samples};

const TRUNCATED: Result<Packet, Discard> = Err(Discard::Undecodable(Undecodable::Truncated));

#[test]
fn cut_frame_is_truncated_until_headers_suffice() {
    let samples = samples();
    for wrap in all_wraps() {
        for sample in &samples {
            let frame = wrap.frame(&sample.bytes);
            let whole = decode_captured(wrap.link, &frame, frame.len()).map(without_optional_parts);
            let mut enough = false;
            for captured in 0..frame.len() {
                let found = decode_captured(wrap.link, &frame[..captured], frame.len())
                    .map(without_optional_parts);
                enough |= found == whole;
                let in_order = if enough {
                    found == whole
                } else {
                    found == TRUNCATED
                };
                assert!(
                    in_order,
                    "{} behind {} cut to {captured} of {}: {found:?}",
                    sample.name,
                    wrap.name,
                    frame.len()
                );
            }
        }
    }
}

/// Removes the parts that decoding may miss: TCP options and the end of a quote.
fn without_optional_parts(packet: Packet) -> Packet {
    match packet {
        Packet::Segment(segment) => Packet::Segment(Segment {
            timestamp: None,
            ..segment
        }),
        Packet::IcmpError(error) => Packet::IcmpError(IcmpError {
            quote: Quote {
                flags: None,
                ..error.quote
            },
            ..error
        }),
    }
}
