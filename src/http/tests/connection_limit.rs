//! Many concurrent clients: neither they nor a lack of file descriptors lock out a scrape.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::process::Command;

use super::*;

#[test]
fn longest_waiting_connection_is_evicted() {
    let server = TestServer::start(
        routes(),
        ServerLimits {
            max_connections: 2,
            ..ServerLimits::default()
        },
    );
    let [mut first, mut second] = [server.client(), server.client()];
    first.get("/-/healthy");
    second.get("/-/healthy");
    first.get("/-/healthy");
    let mut third = server.client();
    assert_eq!(third.get("/-/healthy").status, 200);
    assert_eq!(second.read_to_close(), b"");
    assert_eq!(first.get("/-/healthy").status, 200);
}

#[test]
fn silent_connections_do_not_lock_out_a_scrape() {
    let server = TestServer::start(
        page(|| Reply::text("here")),
        ServerLimits {
            max_connections: 10,
            ..ServerLimits::default()
        },
    );
    let silent: Vec<_> = (0..100).map(|_| server.client()).collect();
    assert_eq!(server.client().get("/metrics").text(), "here");
    drop(silent);
}

#[test]
fn connection_being_served_is_not_evicted() {
    let (gate, render) = Gate::new(|| Reply::text("here"));
    let routes = routes().with_page("/metrics", render).unwrap();
    let server = TestServer::start(
        routes,
        ServerLimits {
            max_connections: 1,
            ..ServerLimits::default()
        },
    );
    let mut client = server.client();
    client.request("GET", "/metrics");
    gate.wait_for_start();
    assert_eq!(server.client().read_to_close(), b"");
    drop(gate);
    assert_eq!(client.reply().text(), "here");
}

#[test]
fn slow_readers_do_not_lock_out_a_scrape() {
    let one = ServerLimits {
        max_requests: NonZeroUsize::new(1),
        ..ServerLimits::default()
    };
    let limits = ServerLimits {
        slow_after: Duration::ZERO,
        ..one
    };
    let server = TestServer::start(page(large_reply), limits);
    let mut slow = server.client();
    slow.request("GET", "/metrics");
    slow.head();
    assert_eq!(server.client().get("/metrics").body.len(), LARGE_BODY_BYTES);
    assert!(slow.read_to_close().len() < LARGE_BODY_BYTES);
}

#[test]
fn slow_reader_is_evicted_if_none_waits() {
    let limits = ServerLimits {
        max_connections: 1,
        slow_after: Duration::ZERO,
        ..ServerLimits::default()
    };
    let server = TestServer::start(page(large_reply), limits);
    let mut slow = server.client();
    slow.request("GET", "/metrics");
    slow.head();
    assert_eq!(server.client().get("/-/healthy").status, 200);
    assert!(slow.read_to_close().len() < LARGE_BODY_BYTES);
}

#[test]
fn reader_that_is_not_slow_is_kept() {
    let one = ServerLimits {
        max_requests: NonZeroUsize::new(1),
        ..ServerLimits::default()
    };
    let limits = ServerLimits {
        slow_after: Duration::from_secs(60),
        ..one
    };
    let server = TestServer::start(page(large_reply), limits);
    let mut reading = server.client();
    reading.request("GET", "/metrics");
    let (_, head) = reading.head();
    assert_eq!(header(&head, "content-length"), Some("33554432"));
    assert_eq!(server.client().get("/metrics").status, 503);
    reading
        .0
        .read_exact(&mut vec![0; LARGE_BODY_BYTES])
        .unwrap();
    assert_eq!(server.client().get("/metrics").status, 200);
}

#[test]
fn one_address_cannot_occupy_all_requests() {
    let one = ServerLimits {
        max_requests: NonZeroUsize::new(4),
        ..ServerLimits::default()
    };
    let limits = ServerLimits {
        slow_after: Duration::from_secs(60),
        ..one
    };
    let server = TestServer::start(page(large_reply), limits);
    let mut greedy: Vec<_> = (0..4).map(|_| server.client()).collect();
    for client in &mut greedy {
        client.request("GET", "/metrics");
        assert_eq!(client.head().0, 200);
    }
    assert_eq!(
        server.client().get("/metrics").status,
        503,
        "the same address gets no more requests"
    );
    let mut others: Vec<_> = (2..4).map(|host| server.client_from(host)).collect();
    for client in &mut others {
        client.request("GET", "/metrics");
        assert_eq!(client.head().0, 200);
    }
    assert!(
        greedy[0].read_to_close().len() < LARGE_BODY_BYTES
            && greedy[1].read_to_close().len() < LARGE_BODY_BYTES,
        "the longest-running requests are evicted"
    );
    for client in greedy[2..].iter_mut().chain(&mut others) {
        client.0.read_exact(&mut vec![0; LARGE_BODY_BYTES]).unwrap();
    }
}

