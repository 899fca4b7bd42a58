//! Where to listen, written as Prometheus exporters take it: `:10077`, `127.0.0.1:0`, `[::1]:10077`, `localhost:10077`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::str::FromStr;

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// A host and a port to listen on. Without a host: every address of this host, IPv6 and IPv4.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenAddress {
    host: Host,
    port: u16,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Host {
    Any,
    Ip(IpAddr),
    Name(String),
}

/// Why a text is no listen address.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AddressError {
    /// It has no colon, or nothing after it.
    #[error(
        "no port in the listen address {0:?}: write it like :10077, 127.0.0.1:10077 or [::1]:10077"
    )]
    NoPort(String),
    /// What follows the last colon is no port.
    #[error(
        "no such port as {port:?} in the listen address {address:?}: write a number from 0 (any free port) to 65535"
    )]
    Port {
        /// The whole text.
        address: String,
        /// What stands for the port.
        port: String,
    },
    /// An IPv6 address without brackets: where it ends and the port begins cannot be told.
    #[error(
        "an IPv6 address without brackets in the listen address {0:?}: write it like [::1]:10077"
    )]
    NoBrackets(String),
    /// What stands for the host is neither an IP address nor a name.
    #[error(
        "no such host as {host:?} in the listen address {address:?}: write an IP address of this host, or nothing"
    )]
    Host {
        /// The whole text.
        address: String,
        /// What stands for the host.
        host: String,
    },
}

/// Why nobody can be listened to on an address. What the system says is part of the sentence, so it is no `source`.
#[derive(Debug, Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "cannot listen on {address}: address already in use: \
         stop what listens there (ss -ltnp 'sport = :{}') or choose another --web.listen-address", address.port
    )]
    InUse {
        /// Where.
        address: ListenAddress,
    },
    /// A port below `net.ipv4.ip_unprivileged_port_start`, as a rule 1024.
    #[error(
        "cannot listen on {address}: permission denied: \
         choose a port from 1024 in --web.listen-address, or give the program CAP_NET_BIND_SERVICE"
    )]
    Denied {
        /// Where.
        address: ListenAddress,
    },
    /// The address is on none of this host's interfaces.
    #[error(
        "cannot listen on {address}: this host has no such address: \
         choose one of its own (ip address show) in --web.listen-address, or :{} for all of them", address.port
    )]
    NoSuchAddress {
        /// Where.
        address: ListenAddress,
    },
    /// The name stands for no address.
    #[error(
        "cannot listen on {address}: {reason}: write an IP address of this host in --web.listen-address"
    )]
    Name {
        /// Where.
        address: ListenAddress,
        /// What the resolver says.
        reason: io::Error,
    },
    /// The system refuses for another reason.
    #[error("cannot listen on {address}: {reason}: choose another --web.listen-address")]
    Other {
        /// Where.
        address: ListenAddress,
        /// What the system says.
        reason: io::Error,
    },
}

impl ListenAddress {
    /// Listens there; the listener is non-blocking, as [`serve`](super::serve) wants it.
    ///
    /// # Errors
    /// Says what to do where the address is taken, reserved, not this host's, or the name is not known. Resolving a
    /// name takes as long as the resolver does.
    pub fn bind(&self) -> Result<TcpListener, BindError> {
        let candidates = self.candidates().map_err(|reason| BindError::Name {
            address: self.clone(),
            reason,
        })?;
        listen_on_first(&candidates).map_err(|reason| self.explain(reason))
    }

    fn candidates(&self) -> io::Result<Vec<SocketAddr>> {
        let any: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
        match &self.host {
            Host::Any => Ok(any.map(|ip| SocketAddr::new(ip, self.port)).into()),
            Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, self.port)]),
            Host::Name(name) => {
                let mut found: Vec<_> = (name.as_str(), self.port).to_socket_addrs()?.collect();
                // As Go's net.Listen: who reads localhost:10077 in one exporter's manual expects the same of all.
                found.sort_by_key(SocketAddr::is_ipv6);
                Ok(found)
            }
        }
    }

    fn explain(&self, reason: io::Error) -> BindError {
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
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = match (bare, host) {
            (None, "") => Some(Host::Any),
            (None, host) => host
                .parse()
                .map(|ip: Ipv4Addr| Host::Ip(ip.into()))
                .ok()
                .or_else(|| name(host)),
            (Some(bare), _) => bare.parse().map(|ip: Ipv6Addr| Host::Ip(ip.into())).ok(),
        }
        .ok_or_else(|| AddressError::Host {
            address: address.clone(),
            host: host.to_owned(),
        })?;
        // `parse` alone would take "+80".
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let number = port.parse().ok().filter(|_| digits);
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
            Host::Any => write!(f, ":{}", self.port),
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// A name that a resolver could know. One of digits and dots only is a mistyped address.
fn name(text: &str) -> Option<Host> {
    let legal = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let letters = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    (legal && letters).then(|| Host::Name(text.to_owned()))
}

/// The first address that this host has. One that is taken or forbidden ends the search: to listen on half of what was
/// asked for would go unnoticed.
pub(super) fn listen_on_first(candidates: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the name stands for no address");
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

/// As `TcpListener::bind`, but `[::]` takes IPv4 too, whatever `net.ipv6.bindv6only` says.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // As std does: without it a restart has to wait until old connections have left TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// More than the 128 of std: a flood has to fill it before a scrape's SYN is dropped. `net.core.somaxconn` caps it.
const BACKLOG: i32 = 1024;
