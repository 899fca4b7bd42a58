//! The comparison as data: one verdict for each (client, server, port), worst first, with the
//! attempts it rests on.
//!
//! [`ComparisonReport::of`] joins the attempts of both captures and groups them. The names of
//! serialized fields are the JSON keys of docs/diagnosis.md.

use std::collections::BTreeMap;

use serde::Serialize;

use super::clock_offset::{ClockOffset, clock_differences};
use super::outcome::{JoinedAttempt, Outcome};
use super::view::{CaptureView, ObservedAttempt, ObservedSegment};
use crate::packet::Address;
use crate::time::Timestamp;

/// The version of the report's format.
pub const VERSION: u32 = 1;

/// Maximum number of attempts listed for a path.
const MAX_LISTED_ATTEMPTS: usize = 100;
/// Maximum number of different ICMP errors listed for a path.
const MAX_ICMP_ERRORS: usize = 8;

/// Every (client, server, port) of the client's capture. Its fields are documented in
/// docs/diagnosis.md.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ComparisonReport {
    version: u32,
    /// `None` if no segment is in both captures.
    pub(super) clock: Option<ClockReport>,
    pub(super) attempts_at_client: usize,
    pub(super) attempts_at_both: usize,
    /// Number of attempts in the server's capture that are not in the client's, mostly those of
    /// other clients.
    pub(super) attempts_at_server_only: usize,
    pub(super) left_out: u64,
    pub(super) paths: Vec<PathReport>,
}

/// The server's clock minus the client's.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct ClockReport {
    pub(super) offset_seconds: f64,
    pub(super) error_seconds: Option<f64>,
}

/// One client, server and port, with the client's addresses for them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct PathReport {
    pub(super) client: String,
    pub(super) server: String,
    pub(super) port: u16,
    /// `true` if the server's capture has a SYN to that server.
    pub(super) server_known: bool,
    /// Addresses and port in the server's capture. `None` if NAT does not change them.
    pub(super) arrives_as: Option<String>,
    pub(super) verdict: &'static str,
    pub(super) title: &'static str,
    /// The likely cause and where to search for it. Empty if there is no fault.
    pub(super) means: &'static str,
    pub(super) wrong: bool,
    pub(super) attempts: usize,
    /// Number of attempts with this verdict.
    pub(super) affected: usize,
    pub(super) syns: TransitCounts,
    pub(super) synacks: TransitCounts,
    pub(super) rsts: TransitCounts,
    pub(super) icmp: Vec<String>,
    pub(super) delay_there_seconds: Option<DelayRange>,
    pub(super) delay_back_seconds: Option<DelayRange>,
    /// The first attempts with this verdict, then the first others.
    pub(super) list: Vec<ComparedAttempt>,
    #[serde(skip)]
    rank: (Outcome, usize),
}

/// Number of packets captured at the sender and at the receiver.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub(super) struct TransitCounts {
    pub(super) left: usize,
    pub(super) arrived: usize,
}

/// One-way delays. They have the error of the clock offset; only the change, `max - min`, does not
/// depend on it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct DelayRange {
    pub(super) min: f64,
    pub(super) max: f64,
}

/// One attempt with the times of its packets, in seconds after its first SYN left. Times in the
/// server's capture are converted to the client's clock.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct ComparedAttempt {
    pub(super) client: String,
    pub(super) began: f64,
    pub(super) verdict: &'static str,
    pub(super) syns_left: Vec<f64>,
    pub(super) syns_arrived: Vec<f64>,
    pub(super) synacks_left: Vec<f64>,
    pub(super) synacks_arrived: Vec<f64>,
    pub(super) rsts_left: Vec<f64>,
    pub(super) rsts_arrived: Vec<f64>,
}

