//! Serves pages to whoever connects until told to stop, and then is done within the time it was given.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, error, warn};

use super::connection::{Offer, attend};
use super::doors::{AcceptError, Doors, ServeError};
use super::guard::AccessControl;
use super::limits::ServerLimits;
use super::routes::Routes;
use super::seats::Seats;

/// Serves to whom the guard lets in until `stop` is there: then nobody is accepted any more, running requests get [`ServerLimits::stop`] to finish,
/// and what is left is closed.
///
/// It must run in a tokio runtime with IO and time. A page that is still being rendered is left behind: end the
/// runtime with `shutdown_background`, which does not wait for it.
///
/// # Errors
/// Where a listener cannot be watched. Nothing that clients do and no want of file descriptors ends it.
pub async fn serve(
    listeners: Vec<std::net::TcpListener>,
    routes: Routes,
    limits: ServerLimits,
    guard: AccessControl,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut doors = Doors::open(listeners)?;
    let mut house = House::new(Offer { routes, guard }, limits);
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(ended) = house.connections.join_next() => house.part(ended),
            accepted = accept_after(house.closed_until, &mut doors) => match accepted {
                Ok(stream) => house.welcome(stream),
                Err(error) => house.pause(&error),
            }
        }
    }
    drop(doors);
    house.close(limits.stop).await;
    Ok(())
}

/// Who is in, and whether more may come.
struct House {
    offer: Arc<Offer>,
    seats: Arc<Seats>,
    connections: JoinSet<()>,
    /// Connections hear of the stop when this is dropped.
    running: watch::Sender<()>,
    closed_until: Option<Instant>,
    quiet_until: Option<Instant>,
}

impl House {
    fn new(offer: Offer, limits: ServerLimits) -> Self {
        Self {
            offer: Arc::new(offer),
            seats: Seats::new(limits),
            connections: JoinSet::new(),
            running: watch::Sender::new(()),
            closed_until: None,
            quiet_until: None,
        }
    }

    fn welcome(&mut self, stream: TcpStream) {
        self.closed_until = None;
        // Answers are written whole; there is nothing to wait for to fill a segment with.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "an HTTP client left before it came");
        }
        let Ok(from) = stream.peer_addr() else {
            return debug!("an HTTP client left before it came");
        };
        match self.seats.take(from.ip().into()) {
            Some(seat) => {
                self.connections.spawn(attend(
                    stream,
                    seat,
                    Arc::clone(&self.offer),
                    self.running.subscribe(),
                ));
            }
            None => debug!("closed a new HTTP connection: all others are being served"),
        }
    }

    fn part(&mut self, ended: Result<(), JoinError>) {
        // Its file descriptor may be the one that was wanting.
        self.closed_until = None;
        if let Err(error) = ended {
            error!(%error, "an HTTP connection ended in a panic");
        }
    }

    /// Without a pause, the connection that cannot be accepted would be offered again at once, for ever.
    fn pause(&mut self, error: &AcceptError) {
        self.seats.free_one();
        let now = Instant::now();
        self.closed_until = Some(now + PAUSE);
        if self.quiet_until.is_none_or(|then| then <= now) {
            self.quiet_until = Some(now + QUIET);
            warn!("{error}");
        }
    }

    async fn close(mut self, patience: Duration) {
        drop(self.running);
        let all_left = async { while self.connections.join_next().await.is_some() {} };
        if timeout(patience, all_left).await.is_err() {
            debug!(
                left = self.connections.len(),
                "closing HTTP connections in the middle of a request"
            );
            self.connections.shutdown().await;
        }
    }
}

async fn accept_after(then: Option<Instant>, doors: &mut Doors) -> Result<TcpStream, AcceptError> {
    if let Some(then) = then {
        sleep_until(then).await;
    }
    doors.accept().await
}

/// Between two attempts to accept where the first met a want of resources.
const PAUSE: Duration = Duration::from_millis(250);

/// Between two complaints about it.
const QUIET: Duration = Duration::from_secs(30);
