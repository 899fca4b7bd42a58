//! An independent witness: tcpdump on a host, while the test runs.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use nix::sys::signal::Signal;

use super::namespace::Namespace;
use super::signal;

/// The recordings of a run, each by its host's role and its interface: `client eth0`.
pub(crate) struct Tapes {
    shelf: TempDir,
    running: Vec<(String, Recording)>,
}

impl Drop for Tapes {
    /// The evidence of a failure stays.
    fn drop(&mut self) {
        if thread::panicking() {
            self.shelf.disable_cleanup(true);
            let _ = writeln!(
                io::stderr(),
                "the recordings are in {}",
                self.shelf.path().display()
            );
        }
    }
}

impl Tapes {
    pub(crate) fn new() -> Self {
        Self {
            shelf: tempfile::tempdir().expect("a temporary directory"),
            running: vec![],
        }
    }

    /// Starts one.
    pub(crate) fn start(&mut self, host: &Namespace, interface: &str) {
        self.start_as(host, interface, &format!("{} {interface}", host.role()));
    }

    /// Starts one under a name of its own.
    pub(crate) fn start_as(&mut self, host: &Namespace, interface: &str, name: &str) {
        let recording = Recording::start(host, interface, &self.of(name));
        self.running.push((name.to_owned(), recording));
    }

    /// Ends them all, each when it holds a packet that passes the filter.
    pub(crate) fn finish(&mut self, last: &str) {
        for (_, recording) in &self.running {
            recording.wait_for(last);
        }
        self.running
            .drain(..)
            .for_each(|(_, recording)| recording.stop());
    }

    /// The file of one.
    pub(crate) fn of(&self, name: &str) -> PathBuf {
        self.shelf.path().join(name).with_extension("pcap")
    }
}

/// A tcpdump at work.
struct Recording {
    tcpdump: Child,
    file: PathBuf,
}

impl Recording {
    /// Records TCP and ICMP on one interface, or on `any`, with the kernel's nanoseconds. Returns once it listens.
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
            // Each packet into the file at once; root stays root, so that it may write there.
            .args(["--immediate-mode", "-U", "-Z", "root", "-w"])
            .arg(file)
            .arg(EVERYTHING)
            .stderr(Stdio::piped())
            .spawn()
            .expect("tcpdump starts");
        let mut words = BufReader::new(tcpdump.stderr.take().expect("it is piped"))
            .lines()
            .map_while(Result::ok);
        assert!(
            words.any(|line| line.contains("listening on")),
            "tcpdump on {interface} of {}",
            host.name()
        );
        // Somebody has to read on, or tcpdump's last words find nobody.
        thread::spawn(move || words.for_each(drop));
        Self {
            tcpdump,
            file: file.to_owned(),
        }
    }

    /// Waits until a packet that passes the filter is in the file: then all that came before is in it, too.
    fn wait_for(&self, filter: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.holds(filter) {
            assert!(
                Instant::now() < deadline,
                "no {filter} in {}",
                self.file.display()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn holds(&self, filter: &str) -> bool {
        let found = Command::new("tcpdump")
            .args(["-nr"])
            .arg(&self.file)
            .args(["-c1", filter])
            .output();
        !found.expect("tcpdump runs").stdout.is_empty()
    }

    /// Ends it; the file is whole.
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

/// All but neighbour discovery and its like.
const EVERYTHING: &str =
    "tcp or (icmp and icmp[0] != 8) or (icmp6 and ip6[40] < 128) or ip6 proto 44";