impl ComparisonReport {
    pub(super) fn of(client: &CaptureView, server: &CaptureView) -> Self {
        let mut is_joined = vec![false; server.attempts().len()];
        let mut attempts = Vec::with_capacity(client.attempts().len());
        for attempt in client.attempts() {
            let (index, joined) = JoinedAttempt::of(attempt, server, client.last);
            if let Some(is_joined) = index.and_then(|index| is_joined.get_mut(index)) {
                *is_joined = true;
            }
            attempts.push(joined);
        }
        let at_both = || attempts.iter().filter(|attempt| attempt.server.is_some());
        let offset = ClockOffset::estimate(at_both());
        let mut by_path: BTreeMap<(Address, Address, u16), Vec<JoinedAttempt<'_>>> =
            BTreeMap::new();
        for attempt in &attempts {
            if let (Some(client), Some(server)) = (attempt.client.client(), attempt.client.server())
            {
                by_path
                    .entry((client.address, server.address, server.port))
                    .or_default()
                    .push(*attempt);
            }
        }
        let offset_nanos = offset.map_or(0, |offset| offset.nanos);
        let mut paths: Vec<PathReport> = by_path
            .into_iter()
            .map(|(path, attempts)| PathReport::of(path, attempts, offset_nanos, server))
            .collect();
        paths.sort_by_key(|path| std::cmp::Reverse(path.rank));
        Self {
            version: VERSION,
            clock: offset.map(|ClockOffset { nanos, error }| ClockReport {
                offset_seconds: seconds(nanos),
                error_seconds: error.map(seconds),
            }),
            attempts_at_client: attempts.len(),
            attempts_at_both: at_both().count(),
            attempts_at_server_only: is_joined.iter().filter(|is_joined| !**is_joined).count(),
            left_out: client.left_out.saturating_add(server.left_out),
            paths,
        }
    }

    /// Returns `true` if every attempt was answered by its server without loss.
    pub fn all_fine(&self) -> bool {
        !self.paths.iter().any(|path| path.wrong)
    }

