//! Live tests of privileges at run time: the program keeps CAP_NET_RAW alone, reopens interfaces
//! and reads its files.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::netns::Laboratory;
use crate::netns::connect::{CONNECT_TIMEOUT, connects, results};
use crate::netns::exporter::{Exporter, PROGRAM};
use crate::netns::exposition::Exposition;
use crate::netns::pair::{self, OPEN_PORT, Pair};
use crate::netns::topology::Family::V4;

const CAPTURE_UP: &str = "tcp_handshake_exporter_capture_up";
const CAP_NET_RAW_MASK: &str = "0000000000002000";
const NOBODY_UID: u32 = 65534;

/// Panics unless every thread has this user, the capability NET_RAW alone, and `no_new_privs`.
fn assert_least_privilege(exporter: &Exporter<'_>, user: u32, bounding: &str) {
    let threads = exporter.threads();
    assert!(threads.len() > 1, "{threads:?}");
    for status in threads {
        let of = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_else(|| panic!("{name}: {status}"));
            line.trim_start_matches(':')
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(of("Uid"), vec![user.to_string(); 4].join(" "), "{status}");
        let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(of);
        let none = "0000000000000000";
        assert_eq!(
            sets,
            [none, CAP_NET_RAW_MASK, CAP_NET_RAW_MASK, bounding, none],
            "{status}"
        );
        assert_eq!(of("NoNewPrivs"), "1", "{status}");
    }
}

fn connect_once(pair: &Pair) {
    let to = (V4.pair_addresses().far, OPEN_PORT).into();
    assert_eq!(
        results(&pair.near.inside(|| connects(to, 1, CONNECT_TIMEOUT))),
        [Some(Ok(()))]
    );
}

fn answered(page: &Exposition) -> f64 {
    page.only(|one| one.name == "tcp_handshake_answered_total" && one.labels["port"] == "80")
        .values()
        .iter()
        .sum()
}

/// Creates a folder that all users may read.
fn open_folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("it is ours");
    folder
}

#[test]
fn other_user_keeps_net_raw_and_reopens_interface() {
    let Some(laboratory) = Laboratory::open("other_user_keeps_net_raw_and_reopens_interface")
    else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let folder = open_folder();
    let config = folder.path().join("exporter.yml");
    std::fs::write(&config, "labels: {max-sets: 500}\n").expect("it can be written");
    let flags = [
        "-i",
        "eth0",
        "--user",
        "nobody",
        "--config.file",
        config.to_str().expect("text"),
    ];
    let exporter = Exporter::start(&pair.near, &flags);
    connect_once(&pair);
    exporter.metrics_once("the connect is counted", |page| answered(page) == 1.0);
    assert_least_privilege(&exporter, NOBODY_UID, "0000000000000000");

    let up = |up: f64| {
        move |page: &Exposition| page.get(CAPTURE_UP, &[("interface", "eth0")]) == Some(up)
    };
    pair.far.ip("link del eth0");
    exporter.metrics_once("the interface is gone", up(0.0));
    pair::connect(&pair.near, &pair.far);
    exporter.metrics_once("the interface is back", up(1.0));
    connect_once(&pair);
    let page = exporter.metrics_once("the second connect is counted", |page| {
        answered(page) == 2.0
    });
    for name in [
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_max_fds",
    ] {
        assert!(
            page.get(name, &[]) > Some(0.0),
            "{name} can still be read:\n{page}"
        );
    }
    std::fs::write(&config, "labels: {max-sets: 400}\n").expect("it can be written");
    exporter.signal(Signal::SIGHUP);
    exporter.metrics_once("the configuration file can still be read", |page| {
        page.get("tcp_handshake_exporter_label_sets_limit", &[]) == Some(400.0)
    });
}

