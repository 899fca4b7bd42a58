//! Limits on connections, concurrent requests and waiting times, with eviction by client prefix.
//!
//! Data flow: the accept loop acquires a [`ConnectionPermit`] for each connection. The connection
//! task reports its phases to the permit and ends when the permit expires.
//!
//! Invariants:
//! - At the connection limit, the connection that has waited longest is closed to admit a new one,
//!   among those of the client prefix with the most waiting connections. Rejecting new connections
//!   instead would let as many silent ones as the limit allows lock out every scrape.
//! - One client prefix cannot occupy all requests while another one asks for some.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::client_prefix::ClientPrefix;

/// Limits on what clients may use, and for how long.
///
/// The defaults suit an exporter that is scraped by up to about ten Prometheus servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerLimits {
    /// Maximum number of connections. To admit one more, a connection that waits for a request is
    /// closed.
    pub max_connections: usize,
    /// Maximum number of concurrent requests for replies that have to be rendered, from the
    /// complete head to the last byte of the response. Further requests get status 503. `None` if
    /// only the number of connections limits them.
    pub max_requests: Option<NonZeroUsize>,
    /// Maximum time from the first byte of a request to the end of its head. For a new connection
    /// it begins with the connection.
    pub head_timeout: Duration,
    /// Maximum time from the end of a response to the first byte of the next request.
    pub idle_timeout: Duration,
    /// Maximum time to write a response, from its first byte to its last.
    pub write_timeout: Duration,
    /// Time after which a connection counts as slow. A slow writer is closed if another request
    /// would be rejected otherwise. A slow waiting connection is closed if file descriptors are
    /// lacking.
    pub slow_after: Duration,
    /// Maximum time for running requests to finish after the server was stopped.
    pub shutdown_timeout: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            max_connections: 256,
            max_requests: NonZeroUsize::new(40),
            head_timeout: Duration::from_secs(10),
            // Longer than the five minutes for which Prometheus keeps an idle connection, because
            // the side that closes second never closes while a request is on its way.
            idle_timeout: Duration::from_secs(6 * 60),
            write_timeout: Duration::from_secs(30),
            slow_after: Duration::from_secs(1),
            shutdown_timeout: Duration::from_millis(500),
        }
    }
}

/// State of one connection, shared by its permit and the limiter.
type SharedConnectionState = Arc<watch::Sender<ConnectionState>>;

/// Grants permits to connections up to a limit.
pub(super) struct ConnectionLimiter {
    limits: ServerLimits,
    connections: Mutex<Vec<SharedConnectionState>>,
}

/// Permit of one connection. Dropping it allows another connection.
pub(super) struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    state: SharedConnectionState,
}

#[derive(Clone, Copy, Debug)]
struct ConnectionState {
    client: ClientPrefix,
    phase: Phase,
    /// Start of the phase.
    since: Instant,
    /// `true` if the connection is about to be closed.
    evicted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The head of the first request is awaited, or the head of any request is being received.
    ReadingRequest,
    /// Between two requests.
    Idle,
    /// The reply is being rendered.
    Handling,
    /// The response is being written.
    WritingResponse,
}

impl ConnectionState {
    fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::ReadingRequest | Phase::Idle)
    }

    fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Handling | Phase::WritingResponse)
    }
}

