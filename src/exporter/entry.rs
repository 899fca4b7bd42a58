//! What is to be written in the books: made where packets are judged, and written in the same order where the books are.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use crate::capture::Condition;
use crate::decode::Undecodable;
use crate::handshake::{Answer, Event, Side};
use crate::labels::{Reporter, SetId, SetName, Vantage};
use crate::metrics::{About, EXEMPLARY};
use crate::packet::Endpoint;
use crate::time::Timestamp;

/// What is to be written next.
#[derive(Default)]
pub(super) struct Sheet {
    /// What the tracker told: it is taken from there as a whole, for there is much of it.
    pub(super) events: Vec<Event>,
    /// What was known of each of the events.
    pub(super) entries: Vec<Entry>,
    /// Who asked whom, of those of the events that show it.
    pub(super) connections: Vec<(usize, Endpoint, Endpoint)>,
    /// What else there is, each before that one of the events.
    pub(super) lines: Vec<(usize, Line)>,
}

impl Sheet {
    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.lines.is_empty()
    }

    /// Writes what comes before the next event.
    pub(super) fn push(&mut self, line: Line) {
        self.lines.push((self.entries.len(), line));
    }

    /// An attempt of this set was forgotten while it waited. In a flood one goes with each packet, so those that go with the same
    /// lot share a line.
    pub(super) fn evicted(&mut self, set: SetId, now: Timestamp) {
        if let Some((_, Line::Evicted { set: of, attempts, first })) = self.lines.last_mut()
            && *of == set
            && now.since(*first) < AT_ONCE
        {
            *attempts += 1;
        } else {
            self.push(Line::Evicted { set, attempts: 1, first: now });
        }
    }
}

/// One thing to be written.
pub(super) enum Line {
    /// So many packets were met there, the last of them then.
    Captured { interface: u16, packets: u32, last: Timestamp },
    /// So many attempts of a set were forgotten while they waited, the first of them then.
    Evicted { set: SetId, attempts: u32, first: Timestamp },
    /// A frame was passed over.
    Undecodable(Undecodable),
    /// A set begins, at zero.
    Created(Box<(SetId, SetName, Timestamp)>),
    /// A set ends.
    Removed(SetId),
    /// Packet time went on.
    Passed(Timestamp),
    /// How full the tables are.
    Sums(Sums),
    /// This host's addresses, as they are shown.
    Addresses(Vec<(String, String)>),
    /// How the captures are, and this host's listen overflows, where they count.
    Round(Box<(Vec<Condition>, Option<u64>)>),
    /// The program was told something else. Who told it may be told that it is done.
    Retold(Box<About>, SyncSender<()>),
}

/// What was known of an event where it was told.
pub(super) struct Entry {
    /// When, on the tracker's line of time.
    pub(super) at: Timestamp,
    /// The place of the packet at hand among the readings; for deadlines [`NO_PACKET`].
    pub(super) packet: u32,
    pub(super) whose: Whose,
}

/// What is no further apart has one time.
const AT_ONCE: Duration = Duration::from_millis(1);

pub(super) const NO_PACKET: u32 = u32::MAX;

/// What an event counts for.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    /// Nothing: another event says what it means.
    Nothing,
    /// No set.
    Nobodys,
    /// A set, in which an attempt begins: seen from there, and whether for want of room.
    Opened(SetId, Vantage, bool),
    /// A set.
    Of(SetId),
    /// A set, for which this is who reported the ICMP error.
    Reported(SetId, Reporter),
    /// A set, though no attempt of it: this side sent the packet.
    Stray(SetId, Side),
}

/// How full the tables are.
#[derive(Clone, Copy)]
pub(super) struct Sums {
    pub(super) pending: usize,
    pub(super) tracked: usize,
    pub(super) sets: usize,
    pub(super) sets_limit: usize,
}

/// Whether an event of a set shows the connection that it is about: a failure, a slow answer.
pub(super) fn is_exemplary(event: &Event) -> bool {
    match event {
        Event::Failed(..) => true,
        Event::Answered(_, Answer { latency, .. }) => *latency > EXEMPLARY,
        _ => false,
    }
}

const _: () = assert!(size_of::<Entry>() <= 24, "entries are many");

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a sheet, as far as they are about evictions: whose, how many, since when.
    fn told(sheet: &Sheet) -> Vec<(u32, u32, u64)> {
        let lines = sheet.lines.iter().filter_map(|(_, line)| match line {
            Line::Evicted { set, attempts, first } => Some((set.number(), *attempts, first.as_nanos())),
            _ => None,
        });
        lines.collect()
    }

    #[test]
    fn evictions_share_a_line_where_set_and_time_are_the_same_and_nothing_stands_between() {
        let (one, other) = (SetId::from_number(1), SetId::from_number(2));
        let mut sheet = Sheet::default();
        let mut evicted = |set, nanos| sheet.evicted(set, Timestamp::from_nanos(nanos));
        [0, 10, 999_999, 1_000_000].into_iter().for_each(|nanos| evicted(one, nanos));
        evicted(other, 1_000_001);
        evicted(one, 1_000_002);
        sheet.push(Line::Removed(one));
        sheet.evicted(one, Timestamp::from_nanos(1_000_003));
        assert_eq!(
            told(&sheet),
            [(1, 3, 0), (1, 1, 1_000_000), (2, 1, 1_000_001), (1, 1, 1_000_002), (1, 1, 1_000_003)]
        );
    }
}
