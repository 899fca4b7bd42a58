//! The client's side of an attempt: connects that start together, and what the kernel tells the application about each.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr, socket_error};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket_with};

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
            let Connect { socket, told, after } = one;
            watched.push(PollFd::new(&*socket, PollFlags::OUT));
            waiting.push((&*socket, told, after));
        }
        let left = Timespec::try_from(patience.saturating_sub(start.elapsed())).expect("a short time");
        poll(&mut watched, Some(&left)).expect("sockets can be polled");
        for (polled, (socket, told, after)) in watched.iter().zip(waiting) {
            if !polled.revents().is_empty() {
                *told = Some(socket_error(socket).expect("a socket has an error state"));
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
    let told = match connect(socket.as_fd(), &to) {
        Err(Errno::INPROGRESS) => None,
        at_once => Some(at_once),
    };
    Connect { socket, told, after: start.elapsed() }
}

/// A server that never accepts: the kernel completes `backlog` + 1 handshakes and then has no room for more.
pub(crate) fn server(at: SocketAddr, backlog: i32) -> OwnedFd {
    let socket = stream(at);
    set_socket_reuseaddr(&socket, true).expect("a socket option");
    if at.is_ipv6() {
        set_ipv6_v6only(&socket, true).expect("a socket option");
    }
    bind(&socket, &at).unwrap_or_else(|error| panic!("bind {at}: {error}"));
    listen(&socket, backlog).unwrap_or_else(|error| panic!("listen {at}: {error}"));
    socket
}

fn stream(at: SocketAddr) -> OwnedFd {
    let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    socket_with(family, SocketType::STREAM, flags, None).expect("a socket")
}
