//! ICMP errors in the words of the scripts: `3/13` in a packet, `admin_prohibited` in an expectation.

use tcp_handshake_exporter::packet::{Address, IcmpCode};

/// All codes, for parsing their names.
pub(super) const CODES: [IcmpCode; 23] = [
    IcmpCode::NetUnreachable,
    IcmpCode::HostUnreachable,
    IcmpCode::ProtocolUnreachable,
    IcmpCode::PortUnreachable,
    IcmpCode::FragmentationNeeded,
    IcmpCode::SourceRouteFailed,
    IcmpCode::NetUnknown,
    IcmpCode::HostUnknown,
    IcmpCode::SourceIsolated,
    IcmpCode::NetProhibited,
    IcmpCode::HostProhibited,
    IcmpCode::NetTos,
    IcmpCode::HostTos,
    IcmpCode::AdminProhibited,
    IcmpCode::PrecedenceViolation,
    IcmpCode::PrecedenceCutoff,
    IcmpCode::BeyondScope,
    IcmpCode::PolicyFailed,
    IcmpCode::RejectRoute,
    IcmpCode::SourceQuench,
    IcmpCode::TimeExceeded,
    IcmpCode::ParameterProblem,
    IcmpCode::UnreachableOther,
];

/// Returns the meaning of a type and code, in the IP version of the reporter's address (RFC 792, RFC 1122, RFC 1812,
/// RFC 4443). `None` if the message is not an error.
pub(super) fn code(reporter: Address, kind: u8, code: u8) -> Option<IcmpCode> {
    use IcmpCode as Code;
    Some(match (reporter.ip().is_ipv6(), kind, code) {
        (false, 3, 0) | (true, 1, 0) => Code::NetUnreachable,
        (false, 3, 1) | (true, 1, 3) => Code::HostUnreachable,
        (false, 3, 2) => Code::ProtocolUnreachable,
        (false, 3, 3) | (true, 1, 4) => Code::PortUnreachable,
        (false, 3, 4) | (true, 2, 0) => Code::FragmentationNeeded,
        (false, 3, 5) => Code::SourceRouteFailed,
        (false, 3, 6) => Code::NetUnknown,
        (false, 3, 7) => Code::HostUnknown,
        (false, 3, 8) => Code::SourceIsolated,
        (false, 3, 9) => Code::NetProhibited,
        (false, 3, 10) => Code::HostProhibited,
        (false, 3, 11) => Code::NetTos,
        (false, 3, 12) => Code::HostTos,
        (false, 3, 13) | (true, 1, 1) => Code::AdminProhibited,
        (false, 3, 14) => Code::PrecedenceViolation,
        (false, 3, 15) => Code::PrecedenceCutoff,
        (true, 1, 2) => Code::BeyondScope,
        (true, 1, 5) => Code::PolicyFailed,
        (true, 1, 6) => Code::RejectRoute,
        (false, 3, _) | (true, 1, _) => Code::UnreachableOther,
        (false, 4, 0) => Code::SourceQuench,
        (false, 11, _) | (true, 3, _) => Code::TimeExceeded,
        (false, 12, _) | (true, 4, _) => Code::ParameterProblem,
        _ => return None,
    })
}

/// Returns the name of a code as its counter writes it.
pub(super) fn name(code: IcmpCode) -> String {
    format!("{code:?}")
        .chars()
        .fold(String::new(), |mut name, letter| {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
            name
        })
}
