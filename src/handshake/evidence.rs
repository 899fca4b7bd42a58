//! What is known of an attempt beside itself: asked for by repeats, and where addresses are long.

use super::name::Ipv6Remainder;
use super::print::SynPrint;

/// Apart from its attempt, for it is seldom read and mostly far away; so it takes one cache line, too.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
pub(super) struct Evidence {
    /// The SYNs before the newest, newest first.
    older: [SynPrint; OLDER],
    /// Of its ends, where these are IPv6 addresses; else it means nothing.
    pub(super) name_rest: Ipv6Remainder,
}

impl Evidence {
    /// The SYNs before the newest of so many, newest first.
    pub(super) fn older(&self, count: u8) -> &[SynPrint] {
        self.older
            .get(..usize::from(count).saturating_sub(1))
            .unwrap_or_default()
    }

    /// This one is no longer the newest. The oldest is forgotten.
    pub(super) fn note_older(&mut self, syn: SynPrint) {
        self.older.rotate_right(1);
        self.older[0] = syn;
    }
}

/// How many SYNs of an attempt are remembered.
pub(super) const REMEMBERED_SYNS: u8 = 4;
const OLDER: usize = REMEMBERED_SYNS as usize - 1;

const _: () = assert!(size_of::<Evidence>() == 64, "evidence takes one cache line");
