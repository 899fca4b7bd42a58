//! Decodes ICMP errors that quote any bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcp_handshake_exporter::decode::decode;
use tcp_handshake_exporter::frame::{Frame, Interface, Link};
use tcp_handshake_exporter::packet::Packet;
use tcp_handshake_exporter::time::Timestamp;

fuzz_target!(|data: &[u8]| {
    let [v6, kind, code, quote @ ..] = data else {
        return;
    };
    let icmp = [&[*kind, *code, 0, 0, 0, 0, 0, 0][..], quote].concat();
    let (header, length) = if v6 & 1 == 0 {
        ([0x45, 1, 40], 20)
    } else {
        ([0x60, 58, 40], 40)
    };
    let mut bytes = vec![0; length];
    bytes[0] = header[0];
    bytes[if length == 20 { 9 } else { 6 }] = header[1];
    bytes.extend(icmp);
    let interface = Interface {
        id: 0,
        number: 0,
        link: Link::Raw,
        hardware_address: None,
    };
    let wire_length = u32::try_from(bytes.len()).unwrap();
    let decoded = decode(&Frame {
        at: Timestamp::default(),
        interface: &interface,
        wire_length,
        bytes: &bytes,
    });
    // An error is decoded only if the quote contains an IP header and 8 bytes after it.
    if let Ok(Packet::IcmpError(error)) = decoded {
        assert!(
            quote.len() >= if length == 20 { 28 } else { 48 },
            "{error:?} quotes more than there is"
        );
    }
});
