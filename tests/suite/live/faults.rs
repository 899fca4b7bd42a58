//! Live tests of faults on the host: the exporter continues, and its metrics show the fault.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::netns::Laboratory;
use crate::netns::connect::{
    CONNECT_TIMEOUT, connects, listen_without_accepting as listen, results,
};
use crate::netns::exporter::{Exporter, PROGRAM};
use crate::netns::exposition::Exposition;
use crate::netns::pair::{self, OPEN_PORT, Pair};
use crate::netns::topology::Family::V4;

const ANSWERED: &str = "tcp_handshake_answered_total";
const ATTEMPTS: &str = "tcp_handshake_attempts_total";
const ADDRESS: &str = "tcp_handshake_local_address_info";
const CAPTURE_UP: &str = "tcp_handshake_exporter_capture_up";
const STARTED: &str = "process_start_time_seconds";

/// Creates a persistent device of type ARPHRD_CAN.
const CAN_BUS: &str = r#"
import fcntl, os, struct
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"eth0", 0x1001))
fcntl.ioctl(tun, 0x400454cd, 280)
fcntl.ioctl(tun, 0x400454cb, 1)
"#;

fn connect_once(pair: &Pair) {
    let to = (V4.pair_addresses().far, OPEN_PORT).into();
    assert_eq!(
        results(&pair.near.inside(|| connects(to, 1, CONNECT_TIMEOUT))),
        [Some(Ok(()))]
    );
}

fn value(page: &Exposition, name: &str) -> f64 {
    page.only(|one| one.name == name && one.labels["port"] == "80")
        .values()
        .iter()
        .sum()
}

fn is_capture_up(page: &Exposition) -> bool {
    page.get(CAPTURE_UP, &[("interface", "eth0")]) == Some(1.0)
}

#[test]
fn capture_follows_interface_name_after_rename() {
    let Some(laboratory) = Laboratory::open("capture_follows_interface_name_after_rename") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let exporter = Exporter::start(&pair.near, &["-i", "eth0"]);
    connect_once(&pair);
    exporter.metrics_once("the connect is counted", |page| {
        value(page, ANSWERED) == 1.0
    });
    // Older kernels do not rename an interface that is up.
    pair.near.ip("link set eth0 down\nlink set eth0 name old0\nlink set old0 up\naddr replace 192.0.2.1/24 dev old0");
    let page = exporter.metrics_once("the name is gone", |page| !is_capture_up(page));
    assert_eq!(value(&page, ANSWERED), 1.0, "earlier counts stay");
    connect_once(&pair);
    let page = exporter.metrics();
    assert_eq!(value(&page, ANSWERED), 1.0, "old0 is not captured\n{page}");

    // Another interface gets the name.
    pair.near.ip("link set old0 down\naddr flush dev old0");
    let add_veth = "link add eth0 type veth peer name eth1";
    pair.near.ip(add_veth);
    pair.near
        .ip(&format!("link set eth1 netns {}", pair.far.name()));
    pair.far
        .ip("addr flush dev eth0\nlink set eth1 up\naddr add 192.0.2.2/24 dev eth1");
    pair.near
        .ip("link set eth0 up\naddr add 192.0.2.1/24 dev eth0");
    exporter.metrics_once("the name is back", is_capture_up);
    connect_once(&pair);
    exporter.metrics_once("the new interface is counted", |page| {
        value(page, ANSWERED) == 2.0
    });
}

