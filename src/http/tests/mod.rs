//! Tests of the HTTP server over sockets, with well-behaved and abusive clients.

mod access_control;
mod connection;
mod connection_limit;
mod listen_address;
mod negotiation;
mod routes;
mod shutdown;
mod single_flight;
mod tls;
mod web_config_file;
mod web_config_fixture;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tokio::runtime;
use tokio::sync::oneshot;

use super::*;

/// Size of a body that fits into no socket buffer.
const LARGE_BODY_BYTES: usize = 32 * 1024 * 1024;

/// A server on a thread of its own.
struct TestServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    fn start(routes: Routes, limits: ServerLimits) -> Self {
        Self::start_on(&["127.0.0.1:0"], routes, limits).0
    }

    fn start_on(
        addresses: &[&str],
        routes: Routes,
        limits: ServerLimits,
    ) -> (Self, Vec<SocketAddr>) {
        Self::start_with_access_control(addresses, routes, limits, AccessControl::disabled())
    }

    fn start_with_access_control(
        addresses: &[&str],
        routes: Routes,
        limits: ServerLimits,
        access_control: AccessControl,
    ) -> (Self, Vec<SocketAddr>) {
        let listeners: Vec<_> = addresses
            .iter()
            .map(|address| address.parse::<ListenAddress>().unwrap().bind().unwrap())
            .collect();
        let addresses: Vec<_> = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap())
            .collect();
        let (stop, stopped) = oneshot::channel();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let thread = thread::spawn(move || {
            runtime
                .block_on(serve(listeners, routes, limits, access_control, async {
                    drop(stopped.await);
                }))
                .unwrap();
            runtime.shutdown_background();
        });
        (
            Self {
                address: addresses[0],
                stop: Some(stop),
                thread: Some(thread),
            },
            addresses,
        )
    }

    fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// A client from another address of the loopback.
    fn client_from(&self, host: u8) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket
            .bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)).into())
            .unwrap();
        socket.connect(&self.address.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Client(stream)
    }

    /// Requests the shutdown, and waits until no connection is accepted any more.
    fn begin_shutdown(&mut self) {
        drop(self.stop.take());
        while TcpStream::connect(self.address).is_ok() {}
    }

    /// Stops the server, and returns how long that took.
    fn stop(mut self) -> Duration {
        let start = Instant::now();
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
        start.elapsed()
    }
}

/// A client that waits at most five seconds.
struct Client(TcpStream);

/// A response as a client receives it.
#[derive(Debug)]
struct ReceivedResponse {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        Self(stream)
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    fn request(&mut self, method: &str, path: &str) {
        self.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
    }

    fn get(&mut self, path: &str) -> ReceivedResponse {
        self.request("GET", path);
        self.reply()
    }

    fn reply(&mut self) -> ReceivedResponse {
        let (status, head) = self.head();
        let mut body = vec![0; header(&head, "content-length").unwrap().parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        ReceivedResponse { status, head, body }
    }

    fn head(&mut self) -> (u16, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head)
    }

    /// Waits until the server closes, and returns the bytes that arrived before.
    fn read_to_close(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => rest,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => rest,
            Err(error) => panic!("neither closed nor reset: {error}"),
        }
    }

    /// Asserts that no byte arrives for that time, and that the connection stays open.
    fn assert_silent_for(&mut self, time: Duration) {
        self.0.set_read_timeout(Some(time)).unwrap();
        assert_eq!(
            self.0.peek(&mut [0]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        self.0
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
    }
}

impl ReceivedResponse {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

fn routes() -> Routes {
    Routes::new(|| Ok(()))
}

/// Returns routes with one page, `/metrics`.
fn page(render: impl Fn() -> Reply + Send + Sync + 'static) -> Routes {
    routes().with_page("/metrics", Arc::new(render)).unwrap()
}

/// Returns a reply that fits into no socket buffer.
fn large_reply() -> Reply {
    Reply::text(vec![b'x'; LARGE_BODY_BYTES])
}

/// Controls a render function: each render reports its start, and then waits for a release.
struct Gate {
    started: mpsc::Receiver<()>,
    release: mpsc::Sender<()>,
}

impl Gate {
    fn new(render: impl Fn() -> Reply + Send + Sync + 'static) -> (Self, Render) {
        let (start, started) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let released = Mutex::new(released);
        let gated = move || {
            let _ = start.send(());
            // An error means that the gate was dropped, which releases all renders.
            let _ = released.lock().unwrap().recv();
            render()
        };
        (Self { started, release }, Arc::new(gated))
    }

    fn wait_for_start(&self) {
        self.started.recv_timeout(Duration::from_secs(5)).unwrap();
    }

    fn release_one(&self) {
        self.release.send(()).unwrap();
    }
}

/// Returns `true` if this host has IPv6. Prints a notice if it has not, and panics if CI=true.
fn has_ipv6() -> bool {
    let has = std::net::TcpListener::bind("[::1]:0").is_ok();
    assert!(
        has || std::env::var("CI").as_deref() != Ok("true"),
        "CI must have IPv6"
    );
    if !has {
        eprintln!("NOT TESTED: this host has no IPv6");
    }
    has
}
