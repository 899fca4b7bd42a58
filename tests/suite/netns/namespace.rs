//! A host: one network namespace, removed when it is dropped, also on panic.

use std::fs::{self, File};
use std::io::Write;
use std::panic;
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nix::sched::{CloneFlags, setns};

const NAME_PREFIX: &str = "handshake-";
const NETNS_DIRECTORY: &str = "/run/netns";

/// A host with its own interfaces, addresses, routes, firewall and sockets.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Creates a host with its loopback up. Its name contains the process ID and a number, to
    /// separate concurrent runs.
    pub(super) fn new(role: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let host = Self {
            name: format!("{NAME_PREFIX}{}-{number}-{role}", process::id()),
        };
        run(Command::new("ip").args(["netns", "add", &host.name]), "");
        // No duplicate address detection, because a tentative address cannot be used.
        host.set_parameter("net.ipv6.conf.default.accept_dad", "0");
        host.ip("link set lo up");
        host
    }

    /// Returns the role of the host in the topology.
    pub(crate) fn role(&self) -> &str {
        self.name.rsplit('-').next().unwrap_or_default()
    }

    /// Returns the name that `ip netns` lists.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` in a new thread that has entered the namespace. Sockets that it creates stay in
    /// the namespace.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let worker = || {
            let entry = File::open(Path::new(NETNS_DIRECTORY).join(&self.name))
                .expect("the namespace exists");
            setns(entry, CloneFlags::CLONE_NEWNET).expect("root may enter a namespace");
            work()
        };
        thread::scope(|scope| scope.spawn(worker).join())
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// Returns a command that runs on this host. `ip netns exec` executes the program, so that
    /// signals reach it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Runs lines of `ip -batch`: interfaces, addresses, routes.
    pub(crate) fn ip(&self, lines: &str) {
        run(
            Command::new("ip").args(["-netns", &self.name, "-batch", "-"]),
            lines,
        );
    }

    /// Runs lines of `tc -batch`: queueing disciplines.
    pub(crate) fn tc(&self, lines: &str) {
        run(self.command("tc").args(["-batch", "-"]), lines);
    }

    /// Loads a ruleset, or a change of it, by `nft`.
    pub(crate) fn nft(&self, rules: &str) {
        run(self.command("nft").args(["-f", "-"]), rules);
    }

    /// Sets a kernel parameter of this host by its dotted name.
    pub(crate) fn set_parameter(&self, parameter: &str, value: &str) {
        let path = self.parameter_path(parameter);
        self.inside(|| fs::write(&path, value))
            .unwrap_or_else(|error| panic!("{parameter}={value}: {error}"));
    }

    /// Returns `true` if the kernel has the parameter.
    pub(crate) fn has_parameter(&self, parameter: &str) -> bool {
        let path = self.parameter_path(parameter);
        self.inside(|| Path::new(&path).exists())
    }

    fn parameter_path(&self, dotted: &str) -> String {
        format!("/proc/sys/{}", dotted.replace('.', "/"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Creates a veth pair between two hosts. Each end is a host and the name of its interface.
pub(crate) fn create_veth(left: (&Namespace, &str), right: (&Namespace, &str)) {
    let (left, left_end) = left;
    let (right, right_end) = right;
    left.ip(&format!(
        "link add {left_end} type veth peer name {right_end} netns {}",
        right.name
    ));
    left.ip(&format!("link set {left_end} up"));
    right.ip(&format!("link set {right_end} up"));
}

/// Removes the namespaces of earlier runs that were killed.
pub(super) fn sweep() {
    let Ok(entries) = fs::read_dir(NETNS_DIRECTORY) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name
            .strip_prefix(NAME_PREFIX)
            .and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            kill_processes_in(&name);
            remove(&name);
        }
    }
}

fn kill_processes_in(name: &str) {
    let Ok(list) = Command::new("ip").args(["netns", "pids", name]).output() else {
        return;
    };
    for pid in String::from_utf8_lossy(&list.stdout).lines() {
        let _ = Command::new("kill").args(["-KILL", pid]).status();
    }
}

/// Removes a namespace. Ignores errors, because it may run while a panic unwinds.
fn remove(name: &str) {
    let _ = Command::new("ip")
        .args(["netns", "delete", name])
        .stderr(Stdio::null())
        .status();
}

/// Runs a command that must succeed.
fn run(command: &mut Command, input: &str) {
    let mut child: Child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    child
        .stdin
        .take()
        .expect("it is piped")
        .write_all(input.as_bytes())
        .expect("the program reads its input");
    let output = child.wait_with_output().expect("the program ends");
    let error_output = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {error_output}\n{input}"
    );
}
