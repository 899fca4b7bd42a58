//! For any traffic whatsoever: the books balance after every packet, and meeting packets twice changes nothing.

use std::time::Duration;

use proptest::prelude::*;
use tcp_handshake_exporter::handshake::{Event, Limits, Opening};
use tcp_handshake_exporter::time::Timestamp;

use crate::traffic::{self, Met, Step};
use crate::witness::Witness;

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
        same_tale(&plain, &doubled)?;
    }

    #[test]
    fn syns_held_in_a_queue_change_nothing(
        packets in traffic::one_sided_packets(),
        delays in prop::collection::vec(prop::option::of(0..4_900_u64), 64),
        ways in traffic::ways(),
    ) {
        // No more than three others in the time that a copy is held.
        let gap = Duration::from_millis(1_300);
        let plain = traffic::at_intervals(&packets, gap, ways.of_packets);
        let held = traffic::with_held_syns(&plain, &delays, ways.of_copies);
        same_tale(&plain, &held)?;
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

/// The same is told about attempts, event for event.
fn same_tale(plain: &[Met], with_copies: &[Met]) -> Result<(), TestCaseError> {
    let (plain, with_copies) = (tale(plain)?, tale(with_copies)?);
    let differs = plain.iter().zip(&with_copies).position(|(one, other)| one != other);
    let from = differs.unwrap_or(plain.len().min(with_copies.len()));
    prop_assert_eq!(plain.get(from..), with_copies.get(from..), "after {:?}", plain.get(..from));
    Ok(())
}

/// All that is told about attempts: no copies, and nothing about packets that fit no attempt.
fn tale(packets: &[Met]) -> Result<Vec<String>, TestCaseError> {
    let mut witness = Witness::new(Limits { timeout: TIMEOUT, max_attempts: 4096 });
    let mut tale = Vec::new();
    for (at, packet, caller) in packets {
        tale.extend(witness.observe(*at, packet, *caller).map_err(TestCaseError::fail)?);
    }
    let end = packets.last().map_or(Timestamp::default(), |(at, ..)| *at);
    tale.extend(witness.advance(end + TIMEOUT).map_err(TestCaseError::fail)?);
    Ok(tale.iter().filter(|event| about_an_attempt(event)).map(without_slot).collect())
}

/// The number of an attempt is free to be another one: only what it is about counts.
fn without_slot(event: &Event) -> String {
    match event {
        Event::Opened(Opening { attempt: _, at, client, server, via }) => {
            format!("opened at {at:?}, {client} asks {server} via {via:?}")
        }
        other => format!("{other:?}"),
    }
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
