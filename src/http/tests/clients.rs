//! One client at a time: those that behave, slow ones, and those that speak no HTTP.

use std::net::Shutdown;
use std::num::NonZeroUsize;

use super::*;

fn short(change: impl Fn(&mut ServerLimits)) -> ServerLimits {
    let mut limits = ServerLimits::default();
    change(&mut limits);
    limits
}

const SHORT: Duration = Duration::from_millis(150);

#[test]
fn a_connection_serves_many_requests() {
    let served = Served::start(page(|| Reply::text("here")), ServerLimits::default());
    let mut client = served.client();
    for _ in 0..10 {
        assert_eq!(client.get("/metrics").text(), "here");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let served = Served::start(page(|| Reply::text("here")), ServerLimits::default());
    let mut client = served.client();
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
fn pipelined_pages_that_fill_the_socket_all_arrive() {
    // Where only one may be at once, each waits until the one before is written: a seat is never at two answers.
    let served = Served::start(
        page(endless),
        short(|limits| limits.requests = NonZeroUsize::new(1)),
    );
    let mut client = served.client();
    (0..3).for_each(|_| client.ask("GET", "/metrics"));
    (0..3).for_each(|_| assert_eq!(client.reply().body.len(), ENDLESS));
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let served = Served::start(page(|| Reply::text("here")), ServerLimits::default());
    let mut client = served.client();
    client.send("GET /metrics HTTP/1.0\r\n\r\n");
    assert_eq!(client.reply().text(), "here");
    assert_eq!(client.rest(), b"");
}

#[test]
fn who_is_done_asking_still_hears_the_answer() {
    let (gate, render) = Gate::new(|| Reply::text("here"));
    let served = Served::start(
        routes().with_page("/metrics", render).unwrap(),
        ServerLimits::default(),
    );
    let mut client = served.client();
    client.ask("GET", "/metrics");
    client.0.shutdown(Shutdown::Write).unwrap();
    gate.wait_for_start();
    drop(gate);
    assert_eq!(client.reply().text(), "here");
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_head_that_takes_too_long_is_cut() {
    let served = Served::start(routes(), short(|limits| limits.head = SHORT));
    let start = Instant::now();
    let mut silent = served.client();
    let mut half = served.client();
    half.send("GET / HTTP/1.1\r\nHost:");
    let mut drip = served.client();
    drip.send("GET / HTTP/1.1\r\n");
    drip.0.set_read_timeout(Some(SHORT / 20)).unwrap();
    while drip
        .0
        .peek(&mut [0])
        .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    {
        // An error means that it was cut since.
        let _ = drip.0.write_all(b"X-Drip: 1\r\n");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "it drips for ever"
        );
    }
    assert_eq!((silent.rest(), half.rest()), (vec![], vec![]));
    assert!(start.elapsed() >= SHORT);
}

#[test]
fn a_connection_that_is_idle_too_long_is_closed() {
    let served = Served::start(routes(), short(|limits| limits.idle = SHORT));
    let mut client = served.client();
    client.get("/-/healthy");
    let start = Instant::now();
    assert_eq!(client.rest(), b"");
    assert!(start.elapsed() >= SHORT / 2);
}

#[test]
fn between_two_scrapes_there_is_more_time_than_for_a_head() {
    let served = Served::start(routes(), short(|limits| limits.head = SHORT));
    let mut client = served.client();
    client.get("/-/healthy");
    client.hears_nothing_for(SHORT * 2);
    assert_eq!(client.get("/-/healthy").status, 200);
    client.send("GET");
    assert_eq!(client.rest(), b"");
}

#[test]
fn an_answer_that_is_read_too_slowly_is_cut() {
    let served = Served::start(page(endless), short(|limits| limits.answer = SHORT));
    for pipelined in [1, 3] {
        let mut client = served.client();
        (0..pipelined).for_each(|_| client.ask("GET", "/metrics"));
        let start = Instant::now();
        // Byte by byte: it makes progress all the time, and would take half a minute.
        let error = std::iter::repeat_with(|| client.0.read_exact(&mut [0]))
            .find_map(Result::err)
            .unwrap();
        // A reset: the kernel does not go on with what it has.
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(
            (SHORT / 2..SHORT * 100).contains(&start.elapsed()),
            "{:?}",
            start.elapsed()
        );
    }
}

#[test]
fn what_is_no_http_is_answered_with_400_or_closed() {
    let served = Served::start(page(|| Reply::text("here")), ServerLimits::default());
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
        let mut client = served.client();
        client.send(bytes);
        let answer = client.rest();
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_eq!(served.client().get("/metrics").text(), "here");
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let served = Served::start(routes(), ServerLimits::default());
    let line = format!("X-Long: {}\r\n", "x".repeat(1000));
    let lines = |count| format!("GET /-/healthy HTTP/1.1\r\n{}", line.repeat(count));
    let mut client = served.client();
    client.send(lines(10) + "\r\n");
    assert_eq!(client.reply().status, 200);
    // Just above the limit: nothing is left unread, which would turn the answer into a reset.
    client.send(&lines(17)[..16 * 1024]);
    assert_eq!(client.head().0, 431);
    client.rest();
    // The end of the head never comes.
    let mut client = served.client();
    while client.0.write_all(line.as_bytes()).is_ok() {}
}

#[test]
fn a_body_that_nobody_wants_is_not_read_for_ever() {
    let served = Served::start(page(|| Reply::text("here")), ServerLimits::default());
    let mut client = served.client();
    client.send("POST /metrics HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n");
    assert_eq!(client.reply().status, 405);
    while client.0.write_all(&[0; 4096]).is_ok() {}
}
