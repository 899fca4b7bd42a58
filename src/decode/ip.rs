//! Parses IPv4 (RFC 791) and IPv6 (RFC 8200): addresses, and the start of the transport header.

use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, ip_number};

use super::error::{Discard, MALFORMED, TRUNCATED, Undecodable};
use super::link::IpVersion;
use crate::packet::Address;

/// Protocol number of L2TP.
const L2TP: IpNumber = IpNumber(115);
/// Protocol number of MPLS-in-IP.
const MPLS_IN_IP: IpNumber = IpNumber(137);
/// Fragment offset in the IPv6 fragment header.
const FRAGMENT_OFFSET: u16 = 0xfff8;

/// The fields of an IP header, and its payload.
///
/// Addresses are [numbers](Address::bits) until they are written to their final location. A copy of
/// an address directly after its parts were written has to wait until these stores have completed.
pub(super) struct IpPacket<'a> {
    pub(super) from: u128,
    pub(super) to: u128,
    pub(super) identification: Option<u16>,
    pub(super) hop_limit: u8,
    /// Length of the payload according to the header, captured or not.
    pub(super) length: usize,
    pub(super) payload: TransportPayload<'a>,
    /// Bytes of the frame that were on the wire but not captured.
    pub(super) uncaptured: usize,
}

/// The captured bytes from the transport header on.
#[derive(Clone, Copy)]
pub(super) enum TransportPayload<'a> {
    Tcp(&'a [u8]),
    Icmp(IpFamily, &'a [u8]),
}

/// The address family, which also determines the version of ICMP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IpFamily {
    V4,
    V6,
}

/// The fields of an IP header, and the bytes after it and its extension headers.
pub(super) struct IpHeader<'a> {
    pub(super) from: u128,
    pub(super) to: u128,
    identification: Option<u16>,
    hop_limit: u8,
    length: usize,
    pub(super) protocol: IpNumber,
    pub(super) payload: &'a [u8],
}

/// Parses an IP packet. `uncaptured` is the number of bytes that were on the wire but not captured.
#[inline(always)]
pub(super) fn parse(
    version: IpVersion,
    bytes: &[u8],
    uncaptured: usize,
) -> Result<IpPacket<'_>, Discard> {
    let family = family_of(version, *bytes.first().ok_or(TRUNCATED)? >> 4)?;
    let header = parse_header(family, bytes, bytes.len() + uncaptured)?;
    Ok(IpPacket {
        from: header.from,
        to: header.to,
        identification: header.identification,
        hop_limit: header.hop_limit,
        length: header.length,
        payload: transport_payload(&header, family)?,
        uncaptured,
    })
}

/// Returns the family. The version field of the packet must match the link header.
#[inline(always)]
fn family_of(version: IpVersion, nibble: u8) -> Result<IpFamily, Discard> {
    match (version, nibble) {
        (IpVersion::V4 | IpVersion::FromHeader, 4) => Ok(IpFamily::V4),
        (IpVersion::V6 | IpVersion::FromHeader, 6) => Ok(IpFamily::V6),
        _ => Err(MALFORMED),
    }
}

/// Parses an IP header and its extension headers.
///
/// `wire_length` is the length of the packet if its header does not contain it.
#[inline(always)]
pub(super) fn parse_header(
    family: IpFamily,
    bytes: &[u8],
    wire_length: usize,
) -> Result<IpHeader<'_>, Discard> {
    match family {
        IpFamily::V4 => parse_v4(bytes, wire_length),
        IpFamily::V6 => parse_v6(bytes, wire_length),
    }
}

#[inline(always)]
fn parse_v4(bytes: &[u8], wire_length: usize) -> Result<IpHeader<'_>, Discard> {
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|error| match error {
        etherparse::err::ipv4::HeaderSliceError::Len(_) => TRUNCATED,
        etherparse::err::ipv4::HeaderSliceError::Content(_) => MALFORMED,
    })?;
    // Segmentation offload leaves a total length of zero, which the network card fills in.
    let total = match usize::from(header.total_len()) {
        0 => wire_length,
        length if length < header.slice().len() => return Err(MALFORMED),
        length => length,
    };
    if header.fragments_offset().value() != 0 {
        return Err(Discard::LaterFragment);
    }
    let remaining = Remaining {
        protocol: header.protocol(),
        length: total,
        bytes,
    }
    .skip(header.slice().len())?;
    let remaining = remaining.skip_extensions(IpFamily::V4)?;
    Ok(IpHeader {
        from: Address::from(header.source_addr()).bits(),
        to: Address::from(header.destination_addr()).bits(),
        identification: Some(header.identification()),
        hop_limit: header.ttl(),
        length: remaining.length,
        protocol: remaining.protocol,
        payload: remaining.captured(),
    })
}

