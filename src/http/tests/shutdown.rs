//! Shutdown: completes within a second, whatever the clients do.

use super::*;

/// Maximum time of a shutdown.
const MAX_SHUTDOWN: Duration = Duration::from_secs(1);

/// Limits with a shutdown timeout that is never reached: the server stops within a second only if
/// all connections end by themselves.
fn long_shutdown_timeout() -> ServerLimits {
    ServerLimits {
        shutdown_timeout: Duration::from_secs(60),
        ..ServerLimits::default()
    }
}

#[test]
fn idle_connections_are_closed_at_once() {
    let server = TestServer::start(routes(), long_shutdown_timeout());
    let mut silent = server.client();
    let mut idle = server.client();
    assert_eq!(idle.get("/-/healthy").status, 200);
    assert!(server.stop() < MAX_SHUTDOWN);
    assert_eq!(
        (silent.read_to_close(), idle.read_to_close()),
        (vec![], vec![])
    );
}

#[test]
fn new_connections_are_refused() {
    let server = TestServer::start(routes(), long_shutdown_timeout());
    let address = server.address;
    assert_eq!(server.client().get("/-/healthy").status, 200);
    server.stop();
    assert_eq!(
        TcpStream::connect(address).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[test]
fn running_request_is_answered() {
    let (gate, render) = Gate::new(|| Reply::text("here"));
    let mut server = TestServer::start(
        routes().with_page("/metrics", render).unwrap(),
        long_shutdown_timeout(),
    );
    let mut client = server.client();
    client.request("GET", "/metrics");
    gate.wait_for_start();
    server.begin_shutdown();
    drop(gate);
    assert_eq!(client.reply().text(), "here");
    assert_eq!(client.read_to_close(), b"");
    assert!(server.stop() < MAX_SHUTDOWN);
}

#[test]
fn client_that_does_not_read_is_cut_off() {
    let server = TestServer::start(page(large_reply), ServerLimits::default());
    let mut client = server.client();
    client.request("GET", "/metrics");
    client.head();
    assert!(server.stop() < MAX_SHUTDOWN);
    assert!(client.read_to_close().len() < LARGE_BODY_BYTES);
}

#[test]
fn incomplete_head_is_cut_off() {
    let server = TestServer::start(routes(), ServerLimits::default());
    let mut client = server.client();
    client.send("GET /-/healthy HTTP/1.1\r\n\r\nGET /");
    assert_eq!(client.reply().status, 200);
    assert!(server.stop() < MAX_SHUTDOWN);
    assert_eq!(client.read_to_close(), b"");
}

#[test]
fn endless_render_is_abandoned() {
    let (gate, render) = Gate::new(|| Reply::text("late"));
    let server = TestServer::start(
        routes().with_page("/metrics", render).unwrap(),
        ServerLimits::default(),
    );
    let mut client = server.client();
    client.request("GET", "/metrics");
    gate.wait_for_start();
    assert!(server.stop() < MAX_SHUTDOWN);
    assert_eq!(client.read_to_close(), b"");
}
