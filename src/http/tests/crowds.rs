//! Many clients at once: none of them, and no want of file descriptors, keeps a scrape out.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::process::Command;

use super::*;

#[test]
fn for_a_newcomer_the_longest_waiting_connection_is_closed() {
    let served = Served::start(
        routes(),
        ServerLimits {
            connections: 2,
            ..ServerLimits::default()
        },
    );
    let [mut first, mut second] = [served.client(), served.client()];
    first.get("/-/healthy");
    second.get("/-/healthy");
    first.get("/-/healthy");
    let mut third = served.client();
    assert_eq!(third.get("/-/healthy").status, 200);
    assert_eq!(second.rest(), b"");
    assert_eq!(first.get("/-/healthy").status, 200);
}

#[test]
fn silent_connections_do_not_lock_out_a_scrape() {
    let served = Served::start(
        page(|| Reply::text("here")),
        ServerLimits {
            connections: 10,
            ..ServerLimits::default()
        },
    );
    let silent: Vec<_> = (0..100).map(|_| served.client()).collect();
    assert_eq!(served.client().get("/metrics").text(), "here");
    drop(silent);
}

#[test]
fn who_is_being_served_is_not_closed_for_a_newcomer() {
    let (gate, render) = Gate::new(|| Reply::text("here"));
    let routes = routes().with_page("/metrics", render).unwrap();
    let served = Served::start(
        routes,
        ServerLimits {
            connections: 1,
            ..ServerLimits::default()
        },
    );
    let mut client = served.client();
    client.ask("GET", "/metrics");
    gate.wait_for_start();
    assert_eq!(served.client().rest(), b"");
    drop(gate);
    assert_eq!(client.reply().text(), "here");
}

#[test]
fn slow_readers_do_not_lock_out_a_scrape() {
    let one = ServerLimits {
        requests: NonZeroUsize::new(1),
        ..ServerLimits::default()
    };
    let limits = ServerLimits {
        courtesy: Duration::ZERO,
        ..one
    };
    let served = Served::start(page(endless), limits);
    let mut slow = served.client();
    slow.ask("GET", "/metrics");
    slow.head();
    assert_eq!(served.client().get("/metrics").body.len(), ENDLESS);
    assert!(slow.rest().len() < ENDLESS);
}

#[test]
fn a_slow_reader_is_closed_for_a_newcomer_where_nobody_waits() {
    let limits = ServerLimits {
        connections: 1,
        courtesy: Duration::ZERO,
        ..ServerLimits::default()
    };
    let served = Served::start(page(endless), limits);
    let mut slow = served.client();
    slow.ask("GET", "/metrics");
    slow.head();
    assert_eq!(served.client().get("/-/healthy").status, 200);
    assert!(slow.rest().len() < ENDLESS);
}

#[test]
fn readers_that_are_not_yet_slow_are_left_to_read() {
    let one = ServerLimits {
        requests: NonZeroUsize::new(1),
        ..ServerLimits::default()
    };
    let limits = ServerLimits {
        courtesy: Duration::from_secs(60),
        ..one
    };
    let served = Served::start(page(endless), limits);
    let mut reading = served.client();
    reading.ask("GET", "/metrics");
    let (_, head) = reading.head();
    assert_eq!(header(&head, "content-length"), Some("33554432"));
    assert_eq!(served.client().get("/metrics").status, 503);
    reading.0.read_exact(&mut vec![0; ENDLESS]).unwrap();
    assert_eq!(served.client().get("/metrics").status, 200);
}

