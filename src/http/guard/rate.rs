//! A token bucket: so many requests at once, and one more each so often.

use std::time::Duration;

use tokio::time::Instant;

/// How many requests are let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rate {
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

/// When the bucket was, or will be, full again.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    full_at: Option<Instant>,
}

impl Bucket {
    /// Takes a token, if there is one.
    pub(super) fn allows(&mut self, rate: Rate, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now)) + rate.interval;
        let allowed = full_at.duration_since(now) <= rate.interval.saturating_mul(rate.burst);
        if allowed {
            self.full_at = Some(full_at);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let (mut bucket, start) = (Bucket::default(), Instant::now());
        let rate = Rate {
            interval: Duration::from_millis(100),
            burst: 3,
        };
        let mut passed = |millis| bucket.allows(rate, start + Duration::from_millis(millis));
        assert_eq!(
            [0, 0, 0, 0, 99].map(&mut passed),
            [true, true, true, false, false]
        );
        assert_eq!(
            [100, 100, 150, 200, 1_000].map(&mut passed),
            [true, false, false, true, true]
        );
        assert_eq!([1_000, 1_000, 1_000].map(&mut passed), [true, true, false]);
    }

    #[test]
    fn without_a_burst_nothing_passes() {
        let rate = Rate {
            interval: Duration::from_secs(1),
            burst: 0,
        };
        assert!(!Bucket::default().allows(rate, Instant::now()));
    }
}
