//! What is to be written in the books: made where packets are judged, and written in the same order where the books are.

use std::sync::mpsc::SyncSender;

use super::burst::Crowd;
use crate::capture::InterfaceStatus;
use crate::decode::Undecodable;
use crate::handshake::{Answer, Event, Side};
use crate::labels::{LabelSet, LabelSetId, Reporter, Vantage};
use crate::metrics::{ConfigInfo, EXEMPLAR_THRESHOLD};
use crate::packet::{Endpoint, Segment};
use crate::time::Timestamp;

/// What is to be written next.
#[derive(Default)]
pub(super) struct RecordBatch {
    /// What the tracker told: it is taken from there as a whole, for there is much of it.
    pub(super) events: Vec<Event>,
    /// What was known of each of the events.
    pub(super) entries: Vec<Entry>,
    /// Who asked whom, of those of the events that show it.
    pub(super) connections: Vec<(usize, Endpoint, Endpoint)>,
    /// What else there is, each before that one of the events.
    pub(super) lines: Vec<(usize, Line)>,
    /// The places of the SYNs that [crowds](Line::Crowd) [show](Crowd::shown), one after the other.
    pub(super) shown: Vec<u32>,
}

impl RecordBatch {
    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.lines.is_empty()
    }

    /// Writes what comes before the next event.
    pub(super) fn push(&mut self, line: Line) {
        self.lines.push((self.entries.len(), line));
    }

    /// An attempt of this set was forgotten while it waited.
    pub(super) fn evicted(&mut self, set: LabelSetId, now: Timestamp) {
        self.crowd(set, now, |crowd| crowd.evicted += 1);
    }

    /// An attempt began that is counted in this set for want of room, with the SYN at this place.
    pub(super) fn folded(
        &mut self,
        set: LabelSetId,
        vantage: Vantage,
        now: Timestamp,
        (place, syn): (u32, &Segment),
    ) {
        if self.crowd(set, now, |crowd| crowd.fold(vantage, syn)) {
            self.shown.push(place);
        }
    }

    /// In a flood one attempt goes and one comes with each packet: those of the same moment share a line.
    fn crowd<T>(
        &mut self,
        set: LabelSetId,
        now: Timestamp,
        join: impl FnOnce(&mut Crowd) -> T,
    ) -> T {
        if let Some((_, Line::Crowd(last))) = self.lines.last_mut()
            && last.takes(set, now)
        {
            return join(last);
        }
        let mut crowd = Crowd::of(set, now);
        let joined = join(&mut crowd);
        self.push(Line::Crowd(crowd));
        joined
    }
}

/// One thing to be written.
pub(super) enum Line {
    /// Packets were met.
    Captured(Captured),
    /// Attempts of a set that began or went all at once.
    Crowd(Crowd),
    /// A frame was passed over.
    Undecodable(Undecodable),
    /// A set begins, at zero.
    Created(Box<(LabelSetId, LabelSet, Timestamp)>),
    /// A set ends.
    Removed(LabelSetId),
    /// Packet time went on.
    Passed(Timestamp),
    /// How full the tables are.
    Sums(Sums),
    /// This host's addresses, as they are shown.
    LocalAddressPoller(Vec<(String, String)>),
    /// How the captures are, and this host's listen overflows, where they count.
    Round(Box<(Vec<InterfaceStatus>, Option<u64>)>),
    /// The program was told something else. Who told it may be told that it is done.
    Retold(Box<ConfigInfo>, SyncSender<()>),
}

/// So many packets were met there, the last of them then.
#[derive(Clone, Copy)]
pub(super) struct Captured {
    pub(super) interface: u16,
    pub(super) packets: u32,
    pub(super) last: Timestamp,
}

/// What was known of an event where it was told.
pub(super) struct Entry {
    /// When, on the tracker's line of time.
    pub(super) at: Timestamp,
    /// The place of the packet at hand among the readings; for deadlines [`NO_PACKET`].
    pub(super) packet: u32,
    pub(super) whose: Whose,
}

pub(super) const NO_PACKET: u32 = u32::MAX;

/// What an event counts for.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    /// Nothing: another event says what it means.
    Nothing,
    /// No set.
    Nobodys,
    /// A set, in which an attempt begins: seen from there, and whether for want of room.
    Opened(LabelSetId, Vantage, bool),
    /// A set.
    Of(LabelSetId),
    /// A set, for which this is who reported the ICMP error.
    Reported(LabelSetId, Reporter),
    /// A set, though no attempt of it: this side sent the packet.
    Stray(LabelSetId, Side),
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
        Event::Answered(_, Answer { latency, .. }) => *latency > EXEMPLAR_THRESHOLD,
        _ => false,
    }
}

