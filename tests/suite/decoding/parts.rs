//! Frames that were cut.

use tcp_handshake_exporter::decode::{Discard, Undecodable};
use tcp_handshake_exporter::packet::{IcmpError, Packet, Quote, Segment};

use crate::wire::{all_wraps, read_of, samples};

#[test]
fn a_frame_cut_anywhere_is_named_truncated_until_enough_of_it_is_here() {
    let samples = samples();
    for wrap in all_wraps() {
        for sample in &samples {
            let frame = wrap.frame(&sample.bytes);
            let whole = read_of(wrap.link, &frame, frame.len()).map(without_what_may_be_cut);
            let mut enough = false;
            for captured in 0..frame.len() {
                let found = read_of(wrap.link, &frame[..captured], frame.len())
                    .map(without_what_may_be_cut);
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

/// Options and the end of a quote are done without where they are missing.
fn without_what_may_be_cut(packet: Packet) -> Packet {
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

const TRUNCATED: Result<Packet, Discard> = Err(Discard::Undecodable(Undecodable::Truncated));
