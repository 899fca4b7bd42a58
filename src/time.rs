//! Packet time.
//!
//! Every module takes the time from the packets it is given. Only the live capture reads a clock.

use std::ops::Add;
use std::time::Duration;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// An instant of packet time: nanoseconds since the Unix epoch, as stamped by the capture.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Creates the instant `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Creates an instant from a capture's seconds and nanoseconds.
    ///
    /// Negative or overflowing values, as damaged headers have them, saturate.
    pub fn from_parts(seconds: i64, nanos: i64) -> Self {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        let nanos = u64::try_from(nanos).unwrap_or(0);
        Self(
            seconds
                .saturating_mul(NANOS_PER_SECOND)
                .saturating_add(nanos),
        )
    }

    /// Returns the nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the seconds since the epoch, the unit of Prometheus.
    pub fn as_secs_f64(self) -> f64 {
        Duration::from_nanos(self.0).as_secs_f64()
    }

    /// Returns the time elapsed since `earlier`, or zero if `earlier` is later than this instant.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns the nanoseconds elapsed since `earlier`, or zero if `earlier` is later than this
    /// instant.
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the instant `nanos` nanoseconds after this one.
    #[must_use]
    pub const fn plus_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Returns the instant `duration` before this one.
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos_of(duration)))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos_of(duration)))
    }
}

/// Returns the nanoseconds of a duration, saturated to 64 bits.
///
/// [`Duration::as_nanos`] computes 128 bits, which is too slow for a call per packet.
const fn nanos_of(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(NANOS_PER_SECOND)
        .saturating_add(duration.subsec_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_later_instant_is_zero() {
        let early = Timestamp::from_nanos(5);
        let late = Timestamp::from_nanos(9);
        assert_eq!(late.since(early), Duration::from_nanos(4));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn out_of_range_values_saturate() {
        assert_eq!(Timestamp::from_parts(-1, 7), Timestamp::from_nanos(7));
        assert_eq!(
            Timestamp::from_parts(i64::MAX, i64::MAX),
            Timestamp::from_nanos(u64::MAX)
        );
        assert_eq!(
            Timestamp::from_nanos(u64::MAX) + Duration::from_secs(1),
            Timestamp::from_nanos(u64::MAX)
        );
    }
}
