//! What the service manager hears: ready, fed while the capture goes round and only then, stopping.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::lab::exporter::PROGRAM;
use crate::lab::{Laboratory, signal};
use crate::program::{file, program};

#[test]
fn the_watchdog_is_fed_while_the_capture_goes_round() {
    let Some(laboratory) = Laboratory::open("the_watchdog_is_fed_while_the_capture_goes_round")
    else {
        return;
    };
    let host = laboratory.host("host");
    let manager = Manager::new();
    let mut command = host.command(PROGRAM);
    let mut process =
        Running(manager.starts(command.args(["-i", "lo", "--web.listen-address", "127.0.0.1:0"])));
    assert_eq!(manager.hears(), "READY=1\nSTATUS=counting TCP handshakes\n");
    for _ in 0..5 {
        assert_eq!(manager.hears(), "WATCHDOG=1\n");
    }
    let stuck = Stopped::thread(&process.0, "capture");
    manager.is_told_nothing_for(DUE * 3);
    drop(stuck);
    assert_eq!(manager.hears(), "WATCHDOG=1\n");
    signal(&process.0, Signal::SIGTERM);
    while manager.hears() != "STOPPING=1\n" {}
    assert!(process.0.wait().unwrap().success());
}

/// Nothing stands still where a file was read to its end, or its writer takes its time.
#[test]
fn the_watchdog_is_fed_while_a_file_is_served() {
    for (source, input) in [
        (file("tests/captures/open.pcap"), Stdio::null()),
        ("-".to_owned(), Stdio::piped()),
    ] {
        let manager = Manager::new();
        let mut command = program();
        command
            .args(["-r", &source, "--web.listen-address", "127.0.0.1:0"])
            .stdin(input);
        let mut process = Running(manager.starts(&mut command));
        if let Some(mut writer) = process.0.stdin.take() {
            let capture = fs::read(file("tests/captures/open.pcap")).unwrap();
            std::io::Write::write_all(&mut writer, &capture).unwrap();
            process.0.stdin = Some(writer);
        }
        assert_eq!(
            manager.hears(),
            "READY=1\nSTATUS=counting TCP handshakes\n",
            "of {source}"
        );
        for _ in 0..5 {
            assert_eq!(manager.hears(), "WATCHDOG=1\n", "of {source}");
        }
        signal(&process.0, Signal::SIGTERM);
        while manager.hears() != "STOPPING=1\n" {}
        assert!(process.0.wait().unwrap().success(), "of {source}");
    }
}

/// The end of the socket that systemd holds.
struct Manager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Self { socket, folder }
    }

    fn starts(&self, command: &mut std::process::Command) -> Child {
        let command = command.env("NOTIFY_SOCKET", self.folder.path().join("notify"));
        command
            .env("WATCHDOG_USEC", DUE.as_micros().to_string())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn hears(&self) -> String {
        self.within(Duration::from_secs(20))
            .expect("nothing was said")
    }

    fn within(&self, patience: Duration) -> Option<String> {
        let mut news = [0; 256];
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let length = self.socket.recv(&mut news).ok()?;
        Some(String::from_utf8_lossy(&news[..length]).into_owned())
    }

    /// What was said before, and one round that may be under way, do not count.
    fn is_told_nothing_for(&self, silence: Duration) {
        let settled = Instant::now() + DUE;
        while let Some(left) = settled
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            self.within(left);
        }
        let news = self.within(silence);
        assert_eq!(news, None, "said while the capture stood still");
    }
}

/// A thread of another process that stands still until this is dropped.
struct Stopped(Pid);

impl Stopped {
    fn thread(process: &Child, name: &str) -> Self {
        let tasks = fs::read_dir(format!("/proc/{}/task", process.id()))
            .unwrap()
            .map(|task| task.unwrap().path());
        let named = |task: &std::path::PathBuf| {
            fs::read_to_string(task.join("comm")).unwrap().trim() == name
        };
        let task = tasks.into_iter().find(named).expect("it has such a thread");
        let thread = Pid::from_raw(task.file_name().unwrap().to_string_lossy().parse().unwrap());
        ptrace::attach(thread).unwrap();
        waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
        Self(thread)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        ptrace::detach(self.0, None).unwrap();
    }
}

/// A process that does not outlive a failed test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How often the watchdog wants to be fed.
const DUE: Duration = Duration::from_millis(900);
