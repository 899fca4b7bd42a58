//! Parses ICMP errors (RFC 792, RFC 1122, RFC 1812, RFC 4443) and the segment they quote.

use etherparse::ip_number;

use super::error::{Discard, TRUNCATED};
use super::ip::{self, IpFamily, IpPacket};
use super::tcp::partial_flags;
use crate::packet::{Address, CapturePoint, Endpoint, IcmpCode, IcmpError, Quote};

/// Length of an ICMP header, in bytes.
const ICMP_HEADER_LEN: usize = 8;
/// Length of a quoted packet on the wire: it is unknown.
const UNKNOWN_WIRE_LEN: usize = usize::MAX;

/// Parses the ICMP error in `packet`. `bytes` begin at the ICMP header.
pub(super) fn parse(
    packet: &IpPacket<'_>,
    via: CapturePoint,
    family: IpFamily,
    bytes: &[u8],
) -> Result<IcmpError, Discard> {
    let &[kind, code, ..] = bytes else {
        return Err(TRUNCATED);
    };
    let code = match family {
        IpFamily::V4 => code_v4(kind, code),
        IpFamily::V6 => code_v6(kind, code),
    };
    let code = code.ok_or(Discard::NotTcpError)?;
    let quote = quote(family, bytes.get(ICMP_HEADER_LEN..).ok_or(TRUNCATED)?)?;
    Ok(IcmpError {
        via,
        reporter: Address::from_bits(packet.from),
        recipient: Address::from_bits(packet.to),
        code,
        quote,
    })
}

/// Parses the quote: the IP header and at least 8 bytes after it (RFC 792), with ports and sequence
/// number.
fn quote(family: IpFamily, bytes: &[u8]) -> Result<Quote, Discard> {
    let version = bytes.first().ok_or(TRUNCATED)? >> 4;
    if !matches!((family, version), (IpFamily::V4, 4) | (IpFamily::V6, 6)) {
        return Err(Discard::NotTcpError);
    }
    let packet =
        ip::parse_header(family, bytes, UNKNOWN_WIRE_LEN).map_err(|reason| match reason {
            Discard::LaterFragment => Discard::NotTcpError,
            other => other,
        })?;
    if packet.protocol != ip_number::TCP {
        return Err(Discard::NotTcpError);
    }
    let tcp = packet.payload;
    let &[f0, f1, t0, t1, s0, s1, s2, s3, ..] = tcp else {
        return Err(TRUNCATED);
    };
    Ok(Quote {
        from: Endpoint {
            address: Address::from_bits(packet.from),
            port: u16::from_be_bytes([f0, f1]),
        },
        to: Endpoint {
            address: Address::from_bits(packet.to),
            port: u16::from_be_bytes([t0, t1]),
        },
        sequence: u32::from_be_bytes([s0, s1, s2, s3]),
        flags: partial_flags(tcp),
    })
}

const fn code_v4(kind: u8, code: u8) -> Option<IcmpCode> {
    Some(match (kind, code) {
        (3, 0) => IcmpCode::NetUnreachable,
        (3, 1) => IcmpCode::HostUnreachable,
        (3, 2) => IcmpCode::ProtocolUnreachable,
        (3, 3) => IcmpCode::PortUnreachable,
        (3, 4) => IcmpCode::FragmentationNeeded,
        (3, 5) => IcmpCode::SourceRouteFailed,
        (3, 6) => IcmpCode::NetUnknown,
        (3, 7) => IcmpCode::HostUnknown,
        (3, 8) => IcmpCode::SourceIsolated,
        (3, 9) => IcmpCode::NetProhibited,
        (3, 10) => IcmpCode::HostProhibited,
        (3, 11) => IcmpCode::NetTos,
        (3, 12) => IcmpCode::HostTos,
        (3, 13) => IcmpCode::AdminProhibited,
        (3, 14) => IcmpCode::PrecedenceViolation,
        (3, 15) => IcmpCode::PrecedenceCutoff,
        (3, _) => IcmpCode::UnreachableOther,
        (4, _) => IcmpCode::SourceQuench,
        (11, _) => IcmpCode::TimeExceeded,
        (12, _) => IcmpCode::ParameterProblem,
        _ => return None,
    })
}

const fn code_v6(kind: u8, code: u8) -> Option<IcmpCode> {
    Some(match (kind, code) {
        (1, 0) => IcmpCode::NetUnreachable,
        (1, 1) => IcmpCode::AdminProhibited,
        (1, 2) => IcmpCode::BeyondScope,
        (1, 3) => IcmpCode::HostUnreachable,
        (1, 4) => IcmpCode::PortUnreachable,
        (1, 5) => IcmpCode::PolicyFailed,
        (1, 6) => IcmpCode::RejectRoute,
        (1, _) => IcmpCode::UnreachableOther,
        (2, _) => IcmpCode::FragmentationNeeded,
        (3, _) => IcmpCode::TimeExceeded,
        (4, _) => IcmpCode::ParameterProblem,
        _ => return None,
    })
}
