//! IPv4 (RFC 791) and IPv6 (RFC 8200): who, whom, and where the transport header begins.

use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, ip_number};

use super::link::Version;
use super::skip::{Discard, MALFORMED, TRUNCATED, Undecodable};
use crate::packet::Address;

/// What an IP header says, and what it carries.
pub(super) struct Internet<'a> {
    /// Addresses are [numbers](Address::bits) until they are written where they stay: what was just written in parts and is
    /// then copied as a whole has to be waited for.
    pub(super) from: u128,
    pub(super) to: u128,
    pub(super) identification: Option<u16>,
    pub(super) hop_limit: u8,
    /// Length of the payload as the header tells it, whatever was captured of it.
    pub(super) length: usize,
    pub(super) payload: Payload<'a>,
    /// Bytes of the frame that were on the wire and not captured.
    pub(super) beyond: usize,
}

/// The transport header and what follows, as far as captured.
#[derive(Clone, Copy)]
pub(super) enum Payload<'a> {
    Tcp(&'a [u8]),
    Icmp(Family, &'a [u8]),
}

/// Which of the two IPs, and ICMPs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// An IP header, and what stands behind it and its extensions.
pub(super) struct Header<'a> {
    pub(super) from: u128,
    pub(super) to: u128,
    identification: Option<u16>,
    hop_limit: u8,
    length: usize,
    pub(super) carries: IpNumber,
    pub(super) payload: &'a [u8],
}

/// Reads an IP packet of which `beyond` more bytes were on the wire.
#[inline(always)]
pub(super) fn read(version: Version, bytes: &[u8], beyond: usize) -> Result<Internet<'_>, Discard> {
    let family = family_of(version, *bytes.first().ok_or(TRUNCATED)? >> 4)?;
    let header = header(family, bytes, bytes.len() + beyond)?;
    Ok(Internet {
        from: header.from,
        to: header.to,
        identification: header.identification,
        hop_limit: header.hop_limit,
        length: header.length,
        payload: payload_of(&header, family)?,
        beyond,
    })
}

/// What the link layer says must be what the packet says.
#[inline(always)]
fn family_of(version: Version, nibble: u8) -> Result<Family, Discard> {
    match (version, nibble) {
        (Version::V4 | Version::Own, 4) => Ok(Family::V4),
        (Version::V6 | Version::Own, 6) => Ok(Family::V6),
        _ => Err(MALFORMED),
    }
}

/// Reads a header that stands in front of as many bytes as `on_the_wire`, where it does not say itself.
#[inline(always)]
pub(super) fn header(
    family: Family,
    bytes: &[u8],
    on_the_wire: usize,
) -> Result<Header<'_>, Discard> {
    match family {
        Family::V4 => header_v4(bytes, on_the_wire),
        Family::V6 => header_v6(bytes, on_the_wire),
    }
}

#[inline(always)]
fn header_v4(bytes: &[u8], on_the_wire: usize) -> Result<Header<'_>, Discard> {
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|error| match error {
        etherparse::err::ipv4::HeaderSliceError::Len(_) => TRUNCATED,
        etherparse::err::ipv4::HeaderSliceError::Content(_) => MALFORMED,
    })?;
    // Segmentation offload leaves a total length of zero for the network card to fill in.
    let total = match usize::from(header.total_len()) {
        0 => on_the_wire,
        told if told < header.slice().len() => return Err(MALFORMED),
        told => told,
    };
    if header.fragments_offset().value() != 0 {
        return Err(Discard::LaterFragment);
    }
    let rest = Rest {
        carries: header.protocol(),
        length: total,
        bytes,
    }
    .without(header.slice().len())?;
    let rest = rest.without_extensions(Family::V4)?;
    Ok(Header {
        from: Address::from(header.source_addr()).bits(),
        to: Address::from(header.destination_addr()).bits(),
        identification: Some(header.identification()),
        hop_limit: header.ttl(),
        length: rest.length,
        carries: rest.carries,
        payload: rest.captured(),
    })
}

