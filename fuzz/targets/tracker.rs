//! Any sequence of packets, by any clock: the invariants hold after each packet.

#![no_main]
#![allow(unreachable_pub, reason = "shared with the tests")]

#[path = "../../tests/suite/invariants.rs"]
mod invariants;

use std::net::IpAddr;
use std::time::Duration;

use invariants::{CallerContext, InvariantChecker};
use libfuzzer_sys::fuzz_target;
use tcp_handshake_exporter::handshake::{AttemptLimits, PeerHistory};
use tcp_handshake_exporter::packet::{
    Address, CapturePoint, Direction, Endpoint, Flags, IcmpCode, IcmpError, Packet, Quote, Segment,
};
use tcp_handshake_exporter::time::Timestamp;

/// Bytes of input per step.
const STEP: usize = 12;

fuzz_target!(|data: &[u8]| {
    let mut checker = InvariantChecker::new(AttemptLimits {
        timeout: Duration::from_secs(5),
        max_attempts: 16,
    });
    let mut now = Timestamp::from_nanos(1_700_000_000_000_000_000);
    for step in data.chunks_exact(STEP) {
        let step: &[u8; STEP] = step.try_into().unwrap();
        now = time(now, step[0], step[1]);
        let caller = CallerContext {
            peer_history: peer_history(step[2]),
            is_local_rejection: step[2] & 2 != 0,
        };
        let events = match step[3] & 7 {
            0 => checker.handle_timeout(now),
            1 => checker.handle_packet(now, &error(step), caller),
            _ => checker.handle_packet(now, &segment(step), caller),
        };
        if let Err(wrong) = events {
            panic!("{wrong}");
        }
    }
    // At the end of time no attempt is pending.
    if let Err(wrong) = checker.handle_timeout(Timestamp::from_nanos(u64::MAX)) {
        panic!("{wrong}");
    }
    assert_eq!(checker.pending(), 0);
    assert!(checker.tracked() <= 16);
});

/// Advances the time by microseconds to hours, or moves it back by up to 26 seconds.
fn time(now: Timestamp, unit: u8, by: u8) -> Timestamp {
    let by = u64::from(by);
    match unit & 7 {
        0 => now.before(Duration::from_millis(by * 100)),
        1 | 2 => now + Duration::from_millis(by * 250),
        3 => now + Duration::from_secs(by * 60),
        _ => now + Duration::from_micros(by * 50),
    }
}

fn peer_history(byte: u8) -> PeerHistory {
    if byte & 1 == 0 {
        PeerHistory::New
    } else {
        PeerHistory::Known
    }
}

/// Creates a segment from few endpoints and sequence numbers, so that many segments match an
/// attempt.
fn segment(step: &[u8; STEP]) -> Packet {
    let from = end(step[4]);
    Packet::Segment(Segment {
        via: via(step[10]),
        from,
        to: end(step[4] >> 4),
        sequence: number(step[5]),
        acknowledgment: number(step[6]),
        flags: Flags::from_byte(step[7]),
        ecn_setup: step[7] & 0x40 != 0,
        timestamp: (step[8] & 1 != 0).then_some(u32::from(step[8] >> 1)),
        identification: from
            .address
            .ip()
            .is_ipv4()
            .then_some(u16::from(step[9] & 3)),
        hop_limit: 60 + (step[9] >> 6),
        payload_length: u16::from(step[11] & 3),
    })
}

fn error(step: &[u8; STEP]) -> Packet {
    let codes = [
        IcmpCode::HostUnreachable,
        IcmpCode::AdminProhibited,
        IcmpCode::FragmentationNeeded,
        IcmpCode::PortUnreachable,
        IcmpCode::TimeExceeded,
    ];
    let from = end(step[4]);
    let to = end(step[4] >> 4);
    let flags = (step[7] & 0x20 != 0).then(|| Flags::from_byte(step[7]));
    let quote = Quote {
        from,
        to,
        sequence: number(step[5]),
        flags,
    };
    let reporter = Address::from(IpAddr::from([192, 0, 2, step[6] & 7]));
    let code = codes[usize::from(step[8]) % codes.len()];
    Packet::IcmpError(IcmpError {
        via: via(step[10]),
        reporter,
        recipient: from.address,
        code,
        quote,
    })
}

fn via(byte: u8) -> CapturePoint {
    let direction =
        [Direction::Entering, Direction::Leaving, Direction::Unknown][usize::from(byte >> 2) % 3];
    CapturePoint {
        interface: u32::from(byte & 3),
        direction,
        loopback: byte & 0x80 != 0,
    }
}

fn end(byte: u8) -> Endpoint {
    let host = byte >> 1 & 3;
    let address: IpAddr = if byte & 8 == 0 {
        [192, 0, 2, host].into()
    } else {
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()].into()
    };
    Endpoint {
        address: address.into(),
        port: 80 + u16::from(byte & 1),
    }
}

/// Returns a sequence number near the wrap at 2^32.
fn number(byte: u8) -> u32 {
    u32::from(byte & 7).wrapping_sub(4)
}
