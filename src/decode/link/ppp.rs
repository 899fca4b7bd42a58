//! PPP (RFC 1661), in HDLC-like framing (RFC 1662), in PPPoE sessions (RFC 2516), and Cisco's HDLC beside it.

use super::super::skip::{Discard, TRUNCATED};
use super::{Announced, Version, ethernet, read_u16, take};

/// Address and control, unless they are compressed away; or Cisco's own.
pub(super) fn open(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    match take::<2>(bytes)? {
        ([ALL_STATIONS, UNNUMBERED], rest) => protocol(rest),
        ([CISCO_UNICAST | CISCO_BROADCAST, 0], _) => cisco(bytes),
        _ => protocol(bytes),
    }
}

/// Version and type, code, session, length.
pub(super) fn session(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let (_header, rest) = take::<6>(bytes)?;
    protocol(rest)
}

/// Address, control, and an Ethernet type.
pub(super) fn cisco(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    let (_header, rest) = read_u16(bytes)?;
    let (ethertype, rest) = read_u16(rest)?;
    match ethertype {
        0..=0x05ff => Err(Discard::NotIp),
        _ => ethernet::typed(ethertype, rest),
    }
}

/// What the protocol field announces; a multilink header (RFC 1990) may come first.
pub(super) fn protocol(bytes: &[u8]) -> Result<Announced<'_>, Discard> {
    match field(bytes)? {
        (MULTILINK, [WHOLE, _, _, _, rest @ ..]) => announced(field(rest)?),
        (MULTILINK, [_, _, _, _, ..]) => Err(Discard::LaterFragment),
        (MULTILINK, _) => Err(TRUNCATED),
        field => announced(field),
    }
}

fn announced((number, rest): (u16, &[u8])) -> Result<Announced<'_>, Discard> {
    match number {
        IPV4 => Ok((Version::V4, rest)),
        IPV6 => Ok((Version::V6, rest)),
        MPLS | MPLS_MULTICAST => ethernet::labelled(rest),
        _ => Err(Discard::NotIp),
    }
}

/// Two bytes, the first of which is even; where it is odd, the first was compressed away.
fn field(bytes: &[u8]) -> Result<(u16, &[u8]), Discard> {
    match bytes {
        [low, rest @ ..] if low & 1 != 0 => Ok((u16::from(*low), rest)),
        _ => read_u16(bytes),
    }
}

const ALL_STATIONS: u8 = 0xff;
const UNNUMBERED: u8 = 0x03;
const CISCO_UNICAST: u8 = 0x0f;
const CISCO_BROADCAST: u8 = 0x8f;
const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;
const MPLS: u16 = 0x0281;
const MPLS_MULTICAST: u16 = 0x0283;
const MULTILINK: u16 = 0x003d;
/// Begin and end of a packet in one fragment.
const WHOLE: u8 = 0xc0;
