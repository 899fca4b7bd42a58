//! Listeners that systemd made before the program began (sd_listen_fds(3)).

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;
use thiserror::Error;

/// Why there is nothing to listen on.
#[derive(Debug, Error)]
pub enum ActivationError {
    /// systemd handed nothing over, or not to this process.
    #[error(
        "no socket activation file descriptors found: \
         start the program by its socket unit, or leave --web.systemd-socket out"
    )]
    Nothing,
    /// It is another kind of socket.
    #[error(
        "file descriptor {number} from systemd is no TCP listener ({reason}): write ListenStream=10077 into the socket unit"
    )]
    NoListener {
        /// Its number.
        number: usize,
        /// What is wrong with it.
        reason: io::Error,
    },
}

/// The listeners that systemd handed over. Nobody can have them twice.
///
/// # Errors
/// There are none, or something else is among them.
pub fn activated() -> Result<Vec<TcpListener>, ActivationError> {
    let mut given = ListenFd::from_env();
    let mut listeners = Vec::new();
    for place in 0..given.len() {
        let taken = given.take_tcp_listener(place);
        let taken = taken.map_err(|reason| ActivationError::NoListener {
            number: place + FIRST,
            reason,
        })?;
        listeners.extend(taken);
    }
    if listeners.is_empty() {
        Err(ActivationError::Nothing)
    } else {
        Ok(listeners)
    }
}

/// Standard input, output and error come before.
const FIRST: usize = 3;
