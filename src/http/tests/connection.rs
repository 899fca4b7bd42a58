//! Single connections: well-behaved clients, slow ones, and ones that do not use HTTP.

use std::net::Shutdown;
use std::num::NonZeroUsize;

use super::*;

/// Timeout that a test can wait for.
const SHORT: Duration = Duration::from_millis(150);

fn limits_with(change: impl Fn(&mut ServerLimits)) -> ServerLimits {
    let mut limits = ServerLimits::default();
    change(&mut limits);
    limits
}

#[test]
fn connection_serves_many_requests() {
    let server = TestServer::start(page(|| Reply::text("here")), ServerLimits::default());
    let mut client = server.client();
    for _ in 0..10 {
        assert_eq!(client.get("/metrics").text(), "here");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::start(page(|| Reply::text("here")), ServerLimits::default());
    let mut client = server.client();
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send(
        [
            request("/metrics"),
            request("/nowhere"),
            request("/-/ready"),
            request("/metrics"),
        ]
        .concat(),
    );
    let statuses: Vec<_> = (0..4).map(|_| client.reply().status).collect();
    assert_eq!(statuses, [200, 404, 200, 200]);
}

#[test]
fn pipelined_large_replies_all_arrive() {
    // With a limit of one request, each waits until the response before it is written: a
    // connection never has two requests running.
    let server = TestServer::start(
        page(large_reply),
        limits_with(|limits| limits.max_requests = NonZeroUsize::new(1)),
    );
    let mut client = server.client();
    (0..3).for_each(|_| client.request("GET", "/metrics"));
    (0..3).for_each(|_| assert_eq!(client.reply().body.len(), LARGE_BODY_BYTES));
}

#[test]
fn http_1_0_request_is_answered_and_closed() {
    let server = TestServer::start(page(|| Reply::text("here")), ServerLimits::default());
    let mut client = server.client();
    client.send("GET /metrics HTTP/1.0\r\n\r\n");
    assert_eq!(client.reply().text(), "here");
    assert_eq!(client.read_to_close(), b"");
}

#[test]
fn half_closed_client_gets_its_response() {
    let (gate, render) = Gate::new(|| Reply::text("here"));
    let server = TestServer::start(
        routes().with_page("/metrics", render).unwrap(),
        ServerLimits::default(),
    );
    let mut client = server.client();
    client.request("GET", "/metrics");
    client.0.shutdown(Shutdown::Write).unwrap();
    gate.wait_for_start();
    drop(gate);
    assert_eq!(client.reply().text(), "here");
    assert_eq!(client.read_to_close(), b"");
}

#[test]
fn slow_head_is_cut_off() {
    let server = TestServer::start(routes(), limits_with(|limits| limits.head_timeout = SHORT));
    let start = Instant::now();
    let mut silent = server.client();
    let mut half = server.client();
    half.send("GET / HTTP/1.1\r\nHost:");
    let mut drip = server.client();
    drip.send("GET / HTTP/1.1\r\n");
    drip.0.set_read_timeout(Some(SHORT / 20)).unwrap();
    while drip
        .0
        .peek(&mut [0])
        .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    {
        // An error means that the connection was closed in the meantime.
        let _ = drip.0.write_all(b"X-Drip: 1\r\n");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "a dripping head is never cut off"
        );
    }
    assert_eq!(
        (silent.read_to_close(), half.read_to_close()),
        (vec![], vec![])
    );
    assert!(start.elapsed() >= SHORT);
}

#[test]
fn idle_connection_is_closed() {
    let server = TestServer::start(routes(), limits_with(|limits| limits.idle_timeout = SHORT));
    let mut client = server.client();
    client.get("/-/healthy");
    let start = Instant::now();
    assert_eq!(client.read_to_close(), b"");
    assert!(start.elapsed() >= SHORT / 2);
}

#[test]
fn idle_time_is_not_limited_by_head_timeout() {
    let server = TestServer::start(routes(), limits_with(|limits| limits.head_timeout = SHORT));
    let mut client = server.client();
    client.get("/-/healthy");
    client.assert_silent_for(SHORT * 2);
    assert_eq!(client.get("/-/healthy").status, 200);
    client.send("GET");
    assert_eq!(client.read_to_close(), b"");
}

#[test]
fn response_that_is_read_slowly_is_cut_off() {
    let server = TestServer::start(
        page(large_reply),
        limits_with(|limits| limits.write_timeout = SHORT),
    );
    for pipelined in [1, 3] {
        let mut client = server.client();
        (0..pipelined).for_each(|_| client.request("GET", "/metrics"));
        let start = Instant::now();
        // Byte by byte: the client makes progress all the time, and would need half a minute.
        let error = std::iter::repeat_with(|| client.0.read_exact(&mut [0]))
            .find_map(Result::err)
            .unwrap();
        // A reset: the kernel does not go on sending what it has buffered.
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(
            (SHORT / 2..SHORT * 100).contains(&start.elapsed()),
            "{:?}",
            start.elapsed()
        );
    }
}

#[test]
fn invalid_http_gets_400_or_is_closed() {
    let server = TestServer::start(page(|| Reply::text("here")), ServerLimits::default());
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /metrics\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET /me trics HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let mut client = server.client();
        client.send(bytes);
        let response = client.read_to_close();
        assert!(
            response.is_empty() || response.starts_with(b"HTTP/1.1 400"),
            "{}",
            String::from_utf8_lossy(&response)
        );
    }
    assert_eq!(server.client().get("/metrics").text(), "here");
}

#[test]
fn head_above_the_limit_gets_431() {
    let server = TestServer::start(routes(), ServerLimits::default());
    let line = format!("X-Long: {}\r\n", "x".repeat(1000));
    let lines = |count| format!("GET /-/healthy HTTP/1.1\r\n{}", line.repeat(count));
    let mut client = server.client();
    client.send(lines(10) + "\r\n");
    assert_eq!(client.reply().status, 200);
    // Just above the limit, so that no byte is left unread, which would turn the response into a
    // reset.
    client.send(&lines(17)[..16 * 1024]);
    assert_eq!(client.head().0, 431);
    client.read_to_close();
    // A head without an end.
    let mut client = server.client();
    while client.0.write_all(line.as_bytes()).is_ok() {}
}

#[test]
fn unwanted_body_is_not_read_forever() {
    let server = TestServer::start(page(|| Reply::text("here")), ServerLimits::default());
    let mut client = server.client();
    client.send("POST /metrics HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n");
    assert_eq!(client.reply().status, 405);
    while client.0.write_all(&[0; 4096]).is_ok() {}
}
