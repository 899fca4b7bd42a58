//! Listen addresses (`:10077`, `127.0.0.1:0`, `[::1]:10077`, `localhost:10077`) and listeners that
//! systemd passes by socket activation (sd_listen_fds(3)).
//!
//! Data flow: addresses come from `--web.listen-address`; the listeners go to
//! [`serve`](super::serve).
//!
//! Invariant: an address is bound as a whole or not at all.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::str::FromStr;

use listenfd::ListenFd;
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// Length of the queue of connections that are not yet accepted. Larger than the 128 of the
/// standard library: a flood has to fill it before the SYN of a scrape is dropped.
/// `net.core.somaxconn` caps it.
const BACKLOG: i32 = 1024;
/// Number of the first file descriptor that systemd passes, after standard input, output and error.
const FIRST_ACTIVATED_FD: usize = 3;

/// A host and a port to listen on. Without a host: every address of this host, IPv6 and IPv4.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenAddress {
    host: ListenHost,
    port: u16,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum ListenHost {
    Any,
    Ip(IpAddr),
    Name(String),
}

/// Why a text is not a listen address.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AddressError {
    /// The text has no colon, or nothing after it.
    #[error(
        "no port in the listen address {0:?}: write it like :10077, 127.0.0.1:10077 or [::1]:10077"
    )]
    NoPort(String),
    /// The text after the last colon is not a port.
    #[error(
        "invalid port {port:?} in the listen address {address:?}: write a number from 0 (any free port) to 65535"
    )]
    Port {
        /// The whole text.
        address: String,
        /// The text in the place of the port.
        port: String,
    },
    /// An IPv6 address without brackets, which makes its end and the start of the port ambiguous.
    #[error(
        "an IPv6 address without brackets in the listen address {0:?}: write it like [::1]:10077"
    )]
    NoBrackets(String),
    /// The text in the place of the host is neither an IP address nor a host name.
    #[error(
        "invalid host {host:?} in the listen address {address:?}: write an IP address of this host, or nothing"
    )]
    Host {
        /// The whole text.
        address: String,
        /// The text in the place of the host.
        host: String,
    },
}

/// Why listening on an address failed. The error of the operating system is part of the message,
/// and therefore not a `source`.
#[derive(Debug, Error)]
pub enum BindError {
    /// Another socket listens on the address.
    #[error(
        "cannot listen on {address}: address already in use: \
         stop the program that listens there (ss -ltnp 'sport = :{}') or choose another --web.listen-address", address.port
    )]
    InUse {
        /// The address.
        address: ListenAddress,
    },
    /// The port is below `net.ipv4.ip_unprivileged_port_start`, usually 1024.
    #[error(
        "cannot listen on {address}: permission denied: \
         choose a port from 1024 in --web.listen-address, or give the program CAP_NET_BIND_SERVICE"
    )]
    Denied {
        /// The address.
        address: ListenAddress,
    },
    /// No interface of this host has the address.
    #[error(
        "cannot listen on {address}: this host has no such address: \
         choose an address of this host (ip address show) in --web.listen-address, or :{} for all of them", address.port
    )]
    NoSuchAddress {
        /// The address.
        address: ListenAddress,
    },
    /// The host name cannot be resolved.
    #[error(
        "cannot listen on {address}: {reason}: write an IP address of this host in --web.listen-address"
    )]
    Name {
        /// The address.
        address: ListenAddress,
        /// Error of the resolver.
        reason: io::Error,
    },
    /// Another error of the operating system.
    #[error("cannot listen on {address}: {reason}: choose another --web.listen-address")]
    Other {
        /// The address.
        address: ListenAddress,
        /// Error of the operating system.
        reason: io::Error,
    },
}

/// Why there are no listeners from systemd.
#[derive(Debug, Error)]
pub enum ActivationError {
    /// systemd passed no file descriptors, or passed them to another process.
    #[error(
        "no socket activation file descriptors found: \
         start the program by its socket unit, or omit --web.systemd-socket"
    )]
    Nothing,
    /// A file descriptor is of another kind.
    #[error(
        "file descriptor {number} from systemd is not a TCP listener ({reason}): write ListenStream=10077 into the socket unit"
    )]
    NoListener {
        /// Number of the file descriptor.
        number: usize,
        /// Why it cannot be used.
        reason: io::Error,
    },
}

