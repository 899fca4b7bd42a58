//! Packets in bytes, valid and unusual ones, behind every link header. Tests of decoding and filtering use them.

pub(crate) mod files;
mod ip;
mod links;
mod legacy;
mod samples;

pub(crate) use ip::{acknowledgments, tcp4, tcp6, udp, v4};
pub(crate) use legacy::all_wraps;
pub(crate) use links::wraps;
pub(crate) use samples::{Expected, samples};

use tcp_handshake_exporter::decode::{Discard, decode};
use tcp_handshake_exporter::frame::{Frame, Interface, Link};
use tcp_handshake_exporter::packet::Packet;
use tcp_handshake_exporter::time::Timestamp;

/// Decodes a frame that was captured as a whole.
pub(crate) fn decode_frame(link: Link, bytes: &[u8]) -> Result<Packet, Discard> {
    decode_captured(link, bytes, bytes.len())
}

/// Decodes the captured bytes of a frame with `wire_length` bytes.
pub(crate) fn decode_captured(
    link: Link,
    bytes: &[u8],
    wire_length: usize,
) -> Result<Packet, Discard> {
    let interface = Interface {
        id: 0,
        number: 0,
        link,
        hardware_address: None,
    };
    let wire_length = u32::try_from(wire_length).unwrap();
    decode(&Frame {
        at: Timestamp::default(),
        interface: &interface,
        wire_length,
        bytes,
    })
}
