//! For any traffic whatsoever: the books balance after every packet, and meeting packets twice changes nothing.

use std::time::Duration;

use proptest::prelude::*;
use tcp_handshake_exporter::handshake::{Event, Limits};
use tcp_handshake_exporter::packet::Packet;
use tcp_handshake_exporter::time::Timestamp;

use crate::traffic::{self, Step};
use crate::witness::{Caller, Witness};

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance_with_little_room(steps in traffic::any_steps(), max_attempts in 1..9_usize) {
        balances(&steps, max_attempts)?;
    }

    #[test]
    fn the_books_balance_with_room_enough(steps in traffic::any_steps()) {
        balances(&steps, 4096)?;
    }

    #[test]
    fn copies_change_nothing(packets in traffic::plain_packets(), copies in traffic::copies(), ways in traffic::ways()) {
        let gap = Duration::from_millis(7);
        let plain = traffic::at_intervals(&packets, gap, ways.of_packets);
        let doubled = traffic::with_copies(&plain, &copies, ways.of_copies);
        prop_assert_eq!(tale(&plain)?, tale(&doubled)?);
    }

    #[test]
    fn syns_held_in_a_queue_change_nothing(
        packets in traffic::plain_packets(),
        delays in prop::collection::vec(prop::option::of(0..4_900_u64), 64),
        ways in traffic::ways(),
    ) {
        // No more than three others in the time that a copy is held.
        let gap = Duration::from_millis(1_300);
        let plain = traffic::at_intervals(&packets, gap, ways.of_packets);
        let held = traffic::with_held_syns(&plain, &delays, ways.of_copies);
        prop_assert_eq!(tale(&plain)?, tale(&held)?);
    }
}

/// Nothing is wrong after any packet, and after long enough nobody waits any more.
fn balances(steps: &[Step], max_attempts: usize) -> Result<(), TestCaseError> {
    let mut witness = Witness::new(Limits { timeout: TIMEOUT, max_attempts });
    let mut latest = Timestamp::default();
    for step in steps {
        latest = latest.max(step.at());
        let told = match step {
            Step::Met(at, packet, caller) => witness.observe(*at, packet, *caller),
            Step::Quiet(now) => witness.advance(*now),
        };
        told.map_err(TestCaseError::fail)?;
    }
    witness.advance(latest + TIMEOUT).map_err(TestCaseError::fail)?;
    prop_assert_eq!(witness.pending(), 0);
    Ok(())
}

/// All that is told about attempts: no copies, and nothing about packets that fit no attempt.
fn tale(packets: &[(Timestamp, Packet, Caller)]) -> Result<Vec<Event>, TestCaseError> {
    let mut witness = Witness::new(Limits { timeout: TIMEOUT, max_attempts: 4096 });
    let mut tale = Vec::new();
    for (at, packet, caller) in packets {
        tale.extend(witness.observe(*at, packet, *caller).map_err(TestCaseError::fail)?);
    }
    let end = packets.last().map_or(Timestamp::default(), |(at, ..)| *at);
    tale.extend(witness.advance(end + TIMEOUT).map_err(TestCaseError::fail)?);
    Ok(tale.into_iter().filter(about_an_attempt).collect())
}

fn about_an_attempt(event: &Event) -> bool {
    !matches!(
        event,
        Event::Copy(_)
            | Event::OddSyn(_)
            | Event::UnmatchedSynAck(_)
            | Event::UnmatchedRst(_)
            | Event::UnmatchedIcmpError(_)
            | Event::ClockStep
    )
}

const TIMEOUT: Duration = Duration::from_secs(5);
