//! The systemd units: sound, hardened, and no narrower than what the program does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::Laboratory;
use crate::lab::exporter::PROGRAM;
use crate::program::{file, has_tool, printed, said};

#[test]
fn systemd_finds_the_units_sound() {
    if !has_tool("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let service = fs::read_to_string(file(SERVICE)).unwrap();
    let installed = service.replace("/usr/bin/tcp_handshake_exporter", PROGRAM);
    assert_ne!(installed, service, "the unit starts another program");
    fs::write(
        folder.path().join("tcp_handshake_exporter.service"),
        installed,
    )
    .unwrap();
    fs::copy(
        file(SOCKET),
        folder.path().join("tcp_handshake_exporter.socket"),
    )
    .unwrap();
    let units = [
        "tcp_handshake_exporter.service",
        "tcp_handshake_exporter.socket",
    ];
    let mut verify = Command::new("systemd-analyze");
    let verified = verify
        .args(["verify", "--man=no"])
        .args(units.map(|unit| folder.path().join(unit)))
        .output()
        .unwrap();
    assert!(
        verified.status.success() && said(&verified).is_empty(),
        "{}",
        said(&verified)
    );
}

#[test]
fn systemd_calls_the_service_hardened() {
    if !has_tool("systemd-analyze") {
        return;
    }
    let mut security = Command::new("systemd-analyze");
    let judged = security
        .args(["security", "--offline=true", "--no-pager"])
        .arg(file(SERVICE))
        .output()
        .unwrap();
    let judged = printed(&judged);
    let level = judged
        .lines()
        .find_map(|line| line.split_once("Overall exposure level for "))
        .expect("it judges")
        .1;
    let level: f64 = level
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .expect("a number");
    assert!(level <= 2.0, "{judged}");
}

/// As the unit starts it: another user, one capability, no new privileges. The unit's filter lets every system call pass
/// that this takes, from the start over scrapes to the stop.
#[test]
fn the_service_may_do_all_that_the_program_does() {
    let Some(laboratory) = Laboratory::open("the_service_may_do_all_that_the_program_does") else {
        return;
    };
    if !["systemd-analyze", "strace", "setpriv", "curl"]
        .iter()
        .all(|tool| has_tool(tool))
    {
        return;
    }
    let host = laboratory.host("host");
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let mut process = host
        .command("strace")
        .args(["-f", "-qq", "-y", "-o"])
        .arg(&trace)
        .args([
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--no-new-privs",
        ])
        .args([
            "--inh-caps=-all,+net_raw",
            "--ambient-caps=+net_raw",
            "--bounding-set=-all,+net_raw",
        ])
        .args([
            &reachable_copy(folder.path()),
            "--web.listen-address",
            "127.0.0.1:10077",
        ])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut scrape = host.command("curl");
    scrape.args([
        "--silent",
        "--fail",
        "--retry",
        "40",
        "--retry-connrefused",
        "--retry-delay",
        "1",
    ]);
    let scraped = scrape
        .args(["http://127.0.0.1:10077/metrics", "http://127.0.0.1:10077/"])
        .output()
        .unwrap();
    let scraped = printed(&scraped);
    assert!(
        scraped.contains("tcp_handshake_exporter_capture_up{interface=\"any\"} 1"),
        "{scraped}"
    );
    // strace hands a signal of its own on to nobody: the program is told itself.
    let traced = fs::read_to_string(&trace).unwrap();
    let pid = traced
        .lines()
        .find(|line| line.contains("execve("))
        .and_then(|line| line.split(' ').next())
        .unwrap();
    kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGTERM).unwrap();
    let status = process.wait().unwrap();
    assert!(status.success(), "{status}");
    let called = calls_of(&fs::read_to_string(&trace).unwrap());
    assert!(
        called.len() > 20 && called.contains("sendto") && called.contains("bind"),
        "{called:?}"
    );
    let allowed = allowed();
    let refused: Vec<_> = called
        .iter()
        .filter(|call| !allowed.contains(*call))
        .collect();
    assert!(
        refused.is_empty(),
        "the unit does not let these pass: {refused:?}"
    );
}

/// The target folder may be closed to others.
fn reachable_copy(folder: &Path) -> String {
    use std::os::unix::fs::PermissionsExt;
    let copy = folder.join("exporter");
    fs::copy(PROGRAM, &copy).unwrap();
    for open in [folder, &copy] {
        fs::set_permissions(open, fs::Permissions::from_mode(0o755)).unwrap();
    }
    copy.to_string_lossy().into_owned()
}

/// System calls from the last program's start on.
fn calls_of(trace: &str) -> BTreeSet<String> {
    let start = trace.rfind("execve(").expect("it was started");
    let calls = trace[start..].lines().skip(1).filter_map(|line| {
        let (_, call) = line.split_once(' ')?;
        let (name, _) = call.trim_start().split_once('(')?;
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_')
            .then(|| name.to_owned())
    });
    calls.collect()
}

/// What the unit's lines come to, groups and all, in their order.
fn allowed() -> BTreeSet<String> {
    let service = fs::read_to_string(file(SERVICE)).unwrap();
    let mut allowed = group("@default");
    for line in service
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="))
    {
        for word in line.trim_start_matches('~').split(' ') {
            let calls = if word.starts_with('@') {
                group(word)
            } else {
                BTreeSet::from([word.to_owned()])
            };
            if line.starts_with('~') {
                allowed.retain(|call| !calls.contains(call));
            } else {
                allowed.extend(calls);
            }
        }
    }
    allowed
}

fn group(name: &str) -> BTreeSet<String> {
    let output = Command::new("systemd-analyze")
        .args(["syscall-filter", "--no-pager", name])
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", said(&output));
    let members = printed(&output);
    let members = members
        .lines()
        .skip(1)
        .map(str::trim)
        .filter(|word| !word.is_empty() && !word.starts_with('#'));
    let mut calls = BTreeSet::new();
    for member in members {
        match member.starts_with('@') {
            true => calls.extend(group(member)),
            false => calls.extend([member.to_owned()]),
        }
    }
    calls
}

const SERVICE: &str = "deploy/systemd/tcp_handshake_exporter.service";
const SOCKET: &str = "deploy/systemd/socket-activation/tcp_handshake_exporter.socket";
