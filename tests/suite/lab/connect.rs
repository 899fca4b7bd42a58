//! The client's side of an attempt: connects that start together, and what the kernel tells the application about each.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{Ipv6V6Only, ReuseAddr, SocketError};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage};
use nix::sys::socket::{bind, connect, getsockopt, listen, setsockopt, socket};

/// What became of one connect. A connection stays open as long as this is kept.
pub(crate) struct Connect {
    socket: OwnedFd,
    /// What the application is told; nothing while the kernel still tries.
    pub(crate) told: Option<Result<(), Errno>>,
    /// After how long.
    pub(crate) after: Duration,
}

/// Starts `count` connects at once from the calling thread's host and follows each until the kernel gives its verdict,
/// or until `patience` is at its end.
pub(crate) fn connects(to: SocketAddr, count: usize, patience: Duration) -> Vec<Connect> {
    let start = Instant::now();
    let mut all: Vec<Connect> = (0..count).map(|_| begin(to, start)).collect();
    while all.iter().any(|one| one.told.is_none()) && start.elapsed() < patience {
        let (mut waiting, mut watched): (Vec<_>, Vec<_>) = (vec![], vec![]);
        for one in all.iter_mut().filter(|one| one.told.is_none()) {
            let Connect {
                socket,
                told,
                after,
            } = one;
            let socket = &*socket;
            watched.push(PollFd::new(socket.as_fd(), PollFlags::POLLOUT));
            waiting.push((socket, told, after));
        }
        let left =
            PollTimeout::try_from(patience.saturating_sub(start.elapsed())).expect("a short time");
        poll(&mut watched, left).expect("sockets can be polled");
        for (polled, (socket, told, after)) in watched.iter().zip(waiting) {
            if polled.any() == Some(true) {
                *told = Some(error_of(socket));
                *after = start.elapsed();
            }
        }
    }
    all
}

/// The port of the last connect of a run: whoever has seen it has seen all that came before.
pub(crate) const MARKER: u16 = 8099;

/// How long a connect may take where none is to fail for want of an answer; neighbours that do not exist take 3 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What the application was told, of each.
pub(crate) fn told(connects: &[Connect]) -> Vec<Option<Result<(), Errno>>> {
    connects.iter().map(|one| one.told).collect()
}

fn begin(to: SocketAddr, start: Instant) -> Connect {
    let socket = stream(to);
    let told = match connect(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
        Err(Errno::EINPROGRESS) => None,
        at_once => Some(at_once),
    };
    Connect {
        socket,
        told,
        after: start.elapsed(),
    }
}

/// A server that never accepts: the kernel completes `backlog` + 1 handshakes and then has no room for more.
pub(crate) fn server(at: SocketAddr, backlog: i32) -> OwnedFd {
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

fn error_of(socket: &OwnedFd) -> Result<(), Errno> {
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
