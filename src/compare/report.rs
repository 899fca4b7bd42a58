//! The comparison as a whole: one verdict for each (client, server, port), worst first, with the attempts it rests on.

use std::collections::BTreeMap;

use serde::Serialize;

use super::clock::{Offset, transits};
use super::outcome::{Joined, Outcome};
use super::side::{CaptureView, ObservedSegment};
use crate::packet::Address;
use crate::time::Timestamp;

/// The version of the report's form.
pub const VERSION: u32 = 1;

/// Every (client, server, port) of the client's capture. Its fields are documented in docs/diagnosis.md.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ComparisonReport {
    version: u32,
    pub(super) clock: Option<Clock>,
    pub(super) attempts_at_client: usize,
    pub(super) attempts_at_both: usize,
    /// Attempts in the server's capture that the client's does not have: mostly those of other clients.
    pub(super) attempts_at_server_only: usize,
    pub(super) left_out: u64,
    pub(super) paths: Vec<Path>,
}

/// The server's clock minus the client's.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Clock {
    pub(super) offset_seconds: f64,
    pub(super) error_seconds: Option<f64>,
}

/// One client, server and port, as the client names them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Path {
    pub(super) client: String,
    pub(super) server: String,
    pub(super) port: u16,
    /// Whether the server's capture has any packet to that server.
    pub(super) server_known: bool,
    /// The same as the server names it, where NAT lies between.
    pub(super) arrives_as: Option<String>,
    pub(super) verdict: &'static str,
    pub(super) title: &'static str,
    /// Where to look; empty where nothing is wrong.
    pub(super) means: &'static str,
    pub(super) wrong: bool,
    pub(super) attempts: usize,
    /// How many of the attempts had this verdict.
    pub(super) affected: usize,
    pub(super) syns: Legs,
    pub(super) synacks: Legs,
    pub(super) rsts: Legs,
    pub(super) icmp: Vec<String>,
    pub(super) delay_there_seconds: Option<Delay>,
    pub(super) delay_back_seconds: Option<Delay>,
    /// The first ones, those with the verdict before others.
    pub(super) list: Vec<Attempt>,
    #[serde(skip)]
    rank: (Outcome, usize),
}

/// How many were seen at one end and at the other.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Legs {
    pub(super) left: usize,
    pub(super) arrived: usize,
}

/// One way, by the estimated offset: as wrong as that is. What does not depend on it is the change, `max - min`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Delay {
    pub(super) min: f64,
    pub(super) max: f64,
}

/// One attempt: when its packets were met, in seconds after its first SYN left, the server's by the client's clock.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Attempt {
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
        let mut found = vec![false; server.attempts().len()];
        let mut joined = Vec::with_capacity(client.attempts().len());
        for seen in client.attempts() {
            let (place, pair) = Joined::of(seen, server, client.last);
            if let Some(known) = place.and_then(|place| found.get_mut(place)) {
                *known = true;
            }
            joined.push(pair);
        }
        let offset = Offset::estimate(joined.iter().filter(|pair| pair.server.is_some()));
        let mut paths: BTreeMap<(Address, Address, u16), Vec<Joined<'_>>> = BTreeMap::new();
        for pair in &joined {
            if let (Some(client), Some(server)) = (pair.client.client(), pair.client.server()) {
                paths
                    .entry((client.address, server.address, server.port))
                    .or_default()
                    .push(*pair);
            }
        }
        let nanos = offset.map_or(0, |offset| offset.nanos);
        let path = |(name, pairs): (_, Vec<Joined<'_>>)| Path::of(name, pairs, nanos, server);
        let mut paths: Vec<Path> = paths.into_iter().map(path).collect();
        paths.sort_by_key(|path| std::cmp::Reverse(path.rank));
        Self {
            version: VERSION,
            clock: offset.map(|Offset { nanos, error }| Clock {
                offset_seconds: seconds(nanos),
                error_seconds: error.map(seconds),
            }),
            attempts_at_client: client.attempts().len(),
            attempts_at_both: joined.iter().filter(|pair| pair.server.is_some()).count(),
            attempts_at_server_only: found.iter().filter(|known| !**known).count(),
            left_out: client.left_out.saturating_add(server.left_out),
            paths,
        }
    }

    /// Whether every attempt was answered by its server without loss.
    pub fn all_fine(&self) -> bool {
        !self.paths.iter().any(|path| path.wrong)
    }

    /// The report for programs.
    ///
    /// # Errors
    ///
    /// None that is known: nothing in it can fail to become JSON.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

