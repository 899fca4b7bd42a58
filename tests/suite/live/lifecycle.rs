//! Live tests of start, exit, and interfaces that disappear and return.

use std::io::Write;
use std::net::TcpStream;
use std::process::Output;
use std::time::Duration;

use crate::netns::Laboratory;
use crate::netns::connect::{CONNECT_TIMEOUT, connects, results};
use crate::netns::exporter::{Exporter, PROGRAM};
use crate::netns::exposition::Exposition;
use crate::netns::namespace::Namespace;
use crate::netns::pair::{self, OPEN_PORT, Pair};
use crate::netns::topology::Family::V4;
use crate::program::has_tool;

const ANSWERED: &str = "tcp_handshake_answered_total";
const CAPTURE_UP: &str = "tcp_handshake_exporter_capture_up";

#[test]
fn sigterm_exits_within_one_second() {
    let Some(laboratory) = Laboratory::open("sigterm_exits_within_one_second") else {
        return;
    };
    let host = laboratory.host("host");
    let exporter = Exporter::start(&host, &[]);
    // A client that never finishes its request does not delay the exit.
    let mut slow = host.inside(|| TcpStream::connect(exporter.address()).expect("it listens"));
    slow.write_all(b"GET /metrics HTTP/1.1\r\n")
        .expect("it reads");
    let (status, elapsed) = exporter.terminate();
    assert!(status.success(), "{status}");
    assert!(elapsed < Duration::from_secs(1), "it took {elapsed:?}");
}

#[test]
fn capture_resumes_after_interface_returns() {
    let Some(laboratory) = Laboratory::open("capture_resumes_after_interface_returns") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let Pair { near, far, .. } = &pair;
    let exporter = Exporter::start(near, &["-i", "eth0", "-i", "lo"]);
    let wait_for_capture_up = |up: f64| {
        let labels = [("interface", "eth0")];
        exporter.metrics_once(&format!("capture_up {up}"), |page| {
            page.get(CAPTURE_UP, &labels) == Some(up)
        });
    };
    let connect_and_wait = |times: f64| {
        let to = (V4.pair_addresses().far, OPEN_PORT).into();
        assert_eq!(
            results(&near.inside(|| connects(to, 1, CONNECT_TIMEOUT))),
            [Some(Ok(()))]
        );
        let answered = |page: &Exposition| {
            page.only(|one| one.name == ANSWERED && one.labels["port"] == "80")
                .values()
        };
        exporter.metrics_once(&format!("{times} answered"), |page| {
            answered(page) == [times]
        });
    };
    wait_for_capture_up(1.0);
    near.ip("link set eth0 down");
    wait_for_capture_up(0.0);
    near.ip("link set eth0 up");
    wait_for_capture_up(1.0);
    connect_and_wait(1.0);
    far.ip("link del eth0");
    wait_for_capture_up(0.0);
    pair::connect(near, far);
    wait_for_capture_up(1.0);
    connect_and_wait(2.0);
}

#[test]
fn missing_interface_error_lists_existing_interfaces() {
    let Some(laboratory) = Laboratory::open("missing_interface_error_lists_existing_interfaces")
    else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let output = fails(&pair.near, &[], &["-i", "eth9"]);
    assert!(
        output.contains("no such interface eth9 (there are: eth0, lo)"),
        "{output}"
    );
}

#[test]
fn missing_capability_error_says_how_to_get_it() {
    let Some(laboratory) = Laboratory::open("missing_capability_error_says_how_to_get_it") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let output = fails(
        &pair.near,
        &["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"],
        &["-i", "eth0"],
    );
    let binary = env!("CARGO_BIN_EXE_tcp_handshake_exporter");
    let message = "tcp_handshake_exporter: capture on eth0 needs CAP_NET_RAW: run as root, or `setcap cap_net_raw=ep";
    assert_eq!(output.trim_end(), format!("{message} {binary}`"));
}

/// Socket timestamps make the kernel stamp every packet that the host receives, which costs CPU for
/// bulk traffic.
///
/// Only several rings need them, to merge their packets in order.
#[test]
fn only_several_interfaces_enable_socket_timestamps() {
    let Some(laboratory) = Laboratory::open("only_several_interfaces_enable_socket_timestamps")
    else {
        return;
    };
    if !has_tool("strace") {
        return;
    }
    let pair = Pair::build(&laboratory);
    let folder = tempfile::tempdir().expect("a folder");
    for (interfaces, stamped) in [
        (["-i", "eth0"].as_slice(), false),
        (&["-i", "any"], false),
        (&["-i", "eth0", "-i", "lo"], true),
    ] {
        let trace = folder.path().join("trace");
        // `timeout` signals the process group, because strace does not forward a signal to the
        // program.
        let mut strace = pair.near.command("timeout");
        strace
            .args(["5", "strace", "-f", "-e", "trace=setsockopt", "-o"])
            .arg(&trace)
            .arg(PROGRAM)
            .args(interfaces);
        strace
            .args(["--web.listen-address", "127.0.0.1:0"])
            .output()
            .expect("timeout runs");
        let calls = std::fs::read_to_string(&trace).expect("strace writes the trace");
        assert!(
            calls.contains("PACKET_RX_RING") && calls.contains("SO_ATTACH_FILTER"),
            "{calls}"
        );
        assert_eq!(
            calls.contains("SO_TIMESTAMPNS"),
            stamped,
            "{interfaces:?}: {calls}"
        );
    }
}

/// Runs the program, which must exit with status 1. Returns its standard error.
fn fails(host: &Namespace, wrapper: &[&str], flags: &[&str]) -> String {
    let command: Vec<_> = wrapper
        .iter()
        .copied()
        .chain([PROGRAM, "--web.listen-address", "127.0.0.1:0"])
        .collect();
    let (program, arguments) = command.split_first().expect("at least the program");
    let Output { status, stderr, .. } = host
        .command("timeout")
        .arg("10")
        .arg(program)
        .args(arguments)
        .args(flags)
        .output()
        .expect("it runs");
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).expect("text")
}
