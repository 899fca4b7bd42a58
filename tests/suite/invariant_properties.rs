//! Properties of the tracker for any traffic: the invariants hold after every packet, and duplicates change nothing.

use std::time::Duration;

use proptest::prelude::*;
use tcp_handshake_exporter::handshake::{AttemptLimits, Event};
use tcp_handshake_exporter::packet::Packet;
use tcp_handshake_exporter::time::Timestamp;

use crate::invariants::Emitted;
use crate::invariants::InvariantChecker;
use crate::traffic::{self, Captured, Step};

const TIMEOUT: Duration = Duration::from_secs(5);

/// More slots than the traffic of one case fills.
const LARGE_TABLE: usize = 4096;

/// The latest timestamp from which a test can still advance by the timeout.
const MAX_TIME: Timestamp = Timestamp::from_nanos(1 << 61);

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn small_table_keeps_invariants(steps in traffic::any_steps(), max_attempts in 1..9_usize) {
        check_invariants(&steps, max_attempts)?;
    }

    #[test]
    fn large_table_keeps_invariants(steps in traffic::any_steps()) {
        check_invariants(&steps, LARGE_TABLE)?;
    }

    #[test]
    fn duplicates_change_nothing(
        packets in traffic::distinct_packets(),
        duplicates in traffic::duplicates(),
        directions in traffic::directions(),
    ) {
        let gap = Duration::from_millis(7);
        let plain = traffic::at_intervals(&packets, gap, directions.of_packets);
        let duplicated = traffic::with_duplicates(&plain, &duplicates, directions.of_duplicates);
        same_attempt_events(&plain, &duplicated)?;
    }

    #[test]
    fn syns_held_in_a_queue_change_nothing(
        packets in traffic::one_directional_packets(),
        delays in prop::collection::vec(prop::option::of(0..4_900_u64), 64),
        directions in traffic::directions(),
    ) {
        // At most three other packets fall into the time that a duplicate is held.
        let gap = Duration::from_millis(1_300);
        let plain = traffic::at_intervals(&packets, gap, directions.of_packets);
        let held = traffic::with_held_syns(&plain, &delays, directions.of_duplicates);
        same_attempt_events(&plain, &held)?;
    }

    #[test]
    fn file_and_live_interface_give_same_events(
        packets in traffic::spaced_packets(),
        quiet in prop::collection::vec(0..4_u32, 100),
    ) {
        let mut file = large_checker();
        let mut live = large_checker();
        let mut file_events = Vec::new();
        let mut live_events = Vec::new();
        let mut before = Timestamp::default();
        for ((at, packet, caller), quiet) in packets.iter().zip(quiet) {
            // A live source reports the time repeatedly while nothing arrives.
            for nth in 1..=quiet {
                let now = before + at.since(before) * nth / 4;
                let events = live.handle_timeout(now).map_err(TestCaseError::fail)?;
                live_events.extend(described(&events, None));
            }
            for (checker, all) in [(&mut file, &mut file_events), (&mut live, &mut live_events)] {
                let events = checker
                    .handle_packet(*at, packet, *caller)
                    .map_err(TestCaseError::fail)?;
                all.extend(described(&events, Some((*at, packet))));
            }
            before = *at;
        }
        same_events(&file_events, &live_events)?;
    }
}

/// Checks the invariants after each step, and that no attempt is pending once the timeout has passed.
fn check_invariants(steps: &[Step], max_attempts: usize) -> Result<(), TestCaseError> {
    let mut checker = InvariantChecker::new(AttemptLimits {
        timeout: TIMEOUT,
        max_attempts,
    });
    let mut latest = Timestamp::default();
    for step in steps {
        latest = latest.max(step.at());
        let events = match step {
            Step::Captured(at, packet, caller) => checker.handle_packet(*at, packet, *caller),
            Step::Quiet(now) => checker.handle_timeout(*now),
        };
        events.map_err(TestCaseError::fail)?;
    }
    // After an absurd timestamp, time continues from the next one.
    let end = latest.min(MAX_TIME);
    checker.handle_timeout(end).map_err(TestCaseError::fail)?;
    checker
        .handle_timeout(end + TIMEOUT)
        .map_err(TestCaseError::fail)?;
    prop_assert_eq!(checker.pending(), 0);
    Ok(())
}

/// Compares the events about attempts. Events about duplicates may differ.
fn same_attempt_events(
    plain: &[Captured],
    with_duplicates: &[Captured],
) -> Result<(), TestCaseError> {
    same_events(&attempt_events(plain)?, &attempt_events(with_duplicates)?)
}

/// Compares event by event and shows both from the first difference on.
fn same_events(one: &[String], other: &[String]) -> Result<(), TestCaseError> {
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

/// Returns all events about attempts: none about duplicates or about packets that match no attempt.
fn attempt_events(packets: &[Captured]) -> Result<Vec<String>, TestCaseError> {
    let mut checker = large_checker();
    let mut all = Vec::new();
    for (at, packet, caller) in packets {
        let mut events = checker
            .handle_packet(*at, packet, *caller)
            .map_err(TestCaseError::fail)?;
        events.retain(is_about_attempt);
        all.extend(described(&events, Some((*at, packet))));
    }
    let end = packets.last().map_or(Timestamp::default(), |(at, ..)| *at);
    let mut events = checker
        .handle_timeout(end + TIMEOUT)
        .map_err(TestCaseError::fail)?;
    events.retain(is_about_attempt);
    all.extend(described(&events, None));
    Ok(all)
}

fn large_checker() -> InvariantChecker {
    InvariantChecker::new(AttemptLimits {
        timeout: TIMEOUT,
        max_attempts: LARGE_TABLE,
    })
}

/// Formats events. An opened attempt is identified by its packet, because its number in the table may differ.
fn described(emitted: &[Emitted], captured: Option<(Timestamp, &Packet)>) -> Vec<String> {
    let description = |emitted: &Emitted| match emitted {
        Emitted::Opened(_) => format!("opened by {captured:?}"),
        Emitted::Event(event) => format!("{event:?}"),
    };
    emitted.iter().map(description).collect()
}

fn is_about_attempt(emitted: &Emitted) -> bool {
    !matches!(
        emitted,
        Emitted::Event(
            Event::Duplicate(_) | Event::InvalidSyn | Event::Unmatched(_) | Event::ClockStep
        )
    )
}
