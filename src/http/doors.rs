//! The listeners of a server, each of which gets its turn.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, info};

/// Why serving cannot begin.
#[derive(Debug, Error)]
#[error(
    "cannot watch the HTTP listener: {reason}: raise the limit of open files (LimitNOFILE= of the unit, ulimit -n)"
)]
pub struct ServeError {
    /// What the system says.
    reason: io::Error,
}

/// Why nobody can be let in for now.
#[derive(Debug, Error)]
#[error(
    "cannot accept HTTP connections for now: {reason}: \
     if this goes on, raise the limit of open files (LimitNOFILE= of the unit, ulimit -n)"
)]
pub(super) struct AcceptError {
    /// What the system says.
    reason: io::Error,
}

/// All the listeners.
pub(super) struct Doors {
    listeners: Vec<TcpListener>,
    /// Which one is asked first, so that a flood at one does not close the others.
    first: usize,
}

impl Doors {
    pub(super) fn open(listeners: Vec<std::net::TcpListener>) -> Result<Self, ServeError> {
        let watch = |listener: std::net::TcpListener| {
            listener.set_nonblocking(true)?;
            info!(address = %listener.local_addr()?, "serving HTTP");
            TcpListener::from_std(listener)
        };
        let listeners = listeners.into_iter().map(watch).collect::<io::Result<_>>();
        let listeners = listeners.map_err(|reason| ServeError { reason })?;
        Ok(Self {
            listeners,
            first: 0,
        })
    }

    /// The next connection; an error only where the next call would most likely meet it again at once.
    pub(super) async fn accept(&mut self) -> Result<TcpStream, AcceptError> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<TcpStream, AcceptError>> {
        let doors = self.listeners.len();
        for (door, listener) in self
            .listeners
            .iter()
            .enumerate()
            .cycle()
            .skip(self.first)
            .take(doors)
        {
            while let Poll::Ready(accepted) = listener.poll_accept(cx) {
                self.first = (door + 1) % doors;
                match accepted {
                    Ok((stream, _)) => return Poll::Ready(Ok(stream)),
                    Err(error) if is_about_one_client(&error) => {
                        debug!(%error, "an HTTP client left before it came");
                    }
                    Err(reason) => return Poll::Ready(Err(AcceptError { reason })),
                }
            }
        }
        Poll::Pending
    }
}

/// accept(2) also hands over errors of the connection that it took from the queue.
fn is_about_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_errors_say_what_to_do() {
        let reason = || io::Error::from_raw_os_error(24);
        assert_eq!(
            ServeError { reason: reason() }.to_string(),
            "cannot watch the HTTP listener: Too many open files (os error 24): \
             raise the limit of open files (LimitNOFILE= of the unit, ulimit -n)"
        );
        assert_eq!(
            AcceptError { reason: reason() }.to_string(),
            "cannot accept HTTP connections for now: Too many open files (os error 24): \
             if this goes on, raise the limit of open files (LimitNOFILE= of the unit, ulimit -n)"
        );
    }
}
