//! What is to be written in the books: made where packets are judged, and written in the same order where the books are.

use std::sync::mpsc::SyncSender;

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
    pub(super) lines: Vec<Line>,
    /// What the tracker told, in the order of the lines that are about it: where it stands, for there is much of it.
    pub(super) events: Vec<Event>,
}

/// One thing to be written. Packets are meant by their places among the readings that come with the lines.
pub(super) enum Line {
    /// So many packets were met there, the last of them then.
    Captured { interface: u16, packets: u32, last: Timestamp },
    /// A frame was passed over.
    Undecodable(Undecodable),
    /// A set begins, at zero.
    Created(Box<(SetId, SetName, Timestamp)>),
    /// A set ends.
    Removed(SetId),
    /// Who asked whom, of the next event, where it is one that shows it.
    Connection(Endpoint, Endpoint),
    /// The next of the events that come with the lines.
    Event(Entry),
    /// Packet time went on.
    Passed(Timestamp),
    /// How full the tables are.
    Sums(Sums),
    /// This host's addresses, as they are shown.
    Addresses(Box<Vec<(String, String)>>),
    /// How the captures are, and this host's listen overflows, where they count.
    Round(Box<(Vec<Condition>, Option<u64>)>),
    /// The program was told something else. Who told it may be told that it is done.
    Retold(Box<About>, SyncSender<()>),
}

/// What was known of an event where it was told.
pub(super) struct Entry {
    /// When, on the tracker's line of time.
    pub(super) at: Timestamp,
    /// The place of the packet at hand; deadlines have none.
    pub(super) packet: Option<u32>,
    pub(super) whose: Whose,
}

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

const _: () = assert!(size_of::<Line>() <= 40, "lines are many");
