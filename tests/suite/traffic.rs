//! Random traffic between few hosts with few sequence numbers, which makes collisions frequent.

use std::mem;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use tcp_handshake_exporter::packet::{
    CapturePoint, Direction, Flags, IcmpError, Packet, Quote, Segment,
};
use tcp_handshake_exporter::time::Timestamp;

use crate::invariants::CallerContext;
use crate::packets::{caller, packet};

/// Start of all traffic, far from zero because the clock steps back in some cases.
const START: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);

/// One step of any traffic.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Captured(Timestamp, Packet, CallerContext),
    Quiet(Timestamp),
}

/// Direction of packets and of their duplicates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directions {
    pub(crate) of_packets: Direction,
    pub(crate) of_duplicates: Direction,
}

/// A captured packet with its time and the context of the caller.
pub(crate) type Captured = (Timestamp, Packet, CallerContext);

impl Step {
    pub(crate) fn at(&self) -> Timestamp {
        match *self {
            Self::Captured(at, ..) | Self::Quiet(at) => at,
        }
    }
}

/// Generates any traffic, stamped by a clock that steps back and leaps.
pub(crate) fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        clock_step(),
        prop::option::weighted(0.95, (packet(), caller())),
    );
    prop::collection::vec(step, 1..120).prop_map(|drawn| {
        let mut now = START;
        let mut steps = Vec::new();
        for ((forward, by), captured) in drawn {
            now = if forward { now + by } else { now.before(by) };
            steps.push(match captured {
                Some((packet, caller)) => Step::Captured(now, packet, caller),
                None => Step::Quiet(now),
            });
        }
        steps
    })
}

/// Generates distinct packets: each has a timestamp and an identification of its own.
pub(crate) fn distinct_packets() -> impl Strategy<Value = Vec<(Packet, CallerContext)>> {
    prop::collection::vec((packet(), caller()), 1..64).prop_map(|mut packets| {
        for (nth, (packet, _)) in (1..).zip(&mut packets) {
            if let Packet::Segment(segment) = packet {
                segment.timestamp = Some(u32::from(nth));
                segment.identification = segment.identification.map(|_| nth);
            }
        }
        packets
    })
}

/// Generates distinct packets in which the client always has the lower address or port, which excludes simultaneous opens.
pub(crate) fn one_directional_packets() -> impl Strategy<Value = Vec<(Packet, CallerContext)>> {
    distinct_packets().prop_map(|mut packets| {
        for (packet, _) in &mut packets {
            let (from, to) = match packet {
                Packet::Segment(Segment {
                    from, to, flags, ..
                }) if *flags == Flags::SYN => (from, to),
                Packet::IcmpError(IcmpError {
                    quote: Quote { from, to, .. },
                    ..
                }) => (from, to),
                Packet::Segment(_) => continue,
            };
            if *from > *to {
                mem::swap(from, to);
            }
        }
        packets
    })
}

/// Generates the number of duplicates of each packet.
pub(crate) fn duplicates() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0..4_u32, 64)
}

pub(crate) fn directions() -> impl Strategy<Value = Directions> {
    use Direction::{Entering, Leaving, Unknown};
    select(vec![
        (Entering, Leaving),
        (Leaving, Entering),
        (Entering, Entering),
        (Unknown, Unknown),
    ])
    .prop_map(|(of_packets, of_duplicates)| Directions {
        of_packets,
        of_duplicates,
    })
}

/// Generates any packets with gaps of any length between them. The clock runs forward, and no two packets have one time.
pub(crate) fn spaced_packets() -> impl Strategy<Value = Vec<Captured>> {
    let gap = prop_oneof![
        3 => (1..60_000_u64).prop_map(Duration::from_micros),
        3 => (1..6_000_u64).prop_map(Duration::from_millis),
        1 => (1..140_u64).prop_map(Duration::from_secs),
    ];
    prop::collection::vec((gap, packet(), caller()), 1..100).prop_map(|packets| {
        let mut at = START;
        let stamped = |(gap, packet, caller)| {
            at = at + gap;
            (at, packet, caller)
        };
        packets.into_iter().map(stamped).collect()
    })
}

/// Stamps the packets at equal intervals, all through one interface.
pub(crate) fn at_intervals(
    packets: &[(Packet, CallerContext)],
    gap: Duration,
    direction: Direction,
) -> Vec<Captured> {
    let mut at = START;
    let stamped = |&(packet, caller): &(Packet, CallerContext)| {
        at = at + gap;
        (at, through(packet, 1, direction), caller)
    };
    packets.iter().map(stamped).collect()
}

/// Adds the given number of duplicates after each packet, through other interfaces.
pub(crate) fn with_duplicates(
    packets: &[Captured],
    duplicates: &[u32],
    direction: Direction,
) -> Vec<Captured> {
    let mut all = Vec::new();
    for (captured, duplicates) in packets.iter().zip(duplicates) {
        all.push(*captured);
        let (mut at, packet, caller) = *captured;
        for interface in 2..2 + duplicates {
            at = at + Duration::from_micros(20);
            all.push((at, through(packet, interface, direction), caller));
        }
    }
    all
}

/// Adds a duplicate of each SYN that has a delay (in milliseconds), stamped that much later.
pub(crate) fn with_held_syns(
    packets: &[Captured],
    delays: &[Option<u64>],
    direction: Direction,
) -> Vec<Captured> {
    let mut all = packets.to_vec();
    for ((at, packet, caller), delay) in packets.iter().zip(delays) {
        let (Packet::Segment(segment), Some(delay)) = (packet, delay) else {
            continue;
        };
        if segment.flags == Flags::SYN {
            all.push((
                *at + Duration::from_millis(*delay),
                through(*packet, 2, direction),
                *caller,
            ));
        }
    }
    all.sort_by_key(|(at, ..)| *at);
    all
}

fn through(mut packet: Packet, interface: u32, direction: Direction) -> Packet {
    match &mut packet {
        Packet::Segment(Segment { via, .. }) | Packet::IcmpError(IcmpError { via, .. }) => {
            *via = CapturePoint {
                interface,
                direction,
                loopback: false,
            };
        }
    }
    packet
}

/// Generates a clock step, forward if `true`: mostly small, sometimes seconds, rarely hours or to the end of time.
fn clock_step() -> impl Strategy<Value = (bool, Duration)> {
    prop_oneof![
        // Several packets at one time, as coarse clocks stamp them.
        15 => Just((true, Duration::ZERO)),
        40 => (Just(true), (0..60_000_u64).prop_map(Duration::from_micros)),
        30 => (Just(true), (0..6_000_u64).prop_map(Duration::from_millis)),
        5 => (Just(true), select(vec![5_000, 10_000, 135_000, 3_600_000]).prop_map(Duration::from_millis)),
        10 => (Just(false), (0..1_500_u64).prop_map(Duration::from_millis)),
        2 => (Just(false), Just(Duration::from_secs(3_600))),
        1 => (any::<bool>(), Just(Duration::MAX)),
    ]
}