fn parse_v6(bytes: &[u8], wire_length: usize) -> Result<IpHeader<'_>, Discard> {
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|error| match error {
        etherparse::err::ipv6::HeaderSliceError::Len(_) => TRUNCATED,
        etherparse::err::ipv6::HeaderSliceError::Content(_) => MALFORMED,
    })?;
    // Segmentation offload leaves a payload length of zero, and a jumbogram has one (RFC 2675).
    let total = match usize::from(header.payload_length()) {
        0 => wire_length,
        length => header.slice().len() + length,
    };
    let remaining = Remaining {
        protocol: header.next_header(),
        length: total,
        bytes,
    }
    .skip(header.slice().len())?;
    let remaining = remaining.skip_extensions(IpFamily::V6)?;
    Ok(IpHeader {
        from: Address::from(header.source_addr()).bits(),
        to: Address::from(header.destination_addr()).bits(),
        identification: None,
        hop_limit: header.hop_limit(),
        length: remaining.length,
        protocol: remaining.protocol,
        payload: remaining.captured(),
    })
}

/// The remainder of a packet after the parsed headers.
#[derive(Clone, Copy)]
struct Remaining<'a> {
    protocol: IpNumber,
    /// Length according to the header.
    length: usize,
    /// The captured bytes, including any padding after the packet.
    bytes: &'a [u8],
}

impl<'a> Remaining<'a> {
    /// Skips a header of `header` bytes.
    fn skip(self, header: usize) -> Result<Self, Discard> {
        let length = self.length.checked_sub(header).ok_or(MALFORMED)?;
        Ok(Self {
            length,
            bytes: self.bytes.get(header..).ok_or(TRUNCATED)?,
            ..self
        })
    }

    /// Skips all extension headers.
    ///
    /// Each contains the number of the next header. Each but the fragment header contains its length
    /// (RFC 8200 section 4, RFC 4302).
    fn skip_extensions(mut self, family: IpFamily) -> Result<Self, Discard> {
        while is_extension(self.protocol, family) {
            let &[next, words, high, low, ..] = self.bytes else {
                return Err(TRUNCATED);
            };
            let length = match self.protocol {
                ip_number::AUTH => (usize::from(words) + 2) * 4,
                ip_number::IPV6_FRAG if u16::from_be_bytes([high, low]) & FRAGMENT_OFFSET != 0 => {
                    return Err(Discard::LaterFragment);
                }
                ip_number::IPV6_FRAG => 8,
                _ => (usize::from(words) + 1) * 8,
            };
            self = Self {
                protocol: IpNumber(next),
                ..self.skip(length)?
            };
        }
        Ok(self)
    }

    /// Returns the captured bytes without padding.
    fn captured(self) -> &'a [u8] {
        self.bytes.get(..self.length).unwrap_or(self.bytes)
    }
}

/// Returns `true` if the number is that of an extension header. For IPv4 this is AH only (RFC
/// 4302).
const fn is_extension(protocol: IpNumber, family: IpFamily) -> bool {
    match family {
        IpFamily::V4 => matches!(protocol, ip_number::AUTH),
        IpFamily::V6 => matches!(
            protocol,
            ip_number::IPV6_HEADER_HOP_BY_HOP
                | ip_number::IPV6_ROUTE
                | ip_number::IPV6_FRAG
                | ip_number::AUTH
                | ip_number::IPV6_DEST_OPTIONS
        ),
    }
}

#[inline(always)]
fn transport_payload<'a>(
    header: &IpHeader<'a>,
    family: IpFamily,
) -> Result<TransportPayload<'a>, Discard> {
    Err(match (header.protocol, family) {
        (ip_number::TCP, _) => return Ok(TransportPayload::Tcp(header.payload)),
        (ip_number::ICMP, IpFamily::V4) | (ip_number::IPV6_ICMP, IpFamily::V6) => {
            return Ok(TransportPayload::Icmp(family, header.payload));
        }
        (ip_number::GRE, _) => Undecodable::Gre.into(),
        (ip_number::IPV4, _) => Undecodable::Ipip.into(),
        (ip_number::IPV6, _) => Undecodable::SixInFour.into(),
        (ip_number::ETHER_IP, _) => Undecodable::EtherIp.into(),
        (MPLS_IN_IP, _) => Undecodable::Mpls.into(),
        (L2TP, _) => Undecodable::L2tp.into(),
        (ip_number::ENCAP_SEC, _) => Undecodable::Encrypted.into(),
        (ip_number::UDP, _) => classify_udp(header.payload),
        _ => Discard::NotTcp,
    })
}

/// Classifies a UDP packet. Tunnels are recognized by their assigned destination port.
fn classify_udp(bytes: &[u8]) -> Discard {
    let &[_, _, high, low, ..] = bytes else {
        return TRUNCATED;
    };
    match u16::from_be_bytes([high, low]) {
        1701 => Undecodable::L2tp.into(),
        2152 => Undecodable::Gtp.into(),
        3544 => Undecodable::Teredo.into(),
        4789 | 8472 => Undecodable::Vxlan.into(),
        6081 => Undecodable::Geneve.into(),
        _ => Discard::NotTcp,
    }
}
