//! Client side of an attempt: connects that start together, and the result that the kernel returns
//! for each.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{Ipv6V6Only, ReuseAddr, SocketError};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage};
use nix::sys::socket::{bind, connect, getsockopt, listen, setsockopt, socket};

/// Port of the last connect of a run. An exporter or recording that has it has all earlier packets.
pub(crate) const MARKER_PORT: u16 = 8099;
/// Longest duration of a connect that must not time out. Resolving a neighbor that does not exist
/// takes 3 s.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// One connect. Dropping it closes the connection.
pub(crate) struct Connect {
    socket: OwnedFd,
    /// Result that the kernel returns; `None` while the kernel still tries.
    pub(crate) result: Option<Result<(), Errno>>,
    /// Time from the start to the result.
    pub(crate) after: Duration,
}

/// Starts `count` connects at once in the calling thread's namespace.
///
/// Returns when the kernel has returned all results, or after `timeout`.
pub(crate) fn connects(to: SocketAddr, count: usize, timeout: Duration) -> Vec<Connect> {
    let start = Instant::now();
    let mut all: Vec<Connect> = (0..count).map(|_| start_connect(to, start)).collect();
    while all.iter().any(|one| one.result.is_none()) && start.elapsed() < timeout {
        let mut waiting = vec![];
        let mut polled = vec![];
        for one in all.iter_mut().filter(|one| one.result.is_none()) {
            let Connect {
                socket,
                result,
                after,
            } = one;
            let socket = &*socket;
            polled.push(PollFd::new(socket.as_fd(), PollFlags::POLLOUT));
            waiting.push((socket, result, after));
        }
        let left =
            PollTimeout::try_from(timeout.saturating_sub(start.elapsed())).expect("a short time");
        poll(&mut polled, left).expect("sockets can be polled");
        for (poll, (socket, result, after)) in polled.iter().zip(waiting) {
            if poll.any() == Some(true) {
                *result = Some(socket_result(socket));
                *after = start.elapsed();
            }
        }
    }
    all
}

/// Returns the results of the connects, in order.
pub(crate) fn results(connects: &[Connect]) -> Vec<Option<Result<(), Errno>>> {
    connects.iter().map(|one| one.result).collect()
}

fn start_connect(to: SocketAddr, start: Instant) -> Connect {
    let socket = stream(to);
    let result = match connect(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
        Err(Errno::EINPROGRESS) => None,
        immediate => Some(immediate),
    };
    Connect {
        socket,
        result,
        after: start.elapsed(),
    }
}

/// Opens a listener that never accepts: the kernel completes at most `backlog` + 1 handshakes.
pub(crate) fn listen_without_accepting(at: SocketAddr, backlog: i32) -> OwnedFd {
    let socket = stream(at);
    setsockopt(&socket, ReuseAddr, &true).expect("a socket option");
    if at.is_ipv6() {
        setsockopt(&socket, Ipv6V6Only, &true).expect("a socket option");
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(at))
        .unwrap_or_else(|error| panic!("bind {at}: {error}"));
    listen(&socket, Backlog::new(backlog).expect("a backlog"))
        .unwrap_or_else(|error| panic!("listen {at}: {error}"));
    socket
}

fn socket_result(socket: &OwnedFd) -> Result<(), Errno> {
    match getsockopt(socket, SocketError).expect("a socket option") {
        0 => Ok(()),
        errno => Err(Errno::from_raw(errno)),
    }
}

fn stream(at: SocketAddr) -> OwnedFd {
    let family = if at.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    socket(
        family,
        SockType::Stream,
        SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
        None,
    )
    .expect("a socket")
}
