//! The configuration read again while packets come: nothing is lost, nothing is counted twice, what began stays where it is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::lab::Laboratory;
use crate::lab::connect::{PATIENCE, connects, told};
use crate::lab::exporter::Exporter;
use crate::lab::exposition::Exposition;
use crate::lab::pair::{OPEN, Pair};
use crate::lab::road::Family::V4;

/// A configuration file that can be written again.
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

    /// As editors do: the whole file at once, under the same name.
    fn write(&self, text: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, text).expect("it can be written");
        std::fs::rename(new, Path::new(&self.path())).expect("it can be renamed");
    }
}

/// Status and body of POST /-/reload.
fn post(exporter: &Exporter<'_>, method: &str) -> (u16, String) {
    let mut answer = String::new();
    exporter.host().inside(|| {
        let mut stream = TcpStream::connect(exporter.address()).expect("it listens");
        stream
            .set_read_timeout(Some(PATIENCE))
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

/// The value of a counter for one peer, or of all.
fn count(page: &Exposition, name: &str, peer: Option<&str>) -> f64 {
    let name = format!("tcp_handshake_{name}");
    page.only(|series| series.name == name && peer.is_none_or(|peer| series.labels["peer"] == peer))
        .values()
        .iter()
        .sum()
}

const OFFICE: &str = "labels: {peer-group: {office: [192.0.2.0/24]}}\n";
const PLAIN: &str = "labels: {max-sets: 500}\n";
const SUCCESSFUL: &str = "tcp_handshake_exporter_config_last_reload_successful";
const SUCCEEDED_AT: &str = "tcp_handshake_exporter_config_last_reload_success_timestamp_seconds";

#[test]
fn reloads_under_traffic_lose_nothing_and_name_what_begins_later_by_the_new_rule() {
    let Some(laboratory) = Laboratory::open("reloads_under_traffic_lose_nothing") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let config = Config::new(PLAIN);
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
    let to: SocketAddr = (V4.cable().far, OPEN).into();
    // As many as the server has room for, which never accepts.
    let rounds = 12;
    std::thread::scope(|scope| {
        let clients = scope.spawn(|| {
            for _ in 0..rounds {
                let all = pair.near.inside(|| connects(to, 10, PATIENCE));
                assert_eq!(told(&all), [Some(Ok(())); 10]);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let mut turn = 0;
        while !clients.is_finished() {
            turn += 1;
            config.write(if turn % 2 == 0 { PLAIN } else { OFFICE });
            if turn % 3 == 0 {
                exporter.signal(Signal::SIGHUP);
            } else {
                assert_eq!(
                    post(&exporter, "POST"),
                    (200, "configuration is read again\n".to_owned())
                );
            }
        }
        assert!(turn > 4, "only {turn} reloads");
    });
    let all = f64::from(rounds * 10);
    let page = exporter.metrics_once("all are answered", |page| {
        count(page, "answered_total", None) == all
    });
    assert_eq!(count(&page, "attempts_total", None), all);
    let [by_group, by_address] =
        ["office", "192.0.2.2"].map(|peer| count(&page, "attempts_total", Some(peer)));
    assert!(
        by_group > 0.0 && by_address > 0.0 && by_group + by_address == all,
        "{page}"
    );
    super::assert_in_good_health(&page);
}

#[test]
fn an_attempt_that_waits_keeps_its_set_and_its_port_over_a_reload() {
    let Some(laboratory) = Laboratory::open("an_attempt_that_waits_keeps_its_set") else {
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
    let ask = |port: u16, patience| {
        let to = (V4.cable().far, port).into();
        drop(pair.near.inside(|| connects(to, 1, patience)));
    };
    ask(8001, Duration::from_millis(100));
    exporter.metrics_once("it has begun", |page| {
        count(page, "attempts_total", None) == 1.0
    });
    config.write(&format!(
        "{OFFICE}capture: {{port: [80, 8002]}}\nhandshake: {{timeout: 9s}}\n"
    ));
    assert_eq!(post(&exporter, "POST").0, 200);
    let log = exporter.log();
    assert!(
        log.contains(
            "level=warn message=\"this cannot change while the program runs: it stays as it was\" flag=handshake.timeout wanted=9s"
        ),
        "{log}"
    );
    ask(8001, Duration::from_millis(100));
    ask(8002, PATIENCE);
    let unanswered = |page: &Exposition| count(page, "failures_total", Some("192.0.2.2"));
    let page = exporter.metrics_once("after two seconds, not nine", |page| {
        unanswered(page) == 1.0
    });
    assert_eq!(
        count(&page, "attempts_total", Some("192.0.2.2")),
        1.0,
        "the second to 8001 does not count\n{page}"
    );
    let page = exporter.metrics_once("the new rule", |page| {
        count(page, "failures_total", Some("office")) == 1.0
    });
    assert_eq!(count(&page, "attempts_total", None), 2.0);
    let told = page.only(|series| series.name == "tcp_handshake_exporter_config_info");
    assert_eq!(
        told.to_string().matches("office=192.0.2.0/24").count(),
        1,
        "{told}"
    );
    assert_eq!(
        told.to_string().matches("ports=\"80,8002\"").count(),
        1,
        "{told}"
    );
}

#[test]
fn a_broken_file_changes_nothing_and_shows() {
    let Some(laboratory) = Laboratory::open("a_broken_file_changes_nothing_and_shows") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let config = Config::new(OFFICE);
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
    let began = exporter.metrics();
    assert_eq!(began.get(SUCCESSFUL, &[]), Some(1.0));
    config.write("labels: {max-sets: 0}\n");
    let words = format!(
        "configuration file {path}, line 1, column 20: labels.max-sets cannot be `0`: write a number from 1 to 1000000"
    );
    assert_eq!(post(&exporter, "POST"), (500, format!("{words}\n")));
    let log = exporter.log();
    assert!(
        log.contains("level=error message=\"configuration stays as it was\"")
            && log.contains(&words),
        "{log}"
    );
    let broken = exporter.metrics();
    assert_eq!(broken.get(SUCCESSFUL, &[]), Some(0.0));
    assert_eq!(broken.get(SUCCEEDED_AT, &[]), began.get(SUCCEEDED_AT, &[]));
    let to = (V4.cable().far, OPEN).into();
    assert_eq!(
        told(&pair.near.inside(|| connects(to, 1, PATIENCE))),
        [Some(Ok(()))]
    );
    exporter.metrics_once("the old rule", |page| {
        count(page, "answered_total", Some("office")) == 1.0
    });

    config.write("log: {level: debug}\n");
    exporter.signal(Signal::SIGHUP);
    let mended = exporter.metrics_once("it is whole again", |page| {
        page.get(SUCCESSFUL, &[]) == Some(1.0)
    });
    assert!(mended.get(SUCCEEDED_AT, &[]) > began.get(SUCCEEDED_AT, &[]));
    drop(exporter.host().inside(|| {
        TcpStream::connect(exporter.address())
            .and_then(|mut stream| stream.write_all(b"nonsense\r\n\r\n"))
    }));
    let deadline = std::time::Instant::now() + PATIENCE;
    while !exporter.log().contains("level=debug") {
        assert!(std::time::Instant::now() < deadline, "{}", exporter.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn only_who_may_reloads_and_only_by_post() {
    let Some(laboratory) = Laboratory::open("only_who_may_reloads_and_only_by_post") else {
        return;
    };
    let host = laboratory.host("host");
    let config = Config::new(PLAIN);
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
    let deadline = std::time::Instant::now() + PATIENCE;
    while !without
        .log()
        .contains("there is no --config.file to read again")
    {
        assert!(std::time::Instant::now() < deadline, "{}", without.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}
