//! A laboratory of network namespaces: real hosts, real kernels, real packets, gone when the test ends.

pub(crate) mod cases;
pub(crate) mod connect;
pub(crate) mod container_host;
pub(crate) mod expect;
pub(crate) mod exporter;
pub(crate) mod exposition;
pub(crate) mod namespace;
pub(crate) mod oracle;
pub(crate) mod pair;
pub(crate) mod recording;
pub(crate) mod road;
#[allow(dead_code, reason = "the benchmark uses all of it")]
#[path = "../../../benches/whole/sender.rs"]
pub(crate) mod sender;
pub(crate) mod weather;

use std::env;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Once;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use namespace::Namespace;

/// The right to make hosts. Whoever holds one has what it takes: the privilege and the programs.
pub(crate) struct Laboratory(());

impl Laboratory {
    /// Opens the laboratory for `test`, or says loudly that `test` did not run; where `CI` is `true` that is a failure.
    pub(crate) fn open(test: &str) -> Option<Self> {
        static SWEEP: Once = Once::new();
        let Some(missing) = what_is_missing() else {
            SWEEP.call_once(namespace::sweep);
            return Some(Self(()));
        };
        let notice = format!("NOT RUN: {test}: {missing}");
        assert!(env::var("CI").as_deref() != Ok("true"), "{notice}");
        // Past the test harness, which would swallow what a passing test prints.
        writeln!(io::stderr(), "\n*** {notice} ***\n").expect("standard error can be written");
        None
    }

    /// A new host with nothing but its loopback.
    pub(crate) fn host(&self, role: &str) -> Namespace {
        Namespace::new(role)
    }
}

/// Sends a signal to a program of ours that runs.
pub(crate) fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).expect("a process number");
    kill(Pid::from_raw(pid), signal).expect("it runs");
}

fn what_is_missing() -> Option<String> {
    if !geteuid().is_root() {
        return Some("making network namespaces needs root".into());
    }
    PROGRAMS
        .iter()
        .find(|(program, version)| !runs(program, version))
        .map(|(program, _)| format!("needs {program}"))
}

fn runs(program: &str, version: &str) -> bool {
    Command::new(program)
        .arg(version)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

const PROGRAMS: [(&str, &str); 4] = [
    ("ip", "-V"),
    ("nft", "-v"),
    ("tcpdump", "--version"),
    ("tshark", "-v"),
];
