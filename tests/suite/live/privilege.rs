//! What the program may do while it runs: reopen interfaces and read its own files, as whoever it was told to be.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::lab::Laboratory;
use crate::lab::connect::{PATIENCE, connects, told};
use crate::lab::exporter::{Exporter, PROGRAM};
use crate::lab::exposition::Exposition;
use crate::lab::pair::{self, OPEN, Pair};
use crate::lab::road::Family::V4;

/// Panics unless every thread has this user, NET_RAW alone, and no way to more.
fn assert_least(exporter: &Exporter<'_>, user: u32, bounding: &str) {
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
        let nothing = "0000000000000000";
        assert_eq!(
            sets,
            [nothing, NET_RAW, NET_RAW, bounding, nothing],
            "{status}"
        );
        assert_eq!(of("NoNewPrivs"), "1", "{status}");
    }
}

fn connect_once(pair: &Pair) {
    let to = (V4.cable().far, OPEN).into();
    assert_eq!(
        told(&pair.near.inside(|| connects(to, 1, PATIENCE))),
        [Some(Ok(()))]
    );
}

fn answered(page: &Exposition) -> f64 {
    page.only(|one| one.name == "tcp_handshake_answered_total" && one.labels["port"] == "80")
        .values()
        .iter()
        .sum()
}

/// A folder that everybody may look into.
fn open_folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("it is ours");
    folder
}

#[test]
fn as_another_user_it_keeps_net_raw_alone_and_meets_an_interface_that_comes_back() {
    let Some(laboratory) = Laboratory::open("as_another_user_it_keeps_net_raw_alone") else {
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
    exporter.metrics_once("it counts", |page| answered(page) == 1.0);
    assert_least(&exporter, NOBODY, "0000000000000000");

    let up = |up: f64| {
        move |page: &Exposition| page.get(CAPTURE_UP, &[("interface", "eth0")]) == Some(up)
    };
    pair.far.ip("link del eth0");
    exporter.metrics_once("it is gone", up(0.0));
    pair::connect(&pair.near, &pair.far);
    exporter.metrics_once("it is back", up(1.0));
    connect_once(&pair);
    let page = exporter.metrics_once("it counts again", |page| answered(page) == 2.0);
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
    exporter.metrics_once("its file can still be read", |page| {
        page.get("tcp_handshake_exporter_sets_limit", &[]) == Some(400.0)
    });
}

#[test]
fn as_root_it_gives_up_all_else_and_reads_nothing_but_its_own_folders() {
    let Some(laboratory) = Laboratory::open("as_root_it_gives_up_all_else") else {
        return;
    };
    let pair = Pair::build(&laboratory);
    let (folder, elsewhere) = (open_folder(), open_folder());
    let (config, other) = (
        folder.path().join("exporter.yml"),
        elsewhere.path().join("other.yml"),
    );
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
    assert_least(&exporter, 0, "0000000000000000");
    if exporter
        .log()
        .contains("not confined: this kernel has no Landlock")
    {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "this kernel has no Landlock, and every test must run here"
        );
        return eprintln!("\n*** NOT RUN: whether Landlock confines: this kernel has none ***\n");
    }
    assert!(
        exporter.log().contains("confined by Landlock"),
        "{}",
        exporter.log()
    );
    std::fs::remove_file(&config).expect("it was there");
    symlink(&other, &config).expect("a link");
    exporter.signal(Signal::SIGHUP);
    let successful = "tcp_handshake_exporter_config_last_reload_successful";
    let page = exporter.metrics_once("it may not read there", |page| {
        page.get(successful, &[]) == Some(0.0)
    });
    assert_eq!(
        page.get("tcp_handshake_exporter_sets_limit", &[]),
        Some(500.0)
    );
    assert!(
        exporter.log().contains("Permission denied"),
        "{}",
        exporter.log()
    );
}

#[test]
fn an_ordinary_user_captures_with_the_capability_of_the_file() {
    let Some(laboratory) =
        Laboratory::open("an_ordinary_user_captures_with_the_capability_of_the_file")
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
    let words = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        copy,
    ];
    let exporter = Exporter::start_by(&pair.near, &words, &["-i", "eth0"]);
    connect_once(&pair);
    exporter.metrics_once("it counts", |page| answered(page) == 1.0);
    let bounding = std::fs::read_to_string("/proc/self/status").expect("proc");
    let bounding = bounding
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .expect("a line")
        .trim();
    assert_least(&exporter, NOBODY, bounding);
}

#[test]
fn who_is_not_root_cannot_become_another_user() {
    let Some(laboratory) = Laboratory::open("who_is_not_root_cannot_become_another_user") else {
        return;
    };
    let host = laboratory.host("host");
    let ends = |words: &[&str], flags: &[&str]| {
        let Output { status, stderr, .. } = host
            .command("timeout")
            .arg("10")
            .args(words)
            .arg(PROGRAM)
            .args(flags)
            .output()
            .expect("it runs");
        (status.code(), String::from_utf8_lossy(&stderr).into_owned())
    };
    assert!(Path::new(PROGRAM).exists());
    let ordinary = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--ambient-caps=+net_raw",
        "--inh-caps=+net_raw",
    ];
    let (status, words) = ends(
        &ordinary,
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
        words.ends_with(
            "tcp_handshake_exporter: cannot become --user daemon: EPERM: Operation not permitted: start as root, or as that user and \
             without --user\n"
        ),
        "{words}"
    );
    assert_eq!(status, Some(1));
    let is_nobody = |value: &str, advice: &str| {
        let (status, words) = ends(
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
            words,
            format!("tcp_handshake_exporter: cannot become --user {value}: {advice}\n")
        );
        assert_eq!(status, Some(1));
    };
    is_nobody("no-such-user", "there is no user `no-such-user`");
    is_nobody("nobody:no-such-group", "there is no group `no-such-group`");
    is_nobody(
        "54321",
        "user 54321 has no group of its own: write 54321:GROUP",
    );
}

const CAPTURE_UP: &str = "tcp_handshake_exporter_capture_up";
const NET_RAW: &str = "0000000000002000";
const NOBODY: u32 = 65534;
