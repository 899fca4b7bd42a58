//! IPv4 and IPv6 headers: who, whom, and where the transport header begins.

use etherparse::{
    IpNumber, Ipv6ExtensionSlice, LaxIpPayloadSlice, LaxIpSlice, LaxIpv4Slice, LaxIpv6Slice, UdpHeaderSlice, ip_number,
};

use super::skip::{MALFORMED, Skip, TRUNCATED, TUNNEL};
use crate::packet::Address;

/// What an IP header says, and what it carries.
pub(super) struct Internet<'a> {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) identification: Option<u16>,
    pub(super) hop_limit: u8,
    /// Length of the payload as the header tells it, whatever was captured of it.
    pub(super) length: usize,
    pub(super) payload: Payload<'a>,
}

/// The transport header and what follows, as far as captured.
#[derive(Clone, Copy)]
pub(super) enum Payload<'a> {
    Tcp(&'a [u8]),
    Icmp(Family, &'a [u8]),
}

/// Which of the two ICMPs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// Reads an IP packet of which `beyond` more bytes were on the wire.
pub(super) fn read(bytes: &[u8], beyond: usize) -> Result<Internet<'_>, Skip> {
    match bytes.first().ok_or(TRUNCATED)? >> 4 {
        4 | 6 => {}
        _ => return Err(MALFORMED),
    }
    let (packet, stopped) = LaxIpSlice::from_slice(bytes).map_err(|error| why(bytes, &error))?;
    if stopped.is_some() {
        return Err(TRUNCATED);
    }
    match packet {
        LaxIpSlice::Ipv4(packet) => read_v4(&packet, bytes.len() + beyond),
        LaxIpSlice::Ipv6(packet) => read_v6(&packet, bytes.len() + beyond),
    }
}

fn read_v4<'a>(packet: &LaxIpv4Slice<'a>, on_the_wire: usize) -> Result<Internet<'a>, Skip> {
    let header = packet.header();
    if header.fragments_offset().value() != 0 {
        return Err(Skip::LaterFragment);
    }
    // Segmentation offload leaves a total length of zero for the network card to fill in.
    let total = match usize::from(header.total_len()) {
        0 => on_the_wire,
        told => told,
    };
    let before = header.slice().len() + packet.extensions().auth.as_ref().map_or(0, |auth| auth.slice().len());
    Ok(Internet {
        from: header.source_addr().into(),
        to: header.destination_addr().into(),
        identification: Some(header.identification()),
        hop_limit: header.ttl(),
        length: total.saturating_sub(before),
        payload: payload_of(packet.payload(), Family::V4)?,
    })
}

fn read_v6<'a>(packet: &LaxIpv6Slice<'a>, on_the_wire: usize) -> Result<Internet<'a>, Skip> {
    let header = packet.header();
    let mut extensions = packet.extensions().clone().into_iter();
    let later = |extension| matches!(extension, Ipv6ExtensionSlice::Fragment(fragment) if fragment.fragment_offset().value() != 0);
    if extensions.any(later) {
        return Err(Skip::LaterFragment);
    }
    let total = match usize::from(header.payload_length()) {
        0 => on_the_wire.saturating_sub(header.slice().len()),
        told => told,
    };
    Ok(Internet {
        from: header.source_addr().into(),
        to: header.destination_addr().into(),
        identification: None,
        hop_limit: header.hop_limit(),
        length: total.saturating_sub(packet.extensions().slice().len()),
        payload: payload_of(packet.payload(), Family::V6)?,
    })
}

fn payload_of<'a>(payload: &LaxIpPayloadSlice<'a>, family: Family) -> Result<Payload<'a>, Skip> {
    match (payload.ip_number, family) {
        (ip_number::TCP, _) => Ok(Payload::Tcp(payload.payload)),
        (ip_number::ICMP, Family::V4) | (ip_number::IPV6_ICMP, Family::V6) => {
            Ok(Payload::Icmp(family, payload.payload))
        }
        (ip_number::GRE | ip_number::IPV4 | ip_number::IPV6 | ip_number::ETHER_IP | MPLS_IN_IP, _) => Err(TUNNEL),
        (ip_number::UDP, _) => match UdpHeaderSlice::from_slice(payload.payload) {
            Ok(udp) if TUNNEL_PORTS.contains(&udp.destination_port()) => Err(TUNNEL),
            _ => Err(Skip::NotTcp),
        },
        _ => Err(Skip::NotTcp),
    }
}

/// A header that does not fit into what was captured was cut; one that fits and is refused contradicts itself.
fn why(bytes: &[u8], error: &etherparse::err::ip::LaxHeaderSliceError) -> Skip {
    match error {
        etherparse::err::ip::LaxHeaderSliceError::Len(_) if bytes.len() < LONGEST_HEADER => TRUNCATED,
        _ => MALFORMED,
    }
}

const MPLS_IN_IP: IpNumber = IpNumber(137);
/// VXLAN, its forerunner on Linux, Geneve, GTP-U.
const TUNNEL_PORTS: [u16; 4] = [4789, 8472, 6081, 2152];
/// Of IPv4 with all its options (RFC 791).
const LONGEST_HEADER: usize = 60;
