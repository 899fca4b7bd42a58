//! For any traffic whatsoever: the books balance after every packet, and meeting packets twice changes nothing.

use std::time::Duration;

use proptest::prelude::*;
use tcp_handshake_exporter::handshake::{AttemptLimits, Event};
use tcp_handshake_exporter::packet::Packet;
use tcp_handshake_exporter::time::Timestamp;

use crate::traffic::{self, Met, Step};
use crate::witness::Witness;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

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

    #[test]
    fn a_file_and_a_live_interface_tell_the_same(
        packets in traffic::spaced_packets(),
        quiet in prop::collection::vec(0..4_u32, 100),
    ) {
        let mut file = Witness::new(AttemptLimits { timeout: TIMEOUT, max_attempts: 4096 });
        let mut live = Witness::new(AttemptLimits { timeout: TIMEOUT, max_attempts: 4096 });
        let (mut told_by_file, mut told_live) = (Vec::new(), Vec::new());
        let mut before = Timestamp::default();
        for ((at, packet, caller), quiet) in packets.iter().zip(quiet) {
            // A live source says so again and again where nothing arrives.
            for nth in 1..=quiet {
                let now = before + at.since(before) * nth / 4;
                told_live.extend(in_words(&live.advance(now).map_err(TestCaseError::fail)?, None));
            }
            for (witness, told) in [(&mut file, &mut told_by_file), (&mut live, &mut told_live)] {
                let events = witness.observe(*at, packet, *caller).map_err(TestCaseError::fail)?;
                told.extend(in_words(&events, Some((*at, packet))));
            }
            before = *at;
        }
        same(&told_by_file, &told_live)?;
    }
}

/// Nothing is wrong after any packet, and after long enough nobody waits any more.
fn balances(steps: &[Step], max_attempts: usize) -> Result<(), TestCaseError> {
    let mut witness = Witness::new(AttemptLimits {
        timeout: TIMEOUT,
        max_attempts,
    });
    let mut latest = Timestamp::default();
    for step in steps {
        latest = latest.max(step.at());
        let told = match step {
            Step::Met(at, packet, caller) => witness.observe(*at, packet, *caller),
            Step::Quiet(now) => witness.advance(*now),
        };
        told.map_err(TestCaseError::fail)?;
    }
    // From a sane stamp on: after an absurd one time goes on by the next.
    let sane = latest.min(SANE);
    witness.advance(sane).map_err(TestCaseError::fail)?;
    witness
        .advance(sane + TIMEOUT)
        .map_err(TestCaseError::fail)?;
    prop_assert_eq!(witness.pending(), 0);
    Ok(())
}

/// The same is told about attempts, whatever is told about copies.
fn same_tale(plain: &[Met], with_copies: &[Met]) -> Result<(), TestCaseError> {
    same(&tale(plain)?, &tale(with_copies)?)
}

/// The same, event for event; if not, from where on it differs.
fn same(one: &[String], other: &[String]) -> Result<(), TestCaseError> {
    let differs = one.iter().zip(other).position(|(one, other)| one != other);
    let from = differs.unwrap_or(one.len().min(other.len()));
    prop_assert_eq!(
        one.get(from..),
        other.get(from..),
        "after {:?}",
        one.get(..from)
    );
    Ok(())
}

/// All that is told about attempts: no copies, and nothing about packets that fit no attempt.
fn tale(packets: &[Met]) -> Result<Vec<String>, TestCaseError> {
    let mut witness = Witness::new(AttemptLimits {
        timeout: TIMEOUT,
        max_attempts: 4096,
    });
    let mut tale = Vec::new();
    for (at, packet, caller) in packets {
        let mut events = witness
            .observe(*at, packet, *caller)
            .map_err(TestCaseError::fail)?;
        events.retain(about_an_attempt);
        tale.extend(in_words(&events, Some((*at, packet))));
    }
    let end = packets.last().map_or(Timestamp::default(), |(at, ..)| *at);
    let mut events = witness
        .advance(end + TIMEOUT)
        .map_err(TestCaseError::fail)?;
    events.retain(about_an_attempt);
    tale.extend(in_words(&events, None));
    Ok(tale)
}

/// The number of an attempt is free to be another one: only the packet that it began with counts.
fn in_words(events: &[Event], met: Option<(Timestamp, &Packet)>) -> Vec<String> {
    let words = |event: &Event| match event {
        Event::Opened(_) => format!("opened by {met:?}"),
        other => format!("{other:?}"),
    };
    events.iter().map(words).collect()
}

fn about_an_attempt(event: &Event) -> bool {
    !matches!(
        event,
        Event::Duplicate(_) | Event::InvalidSyn | Event::Unmatched(_) | Event::ClockStep
    )
}

const TIMEOUT: Duration = Duration::from_secs(5);
const SANE: Timestamp = Timestamp::from_nanos(1 << 61);
