//! Accept loop: accepts connections, runs one task for each, and shuts them down.
//!
//! Data flow: [`Listeners`] accept, [`ConnectionLimiter`] admits, [`serve_connection`] answers.
//!
//! Invariants:
//! - Neither client behavior nor a lack of file descriptors ends the loop.
//! - After a stop, it returns within [`ServerLimits::shutdown_timeout`].

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, error, warn};

use super::connection::{ConnectionContext, serve_connection};
use super::connection_limit::{ConnectionLimiter, ServerLimits};
use super::listeners::{AcceptError, Listeners, ServeError};
use super::routes::Routes;
use super::web_config::AccessControl;

/// Time until the next accept after one that failed for lack of resources.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(250);
/// Minimum time between two warnings about failed accepts.
const WARN_INTERVAL: Duration = Duration::from_secs(30);

/// Serves the clients that `access_control` authorizes until `stop` completes.
///
/// After `stop`, no connection is accepted, running requests get
/// [`ServerLimits::shutdown_timeout`] to finish, and the remaining connections are closed.
///
/// It must run in a tokio runtime with IO and time. A reply that is still being rendered is
/// abandoned: end the runtime with `shutdown_background`, which does not wait for it.
///
/// # Errors
/// Returns an error if a listener cannot be registered with the runtime. Neither client behavior
/// nor a lack of file descriptors is an error.
pub async fn serve(
    listeners: Vec<std::net::TcpListener>,
    routes: Routes,
    limits: ServerLimits,
    access_control: AccessControl,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut listeners = Listeners::register(listeners)?;
    let context = ConnectionContext {
        routes,
        access_control,
    };
    let mut server = Server::new(context, limits);
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(result) = server.connections.join_next() => server.reap(result),
            accepted = accept_after(server.accept_paused_until, &mut listeners) => match accepted {
                Ok(stream) => server.accept_connection(stream),
                Err(error) => server.back_off(&error),
            }
        }
    }
    drop(listeners);
    server.shut_down(limits.shutdown_timeout).await;
    Ok(())
}

/// Running connections, and whether another one may be accepted.
struct Server {
    context: Arc<ConnectionContext>,
    limiter: Arc<ConnectionLimiter>,
    connections: JoinSet<()>,
    /// Dropping it notifies all connections of the shutdown.
    shutdown: watch::Sender<()>,
    accept_paused_until: Option<Instant>,
    warn_muted_until: Option<Instant>,
}

impl Server {
    fn new(context: ConnectionContext, limits: ServerLimits) -> Self {
        Self {
            context: Arc::new(context),
            limiter: ConnectionLimiter::new(limits),
            connections: JoinSet::new(),
            shutdown: watch::Sender::new(()),
            accept_paused_until: None,
            warn_muted_until: None,
        }
    }

    /// Starts a task for a new connection, or closes the connection if it gets no permit.
    fn accept_connection(&mut self, stream: TcpStream) {
        self.accept_paused_until = None;
        // Responses are written whole, so that waiting to fill a segment would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "an HTTP client disconnected before its connection was accepted");
        }
        let Ok(client) = stream.peer_addr() else {
            return debug!("an HTTP client disconnected before its connection was accepted");
        };
        match self.limiter.acquire(client.ip().into()) {
            Some(permit) => {
                self.connections.spawn(serve_connection(
                    stream,
                    permit,
                    Arc::clone(&self.context),
                    self.shutdown.subscribe(),
                ));
            }
            None => debug!(
                "closed a new HTTP connection: at the connection limit, and all others are being served"
            ),
        }
    }

    /// Handles the end of a connection task.
    fn reap(&mut self, result: Result<(), JoinError>) {
        // The file descriptor of this connection may be the one that was lacking.
        self.accept_paused_until = None;
        if let Err(error) = result {
            error!(%error, "an HTTP connection ended in a panic");
        }
    }

    /// Pauses accepting. Without the pause, accept(2) would fail for the same connection in an
    /// endless loop.
    fn back_off(&mut self, error: &AcceptError) {
        self.limiter.evict_slow();
        let now = Instant::now();
        self.accept_paused_until = Some(now + ACCEPT_BACKOFF);
        if self.warn_muted_until.is_none_or(|until| until <= now) {
            self.warn_muted_until = Some(now + WARN_INTERVAL);
            warn!("{error}");
        }
    }

    /// Waits up to `max_wait` until all connections have ended, then closes the remaining ones.
    async fn shut_down(mut self, max_wait: Duration) {
        drop(self.shutdown);
        let all_ended = async { while self.connections.join_next().await.is_some() {} };
        if timeout(max_wait, all_ended).await.is_err() {
            debug!(
                remaining = self.connections.len(),
                "closing HTTP connections in the middle of a request"
            );
            self.connections.shutdown().await;
        }
    }
}

async fn accept_after(
    paused_until: Option<Instant>,
    listeners: &mut Listeners,
) -> Result<TcpStream, AcceptError> {
    if let Some(until) = paused_until {
        sleep_until(until).await;
    }
    listeners.accept().await
}
