//! Bytes that nobody meant.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use tcp_handshake_exporter::frame::Link;

use crate::wire::{all_wraps, read, read_of, samples};

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_of_any_link_layer_are_a_packet_or_a_named_skip(
        number in 0..300_u32,
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        more in 0..70_000_usize,
    ) {
        let _ = read_of(Link::from_linktype(number), &bytes, bytes.len() + more);
    }

    #[test]
    fn packets_with_wrong_bytes_are_packets_or_named_skips(
        wrap in select(all_wraps()),
        sample in any::<Index>(),
        flips in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        cut in any::<Index>(),
    ) {
        let samples = samples();
        let mut frame = wrap.frame(&sample.get(&samples).bytes);
        for (at, byte) in flips {
            *at.get_mut(&mut frame) = byte;
        }
        let _ = read(wrap.link, &frame);
        let _ = read_of(wrap.link, &frame[..cut.index(frame.len())], frame.len());
    }
}
