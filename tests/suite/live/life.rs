//! How the program starts, meets interfaces that come and go, and ends.

use std::io::Write;
use std::net::TcpStream;
use std::process::Output;
use std::time::Duration;

use crate::lab::Laboratory;
use crate::lab::connect::{PATIENCE, connects, told};
use crate::lab::exporter::{Exporter, PROGRAM};
use crate::lab::exposition::Exposition;
use crate::lab::namespace::Namespace;
use crate::lab::pair::{self, OPEN, Pair};
use crate::lab::road::Family::V4;
use crate::program::has_tool;

#[test]
fn sigterm_ends_it_within_a_second() {
    let Some(laboratory) = Laboratory::open("sigterm_ends_it_within_a_second") else {
        return;
    };
    let host = laboratory.host("host");
    let exporter = Exporter::start(&host, &[]);
    // A client that never finishes its request does not hold it up.
    let mut slow = host.inside(|| TcpStream::connect(exporter.address()).expect("it listens"));
    slow.write_all(b"GET /metrics HTTP/1.1\r\n")
        .expect("it reads");
    let (status, took) = exporter.terminate();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(1), "it took {took:?}");
}

#[test]
fn an_interface_that_goes_and_comes_back_is_met() {
    let Some(laboratory) = Laboratory::open("an_interface_that_goes_and_comes_back_is_met") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let Pair { near, far, .. } = &pair;
    let exporter = Exporter::start(near, &["-i", "eth0", "-i", "lo"]);
    let met = |up: f64| {
        let labels = [("interface", "eth0")];
        exporter.metrics_once(&format!("capture_up {up}"), |page| {
            page.get(CAPTURE_UP, &labels) == Some(up)
        });
    };
    let is_counted = |times: f64| {
        let to = (V4.cable().far, OPEN).into();
        assert_eq!(
            told(&near.inside(|| connects(to, 1, PATIENCE))),
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
    met(1.0);
    near.ip("link set eth0 down");
    met(0.0);
    near.ip("link set eth0 up");
    met(1.0);
    is_counted(1.0);
    far.ip("link del eth0");
    met(0.0);
    pair::connect(near, far);
    met(1.0);
    is_counted(2.0);
}

#[test]
fn an_interface_that_is_not_there_is_named_with_those_that_are() {
    let Some(laboratory) = Laboratory::open("an_interface_that_is_not_there") else {
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
fn without_the_privilege_it_says_how_to_get_it() {
    let Some(laboratory) = Laboratory::open("without_the_privilege_it_says_how_to_get_it") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let output = fails(
        &pair.near,
        &["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"],
        &["-i", "eth0"],
    );
    let binary = env!("CARGO_BIN_EXE_tcp_handshake_exporter");
    let words = "tcp_handshake_exporter: capture on eth0 needs CAP_NET_RAW: run as root, or `setcap cap_net_raw=ep";
    assert_eq!(output.trim_end(), format!("{words} {binary}`"));
}

/// A socket that asks for timestamps has the kernel stamp whatever arrives at the host: bulk traffic would pay for it. Several
/// rings need them to be brought into order.
#[test]
fn only_several_interfaces_have_all_that_arrives_stamped() {
    let Some(laboratory) =
        Laboratory::open("only_several_interfaces_have_all_that_arrives_stamped")
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
        // Both end then: strace hands a signal of its own on to nobody.
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
        let asked = std::fs::read_to_string(&trace).expect("it was traced");
        assert!(
            asked.contains("PACKET_RX_RING") && asked.contains("SO_ATTACH_FILTER"),
            "{asked}"
        );
        assert_eq!(
            asked.contains("SO_TIMESTAMPNS"),
            stamped,
            "{interfaces:?}: {asked}"
        );
    }
}

/// Runs the program, which must fail with status 1; what it says.
fn fails(host: &Namespace, wrapper: &[&str], flags: &[&str]) -> String {
    let words: Vec<_> = wrapper
        .iter()
        .copied()
        .chain([PROGRAM, "--web.listen-address", "127.0.0.1:0"])
        .collect();
    let (program, arguments) = words.split_first().expect("at least the program");
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

const ANSWERED: &str = "tcp_handshake_answered_total";
const CAPTURE_UP: &str = "tcp_handshake_exporter_capture_up";
