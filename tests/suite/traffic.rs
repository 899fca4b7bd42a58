//! Random traffic between few hosts with few numbers, so that everything collides.

use std::mem;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use tcp_handshake_exporter::packet::{
    CapturePoint, Direction, Flags, IcmpError, Packet, Quote, Segment,
};
use tcp_handshake_exporter::time::Timestamp;

use crate::packets::{caller, packet};
use crate::witness::Caller;

/// A moment of any traffic.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Met(Timestamp, Packet, Caller),
    Quiet(Timestamp),
}

/// Which way packets go when they are met first, and when they are met again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ways {
    pub(crate) of_packets: Direction,
    pub(crate) of_copies: Direction,
}

/// When, what, and what the caller knows.
pub(crate) type Met = (Timestamp, Packet, Caller);

impl Step {
    pub(crate) fn at(&self) -> Timestamp {
        match *self {
            Self::Met(at, ..) | Self::Quiet(at) => at,
        }
    }
}

/// Any traffic, by a clock that steps back and leaps.
pub(crate) fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let moment = (
        clock_step(),
        prop::option::weighted(0.95, (packet(), caller())),
    );
    prop::collection::vec(moment, 1..120).prop_map(|moments| {
        let mut now = START;
        let mut steps = Vec::new();
        for ((forward, by), met) in moments {
            now = if forward { now + by } else { now.before(by) };
            steps.push(match met {
                Some((packet, caller)) => Step::Met(now, packet, caller),
                None => Step::Quiet(now),
            });
        }
        steps
    })
}

/// Packets that cannot be taken for one another: each with a timestamp and an identification of its own.
pub(crate) fn plain_packets() -> impl Strategy<Value = Vec<(Packet, Caller)>> {
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

/// The same, but whoever asks has the lower address or port: nobody asks back while the attempt waits.
pub(crate) fn one_sided_packets() -> impl Strategy<Value = Vec<(Packet, Caller)>> {
    plain_packets().prop_map(|mut packets| {
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

/// How often each of them is met again.
pub(crate) fn copies() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0..4_u32, 64)
}

pub(crate) fn ways() -> impl Strategy<Value = Ways> {
    use Direction::{Entering, Leaving, Unknown};
    select(vec![
        (Entering, Leaving),
        (Leaving, Entering),
        (Entering, Entering),
        (Unknown, Unknown),
    ])
    .prop_map(|(of_packets, of_copies)| Ways {
        of_packets,
        of_copies,
    })
}

/// Any packets by a clock that runs forward, with silence of any length between them; no two at one instant.
pub(crate) fn spaced_packets() -> impl Strategy<Value = Vec<Met>> {
    let gap = prop_oneof![
        3 => (1..60_000_u64).prop_map(Duration::from_micros),
        3 => (1..6_000_u64).prop_map(Duration::from_millis),
        1 => (1..140_u64).prop_map(Duration::from_secs),
    ];
    prop::collection::vec((gap, packet(), caller()), 1..100).prop_map(|packets| {
        let mut at = START;
        let place = |(gap, packet, caller)| {
            at = at + gap;
            (at, packet, caller)
        };
        packets.into_iter().map(place).collect()
    })
}

/// The packets one after the other through one interface.
pub(crate) fn at_intervals(
    packets: &[(Packet, Caller)],
    gap: Duration,
    way: Direction,
) -> Vec<Met> {
    let mut at = START;
    let place = |&(packet, caller): &(Packet, Caller)| {
        at = at + gap;
        (at, through(packet, 1, way), caller)
    };
    packets.iter().map(place).collect()
}

/// The same, each followed by so many copies through other interfaces.
pub(crate) fn with_copies(packets: &[Met], copies: &[u32], way: Direction) -> Vec<Met> {
    let mut doubled = Vec::new();
    for (met, copies) in packets.iter().zip(copies) {
        doubled.push(*met);
        let (mut at, packet, caller) = *met;
        for interface in 2..2 + copies {
            at = at + Duration::from_micros(20);
            doubled.push((at, through(packet, interface, way), caller));
        }
    }
    doubled
}

/// The same, and each SYN that has a delay (in milliseconds) once more after it.
pub(crate) fn with_held_syns(packets: &[Met], delays: &[Option<u64>], way: Direction) -> Vec<Met> {
    let mut all = packets.to_vec();
    for ((at, packet, caller), delay) in packets.iter().zip(delays) {
        let (Packet::Segment(segment), Some(delay)) = (packet, delay) else {
            continue;
        };
        if segment.flags == Flags::SYN {
            all.push((
                *at + Duration::from_millis(*delay),
                through(*packet, 2, way),
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

/// Forward or back, and by how much: mostly little, sometimes seconds, seldom hours or to the end of time.
fn clock_step() -> impl Strategy<Value = (bool, Duration)> {
    prop_oneof![
        // Several at the same moment, as coarse clocks stamp them.
        15 => Just((true, Duration::ZERO)),
        40 => (Just(true), (0..60_000_u64).prop_map(Duration::from_micros)),
        30 => (Just(true), (0..6_000_u64).prop_map(Duration::from_millis)),
        5 => (Just(true), select(vec![5_000, 10_000, 135_000, 3_600_000]).prop_map(Duration::from_millis)),
        10 => (Just(false), (0..1_500_u64).prop_map(Duration::from_millis)),
        2 => (Just(false), Just(Duration::from_secs(3_600))),
        1 => (any::<bool>(), Just(Duration::MAX)),
    ]
}

const START: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);
