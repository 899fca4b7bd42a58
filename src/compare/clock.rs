//! How far apart the two clocks are: no packet arrives before it was sent.

use super::outcome::Joined;
use super::side::ObservedSegment;

/// The server's clock minus the client's, in nanoseconds, and how wrong that may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Offset {
    pub(super) nanos: i64,
    /// Half of the range that the packets leave; none where they go one way only, or the clocks drifted apart.
    pub(super) error: Option<i64>,
}

impl Offset {
    /// A SYN sets an upper bound by when it left and arrived, a SYN/ACK a lower one; the truth lies between the tightest
    /// of these. Where clocks drift these cross, and the middle of the medians has to do.
    pub(super) fn estimate<'a>(pairs: impl Iterator<Item = &'a Joined<'a>>) -> Option<Self> {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        for pair in pairs {
            there.extend(transits(&pair.client.syns, &pair.at_server()?.syns));
            back.extend(transits(&pair.client.synacks, &pair.at_server()?.synacks));
        }
        let (highest, lowest) = (there.iter().min().copied(), back.iter().max().copied());
        match (highest, lowest) {
            (Some(high), Some(low)) if low <= high => Some(Self {
                nanos: low.midpoint(high),
                error: Some((high - low) / 2),
            }),
            (Some(_), Some(_)) => Some(Self {
                nanos: median(&mut there)?.midpoint(median(&mut back)?),
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

/// For each segment that both ends saw: when the server's clock said so minus when the client's did.
pub(super) fn transits(at_client: &[ObservedSegment], at_server: &[ObservedSegment]) -> Vec<i64> {
    let same = |one: &ObservedSegment| {
        at_server
            .iter()
            .find(|other| one.mark == other.mark && one.is_marked())
    };
    let unique = |one: &&ObservedSegment| {
        at_client
            .iter()
            .filter(|other| one.mark == other.mark)
            .count()
            == 1
    };
    let pairs = at_client
        .iter()
        .filter(unique)
        .filter_map(|one| Some((one, same(one)?)));
    pairs
        .map(|(client, server)| nanos(server) - nanos(client))
        .collect()
}

fn nanos(sighting: &ObservedSegment) -> i64 {
    i64::try_from(sighting.at.as_nanos()).unwrap_or(i64::MAX)
}

fn median(all: &mut [i64]) -> Option<i64> {
    all.sort_unstable();
    all.get(all.len() / 2).copied()
}
