//! Recordings by tcpdump on the hosts while a test runs, for the oracle and for offline commands.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use nix::sys::signal::Signal;

use super::namespace::Namespace;
use super::signal;

/// pcap filter: all TCP and ICMP errors, without echo requests and neighbor discovery.
const FILTER: &str = "tcp or (icmp and icmp[0] != 8) or (icmp6 and ip6[40] < 128) or ip6 proto 44";

/// The recordings of a run, each named by the role of its host and its interface: `client eth0`.
pub(crate) struct Recordings {
    folder: TempDir,
    running: Vec<(String, Recording)>,
}

impl Drop for Recordings {
    /// Keeps the files if the test fails.
    fn drop(&mut self) {
        if thread::panicking() {
            self.folder.disable_cleanup(true);
            let _ = writeln!(
                io::stderr(),
                "the recordings are in {}",
                self.folder.path().display()
            );
        }
    }
}

impl Recordings {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary directory"),
            running: vec![],
        }
    }

    /// Starts a recording.
    pub(crate) fn start(&mut self, host: &Namespace, interface: &str) {
        self.start_as(host, interface, &format!("{} {interface}", host.role()));
    }

    /// Starts a recording with this name.
    pub(crate) fn start_as(&mut self, host: &Namespace, interface: &str, name: &str) {
        let recording = Recording::start(host, interface, &self.file(name));
        self.running.push((name.to_owned(), recording));
    }

    /// Stops each recording as soon as it contains a packet that matches the filter.
    pub(crate) fn finish(&mut self, last: &str) {
        for (_, recording) in &self.running {
            recording.wait_for(last);
        }
        self.running
            .drain(..)
            .for_each(|(_, recording)| recording.stop());
    }

    /// Returns the file of a recording.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).with_extension("pcap")
    }
}

/// A running tcpdump.
struct Recording {
    tcpdump: Child,
    file: PathBuf,
}

impl Recording {
    /// Records TCP and ICMP on one interface, or on `any`, with the kernel's timestamps in
    /// nanoseconds.
    ///
    /// Returns when tcpdump captures.
    fn start(host: &Namespace, interface: &str, file: &Path) -> Self {
        let mut tcpdump = host
            .command("tcpdump")
            .args([
                "-i",
                interface,
                "-s",
                "160",
                "-B",
                "16384",
                "-j",
                "host",
                "--time-stamp-precision=nano",
            ])
            // Writes each packet to the file at once. tcpdump stays root because others may not
            // write to the folder.
            .args(["--immediate-mode", "-U", "-Z", "root", "-w"])
            .arg(file)
            .arg(FILTER)
            .stderr(Stdio::piped())
            .spawn()
            .expect("tcpdump starts");
        let mut lines = BufReader::new(tcpdump.stderr.take().expect("it is piped"))
            .lines()
            .map_while(Result::ok);
        assert!(
            lines.any(|line| line.contains("listening on")),
            "tcpdump on {interface} of {}",
            host.name()
        );
        // A thread reads the rest, because a closed pipe would make tcpdump fail at its last
        // messages.
        thread::spawn(move || lines.for_each(drop));
        Self {
            tcpdump,
            file: file.to_owned(),
        }
    }

    /// Waits until the file contains a packet that matches the filter. Then it contains all earlier
    /// packets, too.
    fn wait_for(&self, filter: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.contains(filter) {
            assert!(
                Instant::now() < deadline,
                "no {filter} in {}",
                self.file.display()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn contains(&self, filter: &str) -> bool {
        let found = Command::new("tcpdump")
            .args(["-nr"])
            .arg(&self.file)
            .args(["-c1", filter])
            .output();
        !found.expect("tcpdump runs").stdout.is_empty()
    }

    /// Stops tcpdump, which completes the file.
    fn stop(mut self) {
        signal(&self.tcpdump, Signal::SIGINT);
        let status = self.tcpdump.wait().expect("tcpdump ends");
        assert!(status.success(), "tcpdump: {status}");
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}
