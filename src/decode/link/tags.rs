//! Tags: what stands between an Ethernet header and the type of what it carries, and headers that an Ethernet frame
//! travels behind.

use super::super::skip::{Discard, Undecodable};
use super::{behind, read_u16, take};

/// Type and contents behind the tag that this type announces.
pub(super) fn behind_tag(ethertype: u16, bytes: &[u8]) -> Result<(u16, &[u8]), Discard> {
    let length = match ethertype {
        VLAN | PROVIDER | DOUBLE => 2,
        REDUNDANT | VIRTUAL_NIC => 4,
        CISCO_METADATA => 6,
        BACKBONE => 4 + ADDRESSES,
        BRIDGED => ADDRESSES,
        FABRIC_PATH => 2 + ADDRESSES,
        TRILL => 6 + 4 * options_of_trill(bytes)? + ADDRESSES,
        MACSEC => security_tag(bytes)?,
        SERVICE_HEADER => return service(bytes),
        _ => return Err(Discard::NotIp),
    };
    read_u16(behind(bytes, length)?)
}

/// RFC 6325 section 3: version, reserved, multicast, length of options in words of four bytes, hops.
fn options_of_trill(bytes: &[u8]) -> Result<usize, Discard> {
    let (first, _) = read_u16(bytes)?;
    Ok(usize::from(first >> 6 & 0x1f))
}

/// IEEE 802.1AE: control, short length, packet number, and a channel's identifier where there is one. What is only
/// signed can be read.
fn security_tag(bytes: &[u8]) -> Result<usize, Discard> {
    let (&[control], _) = take::<1>(bytes)?;
    match (control & (ENCRYPTED | CHANGED), control & HAS_CHANNEL) {
        (0, 0) => Ok(6),
        (0, _) => Ok(14),
        _ => Err(Undecodable::Encrypted.into()),
    }
}

/// The network service header (RFC 8300 section 2) tells its length in words, and what it carries by numbers of its own.
fn service(bytes: &[u8]) -> Result<(u16, &[u8]), Discard> {
    let (&[_, words, _, carries], _) = take::<4>(bytes)?;
    let ethertype = match carries {
        1 => 0x0800,
        2 => 0x86dd,
        3 => BRIDGED,
        _ => return Err(Discard::NotIp),
    };
    Ok((ethertype, behind(bytes, usize::from(words & 0x3f) * 4)?))
}

/// An Ethernet frame from its addresses on.
pub(super) const BRIDGED: u16 = 0x6558;
const VLAN: u16 = 0x8100;
const PROVIDER: u16 = 0x88a8;
const DOUBLE: u16 = 0x9100;
/// IEC 62439-3, HSR.
const REDUNDANT: u16 = 0x892f;
/// VN-Tag of IEEE 802.1BR's forerunner.
const VIRTUAL_NIC: u16 = 0x8926;
const CISCO_METADATA: u16 = 0x8909;
/// IEEE 802.1ah.
const BACKBONE: u16 = 0x88e7;
const FABRIC_PATH: u16 = 0x8903;
const TRILL: u16 = 0x22f3;
const MACSEC: u16 = 0x88e5;
const SERVICE_HEADER: u16 = 0x894f;
const ADDRESSES: usize = 12;
const ENCRYPTED: u8 = 0x08;
const CHANGED: u8 = 0x04;
const HAS_CHANNEL: u8 = 0x20;