fn header_v6(bytes: &[u8], on_the_wire: usize) -> Result<Header<'_>, Discard> {
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|error| match error {
        etherparse::err::ipv6::HeaderSliceError::Len(_) => TRUNCATED,
        etherparse::err::ipv6::HeaderSliceError::Content(_) => MALFORMED,
    })?;
    // So does a jumbogram (RFC 2675).
    let total = match usize::from(header.payload_length()) {
        0 => on_the_wire,
        told => header.slice().len() + told,
    };
    let rest = Rest {
        carries: header.next_header(),
        length: total,
        bytes,
    }
    .without(header.slice().len())?;
    let rest = rest.without_extensions(Family::V6)?;
    Ok(Header {
        from: Address::from(header.source_addr()).bits(),
        to: Address::from(header.destination_addr()).bits(),
        identification: None,
        hop_limit: header.hop_limit(),
        length: rest.length,
        carries: rest.carries,
        payload: rest.captured(),
    })
}

/// What is left of a packet behind the headers that were read.
#[derive(Clone, Copy)]
struct Rest<'a> {
    carries: IpNumber,
    /// As told.
    length: usize,
    /// As captured, with whatever padding follows the packet.
    bytes: &'a [u8],
}

impl<'a> Rest<'a> {
    fn without(self, header: usize) -> Result<Self, Discard> {
        let length = self.length.checked_sub(header).ok_or(MALFORMED)?;
        Ok(Self {
            length,
            bytes: self.bytes.get(header..).ok_or(TRUNCATED)?,
            ..self
        })
    }

    /// Each says what follows it and, but for the fragment header, how long it is (RFC 8200 section 4, RFC 4302).
    fn without_extensions(mut self, family: Family) -> Result<Self, Discard> {
        while is_extension(self.carries, family) {
            let &[next, words, high, low, ..] = self.bytes else {
                return Err(TRUNCATED);
            };
            let length = match self.carries {
                ip_number::AUTH => (usize::from(words) + 2) * 4,
                ip_number::IPV6_FRAG if u16::from_be_bytes([high, low]) & FRAGMENT_OFFSET != 0 => {
                    return Err(Discard::LaterFragment);
                }
                ip_number::IPV6_FRAG => 8,
                _ => (usize::from(words) + 1) * 8,
            };
            self = Self {
                carries: IpNumber(next),
                ..self.without(length)?
            };
        }
        Ok(self)
    }

    fn captured(self) -> &'a [u8] {
        self.bytes.get(..self.length).unwrap_or(self.bytes)
    }
}

/// IPv4 has one extension header (RFC 4302).
const fn is_extension(carries: IpNumber, family: Family) -> bool {
    match family {
        Family::V4 => matches!(carries, ip_number::AUTH),
        Family::V6 => matches!(
            carries,
            ip_number::IPV6_HEADER_HOP_BY_HOP
                | ip_number::IPV6_ROUTE
                | ip_number::IPV6_FRAG
                | ip_number::AUTH
                | ip_number::IPV6_DEST_OPTIONS
        ),
    }
}

#[inline(always)]
fn payload_of<'a>(header: &Header<'a>, family: Family) -> Result<Payload<'a>, Discard> {
    Err(match (header.carries, family) {
        (ip_number::TCP, _) => return Ok(Payload::Tcp(header.payload)),
        (ip_number::ICMP, Family::V4) | (ip_number::IPV6_ICMP, Family::V6) => {
            return Ok(Payload::Icmp(family, header.payload));
        }
        (ip_number::GRE, _) => Undecodable::Gre.into(),
        (ip_number::IPV4, _) => Undecodable::Ipip.into(),
        (ip_number::IPV6, _) => Undecodable::SixInFour.into(),
        (ip_number::ETHER_IP, _) => Undecodable::EtherIp.into(),
        (MPLS_IN_IP, _) => Undecodable::Mpls.into(),
        (L2TP, _) => Undecodable::L2tp.into(),
        (ip_number::ENCAP_SEC, _) => Undecodable::Encrypted.into(),
        (ip_number::UDP, _) => over_udp(header.payload),
        _ => Discard::NotTcp,
    })
}

/// Tunnels are known by the port they were assigned.
fn over_udp(bytes: &[u8]) -> Discard {
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

const L2TP: IpNumber = IpNumber(115);
const MPLS_IN_IP: IpNumber = IpNumber(137);
const FRAGMENT_OFFSET: u16 = 0xfff8;
