//! A clock of packet times that never steps back by a second or more.
//
// Inlining attributes: see `table/pending.rs`.

use std::time::Duration;

use crate::time::Timestamp;

/// The smallest step back that is a clock step; anything less is reordering.
pub(super) const CLOCK_STEP: Duration = Duration::from_nanos(CLOCK_STEP_NANOS);
const CLOCK_STEP_NANOS: u64 = 1_000_000_000;
/// Later timestamps are damaged; time must be able to go on after them.
const LATEST: Timestamp = Timestamp::from_nanos(u64::MAX / 2);

/// Maps packet times to a clock without large steps back. After such a step time goes on from where
/// it was, so that pending attempts neither fail at once nor wait for an hour longer.
#[derive(Default)]
pub(super) struct MonotonicClock {
    now: Timestamp,
    shift_nanos: u64,
}

impl MonotonicClock {
    /// Returns the latest time so far.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the time of a packet on this clock, and `true` if packet time stepped back by a
    /// second or more.
    #[inline]
    pub(super) fn normalize(&mut self, at: Timestamp) -> (Timestamp, bool) {
        let normalized = at.min(LATEST).plus_nanos(self.shift_nanos);
        let behind = self.now.nanos_since(normalized);
        if behind >= CLOCK_STEP_NANOS {
            self.shift_nanos = self.shift_nanos.saturating_add(behind);
            return (self.now, true);
        }
        self.now = self.now.max(normalized);
        (normalized, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::default() + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn reordered_packet_keeps_its_time() {
        let mut clock = MonotonicClock::default();
        clock.normalize(at(10.0));
        assert_eq!(clock.normalize(at(9.5)), (at(9.5), false));
        assert_eq!(clock.now(), at(10.0));
    }

    #[test]
    fn time_goes_on_after_a_step_back() {
        let mut clock = MonotonicClock::default();
        clock.normalize(at(5000.0));
        assert_eq!(clock.normalize(at(1400.0)), (at(5000.0), true));
        assert_eq!(clock.normalize(at(1402.0)), (at(5002.0), false));
    }
}
