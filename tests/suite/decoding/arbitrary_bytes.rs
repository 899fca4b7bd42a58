//! Arbitrary bytes.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use tcp_handshake_exporter::frame::Link;

use crate::wire_samples::{all_wraps, decode_captured, decode_frame, samples};

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_decode_without_panic(
        number in 0..300_u32,
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        more in 0..70_000_usize,
    ) {
        let _ = decode_captured(Link::from_linktype(number), &bytes, bytes.len() + more);
    }

    #[test]
    fn corrupted_packets_decode_without_panic(
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
        let _ = decode_frame(wrap.link, &frame);
        let _ = decode_captured(wrap.link, &frame[..cut.index(frame.len())], frame.len());
    }
}