#[test]
fn changed_local_address_updates_label_set() {
    let Some(laboratory) = Laboratory::open("changed_local_address_updates_label_set") else {
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
    exporter.metrics_once("counted with the first address", client("192.0.2.1"));
    pair.near
        .ip("addr del 192.0.2.1/24 dev eth0\naddr add 192.0.2.7/24 dev eth0");
    connect_once(&pair);
    exporter.metrics_once(
        "counted with the new address and as client",
        client("192.0.2.7"),
    );
    let info = |address| {
        move |page: &Exposition| page.get(ADDRESS, &[("address", address), ("interface", "eth0")])
    };
    exporter.metrics_once("the local addresses are updated", |page| {
        info("192.0.2.7")(page) == Some(1.0) && info("192.0.2.1")(page).is_none()
    });
}

#[test]
fn changed_mtu_keeps_capture_running() {
    let Some(laboratory) = Laboratory::open("changed_mtu_keeps_capture_running") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let exporter = Exporter::start(&pair.near, &["-i", "eth0"]);
    for (times, mtu) in [(1.0, 1280), (2.0, 9000), (3.0, 1500)] {
        for host in [&pair.near, &pair.far] {
            host.ip(&format!("link set eth0 mtu {mtu}"));
        }
        connect_once(&pair);
        let page = exporter.metrics_once("it is counted", |page| value(page, ANSWERED) == times);
        assert!(is_capture_up(&page), "MTU {mtu}: {page}");
    }
}

#[test]
fn capture_resumes_after_veth_peer_returns() {
    let Some(laboratory) = Laboratory::open("capture_resumes_after_veth_peer_returns") else {
        return;
    };
    let Pair { near, far, .. } = Pair::build(&laboratory);
    let exporter = Exporter::start(&near, &["-i", "eth0"]);
    drop(far);
    exporter.metrics_once("the interface is removed with its peer", |page| {
        !is_capture_up(page)
    });
    let far = laboratory.host("far");
    pair::connect(&near, &far);
    exporter.metrics_once("the interface is back", is_capture_up);
    let to: SocketAddr = (V4.pair_addresses().far, OPEN_PORT).into();
    let _listener = far.inside(|| listen(to, 8));
    assert_eq!(
        results(&near.inside(|| connects(to, 1, CONNECT_TIMEOUT))),
        [Some(Ok(()))]
    );
    exporter.metrics_once("the connect is counted", |page| {
        value(page, ANSWERED) == 1.0
    });
}

#[test]
fn restart_after_sigkill_resets_counters() {
    let Some(laboratory) = Laboratory::open("restart_after_sigkill_resets_counters") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let mut first = Exporter::start(&pair.near, &["-i", "eth0"]);
    connect_once(&pair);
    let before = first.metrics_once("the connect is counted", |page| {
        value(page, ANSWERED) == 1.0
    });
    first.signal(Signal::SIGKILL);
    let (status, _) = first.wait_for_exit(Instant::now());
    assert_eq!(status.signal(), Some(9));
    let address = first.address().to_string();
    let second = Exporter::start_at(&pair.near, &address, &["-i", "eth0"]);
    let page = second.metrics();
    assert_eq!(page.label_sets().len(), 0, "{page}");
    assert!(
        page.get(STARTED, &[]) > before.get(STARTED, &[]),
        "the start time shows the counter reset"
    );
    connect_once(&pair);
    second.metrics_once("it counts from zero", |page| value(page, ANSWERED) == 1.0);
}

#[test]
fn unsupported_link_type_exits_with_error() {
    let Some(laboratory) = Laboratory::open("unsupported_link_type_exits_with_error") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let mut exporter = Exporter::start(&pair.near, &["-i", "eth0"]);
    pair.far.ip("link del eth0");
    exporter.metrics_once("the interface is gone", |page| !is_capture_up(page));
    // The interface that gets the name has an unsupported link type: a CAN bus.
    let created = pair
        .near
        .command("python3")
        .args(["-c", CAN_BUS])
        .status()
        .expect("python3 runs");
    assert!(created.success());
    let start = Instant::now();
    pair.near.ip("link set eth0 up");
    let (status, _) = exporter.wait_for_exit(start);
    assert_eq!(status.code(), Some(1));
    let message =
        "tcp_handshake_exporter: eth0 has link type CAN_SOCKETCAN, which is not supported";
    let deadline = Instant::now() + CONNECT_TIMEOUT;
    while !exporter.log().contains(message) {
        assert!(Instant::now() < deadline, "{}", exporter.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn exhausted_descriptors_delay_reopening_the_interface() {
    let Some(laboratory) = Laboratory::open("exhausted_descriptors_delay_reopening_the_interface")
    else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let command = ["prlimit", "--nofile=24", PROGRAM];
    let exporter = Exporter::start_with_command(&pair.near, &command, &["-i", "eth0"]);
    let open_connections = |connections: usize| -> Vec<TcpStream> {
        let connect = || {
            TcpStream::connect_timeout(&exporter.address(), Duration::from_secs(2))
                .expect("the kernel queues it")
        };
        pair.near
            .inside(|| (0..connections).map(|_| connect()).collect())
    };
    let idle = open_connections(60);
    connect_once(&pair);
    exporter.metrics_once("scrapes and the capture continue", |page| {
        value(page, ANSWERED) == 1.0
    });
    pair.far.ip("link del eth0");
    exporter.metrics_once("the interface is gone", |page| !is_capture_up(page));
    // No descriptor is free when the interface comes back.
    let limit = |files: u32| {
        let pid = exporter.pid().to_string();
        let files = format!("--nofile={files}:24");
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
    let deadline = Instant::now() + CONNECT_TIMEOUT;
    while !exporter
        .log()
        .contains("message=\"cannot reopen the interface, retrying\"")
    {
        assert!(Instant::now() < deadline, "{}", exporter.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    limit(24);
    drop(idle);
    exporter.metrics_once("the interface is back", is_capture_up);
    connect_once(&pair);
    exporter.metrics_once("the connect is counted", |page| {
        value(page, ANSWERED) == 2.0
    });
}

#[test]
fn unwritable_log_keeps_capture_and_scrapes_running() {
    let Some(laboratory) = Laboratory::open("unwritable_log_keeps_capture_and_scrapes_running")
    else {
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
            let deadline = Instant::now() + CONNECT_TIMEOUT;
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
        // The capture thread logs the loss of the interface.
        pair.far.ip("link del eth0");
        shows("capture_up{interface=\"eth0\"} 0");
        pair::connect(&pair.near, &pair.far);
        shows("capture_up{interface=\"eth0\"} 1");
        process.kill().expect("it runs");
        process.wait().expect("it ends");
    }
}
