//! Random packets between few endpoints with few sequence numbers.

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::select;
use tcp_handshake_exporter::handshake::PeerHistory;
use tcp_handshake_exporter::packet::{
    Address, CapturePoint, Direction, Endpoint, Flags, IcmpCode, IcmpError, Packet, Quote, Segment,
};

use crate::invariants::CallerContext;

const S: Flags = Flags::SYN;
const SA: Flags = S.with(Flags::ACK);
const R: Flags = Flags::RST;
const RA: Flags = R.with(Flags::ACK);
const A: Flags = Flags::ACK;
const SR: Flags = S.with(R);
const SRA: Flags = S.with(RA);
const SF: Flags = S.with(Flags::FIN);

/// Generates any packet: mostly SYNs, SYN/ACKs and RSTs.
pub(crate) fn packet() -> impl Strategy<Value = Packet> {
    prop_oneof![8 => segment().prop_map(Packet::Segment), 2 => icmp_error().prop_map(Packet::IcmpError)]
}

prop_compose! {
    fn segment()(
        (from, to) in endpoints(),
        (sequence, acknowledgment) in (number(), number()),
        flags in select(vec![S, S, S, S, S, SA, SA, SA, RA, RA, R, A, SR, SRA, SF, Flags::FIN]),
        timestamp in prop::option::of(0..3_u32),
        identification in 0..3_u16,
        hop_limit in 62..65_u8,
        payload_length in select(vec![0, 0, 0, 2]),
        via in capture_point(),
    ) -> Segment {
        let identification = from.address.ip().is_ipv4().then_some(identification);
        Segment { via, from, to, sequence, acknowledgment, flags, timestamp, identification, hop_limit, payload_length, ecn_setup: false }
    }
}

prop_compose! {
    fn icmp_error()(
        (from, to) in endpoints(),
        sequence in number(),
        reporter in select(vec![[192, 0, 2, 1], [203, 0, 113, 1]]),
        code in select(vec![
            IcmpCode::HostUnreachable, IcmpCode::AdminProhibited, IcmpCode::FragmentationNeeded, IcmpCode::PortUnreachable,
        ]),
        flags in select(vec![None, Some(S), Some(SA)]),
        via in capture_point(),
    ) -> IcmpError {
        let quote = Quote { from, to, sequence, flags };
        IcmpError { via, reporter: Address::from(IpAddr::from(reporter)), recipient: from.address, code, quote }
    }
}

prop_compose! {
    /// Generates any context of a caller.
    pub(crate) fn caller()(known_peer in any::<bool>(), is_local_rejection in any::<bool>()) -> CallerContext {
        let peer_history = if known_peer { PeerHistory::Known } else { PeerHistory::New };
        CallerContext { peer_history, is_local_rejection }
    }
}

prop_compose! {
    fn capture_point()(
        interface in 1..4_u32,
        direction in select(vec![Direction::Entering, Direction::Leaving, Direction::Unknown]),
    ) -> CapturePoint {
        CapturePoint { interface, direction, loopback: interface == 3 }
    }
}

/// Generates two endpoints of one IP version, which may be equal.
fn endpoints() -> impl Strategy<Value = (Endpoint, Endpoint)> {
    (0..4_u8, 0..4_u8, prop::bool::weighted(0.2))
        .prop_map(|(from, to, v6)| (endpoint(from, v6), endpoint(to, v6)))
}

fn endpoint(nth: u8, v6: bool) -> Endpoint {
    let host = nth / 2 + 1;
    let address: IpAddr = if v6 {
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()].into()
    } else {
        [192, 0, 2, host].into()
    };
    Endpoint {
        address: address.into(),
        port: 80 + u16::from(nth % 2),
    }
}

/// Generates one of few sequence numbers around the wrap, which makes some acknowledge others.
fn number() -> impl Strategy<Value = u32> {
    select(vec![u32::MAX - 1, u32::MAX, 0, 1, 2, 7000, 7001])
}
