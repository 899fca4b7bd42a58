//! Any bytes, of any link layer: a packet or a named skip, and the same whatever follows the packet.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcp_handshake_exporter::decode::decode;
use tcp_handshake_exporter::frame::{Frame, Interface, Link};
use tcp_handshake_exporter::time::Timestamp;

fuzz_target!(|data: &[u8]| {
    let [high, low, more, bytes @ ..] = data else {
        return;
    };
    let link = Link::from_linktype(u16::from_be_bytes([*high, *low]).into());
    let interface = Interface {
        id: 0,
        number: 0,
        link,
        hardware_address: Some([2, 0, 0, 0, 0, 1]),
    };
    let wire_length = u32::try_from(bytes.len()).unwrap() + 4 * u32::from(*more);
    let frame = Frame {
        at: Timestamp::default(),
        interface: &interface,
        wire_length,
        bytes,
    };
    assert_eq!(decode(&frame), decode(&frame));
});