impl Path {
    /// The verdict is what most of the attempts that went wrong have in common.
    fn of(
        (client, server, port): (Address, Address, u16),
        mut pairs: Vec<Joined<'_>>,
        offset: i64,
        capture: &CaptureView,
    ) -> Self {
        let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
        for pair in &pairs {
            *counts.entry(pair.outcome).or_default() += 1;
        }
        let wrong = counts
            .iter()
            .filter(|(outcome, _)| outcome.is_wrong())
            .max_by_key(|(_, count)| **count);
        let any = counts.iter().max_by_key(|(_, count)| **count);
        let (verdict, affected) = wrong
            .or(any)
            .map_or((Outcome::Undecided, 0), |(outcome, count)| {
                (*outcome, *count)
            });
        pairs.sort_by_key(|pair| (pair.outcome != verdict, pair.client.began()));
        let legs = |of: fn(&super::side::ObservedAttempt) -> usize, from_client: bool| {
            let at_client: usize = pairs.iter().map(|pair| of(pair.client)).sum();
            let at_server: usize = pairs.iter().filter_map(|pair| pair.server).map(of).sum();
            if from_client {
                Legs {
                    left: at_client,
                    arrived: at_server,
                }
            } else {
                Legs {
                    left: at_server,
                    arrived: at_client,
                }
            }
        };
        let both = || {
            pairs
                .iter()
                .filter_map(|pair| Some((pair.client, pair.server?)))
        };
        let there = both().flat_map(|(client, server)| transits(&client.syns, &server.syns));
        let back = both().flat_map(|(client, server)| transits(&client.synacks, &server.synacks));
        Self {
            client: client.to_string(),
            server: server.to_string(),
            port,
            server_known: capture.knows(server) || pairs.iter().any(|pair| pair.server.is_some()),
            arrives_as: arrives_as(&pairs),
            verdict: verdict.as_str(),
            title: verdict.title(),
            means: verdict.means(),
            wrong: verdict.is_wrong(),
            attempts: pairs.len(),
            affected,
            syns: legs(|seen| seen.syns.len(), true),
            synacks: legs(|seen| seen.synacks.len(), false),
            rsts: legs(|seen| seen.rsts.len(), false),
            icmp: told(&pairs),
            delay_there_seconds: Delay::of(there.map(|nanos| nanos - offset)),
            delay_back_seconds: Delay::of(back.map(|nanos| offset - nanos)),
            list: pairs
                .iter()
                .take(LISTED)
                .map(|pair| Attempt::of(pair, offset))
                .collect(),
            rank: (verdict, affected),
        }
    }
}

impl Delay {
    fn of(delays: impl Iterator<Item = i64> + Clone) -> Option<Self> {
        let (min, max) = (delays.clone().min()?, delays.max()?);
        Some(Self {
            min: seconds(min),
            max: seconds(max),
        })
    }
}

impl Attempt {
    fn of(pair: &Joined<'_>, offset: i64) -> Self {
        let began = pair.client.began();
        let here = |all: &[ObservedSegment]| {
            all.iter()
                .map(|one| after(began, one.at, 0))
                .collect::<Vec<_>>()
        };
        let there = |of: fn(&super::side::ObservedAttempt) -> &[ObservedSegment]| {
            let all = pair.server.map(of).unwrap_or_default();
            all.iter()
                .map(|one| after(began, one.at, offset))
                .collect::<Vec<_>>()
        };
        Self {
            client: pair
                .client
                .client()
                .map(|client| client.to_string())
                .unwrap_or_default(),
            began: began.as_secs_f64(),
            verdict: pair.outcome.as_str(),
            syns_left: here(&pair.client.syns),
            syns_arrived: there(|seen| &seen.syns),
            synacks_left: there(|seen| &seen.synacks),
            synacks_arrived: here(&pair.client.synacks),
            rsts_left: there(|seen| &seen.rsts),
            rsts_arrived: here(&pair.client.rsts),
        }
    }
}

/// The names that the server knows the first joined attempt by, where they differ.
fn arrives_as(pairs: &[Joined<'_>]) -> Option<String> {
    let (client, server) = pairs
        .iter()
        .find_map(|pair| Some((pair.client, pair.server?)))?;
    let (from, to) = (server.client()?, server.server()?);
    let same = client.client()?.address == from.address && client.server()? == to;
    (!same).then(|| format!("{} -> {} port {}", from.address, to.address, to.port))
}

/// Which ICMP errors reached the client, each once.
fn told(pairs: &[Joined<'_>]) -> Vec<String> {
    let all = pairs.iter().flat_map(|pair| &pair.client.errors);
    let mut told: Vec<String> = all
        .map(|(_, code, by)| format!("{} from {by}", code.as_str()))
        .collect();
    told.sort_unstable();
    told.dedup();
    told.truncate(MAX_TOLD);
    told
}

fn after(began: Timestamp, at: Timestamp, offset: i64) -> f64 {
    let nanos = |at: Timestamp| i64::try_from(at.as_nanos()).unwrap_or(i64::MAX);
    seconds(
        nanos(at)
            .saturating_sub(offset)
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

const LISTED: usize = 100;
const MAX_TOLD: usize = 8;