impl ConnectionLimiter {
    /// Creates a limiter without connections.
    pub(super) fn new(limits: ServerLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            connections: Mutex::default(),
        })
    }

    /// Returns a permit for a new connection. `None` if all permits are held by connections that
    /// are being served.
    pub(super) fn acquire(self: &Arc<Self>, client: ClientPrefix) -> Option<ConnectionPermit> {
        let mut connections = self.lock();
        if count(&connections, |_| true) >= self.limits.max_connections
            && !self.evict_waiting(&connections)
        {
            return None;
        }
        let state = Arc::new(watch::Sender::new(ConnectionState {
            client,
            phase: Phase::ReadingRequest,
            since: Instant::now(),
            evicted: false,
        }));
        connections.push(Arc::clone(&state));
        Some(ConnectionPermit {
            limiter: Arc::clone(self),
            state,
        })
    }

    /// Closes a connection to free its file descriptor, if one has waited or written for at least
    /// `slow_after`.
    ///
    /// Younger connections are kept: without a free descriptor, accept(2) fails even if no client
    /// is connecting, and the newest client may be about to send its request.
    pub(super) fn evict_slow(&self) {
        let connections = self.lock();
        let _ = evict_longest(&connections, |state| {
            state.is_waiting() && self.is_slow(state)
        }) || self.evict_slow_writer(&connections);
    }

    /// Evicts the longest-waiting connection of the client with the most waiting ones, or else a
    /// slow writer.
    fn evict_waiting(&self, connections: &[SharedConnectionState]) -> bool {
        let busiest =
            busiest_client(connections, ConnectionState::is_waiting).map(|(client, _)| client);
        evict_longest(connections, |state| {
            state.is_waiting() && Some(state.client) == busiest
        }) || self.evict_slow_writer(connections)
    }

    /// Evicts the longest-running request of the client with the most requests, if that client has
    /// more of them than `requester` would have with its new one.
    fn evict_from_busiest_client(
        &self,
        connections: &[SharedConnectionState],
        requester: ClientPrefix,
    ) -> bool {
        let own = count(connections, |state| {
            state.is_busy() && state.client == requester
        });
        let busiest = busiest_client(connections, ConnectionState::is_busy)
            .filter(|(_, requests)| *requests > own + 1)
            .map(|(client, _)| client);
        evict_longest(connections, |state| {
            state.is_busy() && Some(state.client) == busiest
        })
    }

    fn evict_slow_writer(&self, connections: &[SharedConnectionState]) -> bool {
        evict_longest(connections, |state| {
            state.phase == Phase::WritingResponse && self.is_slow(state)
        })
    }

    fn is_slow(&self, state: &ConnectionState) -> bool {
        state.since.elapsed() >= self.limits.slow_after
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SharedConnectionState>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionPermit {
    /// Completes when the connection has to be closed: it was evicted, or its phase timed out.
    pub(super) async fn expired(&self) {
        let mut changes = self.state.subscribe();
        loop {
            let state = *changes.borrow_and_update();
            if state.evicted {
                return;
            }
            let limits = &self.limiter.limits;
            let phase_timeout = match state.phase {
                Phase::ReadingRequest => Some(limits.head_timeout),
                Phase::Idle => Some(limits.idle_timeout),
                Phase::Handling => None,
                Phase::WritingResponse => Some(limits.write_timeout),
            };
            let deadline = async {
                match phase_timeout {
                    Some(phase_timeout) => sleep_until(state.since + phase_timeout).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = changes.changed() => {}
                () = deadline => return,
            }
        }
    }

    /// Returns the prefix of the client.
    pub(super) fn client(&self) -> ClientPrefix {
        self.state.borrow().client
    }

    /// Records that bytes were received.
    pub(super) fn bytes_received(&self) {
        self.transition(Phase::Idle, Phase::ReadingRequest);
    }

    /// Begins a request that counts towards `max_requests`.
    ///
    /// # Errors
    /// Returns the limit if it is reached and no other request can be evicted.
    pub(super) fn begin_request(&self) -> Result<(), usize> {
        let connections = self.limiter.lock();
        if let Some(max) = self.limiter.limits.max_requests {
            let at_limit = count(&connections, ConnectionState::is_busy) >= max.get();
            if at_limit
                && !self.limiter.evict_slow_writer(&connections)
                && !self
                    .limiter
                    .evict_from_busiest_client(&connections, self.client())
            {
                return Err(max.get());
            }
        }
        self.enter(Phase::Handling);
        Ok(())
    }

    /// Begins a request that is never rejected for `max_requests`.
    pub(super) fn begin_unlimited_request(&self) {
        self.enter(Phase::Handling);
    }

    /// Records that the response is ready to be written.
    pub(super) fn begin_response(&self) {
        self.enter(Phase::WritingResponse);
    }

    /// Records that everything passed to the stream so far is written.
    pub(super) fn flushed(&self) {
        self.transition(Phase::WritingResponse, Phase::Idle);
    }

    /// Returns `true` if a response is being written.
    pub(super) fn is_writing_response(&self) -> bool {
        self.state.borrow().phase == Phase::WritingResponse
    }

    fn transition(&self, from: Phase, to: Phase) {
        if self.state.borrow().phase == from {
            self.enter(to);
        }
    }

    fn enter(&self, phase: Phase) {
        self.state.send_modify(|state| {
            state.phase = phase;
            state.since = Instant::now();
        });
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.limiter
            .lock()
            .retain(|state| !Arc::ptr_eq(state, &self.state));
    }
}

/// Returns the number of matching connections that are not evicted.
fn count(
    connections: &[SharedConnectionState],
    matches: impl Fn(&ConnectionState) -> bool,
) -> usize {
    connections
        .iter()
        .map(|state| *state.borrow())
        .filter(|state| !state.evicted && matches(state))
        .count()
}

/// Returns the client with the most matching connections, and their number.
fn busiest_client(
    connections: &[SharedConnectionState],
    matches: impl Fn(&ConnectionState) -> bool,
) -> Option<(ClientPrefix, usize)> {
    let mut counts = BTreeMap::new();
    connections
        .iter()
        .map(|state| *state.borrow())
        .filter(|state| !state.evicted && matches(state))
        .for_each(|state| *counts.entry(state.client).or_insert(0) += 1);
    counts.into_iter().max_by_key(|(_, count)| *count)
}

/// Evicts the matching connection that has been in its phase for the longest time. Returns `false`
/// if none matches.
fn evict_longest(
    connections: &[SharedConnectionState],
    matches: impl Fn(&ConnectionState) -> bool,
) -> bool {
    let candidates = connections.iter().filter(|state| {
        let state = state.borrow();
        !state.evicted && matches(&state)
    });
    let longest = candidates.min_by_key(|state| state.borrow().since);
    longest
        .inspect(|state| state.send_modify(|state| state.evicted = true))
        .is_some()
}
