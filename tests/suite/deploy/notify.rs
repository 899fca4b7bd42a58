//! Tests of the notifications to systemd: ready, watchdog only while the capture loop runs,
//! stopping.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::netns::exporter::PROGRAM;
use crate::netns::{Laboratory, signal};
use crate::program::{file, program};

/// Interval in which the watchdog expects a message.
const WATCHDOG_INTERVAL: Duration = Duration::from_millis(900);

#[test]
fn watchdog_is_fed_only_while_capture_runs() {
    let Some(laboratory) = Laboratory::open("watchdog_is_fed_only_while_capture_runs") else {
        return;
    };
    let host = laboratory.host("host");
    let manager = ServiceManager::new();
    let mut command = host.command(PROGRAM);
    let mut process =
        Running(manager.start(command.args(["-i", "lo", "--web.listen-address", "127.0.0.1:0"])));
    assert_eq!(
        manager.receive(),
        "READY=1\nSTATUS=counting TCP handshakes\n"
    );
    for _ in 0..5 {
        assert_eq!(manager.receive(), "WATCHDOG=1\n");
    }
    let stopped = StoppedThread::new(&process.0, "capture");
    manager.assert_silent_for(WATCHDOG_INTERVAL * 3);
    drop(stopped);
    assert_eq!(manager.receive(), "WATCHDOG=1\n");
    signal(&process.0, Signal::SIGTERM);
    while manager.receive() != "STOPPING=1\n" {}
    assert!(process.0.wait().unwrap().success());
}

/// A capture file at its end, or a slow writer of standard input, does not stop the watchdog
/// messages.
#[test]
fn watchdog_is_fed_while_serving_a_file() {
    for (source, input) in [
        (file("tests/captures/open.pcap"), Stdio::null()),
        ("-".to_owned(), Stdio::piped()),
    ] {
        let manager = ServiceManager::new();
        let mut command = program();
        command
            .args(["-r", &source, "--web.listen-address", "127.0.0.1:0"])
            .stdin(input);
        let mut process = Running(manager.start(&mut command));
        if let Some(mut writer) = process.0.stdin.take() {
            let capture = fs::read(file("tests/captures/open.pcap")).unwrap();
            std::io::Write::write_all(&mut writer, &capture).unwrap();
            process.0.stdin = Some(writer);
        }
        assert_eq!(
            manager.receive(),
            "READY=1\nSTATUS=counting TCP handshakes\n",
            "of {source}"
        );
        for _ in 0..5 {
            assert_eq!(manager.receive(), "WATCHDOG=1\n", "of {source}");
        }
        signal(&process.0, Signal::SIGTERM);
        while manager.receive() != "STOPPING=1\n" {}
        assert!(process.0.wait().unwrap().success(), "of {source}");
    }
}

/// The notification socket, as systemd opens it.
struct ServiceManager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl ServiceManager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Self { socket, folder }
    }

    fn start(&self, command: &mut std::process::Command) -> Child {
        let command = command.env("NOTIFY_SOCKET", self.folder.path().join("notify"));
        command
            .env("WATCHDOG_USEC", WATCHDOG_INTERVAL.as_micros().to_string())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn receive(&self) -> String {
        self.receive_within(Duration::from_secs(20))
            .expect("a message arrives within 20 s")
    }

    fn receive_within(&self, timeout: Duration) -> Option<String> {
        let mut message = [0; 256];
        self.socket.set_read_timeout(Some(timeout)).unwrap();
        let length = self.socket.recv(&mut message).ok()?;
        Some(String::from_utf8_lossy(&message[..length]).into_owned())
    }

    /// Panics if a message arrives within `silence`. Ignores earlier messages and one loop
    /// iteration that may be running.
    fn assert_silent_for(&self, silence: Duration) {
        let settle_deadline = Instant::now() + WATCHDOG_INTERVAL;
        while let Some(left) = settle_deadline
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            self.receive_within(left);
        }
        let message = self.receive_within(silence);
        assert_eq!(
            message, None,
            "message while the capture thread was stopped"
        );
    }
}

/// A thread of another process that is stopped by ptrace until this value is dropped.
struct StoppedThread(Pid);

impl StoppedThread {
    fn new(process: &Child, name: &str) -> Self {
        let tasks = fs::read_dir(format!("/proc/{}/task", process.id()))
            .unwrap()
            .map(|task| task.unwrap().path());
        let named = |task: &std::path::PathBuf| {
            fs::read_to_string(task.join("comm")).unwrap().trim() == name
        };
        let task = tasks.into_iter().find(named).expect("the thread exists");
        let thread = Pid::from_raw(task.file_name().unwrap().to_string_lossy().parse().unwrap());
        ptrace::attach(thread).unwrap();
        waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
        Self(thread)
    }
}

impl Drop for StoppedThread {
    fn drop(&mut self) {
        ptrace::detach(self.0, None).unwrap();
    }
}

/// A process that is killed when this value is dropped, also after a failed assertion.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
