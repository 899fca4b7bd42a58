//! Rate limit of requests: a token bucket.
//!
//! Data flow: access control takes a token for each request.

use std::time::Duration;

use tokio::time::Instant;

/// Parameters of a token bucket: `burst` tokens at most, and a new one each `interval`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RateLimit {
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

/// A token bucket, which is full at first.
#[derive(Debug, Default)]
pub(super) struct TokenBucket {
    /// Time at which the bucket was, or will be, full again. `None` before the first token is
    /// taken.
    full_at: Option<Instant>,
}

impl TokenBucket {
    /// Takes a token. Returns `false` if there is none.
    pub(super) fn try_take(&mut self, limit: RateLimit, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now)) + limit.interval;
        let has_token = full_at.duration_since(now) <= limit.interval.saturating_mul(limit.burst);
        if has_token {
            self.full_at = Some(full_at);
        }
        has_token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_one_token_each_interval() {
        let mut bucket = TokenBucket::default();
        let start = Instant::now();
        let limit = RateLimit {
            interval: Duration::from_millis(100),
            burst: 3,
        };
        let mut taken = |millis| bucket.try_take(limit, start + Duration::from_millis(millis));
        assert_eq!(
            [0, 0, 0, 0, 99].map(&mut taken),
            [true, true, true, false, false]
        );
        assert_eq!(
            [100, 100, 150, 200, 1_000].map(&mut taken),
            [true, false, false, true, true]
        );
        assert_eq!([1_000, 1_000, 1_000].map(&mut taken), [true, true, false]);
    }

    #[test]
    fn burst_of_zero_has_no_token() {
        let limit = RateLimit {
            interval: Duration::from_secs(1),
            burst: 0,
        };
        assert!(!TokenBucket::default().try_take(limit, Instant::now()));
    }
}