const _: () = assert!(size_of::<Entry>() <= 24, "entries are many");

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::packet::{CapturePoint, Direction, Flags};

    const ONE: LabelSetId = LabelSetId::from_number(1);
    const OTHER: LabelSetId = LabelSetId::from_number(2);

    fn syn(sequence: u32, direction: Direction) -> Segment {
        let end = |port| Endpoint {
            address: Ipv4Addr::new(10, 0, 0, 1).into(),
            port,
        };
        Segment {
            via: CapturePoint {
                interface: 1,
                direction,
                loopback: false,
            },
            from: end(1000),
            to: end(80),
            sequence,
            acknowledgment: 0,
            flags: Flags::SYN,
            timestamp: None,
            identification: None,
            hop_limit: 64,
            payload_length: 0,
            ecn_setup: sequence % 2 == 1,
        }
    }

    fn crowds(sheet: &RecordBatch) -> Vec<&Crowd> {
        let crowds = sheet.lines.iter().filter_map(|(_, line)| match line {
            Line::Crowd(crowd) => Some(crowd),
            _ => None,
        });
        crowds.collect()
    }

    #[test]
    fn attempts_share_a_line_where_set_and_time_are_the_same_and_nothing_stands_between() {
        let mut sheet = RecordBatch::default();
        let mut evicted = |set, nanos| sheet.evicted(set, Timestamp::from_nanos(nanos));
        [0, 10, 999_999, 1_000_000]
            .into_iter()
            .for_each(|nanos| evicted(ONE, nanos));
        evicted(OTHER, 1_000_001);
        evicted(ONE, 1_000_002);
        sheet.push(Line::Removed(ONE));
        sheet.evicted(ONE, Timestamp::from_nanos(1_000_003));
        let told = crowds(&sheet);
        let told: Vec<_> = told
            .iter()
            .map(|crowd| (crowd.set, crowd.evicted, crowd.since.as_nanos()))
            .collect();
        assert_eq!(
            told,
            [
                (ONE, 3, 0),
                (ONE, 1, 1_000_000),
                (OTHER, 1, 1_000_001),
                (ONE, 1, 1_000_002),
                (ONE, 1, 1_000_003)
            ]
        );
    }

    #[test]
    fn who_comes_and_who_goes_share_a_line_that_says_what_their_syns_were() {
        let mut sheet = RecordBatch::default();
        let mut folded = |set, place, direction| {
            let now = Timestamp::from_nanos(u64::from(place));
            sheet.folded(
                set,
                Vantage::Server,
                now,
                (place, &syn(100 + place, direction)),
            );
            sheet.evicted(set, now);
        };
        folded(ONE, 5, Direction::Entering);
        folded(ONE, 6, Direction::Entering);
        folded(ONE, 7, Direction::Unknown);
        folded(OTHER, 8, Direction::Leaving);
        let crowd = |set, since, count, entering| Crowd {
            set,
            since: Timestamp::from_nanos(since),
            evicted: count,
            folded: count,
            entering,
            vantage: Some(Vantage::Server),
        };
        assert_eq!(
            crowds(&sheet),
            [&crowd(ONE, 5, 3, 2), &crowd(OTHER, 8, 1, 0)]
        );
        assert_eq!(sheet.shown, [5, 6, 7, 8]);
    }

    #[test]
    fn of_a_flood_the_first_are_shown_and_all_are_counted() {
        let mut sheet = RecordBatch::default();
        let mut flood = |set, places: std::ops::Range<u32>| {
            for place in places {
                sheet.folded(
                    set,
                    Vantage::Server,
                    Timestamp::default(),
                    (place, &syn(place, Direction::Entering)),
                );
            }
        };
        flood(ONE, 0..1000);
        flood(OTHER, 1000..1003);
        let told: Vec<_> = crowds(&sheet)
            .iter()
            .map(|crowd| (crowd.folded, crowd.entering, crowd.shown()))
            .collect();
        assert_eq!(told, [(1000, 1000, 16), (3, 3, 3)]);
        let shown: Vec<u32> = (0..16).chain(1000..1003).collect();
        assert_eq!(sheet.shown, shown);
    }
}
