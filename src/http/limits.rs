//! How much clients may take of the server, and for how long.

use std::num::NonZeroUsize;
use std::time::Duration;

/// The bounds on clients. The defaults suit an exporter that a handful of Prometheus servers scrape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerLimits {
    /// Connections at once. For one more, the connection that has been waiting for a request the longest is closed.
    pub connections: usize,
    /// Requests for pages at once, from the complete head to the last byte of the answer; above it, 503. `None`: as
    /// many as there are connections.
    pub requests: Option<NonZeroUsize>,
    /// From the first byte of a request (of a new connection: from its start) to the end of its head.
    pub head: Duration,
    /// From the end of an answer to the first byte of the next request.
    pub idle: Duration,
    /// To write an answer, from its first byte to the last.
    pub answer: Duration,
    /// After so long in writing, an answer is cut off where another request would otherwise be refused; after so long
    /// in waiting, a connection is closed where file descriptors are wanting.
    pub courtesy: Duration,
    /// After the stop, for requests that run.
    pub stop: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 256,
            requests: NonZeroUsize::new(40),
            head: Duration::from_secs(10),
            // Longer than the five minutes for which Prometheus keeps an idle connection: who closes second never
            // closes under a request.
            idle: Duration::from_secs(6 * 60),
            answer: Duration::from_secs(30),
            courtesy: Duration::from_secs(1),
            stop: Duration::from_millis(500),
        }
    }
}
