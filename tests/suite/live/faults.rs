//! What goes wrong on real hosts, and what the metrics say meanwhile.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::lab::Laboratory;
use crate::lab::connect::{PATIENCE, connects, server, told};
use crate::lab::exporter::{Exporter, PROGRAM};
use crate::lab::exposition::Exposition;
use crate::lab::pair::{self, OPEN, Pair};
use crate::lab::road::Family::V4;

fn connect_once(pair: &Pair) {
    let to = (V4.cable().far, OPEN).into();
    assert_eq!(
        told(&pair.near.inside(|| connects(to, 1, PATIENCE))),
        [Some(Ok(()))]
    );
}

fn count(page: &Exposition, name: &str) -> f64 {
    page.only(|one| one.name == name && one.labels["port"] == "80")
        .values()
        .iter()
        .sum()
}

fn is_up(page: &Exposition) -> bool {
    page.get(CAPTURE_UP, &[("interface", "eth0")]) == Some(1.0)
}

#[test]
fn an_interface_that_is_renamed_is_gone_and_whoever_gets_its_name_is_watched() {
    let Some(laboratory) = Laboratory::open("an_interface_that_is_renamed_is_gone") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let exporter = Exporter::start(&pair.near, &["-i", "eth0"]);
    connect_once(&pair);
    exporter.metrics_once("it counts", |page| count(page, ANSWERED) == 1.0);
    // Newer kernels rename what is up, older ones do not.
    pair.near.ip("link set eth0 down\nlink set eth0 name old0\nlink set old0 up\naddr replace 192.0.2.1/24 dev old0");
    let page = exporter.metrics_once("the name is gone", |page| !is_up(page));
    assert_eq!(count(&page, ANSWERED), 1.0, "what was counted stands");
    connect_once(&pair);
    let page = exporter.metrics();
    assert_eq!(count(&page, ANSWERED), 1.0, "nobody asked for old0\n{page}");

    // Another interface gets the name.
    pair.near.ip("link set old0 down\naddr flush dev old0");
    let far_end = "link add eth0 type veth peer name eth1";
    pair.near.ip(far_end);
    pair.near
        .ip(&format!("link set eth1 netns {}", pair.far.name()));
    pair.far
        .ip("addr flush dev eth0\nlink set eth1 up\naddr add 192.0.2.2/24 dev eth1");
    pair.near
        .ip("link set eth0 up\naddr add 192.0.2.1/24 dev eth0");
    exporter.metrics_once("the name is back", is_up);
    connect_once(&pair);
    exporter.metrics_once("the new one is counted", |page| {
        count(page, ANSWERED) == 2.0
    });
}

#[test]
fn addresses_that_change_are_followed() {
    let Some(laboratory) = Laboratory::open("addresses_that_change_are_followed") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let exporter = Exporter::start(&pair.near, &["-i", "eth0"]);
    connect_once(&pair);
    let client = |local: &'static str| {
        move |page: &Exposition| {
            let of = |name: &str| name == ATTEMPTS;
            let found = page.only(|one| {
                of(&one.name) && one.labels["port"] == "80" && one.labels["local_address"] == local
            });
            found.only(|one| one.labels["vantage"] == "client").values() == [1.0]
        }
    };
    exporter.metrics_once("by the first address", client("192.0.2.1"));
    pair.near
        .ip("addr del 192.0.2.1/24 dev eth0\naddr add 192.0.2.7/24 dev eth0");
    connect_once(&pair);
    exporter.metrics_once(
        "by the new address, and from the right vantage",
        client("192.0.2.7"),
    );
    let info = |address| {
        move |page: &Exposition| page.get(ADDRESS, &[("address", address), ("interface", "eth0")])
    };
    exporter.metrics_once("the addresses are shown", |page| {
        info("192.0.2.7")(page) == Some(1.0) && info("192.0.2.1")(page).is_none()
    });
}

#[test]
fn another_mtu_changes_nothing() {
    let Some(laboratory) = Laboratory::open("another_mtu_changes_nothing") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let exporter = Exporter::start(&pair.near, &["-i", "eth0"]);
    for (times, mtu) in [(1.0, 1280), (2.0, 9000), (3.0, 1500)] {
        for host in [&pair.near, &pair.far] {
            host.ip(&format!("link set eth0 mtu {mtu}"));
        }
        connect_once(&pair);
        let page = exporter.metrics_once("it is counted", |page| count(page, ANSWERED) == times);
        assert!(is_up(&page), "MTU {mtu}: {page}");
    }
}

#[test]
fn a_host_at_the_other_end_that_vanishes_takes_the_cable_with_it() {
    let Some(laboratory) = Laboratory::open("a_host_at_the_other_end_that_vanishes") else {
        return;
    };
    let Pair { near, far, .. } = Pair::build(&laboratory);
    let exporter = Exporter::start(&near, &["-i", "eth0"]);
    drop(far);
    exporter.metrics_once("the interface went with it", |page| !is_up(page));
    let far = laboratory.host("far");
    pair::connect(&near, &far);
    exporter.metrics_once("another host is there", is_up);
    let to: SocketAddr = (V4.cable().far, OPEN).into();
    let _listener = far.inside(|| server(to, 8));
    assert_eq!(
        told(&near.inside(|| connects(to, 1, PATIENCE))),
        [Some(Ok(()))]
    );
    exporter.metrics_once("it counts", |page| count(page, ANSWERED) == 1.0);
}

