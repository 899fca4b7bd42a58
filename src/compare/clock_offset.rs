//! Estimate of the offset between the clocks of the two captures: no packet arrives before it was
//! sent.
//!
//! `report` uses it to show packets of the server's capture in the client's time, and to compute
//! one-way delays.

use super::outcome::JoinedAttempt;
use super::view::ObservedSegment;

/// The server's clock minus the client's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ClockOffset {
    pub(super) nanos: i64,
    /// Half of the range of offsets that fit the packets, in nanoseconds. `None` if packets were
    /// captured in one direction only, or the clocks drifted apart.
    pub(super) error: Option<i64>,
}

impl ClockOffset {
    /// Estimates the offset. The times of departure and arrival of a SYN give an upper bound, those
    /// of a SYN/ACK a lower bound; the offset lies between the tightest bounds. If the clocks
    /// drift, these bounds cross, and the middle of the two medians is used instead. Returns `None`
    /// if the captures have no packet in common.
    pub(super) fn estimate<'a>(
        attempts: impl Iterator<Item = &'a JoinedAttempt<'a>>,
    ) -> Option<Self> {
        let mut upper_bounds = Vec::new();
        let mut lower_bounds = Vec::new();
        for attempt in attempts {
            let server = attempt.server?;
            upper_bounds.extend(clock_differences(&attempt.client.syns, &server.syns));
            lower_bounds.extend(clock_differences(&attempt.client.synacks, &server.synacks));
        }
        let upper = upper_bounds.iter().min().copied();
        let lower = lower_bounds.iter().max().copied();
        match (upper, lower) {
            (Some(upper), Some(lower)) if lower <= upper => Some(Self {
                nanos: lower.midpoint(upper),
                error: Some((upper - lower) / 2),
            }),
            (Some(_), Some(_)) => Some(Self {
                nanos: median(&mut upper_bounds)?.midpoint(median(&mut lower_bounds)?),
                error: None,
            }),
            (Some(only), None) | (None, Some(only)) => Some(Self {
                nanos: only,
                error: None,
            }),
            (None, None) => None,
        }
    }
}

/// Returns, for each segment in both captures, its time in the server's capture minus its time in
/// the client's, in nanoseconds.
pub(super) fn clock_differences(
    at_client: &[ObservedSegment],
    at_server: &[ObservedSegment],
) -> Vec<i64> {
    let counterpart = |segment: &ObservedSegment| {
        at_server
            .iter()
            .find(|other| segment.id == other.id && segment.is_distinct())
    };
    let is_unique = |segment: &&ObservedSegment| {
        at_client
            .iter()
            .filter(|other| segment.id == other.id)
            .count()
            == 1
    };
    let pairs = at_client
        .iter()
        .filter(is_unique)
        .filter_map(|segment| Some((segment, counterpart(segment)?)));
    pairs
        .map(|(client, server)| nanos(server) - nanos(client))
        .collect()
}

fn nanos(segment: &ObservedSegment) -> i64 {
    i64::try_from(segment.at.as_nanos()).unwrap_or(i64::MAX)
}

fn median(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