#[test]
fn those_from_one_address_do_not_have_all_requests_to_themselves() {
    let one = ServerLimits {
        requests: NonZeroUsize::new(4),
        ..ServerLimits::default()
    };
    let limits = ServerLimits {
        courtesy: Duration::from_secs(60),
        ..one
    };
    let served = Served::start(page(endless), limits);
    let mut greedy: Vec<_> = (0..4).map(|_| served.client()).collect();
    for client in &mut greedy {
        client.ask("GET", "/metrics");
        assert_eq!(client.head().0, 200);
    }
    assert_eq!(
        served.client().get("/metrics").status,
        503,
        "his own kind gets no more"
    );
    let mut others: Vec<_> = (2..4).map(|host| served.client_from(host)).collect();
    for client in &mut others {
        client.ask("GET", "/metrics");
        assert_eq!(client.head().0, 200);
    }
    assert!(
        greedy[0].rest().len() < ENDLESS && greedy[1].rest().len() < ENDLESS,
        "the longest there made room"
    );
    for client in greedy[2..].iter_mut().chain(&mut others) {
        client.0.read_exact(&mut vec![0; ENDLESS]).unwrap();
    }
}

#[test]
fn a_crowd_from_one_address_closes_no_connection_of_another() {
    let served = Served::start(
        routes(),
        ServerLimits {
            connections: 10,
            ..ServerLimits::default()
        },
    );
    let mut idle = served.client_from(2);
    assert_eq!(idle.get("/-/healthy").status, 200);
    let crowd: Vec<_> = (0..100).map(|_| served.client()).collect();
    assert_eq!(served.client().get("/-/healthy").status, 200);
    assert_eq!(idle.get("/-/healthy").status, 200);
    drop(crowd);
}

#[test]
fn without_a_limit_of_requests_none_is_refused() {
    let (gate, render) = Gate::new(|| Reply::text("here"));
    let routes = routes().with_page("/metrics", render).unwrap();
    let served = Served::start(
        routes,
        ServerLimits {
            requests: None,
            ..ServerLimits::default()
        },
    );
    let mut clients: Vec<_> = (0..60).map(|_| served.client()).collect();
    clients
        .iter_mut()
        .for_each(|client| client.ask("GET", "/metrics"));
    gate.wait_for_start();
    drop(gate);
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(client.reply().status, 200));
}

#[test]
fn without_file_descriptors_it_waits_without_spinning() {
    run_with_few_file_descriptors("it_waits_for_a_file_descriptor");
}

#[test]
fn without_file_descriptors_the_longest_waiting_connection_gives_up_its_own() {
    run_with_few_file_descriptors("it_takes_a_file_descriptor_from_who_waits");
}

#[test]
#[ignore = "run by another test, with few file descriptors"]
fn it_waits_for_a_file_descriptor() {
    let served = Served::start(page(|| Reply::text("here")), ServerLimits::default());
    let mut clock = File::open("/proc/self/stat").unwrap();
    let mut hoard = hoard();
    hoard.pop();
    let mut client = served.client();
    client.ask("GET", "/metrics");
    let before = cpu_ticks(&mut clock);
    client.hears_nothing_for(Duration::from_millis(600));
    let spent = cpu_ticks(&mut clock) - before;
    assert!(
        spent <= 10,
        "{spent} hundredths of a second of CPU in six tenths of a second of waiting"
    );
    drop(hoard);
    assert_eq!(client.reply().text(), "here");
}

#[test]
#[ignore = "run by another test, with few file descriptors"]
fn it_takes_a_file_descriptor_from_who_waits() {
    let limits = ServerLimits {
        courtesy: Duration::from_millis(100),
        ..ServerLimits::default()
    };
    let served = Served::start(page(|| Reply::text("here")), limits);
    let mut idle = served.client();
    assert_eq!(idle.get("/metrics").text(), "here");
    let mut hoard = hoard();
    hoard.pop();
    assert_eq!(served.client().get("/metrics").text(), "here");
    assert_eq!(idle.rest(), b"");
}

/// In a process of its own: the limit would hit all the other tests.
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
    let words = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && words.contains("1 passed"),
        "{words}"
    );
}

/// All the file descriptors there are.
fn hoard() -> Vec<File> {
    let hoard: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok())
        .take(40)
        .collect();
    assert!(hoard.len() < 40, "the limit is not there");
    hoard
}

/// User and system time of this process, in hundredths of a second (proc(5)).
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
