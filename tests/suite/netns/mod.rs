//! Hosts in network namespaces: real kernels and real packets, removed when the test ends.
//!
//! `topology`, `pair` and `container_host` connect hosts; `exporter` and `recording` observe them;
//! `oracle` and `expect` compare the results.

pub(crate) mod cases;
pub(crate) mod connect;
pub(crate) mod container_host;
pub(crate) mod expect;
pub(crate) mod exporter;
pub(crate) mod exposition;
pub(crate) mod impairments;
pub(crate) mod namespace;
pub(crate) mod oracle;
pub(crate) mod pair;
pub(crate) mod recording;
#[allow(dead_code, reason = "the benchmark uses all of it")]
#[path = "../../../benches/end_to_end/sender.rs"]
pub(crate) mod sender;
pub(crate) mod topology;

use std::env;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Once;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use namespace::Namespace;

/// Required programs, each with the flag that prints its version.
const PROGRAMS: [(&str, &str); 4] = [
    ("ip", "-V"),
    ("nft", "-v"),
    ("tcpdump", "--version"),
    ("tshark", "-v"),
];

/// Permission to create hosts. A value proves that the process has the privilege and that the
/// programs are installed.
pub(crate) struct Laboratory(());

impl Laboratory {
    /// Returns a laboratory for `test`, or `None` after a notice on standard error that `test` does
    /// not run.
    ///
    /// Panics instead of returning `None` if the environment variable `CI` is `true`.
    pub(crate) fn open(test: &str) -> Option<Self> {
        static SWEEP: Once = Once::new();
        let Some(missing) = missing_requirement() else {
            SWEEP.call_once(namespace::sweep);
            return Some(Self(()));
        };
        let notice = format!("NOT RUN: {test}: {missing}");
        assert!(env::var("CI").as_deref() != Ok("true"), "{notice}");
        // Bypasses the test harness, which captures the output of a passing test.
        writeln!(io::stderr(), "\n*** {notice} ***\n").expect("standard error can be written");
        None
    }

    /// Creates a host with no interface but its loopback.
    pub(crate) fn host(&self, role: &str) -> Namespace {
        Namespace::new(role)
    }
}

/// Sends a signal to a running child process.
pub(crate) fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).expect("a process ID");
    kill(Pid::from_raw(pid), signal).expect("the process runs");
}

fn missing_requirement() -> Option<String> {
    if !geteuid().is_root() {
        return Some("creating network namespaces needs root".into());
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