#[test]
fn root_drops_capabilities_and_reads_only_own_folders() {
    let Some(laboratory) = Laboratory::open("root_drops_capabilities_and_reads_only_own_folders")
    else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let folder = open_folder();
    let elsewhere = open_folder();
    let config = folder.path().join("exporter.yml");
    let other = elsewhere.path().join("other.yml");
    std::fs::write(&config, "labels: {max-sets: 500}\n").expect("it can be written");
    std::fs::write(&other, "labels: {max-sets: 300}\n").expect("it can be written");
    let exporter = Exporter::start(
        &pair.near,
        &[
            "-i",
            "eth0",
            "--config.file",
            config.to_str().expect("text"),
        ],
    );
    exporter.metrics();
    assert_least_privilege(&exporter, 0, "0000000000000000");
    if exporter
        .log()
        .contains("Landlock not enforced: this kernel does not support it")
    {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "this kernel has no Landlock, and every test must run here"
        );
        return eprintln!(
            "\n*** NOT RUN: confinement by Landlock: this kernel has no Landlock ***\n"
        );
    }
    assert!(
        exporter.log().contains("Landlock enforced"),
        "{}",
        exporter.log()
    );
    std::fs::remove_file(&config).expect("it was there");
    symlink(&other, &config).expect("a link");
    exporter.signal(Signal::SIGHUP);
    let successful = "tcp_handshake_exporter_config_last_reload_successful";
    let page = exporter.metrics_once("the file outside the folder cannot be read", |page| {
        page.get(successful, &[]) == Some(0.0)
    });
    assert_eq!(
        page.get("tcp_handshake_exporter_label_sets_limit", &[]),
        Some(500.0)
    );
    assert!(
        exporter.log().contains("Permission denied"),
        "{}",
        exporter.log()
    );
}

#[test]
fn unprivileged_user_captures_with_file_capability() {
    let Some(laboratory) = Laboratory::open("unprivileged_user_captures_with_file_capability")
    else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let folder = open_folder();
    let copy = folder.path().join("tcp_handshake_exporter");
    std::fs::copy(PROGRAM, &copy).expect("a copy");
    let copy = copy.to_str().expect("text");
    let set = Command::new("setcap")
        .args(["cap_net_raw=ep", copy])
        .status()
        .expect("setcap runs");
    assert!(set.success(), "setcap");
    let command = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        copy,
    ];
    let exporter = Exporter::start_with_command(&pair.near, &command, &["-i", "eth0"]);
    connect_once(&pair);
    exporter.metrics_once("the connect is counted", |page| answered(page) == 1.0);
    let bounding = std::fs::read_to_string("/proc/self/status").expect("proc");
    let bounding = bounding
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .expect("a line")
        .trim();
    assert_least_privilege(&exporter, NOBODY_UID, bounding);
}

#[test]
fn user_change_without_privilege_exits_with_error() {
    let Some(laboratory) = Laboratory::open("user_change_without_privilege_exits_with_error")
    else {
        return;
    };
    let host = laboratory.host("host");
    let run = |wrapper: &[&str], flags: &[&str]| {
        let Output { status, stderr, .. } = host
            .command("timeout")
            .arg("10")
            .args(wrapper)
            .arg(PROGRAM)
            .args(flags)
            .output()
            .expect("it runs");
        (status.code(), String::from_utf8_lossy(&stderr).into_owned())
    };
    assert!(Path::new(PROGRAM).exists());
    let as_unprivileged_user = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--ambient-caps=+net_raw",
        "--inh-caps=+net_raw",
    ];
    let (status, message) = run(
        &as_unprivileged_user,
        &[
            "-i",
            "lo",
            "--web.listen-address",
            "127.0.0.1:0",
            "--user",
            "daemon",
        ],
    );
    assert!(
        message.ends_with(
            "tcp_handshake_exporter: cannot become --user daemon: EPERM: Operation not permitted: start as root, or as that user and \
             without --user\n"
        ),
        "{message}"
    );
    assert_eq!(status, Some(1));
    let assert_unknown_user = |value: &str, advice: &str| {
        let (status, message) = run(
            &[],
            &[
                "-i",
                "lo",
                "--web.listen-address",
                "127.0.0.1:0",
                "--user",
                value,
            ],
        );
        assert_eq!(
            message,
            format!("tcp_handshake_exporter: cannot become --user {value}: {advice}\n")
        );
        assert_eq!(status, Some(1));
    };
    assert_unknown_user("no-such-user", "there is no user `no-such-user`");
    assert_unknown_user("nobody:no-such-group", "there is no group `no-such-group`");
    assert_unknown_user(
        "54321",
        "user 54321 has no group of its own: write 54321:GROUP",
    );
}