#[test]
fn flood_from_one_address_evicts_no_other() {
    let server = TestServer::start(
        routes(),
        ServerLimits {
            max_connections: 10,
            ..ServerLimits::default()
        },
    );
    let mut idle = server.client_from(2);
    assert_eq!(idle.get("/-/healthy").status, 200);
    let flood: Vec<_> = (0..100).map(|_| server.client()).collect();
    assert_eq!(server.client().get("/-/healthy").status, 200);
    assert_eq!(idle.get("/-/healthy").status, 200);
    drop(flood);
}

#[test]
fn unlimited_requests_are_never_rejected() {
    let (gate, render) = Gate::new(|| Reply::text("here"));
    let routes = routes().with_page("/metrics", render).unwrap();
    let server = TestServer::start(
        routes,
        ServerLimits {
            max_requests: None,
            ..ServerLimits::default()
        },
    );
    let mut clients: Vec<_> = (0..60).map(|_| server.client()).collect();
    clients
        .iter_mut()
        .for_each(|client| client.request("GET", "/metrics"));
    gate.wait_for_start();
    drop(gate);
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(client.reply().status, 200));
}

#[test]
fn lack_of_descriptors_does_not_spin() {
    run_with_few_file_descriptors("child_waits_for_a_file_descriptor");
}

#[test]
fn lack_of_descriptors_evicts_longest_waiting() {
    run_with_few_file_descriptors("child_evicts_to_free_a_file_descriptor");
}

#[test]
#[ignore = "run by another test, with few file descriptors"]
fn child_waits_for_a_file_descriptor() {
    let server = TestServer::start(page(|| Reply::text("here")), ServerLimits::default());
    let mut clock = File::open("/proc/self/stat").unwrap();
    let mut descriptors = exhaust_descriptors();
    descriptors.pop();
    let mut client = server.client();
    client.request("GET", "/metrics");
    let before = cpu_ticks(&mut clock);
    client.assert_silent_for(Duration::from_millis(600));
    let spent = cpu_ticks(&mut clock) - before;
    assert!(
        spent <= 10,
        "{spent} hundredths of a second of CPU in six tenths of a second of waiting"
    );
    drop(descriptors);
    assert_eq!(client.reply().text(), "here");
}

#[test]
#[ignore = "run by another test, with few file descriptors"]
fn child_evicts_to_free_a_file_descriptor() {
    let limits = ServerLimits {
        slow_after: Duration::from_millis(100),
        ..ServerLimits::default()
    };
    let server = TestServer::start(page(|| Reply::text("here")), limits);
    let mut idle = server.client();
    assert_eq!(idle.get("/metrics").text(), "here");
    let mut descriptors = exhaust_descriptors();
    descriptors.pop();
    assert_eq!(server.client().get("/metrics").text(), "here");
    assert_eq!(idle.read_to_close(), b"");
}

/// Runs an ignored test in a process of its own, because the limit would affect all other tests.
fn run_with_few_file_descriptors(test: &str) {
    let child = Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" --ignored --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(format!(
            "{}::{test}",
            module_path!().split_once("::").unwrap().1
        ))
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && output.contains("1 passed"),
        "{output}"
    );
}

/// Opens all file descriptors that the limit allows.
fn exhaust_descriptors() -> Vec<File> {
    let descriptors: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok())
        .take(40)
        .collect();
    assert!(descriptors.len() < 40, "the limit is not in force");
    descriptors
}

/// Returns the user and system time of this process in hundredths of a second (proc(5)).
fn cpu_ticks(stat: &mut File) -> u64 {
    let mut text = String::new();
    stat.seek(SeekFrom::Start(0)).unwrap();
    stat.read_to_string(&mut text).unwrap();
    let after_name = text.rsplit_once(')').unwrap().1;
    after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum()
}
