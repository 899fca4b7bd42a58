//! A host: one network namespace, removed when dropped, also on panic.

use std::fs::{self, File};
use std::io::Write;
use std::panic;
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nix::sched::{CloneFlags, setns};

/// A host of its own: interfaces, addresses, routes, firewall, sockets.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// A host with its loopback up. Its name holds our process and a number, so that runs do not meet.
    pub(super) fn new(role: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let host = Self {
            name: format!("{PREFIX}{}-{number}-{role}", process::id()),
        };
        run(Command::new("ip").args(["netns", "add", &host.name]), "");
        // No duplicate address detection: an address that is still tentative cannot be used.
        host.set("net.ipv6.conf.default.accept_dad", "0");
        host.ip("link set lo up");
        host
    }

    /// Its part in the story.
    pub(crate) fn role(&self) -> &str {
        self.name.rsplit('-').next().unwrap_or_default()
    }

    /// Its name, as `ip netns` lists it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Does `work` on this host: in a thread of its own that has moved in. Sockets made there stay there.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let worker = || {
            let door =
                File::open(Path::new(DOORS).join(&self.name)).expect("the namespace is there");
            setns(door, CloneFlags::CLONE_NEWNET).expect("root may move in");
            work()
        };
        thread::scope(|scope| scope.spawn(worker).join())
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// A program that will run on this host. The process is the program itself, so signals reach it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Lines for `ip -batch`: interfaces, addresses, routes.
    pub(crate) fn ip(&self, lines: &str) {
        run(
            Command::new("ip").args(["-netns", &self.name, "-batch", "-"]),
            lines,
        );
    }

    /// A line for `tc -batch`: how an interface sends.
    pub(crate) fn tc(&self, lines: &str) {
        run(self.command("tc").args(["-batch", "-"]), lines);
    }

    /// A ruleset, or a change to it, for `nft`.
    pub(crate) fn nft(&self, rules: &str) {
        run(self.command("nft").args(["-f", "-"]), rules);
    }

    /// Sets a kernel parameter of this host by its dotted name.
    pub(crate) fn set(&self, parameter: &str, value: &str) {
        let path = self.parameter(parameter);
        self.inside(|| fs::write(&path, value))
            .unwrap_or_else(|error| panic!("{parameter}={value}: {error}"));
    }

    /// Whether this kernel knows the parameter.
    pub(crate) fn knows(&self, parameter: &str) -> bool {
        let path = self.parameter(parameter);
        self.inside(|| Path::new(&path).exists())
    }

    fn parameter(&self, dotted: &str) -> String {
        format!("/proc/sys/{}", dotted.replace('.', "/"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// A cable between two hosts. The interfaces are named as the two ends are to be called.
pub(crate) fn cable(left: (&Namespace, &str), right: (&Namespace, &str)) {
    let ((left, left_end), (right, right_end)) = (left, right);
    left.ip(&format!(
        "link add {left_end} type veth peer name {right_end} netns {}",
        right.name
    ));
    left.ip(&format!("link set {left_end} up"));
    right.ip(&format!("link set {right_end} up"));
}

/// Removes what runs that were killed left behind.
pub(super) fn sweep() {
    let Ok(doors) = fs::read_dir(DOORS) else {
        return;
    };
    for door in doors.flatten() {
        let name = door.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            end_all_in(&name);
            remove(&name);
        }
    }
}

fn end_all_in(name: &str) {
    let Ok(list) = Command::new("ip").args(["netns", "pids", name]).output() else {
        return;
    };
    for pid in String::from_utf8_lossy(&list.stdout).lines() {
        let _ = Command::new("kill").args(["-KILL", pid]).status();
    }
}

/// Best effort: it may run while a panic unwinds.
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
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}\n{input}");
}

const PREFIX: &str = "handshake-";
const DOORS: &str = "/run/netns";