#[test]
fn after_kill_9_counters_begin_at_zero() {
    let Some(laboratory) = Laboratory::open("after_kill_9_counters_begin_at_zero") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let mut first = Exporter::start(&pair.near, &["-i", "eth0"]);
    connect_once(&pair);
    let before = first.metrics_once("it counts", |page| count(page, ANSWERED) == 1.0);
    first.signal(Signal::SIGKILL);
    let (status, _) = first.ends(Instant::now());
    assert_eq!(status.signal(), Some(9));
    let address = first.address().to_string();
    let second = Exporter::start_at(&pair.near, &address, &["-i", "eth0"]);
    let page = second.metrics();
    assert_eq!(page.sets().len(), 0, "{page}");
    assert!(
        page.get(STARTED, &[]) > before.get(STARTED, &[]),
        "so Prometheus knows a reset when it sees one"
    );
    connect_once(&pair);
    second.metrics_once("it counts from zero", |page| count(page, ANSWERED) == 1.0);
}

#[test]
fn a_capture_that_cannot_go_on_ends_the_program() {
    let Some(laboratory) = Laboratory::open("a_capture_that_cannot_go_on_ends_the_program") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let mut exporter = Exporter::start(&pair.near, &["-i", "eth0"]);
    pair.far.ip("link del eth0");
    exporter.metrics_once("it is gone", |page| !is_up(page));
    // What comes back under the name is no network that the program understands: a CAN bus.
    let made = pair
        .near
        .command("python3")
        .args(["-c", CAN_BUS])
        .status()
        .expect("python3 runs");
    assert!(made.success());
    let start = Instant::now();
    pair.near.ip("link set eth0 up");
    let (status, _) = exporter.ends(start);
    assert_eq!(status.code(), Some(1));
    let end = "tcp_handshake_exporter: eth0 has link type CAN_SOCKETCAN, which is not understood";
    let deadline = Instant::now() + PATIENCE;
    while !exporter.log().contains(end) {
        assert!(Instant::now() < deadline, "{}", exporter.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn where_descriptors_run_out_capture_and_scrapes_go_on_and_an_interface_comes_back_later() {
    let Some(laboratory) = Laboratory::open("where_descriptors_run_out") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let words = ["prlimit", "--nofile=24", PROGRAM];
    let exporter = Exporter::start_by(&pair.near, &words, &["-i", "eth0"]);
    let crowd = |connections: usize| -> Vec<TcpStream> {
        let connect = || {
            TcpStream::connect_timeout(&exporter.address(), Duration::from_secs(2))
                .expect("the kernel queues it")
        };
        pair.near
            .inside(|| (0..connections).map(|_| connect()).collect())
    };
    let idle = crowd(60);
    connect_once(&pair);
    exporter.metrics_once("scrapes go on, and the capture does", |page| {
        count(page, ANSWERED) == 1.0
    });
    pair.far.ip("link del eth0");
    exporter.metrics_once("it is gone", |page| !is_up(page));
    // Not one is left when it comes back.
    let limit = |files: u32| {
        let (pid, files) = (exporter.pid().to_string(), format!("--nofile={files}:24"));
        assert!(
            Command::new("prlimit")
                .args(["--pid", &pid, &files])
                .status()
                .expect("prlimit runs")
                .success()
        );
    };
    limit(3);
    pair::connect(&pair.near, &pair.far);
    let deadline = Instant::now() + PATIENCE;
    while !exporter.log().contains("message=\"trying again\"") {
        assert!(Instant::now() < deadline, "{}", exporter.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    limit(24);
    drop(idle);
    exporter.metrics_once("it is back", is_up);
    connect_once(&pair);
    exporter.metrics_once("it counts", |page| count(page, ANSWERED) == 2.0);
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    let Some(laboratory) = Laboratory::open("a_log_that_cannot_be_written_ends_nothing") else {
        return;
    };
    for format in ["logfmt", "json"] {
        let pair = Pair::build(&laboratory);
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let flags = [
            "-i",
            "eth0",
            "--log.format",
            format,
            "--web.listen-address",
            "127.0.0.1:19076",
        ];
        let mut process = pair
            .near
            .command(PROGRAM)
            .args(flags)
            .stderr(full)
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        let shows = |line: &str| {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let mut curl: Command = pair.near.command("curl");
                let page = curl
                    .args(["-s", "http://127.0.0.1:19076/metrics"])
                    .output()
                    .expect("curl runs")
                    .stdout;
                if String::from_utf8_lossy(&page).contains(line) {
                    break;
                }
                assert!(
                    Instant::now() < deadline,
                    "{format}: never {line}\n{}",
                    String::from_utf8_lossy(&page)
                );
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        shows("capture_up{interface=\"eth0\"} 1");
        // The capture thread has something to say.
        pair.far.ip("link del eth0");
        shows("capture_up{interface=\"eth0\"} 0");
        pair::connect(&pair.near, &pair.far);
        shows("capture_up{interface=\"eth0\"} 1");
        process.kill().expect("it runs");
        process.wait().expect("it ends");
    }
}

const ANSWERED: &str = "tcp_handshake_answered_total";
const ATTEMPTS: &str = "tcp_handshake_attempts_total";
const ADDRESS: &str = "tcp_handshake_local_address_info";
const CAPTURE_UP: &str = "tcp_handshake_exporter_capture_up";
const STARTED: &str = "process_start_time_seconds";
/// Makes a device that stays, of ARPHRD_CAN.
const CAN_BUS: &str = r#"
import fcntl, os, struct
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"eth0", 0x1001))
fcntl.ioctl(tun, 0x400454cd, 280)
fcntl.ioctl(tun, 0x400454cb, 1)
"#;
