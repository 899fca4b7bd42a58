//! Listening sockets of a server, polled in rotation.
//!
//! Data flow: takes bound listeners and returns accepted TCP streams to the accept loop.
//!
//! Invariant: the listener after the one that accepted last is polled first, so that a flood of
//! connections to one listener does not starve the others.

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
    /// Error of the operating system.
    reason: io::Error,
}

/// Why no connection can be accepted for now.
#[derive(Debug, Error)]
#[error(
    "cannot accept HTTP connections for now: {reason}: \
     if this goes on, raise the limit of open files (LimitNOFILE= of the unit, ulimit -n)"
)]
pub(super) struct AcceptError {
    /// Error of the operating system.
    reason: io::Error,
}

/// All listeners of a server.
pub(super) struct Listeners {
    sockets: Vec<TcpListener>,
    /// Index of the listener to poll first.
    first: usize,
}

impl Listeners {
    /// Registers the listeners with the tokio runtime.
    ///
    /// # Errors
    /// Returns an error if the operating system refuses, for example for lack of file descriptors.
    pub(super) fn register(listeners: Vec<std::net::TcpListener>) -> Result<Self, ServeError> {
        let register = |listener: std::net::TcpListener| {
            listener.set_nonblocking(true)?;
            info!(address = %listener.local_addr()?, "serving HTTP");
            TcpListener::from_std(listener)
        };
        let sockets = listeners
            .into_iter()
            .map(register)
            .collect::<io::Result<_>>()
            .map_err(|reason| ServeError { reason })?;
        Ok(Self { sockets, first: 0 })
    }

    /// Returns the next connection.
    ///
    /// # Errors
    /// Returns an error only if the next call is likely to fail in the same way immediately.
    pub(super) async fn accept(&mut self) -> Result<TcpStream, AcceptError> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<TcpStream, AcceptError>> {
        let count = self.sockets.len();
        for (index, socket) in self
            .sockets
            .iter()
            .enumerate()
            .cycle()
            .skip(self.first)
            .take(count)
        {
            while let Poll::Ready(accepted) = socket.poll_accept(cx) {
                self.first = (index + 1) % count;
                match accepted {
                    Ok((stream, _)) => return Poll::Ready(Ok(stream)),
                    Err(error) if is_connection_error(&error) => {
                        debug!(%error, "an HTTP client disconnected before its connection was accepted");
                    }
                    Err(reason) => return Poll::Ready(Err(AcceptError { reason })),
                }
            }
        }
        Poll::Pending
    }
}

/// Returns `true` if the error concerns only the connection that accept(2) took from the queue:
/// accept(2) also returns pending errors of that connection.
fn is_connection_error(error: &io::Error) -> bool {
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
    fn errors_name_the_remedy() {
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
