//! Packets in bytes, right and odd ones, and all that can stand before them: what decoding and filtering are held to.

pub(crate) mod files;
mod ip;
mod links;
mod seldom;
mod samples;

pub(crate) use ip::{acknowledgments, tcp4, tcp6, udp, v4};
pub(crate) use links::wraps;
pub(crate) use samples::{Expected, samples};
pub(crate) use seldom::all_wraps;

use tcp_handshake_exporter::decode::{Discard, decode};
use tcp_handshake_exporter::frame::{Frame, Interface, Link};
use tcp_handshake_exporter::packet::Packet;
use tcp_handshake_exporter::time::Timestamp;

/// Decodes a frame that is here as a whole.
pub(crate) fn read(link: Link, bytes: &[u8]) -> Result<Packet, Discard> {
    read_of(link, bytes, bytes.len())
}

/// Decodes what was captured of a frame that had so many bytes.
pub(crate) fn read_of(link: Link, bytes: &[u8], wire_length: usize) -> Result<Packet, Discard> {
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