    /// Returns the report as JSON.
    ///
    /// # Errors
    ///
    /// No error is known: every value in the report can be serialized.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

impl PathReport {
    /// Creates the report of a path. Its verdict is the most frequent outcome of the attempts with
    /// a fault, or of all attempts if there is no fault.
    fn of(
        (client, server, port): (Address, Address, u16),
        mut attempts: Vec<JoinedAttempt<'_>>,
        offset_nanos: i64,
        server_view: &CaptureView,
    ) -> Self {
        let (verdict, affected) = most_frequent(&attempts);
        attempts.sort_by_key(|attempt| (attempt.outcome != verdict, attempt.client.began()));
        let at_client = |count: fn(&ObservedAttempt) -> usize| -> usize {
            attempts.iter().map(|attempt| count(attempt.client)).sum()
        };
        let at_server = |count: fn(&ObservedAttempt) -> usize| -> usize {
            attempts
                .iter()
                .filter_map(|attempt| attempt.server)
                .map(count)
                .sum()
        };
        let to_client = |count: fn(&ObservedAttempt) -> usize| TransitCounts {
            left: at_server(count),
            arrived: at_client(count),
        };
        let at_both = || {
            attempts
                .iter()
                .filter_map(|attempt| Some((attempt.client, attempt.server?)))
        };
        let there =
            at_both().flat_map(|(client, server)| clock_differences(&client.syns, &server.syns));
        let back = at_both()
            .flat_map(|(client, server)| clock_differences(&client.synacks, &server.synacks));
        Self {
            client: client.to_string(),
            server: server.to_string(),
            port,
            server_known: server_view.contains_server(server)
                || attempts.iter().any(|attempt| attempt.server.is_some()),
            arrives_as: arrives_as(&attempts),
            verdict: verdict.as_str(),
            title: verdict.title(),
            means: verdict.means(),
            wrong: verdict.is_wrong(),
            attempts: attempts.len(),
            affected,
            syns: TransitCounts {
                left: at_client(|attempt| attempt.syns.len()),
                arrived: at_server(|attempt| attempt.syns.len()),
            },
            synacks: to_client(|attempt| attempt.synacks.len()),
            rsts: to_client(|attempt| attempt.rsts.len()),
            icmp: icmp_errors(&attempts),
            delay_there_seconds: DelayRange::of(there.map(|nanos| nanos - offset_nanos)),
            delay_back_seconds: DelayRange::of(back.map(|nanos| offset_nanos - nanos)),
            list: attempts
                .iter()
                .take(MAX_LISTED_ATTEMPTS)
                .map(|attempt| ComparedAttempt::of(attempt, offset_nanos))
                .collect(),
            rank: (verdict, affected),
        }
    }
}

impl DelayRange {
    /// Returns the range of these delays in nanoseconds. `None` if there are none.
    fn of(delays: impl Iterator<Item = i64> + Clone) -> Option<Self> {
        Some(Self {
            min: seconds(delays.clone().min()?),
            max: seconds(delays.max()?),
        })
    }
}

impl ComparedAttempt {
    fn of(attempt: &JoinedAttempt<'_>, offset_nanos: i64) -> Self {
        let began = attempt.client.began();
        let times = |segments: &[ObservedSegment], offset_nanos: i64| {
            segments
                .iter()
                .map(|segment| seconds_after(began, segment.at, offset_nanos))
                .collect::<Vec<_>>()
        };
        let at_client = |segments: &[ObservedSegment]| times(segments, 0);
        let at_server = |segments: fn(&ObservedAttempt) -> &[ObservedSegment]| {
            times(
                attempt.server.map(segments).unwrap_or_default(),
                offset_nanos,
            )
        };
        Self {
            client: attempt
                .client
                .client()
                .map(|client| client.to_string())
                .unwrap_or_default(),
            began: began.as_secs_f64(),
            verdict: attempt.outcome.as_str(),
            syns_left: at_client(&attempt.client.syns),
            syns_arrived: at_server(|attempt| &attempt.syns),
            synacks_left: at_server(|attempt| &attempt.synacks),
            synacks_arrived: at_client(&attempt.client.synacks),
            rsts_left: at_server(|attempt| &attempt.rsts),
            rsts_arrived: at_client(&attempt.client.rsts),
        }
    }
}

/// Returns the most frequent outcome with a fault and its number of attempts, or the most frequent
/// outcome if no attempt has a fault.
fn most_frequent(attempts: &[JoinedAttempt<'_>]) -> (Outcome, usize) {
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    for attempt in attempts {
        *counts.entry(attempt.outcome).or_default() += 1;
    }
    let fault = counts
        .iter()
        .filter(|(outcome, _)| outcome.is_wrong())
        .max_by_key(|(_, count)| **count);
    let any = counts.iter().max_by_key(|(_, count)| **count);
    fault
        .or(any)
        .map_or((Outcome::Undecided, 0), |(outcome, count)| {
            (*outcome, *count)
        })
}

/// Returns the addresses and the port of the first joined attempt in the server's capture. `None`
/// if they are the same in the client's capture.
fn arrives_as(attempts: &[JoinedAttempt<'_>]) -> Option<String> {
    let (client, server) = attempts
        .iter()
        .find_map(|attempt| Some((attempt.client, attempt.server?)))?;
    let (from, to) = (server.client()?, server.server()?);
    let is_same = client.client()?.address == from.address && client.server()? == to;
    (!is_same).then(|| format!("{} -> {} port {}", from.address, to.address, to.port))
}

/// Returns the ICMP errors that reached the client, each once.
fn icmp_errors(attempts: &[JoinedAttempt<'_>]) -> Vec<String> {
    let errors = attempts
        .iter()
        .flat_map(|attempt| &attempt.client.icmp_errors);
    let mut texts: Vec<String> = errors
        .map(|(_, code, by)| format!("{} from {by}", code.as_str()))
        .collect();
    texts.sort_unstable();
    texts.dedup();
    texts.truncate(MAX_ICMP_ERRORS);
    texts
}

/// Returns the time from `began` to `at`, which is on a clock that is ahead by `offset_nanos`.
fn seconds_after(began: Timestamp, at: Timestamp, offset_nanos: i64) -> f64 {
    let nanos = |at: Timestamp| i64::try_from(at.as_nanos()).unwrap_or(i64::MAX);
    seconds(
        nanos(at)
            .saturating_sub(offset_nanos)
            .saturating_sub(nanos(began)),
    )
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a few nanoseconds in a hundred days"
)]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
