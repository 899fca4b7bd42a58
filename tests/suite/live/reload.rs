//! Live tests of a configuration reload under traffic: no packet is lost or counted twice, and
//! pending attempts keep their label sets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::netns::Laboratory;
use crate::netns::connect::{CONNECT_TIMEOUT, connects, results};
use crate::netns::exporter::Exporter;
use crate::netns::exposition::Exposition;
use crate::netns::pair::{OPEN_PORT, Pair};
use crate::netns::topology::Family::V4;

const PEER_GROUP_CONFIG: &str = "labels: {peer-group: {office: [192.0.2.0/24]}}\n";
const PLAIN_CONFIG: &str = "labels: {max-sets: 500}\n";
const SUCCESSFUL: &str = "tcp_handshake_exporter_config_last_reload_successful";
const SUCCESS_TIMESTAMP: &str =
    "tcp_handshake_exporter_config_last_reload_success_timestamp_seconds";

/// A configuration file that a test can replace.
struct Config {
    folder: TempDir,
}

impl Config {
    fn new(text: &str) -> Self {
        let config = Self {
            folder: TempDir::new().expect("a folder"),
        };
        config.write(text);
        config
    }

    fn path(&self) -> String {
        self.folder
            .path()
            .join("exporter.yml")
            .display()
            .to_string()
    }

    /// Replaces the file by a rename, as editors do.
    fn write(&self, text: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, text).expect("it can be written");
        std::fs::rename(new, Path::new(&self.path())).expect("it can be renamed");
    }
}

/// Sends a request for `/-/reload`. Returns status and body.
fn post(exporter: &Exporter<'_>, method: &str) -> (u16, String) {
    let mut answer = String::new();
    exporter.host().inside(|| {
        let mut stream = TcpStream::connect(exporter.address()).expect("it listens");
        stream
            .set_read_timeout(Some(CONNECT_TIMEOUT))
            .expect("a socket option");
        write!(stream, "{method} /-/reload HTTP/1.0\r\n\r\n").expect("it reads the request");
        stream.read_to_string(&mut answer).expect("it answers");
    });
    let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP");
    (
        head.split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status"),
        body.to_owned(),
    )
}

/// Returns the value of a counter for one peer, or its sum over all peers.
fn value(page: &Exposition, name: &str, peer: Option<&str>) -> f64 {
    let name = format!("tcp_handshake_{name}");
    page.only(|series| series.name == name && peer.is_none_or(|peer| series.labels["peer"] == peer))
        .values()
        .iter()
        .sum()
}

