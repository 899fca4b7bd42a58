//! Packet time made to run forward: small steps back are reordering, larger ones are a clock that was set.

use std::time::Duration;

use crate::time::Timestamp;

/// Places each packet on one line that never goes back by a second or more. After a larger step back time goes on from
/// where it was, so that attempts that wait neither fail at once nor wait for an hour more.
#[derive(Default)]
pub(super) struct Timeline {
    now: Timestamp,
    /// In nanoseconds.
    shift: u64,
}

impl Timeline {
    /// The latest instant so far.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Where on the line a packet of this time belongs, and whether the clock stepped back to it.
    #[inline]
    pub(super) fn place(&mut self, at: Timestamp) -> (Timestamp, bool) {
        let placed = at.min(LATEST).plus_nanos(self.shift);
        let behind = self.now.nanos_since(placed);
        if behind >= STEP_NANOS {
            self.shift = self.shift.saturating_add(behind);
            return (self.now, true);
        }
        self.now = self.now.max(placed);
        (placed, false)
    }
}

pub(super) const STEP: Duration = Duration::from_nanos(STEP_NANOS);
const STEP_NANOS: u64 = 1_000_000_000;
/// So late a stamp is damage; there must be time after it.
const LATEST: Timestamp = Timestamp::from_nanos(u64::MAX / 2);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::default() + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn reordering_keeps_its_place() {
        let mut line = Timeline::default();
        line.place(at(10.0));
        assert_eq!(line.place(at(9.5)), (at(9.5), false));
        assert_eq!(line.now(), at(10.0));
    }

    #[test]
    fn after_a_step_back_time_goes_on() {
        let mut line = Timeline::default();
        line.place(at(5000.0));
        assert_eq!(line.place(at(1400.0)), (at(5000.0), true));
        assert_eq!(line.place(at(1402.0)), (at(5002.0), false));
    }
}
