//! Decodes any bytes of any link layer: the result is a packet or a named discard, and repeatable.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcp_handshake_exporter::decode::decode;
use tcp_handshake_exporter::frame::{Frame, Interface, Link};
use tcp_handshake_exporter::time::Timestamp;

fuzz_target!(|data: &[u8]| {
    let [high, low, uncaptured_words, bytes @ ..] = data else {
        return;
    };
    let link = Link::from_linktype(u16::from_be_bytes([*high, *low]).into());
    let interface = Interface {
        id: 0,
        number: 0,
        link,
        hardware_address: Some([2, 0, 0, 0, 0, 1]),
    };
    let wire_length = u32::try_from(bytes.len()).unwrap() + 4 * u32::from(*uncaptured_words);
    let frame = Frame {
        at: Timestamp::default(),
        interface: &interface,
        wire_length,
        bytes,
    };
    assert_eq!(decode(&frame), decode(&frame));
});