impl ListenAddress {
    /// Binds a listener, which is non-blocking as [`serve`](super::serve) requires.
    ///
    /// A host name is resolved, which blocks as long as the resolver does.
    ///
    /// # Errors
    /// Returns an error with a remedy if the address is in use, reserved or not of this host, or if
    /// the host name cannot be resolved.
    pub fn bind(&self) -> Result<TcpListener, BindError> {
        let candidates = self.candidates().map_err(|reason| BindError::Name {
            address: self.clone(),
            reason,
        })?;
        listen_on_first(&candidates).map_err(|reason| self.bind_error(reason))
    }

    fn candidates(&self) -> io::Result<Vec<SocketAddr>> {
        let any: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
        match &self.host {
            ListenHost::Any => Ok(any.map(|ip| SocketAddr::new(ip, self.port)).into()),
            ListenHost::Ip(ip) => Ok(vec![SocketAddr::new(*ip, self.port)]),
            ListenHost::Name(name) => {
                let mut found: Vec<_> = (name.as_str(), self.port).to_socket_addrs()?.collect();
                // IPv4 first, as in Go's net.Listen: localhost:10077 must mean the same as in
                // exporters that are written in Go.
                found.sort_by_key(SocketAddr::is_ipv6);
                Ok(found)
            }
        }
    }

    fn bind_error(&self, reason: io::Error) -> BindError {
        let address = self.clone();
        match reason.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { address },
            io::ErrorKind::PermissionDenied => BindError::Denied { address },
            io::ErrorKind::AddrNotAvailable => BindError::NoSuchAddress { address },
            _ => BindError::Other { address, reason },
        }
    }
}

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let address = text.to_owned();
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        if [text, host]
            .iter()
            .any(|bare| bare.parse::<Ipv6Addr>().is_ok())
        {
            return Err(AddressError::NoBrackets(address));
        }
        if port.is_empty() || host.starts_with('[') && port.ends_with(']') {
            return Err(AddressError::NoPort(address));
        }
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = match (bracketed, host) {
            (None, "") => Some(ListenHost::Any),
            (None, host) => host
                .parse()
                .map(|ip: Ipv4Addr| ListenHost::Ip(ip.into()))
                .ok()
                .or_else(|| host_name(host)),
            (Some(bracketed), _) => bracketed
                .parse()
                .map(|ip: Ipv6Addr| ListenHost::Ip(ip.into()))
                .ok(),
        }
        .ok_or_else(|| AddressError::Host {
            address: address.clone(),
            host: host.to_owned(),
        })?;
        // `parse` alone would accept "+80".
        let only_digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let number = port.parse().ok().filter(|_| only_digits);
        let port = number.ok_or_else(|| AddressError::Port {
            address,
            port: port.to_owned(),
        })?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            ListenHost::Any => write!(f, ":{}", self.port),
            ListenHost::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            ListenHost::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// Returns the host for a name that a resolver could know. `None` for other characters, and for
/// digits and dots only, which is a mistyped IPv4 address.
fn host_name(text: &str) -> Option<ListenHost> {
    let is_legal = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let has_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    (is_legal && has_letter).then(|| ListenHost::Name(text.to_owned()))
}

/// Listens on the first address that this host has.
///
/// # Errors
/// Returns an error for the first address that is in use or forbidden, without trying the next:
/// listening on only half of what was configured would go unnoticed.
pub(super) fn listen_on_first(candidates: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut error = io::Error::new(
        io::ErrorKind::NotFound,
        "the host name resolves to no address",
    );
    for candidate in candidates {
        match listen(*candidate) {
            Ok(listener) => return Ok(listener),
            Err(fatal)
                if matches!(
                    fatal.kind(),
                    io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
                ) =>
            {
                return Err(fatal);
            }
            Err(next) => error = next,
        }
    }
    Err(error)
}

/// Listens as `TcpListener::bind` does, but `[::]` includes IPv4 whatever `net.ipv6.bindv6only` is.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // As in the standard library: without it a restart has to wait until old connections have left
    // TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Takes the listeners that systemd passed. A second call finds none.
///
/// # Errors
/// Returns an error if there are none, or if one file descriptor is not a TCP listener.
pub fn activated() -> Result<Vec<TcpListener>, ActivationError> {
    let mut descriptors = ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..descriptors.len() {
        let listener = descriptors.take_tcp_listener(index);
        let listener = listener.map_err(|reason| ActivationError::NoListener {
            number: index + FIRST_ACTIVATED_FD,
            reason,
        })?;
        listeners.extend(listener);
    }
    if listeners.is_empty() {
        Err(ActivationError::Nothing)
    } else {
        Ok(listeners)
    }
}
