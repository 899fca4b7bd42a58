//! Tests of the systemd units: valid, hardened, and with all system calls that the program needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::netns::Laboratory;
use crate::netns::exporter::PROGRAM;
use crate::program::{file, has_tool, stderr, stdout};

const SERVICE_UNIT: &str = "deploy/systemd/tcp_handshake_exporter.service";
const SOCKET_UNIT: &str = "deploy/systemd/socket-activation/tcp_handshake_exporter.socket";

#[test]
fn systemd_verifies_units() {
    if !has_tool("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let service = fs::read_to_string(file(SERVICE_UNIT)).unwrap();
    let installed = service.replace("/usr/bin/tcp_handshake_exporter", PROGRAM);
    assert_ne!(installed, service, "the unit starts another program");
    fs::write(
        folder.path().join("tcp_handshake_exporter.service"),
        installed,
    )
    .unwrap();
    fs::copy(
        file(SOCKET_UNIT),
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
        verified.status.success() && stderr(&verified).is_empty(),
        "{}",
        stderr(&verified)
    );
}

#[test]
fn systemd_rates_the_service_as_hardened() {
    if !has_tool("systemd-analyze") {
        return;
    }
    let mut security = Command::new("systemd-analyze");
    let report = security
        .args(["security", "--offline=true", "--no-pager"])
        .arg(file(SERVICE_UNIT))
        .output()
        .unwrap();
    let report = stdout(&report);
    let level = report
        .lines()
        .find_map(|line| line.split_once("Overall exposure level for "))
        .expect("the report has an overall level")
        .1;
    let level: f64 = level
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .expect("a number");
    assert!(level <= 2.0, "{report}");
}

/// Starts the program as the unit does: another user, one capability, no new privileges.
///
/// The unit's filter must allow every system call from the start over scrapes to the exit.
#[test]
fn service_filter_allows_all_used_system_calls() {
    let Some(laboratory) = Laboratory::open("service_filter_allows_all_used_system_calls") else {
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
    let scraped = stdout(&scraped);
    assert!(
        scraped.contains("tcp_handshake_exporter_capture_up{interface=\"any\"} 1"),
        "{scraped}"
    );
    // The signal goes to the program itself, because strace does not forward it.
    let traced = fs::read_to_string(&trace).unwrap();
    let pid = traced
        .lines()
        .find(|line| line.contains("execve("))
        .and_then(|line| line.split(' ').next())
        .unwrap();
    kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGTERM).unwrap();
    let status = process.wait().unwrap();
    assert!(status.success(), "{status}");
    let used = system_calls(&fs::read_to_string(&trace).unwrap());
    assert!(
        used.len() > 20 && used.contains("sendto") && used.contains("bind"),
        "{used:?}"
    );
    let allowed = allowed_system_calls();
    let refused: Vec<_> = used
        .iter()
        .filter(|call| !allowed.contains(*call))
        .collect();
    assert!(
        refused.is_empty(),
        "the unit does not allow these system calls: {refused:?}"
    );
}

/// Copies the program to a folder that other users may read, because the target folder may be
/// closed to them.
fn reachable_copy(folder: &Path) -> String {
    use std::os::unix::fs::PermissionsExt;
    let copy = folder.join("exporter");
    fs::copy(PROGRAM, &copy).unwrap();
    for open in [folder, &copy] {
        fs::set_permissions(open, fs::Permissions::from_mode(0o755)).unwrap();
    }
    copy.to_string_lossy().into_owned()
}

/// Returns the system calls since the last `execve`.
fn system_calls(trace: &str) -> BTreeSet<String> {
    let start = trace.rfind("execve(").expect("the program was executed");
    let calls = trace[start..].lines().skip(1).filter_map(|line| {
        let (_, call) = line.split_once(' ')?;
        let (name, _) = call.trim_start().split_once('(')?;
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_')
            .then(|| name.to_owned())
    });
    calls.collect()
}

/// Returns the system calls that the unit allows. Applies its lines in order and expands groups.
fn allowed_system_calls() -> BTreeSet<String> {
    let service = fs::read_to_string(file(SERVICE_UNIT)).unwrap();
    let mut allowed = system_call_group("@default");
    for line in service
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="))
    {
        for word in line.trim_start_matches('~').split(' ') {
            let calls = if word.starts_with('@') {
                system_call_group(word)
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

fn system_call_group(name: &str) -> BTreeSet<String> {
    let output = Command::new("systemd-analyze")
        .args(["syscall-filter", "--no-pager", name])
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", stderr(&output));
    let members = stdout(&output);
    let members = members
        .lines()
        .skip(1)
        .map(str::trim)
        .filter(|word| !word.is_empty() && !word.starts_with('#'));
    let mut calls = BTreeSet::new();
    for member in members {
        match member.starts_with('@') {
            true => calls.extend(system_call_group(member)),
            false => calls.extend([member.to_owned()]),
        }
    }
    calls
}