#[test]
fn reload_under_traffic_loses_no_attempt() {
    let Some(laboratory) = Laboratory::open("reload_under_traffic_loses_no_attempt") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let config = Config::new(PLAIN_CONFIG);
    let path = config.path();
    let exporter = Exporter::start(
        &pair.near,
        &[
            "-i",
            "eth0",
            "--config.file",
            &path,
            "--web.enable-lifecycle",
        ],
    );
    let to: SocketAddr = (V4.pair_addresses().far, OPEN_PORT).into();
    // The listener never accepts, so that its backlog limits the number of connects.
    let rounds = 12;
    std::thread::scope(|scope| {
        let clients = scope.spawn(|| {
            for _ in 0..rounds {
                let all = pair.near.inside(|| connects(to, 10, CONNECT_TIMEOUT));
                assert_eq!(results(&all), [Some(Ok(())); 10]);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let mut reloads = 0;
        while !clients.is_finished() {
            reloads += 1;
            config.write(if reloads % 2 == 0 {
                PLAIN_CONFIG
            } else {
                PEER_GROUP_CONFIG
            });
            if reloads % 3 == 0 {
                exporter.signal(Signal::SIGHUP);
            } else {
                assert_eq!(
                    post(&exporter, "POST"),
                    (200, "configuration reloaded\n".to_owned())
                );
            }
        }
        assert!(reloads > 4, "only {reloads} reloads");
    });
    let all = f64::from(rounds * 10);
    let page = exporter.metrics_once("all attempts are answered", |page| {
        value(page, "answered_total", None) == all
    });
    assert_eq!(value(&page, "attempts_total", None), all);
    let [by_group, by_address] =
        ["office", "192.0.2.2"].map(|peer| value(&page, "attempts_total", Some(peer)));
    assert!(
        by_group > 0.0 && by_address > 0.0 && by_group + by_address == all,
        "{page}"
    );
    super::assert_healthy(&page);
}

#[test]
fn pending_attempt_keeps_label_set_over_reload() {
    let Some(laboratory) = Laboratory::open("pending_attempt_keeps_label_set_over_reload") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    pair.far.nft(
        "table inet f { chain input { type filter hook input priority 0; tcp dport 8001 drop; }; }",
    );
    let config = Config::new("capture: {port: [80, 8001, 8002]}\nhandshake: {timeout: 2s}\n");
    let exporter = Exporter::start(
        &pair.near,
        &[
            "-i",
            "eth0",
            "--config.file",
            &config.path(),
            "--web.enable-lifecycle",
        ],
    );
    let connect = |port: u16, timeout| {
        let to = (V4.pair_addresses().far, port).into();
        drop(pair.near.inside(|| connects(to, 1, timeout)));
    };
    connect(8001, Duration::from_millis(100));
    exporter.metrics_once("the attempt has started", |page| {
        value(page, "attempts_total", None) == 1.0
    });
    config.write(&format!(
        "{PEER_GROUP_CONFIG}capture: {{port: [80, 8002]}}\nhandshake: {{timeout: 9s}}\n"
    ));
    assert_eq!(post(&exporter, "POST").0, 200);
    let log = exporter.log();
    assert!(
        log.contains(
            "level=warn message=\"flag cannot change at runtime: restart to apply it\" flag=handshake.timeout wanted=9s"
        ),
        "{log}"
    );
    connect(8001, Duration::from_millis(100));
    connect(8002, CONNECT_TIMEOUT);
    let unanswered = |page: &Exposition| value(page, "failures_total", Some("192.0.2.2"));
    let page = exporter.metrics_once("unanswered after 2 s, not 9 s", |page| {
        unanswered(page) == 1.0
    });
    assert_eq!(
        value(&page, "attempts_total", Some("192.0.2.2")),
        1.0,
        "the second connect to 8001 does not count\n{page}"
    );
    let page = exporter.metrics_once("the new peer group applies", |page| {
        value(page, "failures_total", Some("office")) == 1.0
    });
    assert_eq!(value(&page, "attempts_total", None), 2.0);
    let config_info = page.only(|series| series.name == "tcp_handshake_exporter_config_info");
    assert_eq!(
        config_info
            .to_string()
            .matches("office=192.0.2.0/24")
            .count(),
        1,
        "{config_info}"
    );
    assert_eq!(
        config_info.to_string().matches("ports=\"80,8002\"").count(),
        1,
        "{config_info}"
    );
}

#[test]
fn invalid_file_keeps_configuration_and_shows_failure() {
    let Some(laboratory) = Laboratory::open("invalid_file_keeps_configuration_and_shows_failure")
    else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let config = Config::new(PEER_GROUP_CONFIG);
    let path = config.path();
    let exporter = Exporter::start(
        &pair.near,
        &[
            "-i",
            "eth0",
            "--config.file",
            &path,
            "--web.enable-lifecycle",
        ],
    );
    let initial = exporter.metrics();
    assert_eq!(initial.get(SUCCESSFUL, &[]), Some(1.0));
    config.write("labels: {max-sets: 0}\n");
    let message = format!(
        "configuration file {path}, line 1, column 20: labels.max-sets cannot be `0`: write a number from 1 to 1000000"
    );
    assert_eq!(post(&exporter, "POST"), (500, format!("{message}\n")));
    let log = exporter.log();
    assert!(
        log.contains(
            "level=error message=\"reload failed: the previous configuration stays in force\""
        ) && log.contains(&message),
        "{log}"
    );
    let failed = exporter.metrics();
    assert_eq!(failed.get(SUCCESSFUL, &[]), Some(0.0));
    assert_eq!(
        failed.get(SUCCESS_TIMESTAMP, &[]),
        initial.get(SUCCESS_TIMESTAMP, &[])
    );
    let to = (V4.pair_addresses().far, OPEN_PORT).into();
    assert_eq!(
        results(&pair.near.inside(|| connects(to, 1, CONNECT_TIMEOUT))),
        [Some(Ok(()))]
    );
    exporter.metrics_once("the old peer group still applies", |page| {
        value(page, "answered_total", Some("office")) == 1.0
    });

    config.write("log: {level: debug}\n");
    exporter.signal(Signal::SIGHUP);
    let repaired = exporter.metrics_once("the repaired file is loaded", |page| {
        page.get(SUCCESSFUL, &[]) == Some(1.0)
    });
    assert!(repaired.get(SUCCESS_TIMESTAMP, &[]) > initial.get(SUCCESS_TIMESTAMP, &[]));
    drop(exporter.host().inside(|| {
        TcpStream::connect(exporter.address())
            .and_then(|mut stream| stream.write_all(b"nonsense\r\n\r\n"))
    }));
    let deadline = std::time::Instant::now() + CONNECT_TIMEOUT;
    while !exporter.log().contains("level=debug") {
        assert!(std::time::Instant::now() < deadline, "{}", exporter.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn reload_needs_enable_lifecycle_and_post() {
    let Some(laboratory) = Laboratory::open("reload_needs_enable_lifecycle_and_post") else {
        return;
    };
    let host = laboratory.host("host");
    let config = Config::new(PLAIN_CONFIG);
    let path = config.path();
    let closed = Exporter::start(&host, &["--config.file", &path]);
    assert_eq!(post(&closed, "POST").0, 404);
    assert_eq!(closed.metrics().get(SUCCESSFUL, &[]), Some(1.0));
    let open = Exporter::start(&host, &["--config.file", &path, "--web.enable-lifecycle"]);
    assert_eq!(
        post(&open, "GET"),
        (405, "method not allowed: use POST or PUT\n".to_owned())
    );
    assert_eq!(post(&open, "PUT").0, 200);
    let without = Exporter::start(&host, &[]);
    without.signal(Signal::SIGHUP);
    assert_eq!(without.metrics().get(SUCCESSFUL, &[]), None);
    let deadline = std::time::Instant::now() + CONNECT_TIMEOUT;
    while !without
        .log()
        .contains("nothing to reload: there is no --config.file")
    {
        assert!(std::time::Instant::now() < deadline, "{}", without.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}
