//! Once told to stop, it is done within a second, whatever its clients do.

use super::*;

const A_SECOND: Duration = Duration::from_secs(1);

/// Limits under which nothing but the end of all connections ends it within a second.
fn patient() -> ServerLimits {
    ServerLimits {
        stop: Duration::from_secs(60),
        ..ServerLimits::default()
    }
}

#[test]
fn who_asks_for_nothing_is_not_waited_for() {
    let served = Served::start(routes(), patient());
    let mut silent = served.client();
    let mut idle = served.client();
    assert_eq!(idle.get("/-/healthy").status, 200);
    assert!(served.stop() < A_SECOND);
    assert_eq!((silent.rest(), idle.rest()), (vec![], vec![]));
}

#[test]
fn nobody_is_let_in_any_more() {
    let served = Served::start(routes(), patient());
    let address = served.address;
    assert_eq!(served.client().get("/-/healthy").status, 200);
    served.stop();
    assert_eq!(
        TcpStream::connect(address).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[test]
fn a_request_that_runs_is_answered() {
    let (gate, render) = Gate::new(|| Reply::text("here"));
    let mut served = Served::start(routes().with_page("/metrics", render).unwrap(), patient());
    let mut client = served.client();
    client.ask("GET", "/metrics");
    gate.wait_for_start();
    served.tell_to_stop();
    drop(gate);
    assert_eq!(client.reply().text(), "here");
    assert_eq!(client.rest(), b"");
    assert!(served.stop() < A_SECOND);
}

#[test]
fn a_client_that_does_not_read_is_left_behind() {
    let served = Served::start(page(endless), ServerLimits::default());
    let mut client = served.client();
    client.ask("GET", "/metrics");
    client.head();
    assert!(served.stop() < A_SECOND);
    assert!(client.rest().len() < ENDLESS);
}

#[test]
fn half_a_head_is_left_behind() {
    let served = Served::start(routes(), ServerLimits::default());
    let mut client = served.client();
    client.send("GET /-/healthy HTTP/1.1\r\n\r\nGET /");
    assert_eq!(client.reply().status, 200);
    assert!(served.stop() < A_SECOND);
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_page_that_is_never_done_is_left_behind() {
    let (gate, render) = Gate::new(|| Reply::text("late"));
    let served = Served::start(
        routes().with_page("/metrics", render).unwrap(),
        ServerLimits::default(),
    );
    let mut client = served.client();
    client.ask("GET", "/metrics");
    gate.wait_for_start();
    assert!(served.stop() < A_SECOND);
    assert_eq!(client.rest(), b"");
}
