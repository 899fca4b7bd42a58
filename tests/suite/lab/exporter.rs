//! The program itself at work on a host, and what it serves there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::exposition::Exposition;
use super::namespace::Namespace;
use super::signal;

/// An exporter that runs on a host.
pub(crate) struct Exporter<'h> {
    host: &'h Namespace,
    process: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl<'h> Exporter<'h> {
    /// Starts it with these flags; returns once it captures.
    pub(crate) fn start(host: &'h Namespace, flags: &[&str]) -> Self {
        Self::start_by(host, &[PROGRAM], flags)
    }

    /// The same by these words: another copy of it, or by a program that changes what it may do, and becomes it.
    pub(crate) fn start_by(host: &'h Namespace, words: &[&str], flags: &[&str]) -> Self {
        Self::begin(host, words, "127.0.0.1:0", flags)
    }

    /// The same, serving at this address.
    pub(crate) fn start_at(host: &'h Namespace, address: &str, flags: &[&str]) -> Self {
        Self::begin(host, &[PROGRAM], address, flags)
    }

    fn begin(host: &'h Namespace, words: &[&str], address: &str, flags: &[&str]) -> Self {
        let (program, arguments) = words.split_first().expect("at least the program");
        let mut process = host
            .command(program)
            .args(arguments)
            .args(["--web.listen-address", address])
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = Arc::default();
        let address = listening_at(process.stderr.take().expect("it is piped"), &log);
        let exporter = Self {
            host,
            process,
            address,
            log,
        };
        let deadline = Instant::now() + PATIENCE;
        while exporter.get("/-/ready").0 != 200 {
            assert!(
                Instant::now() < deadline,
                "never ready; its log:\n{}",
                exporter.log()
            );
            thread::sleep(POLL);
        }
        exporter
    }

    /// Where it serves: each look at it is a handshake on the loopback, too.
    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it shows now.
    pub(crate) fn metrics(&self) -> Exposition {
        let (status, page) = self.get("/metrics");
        assert_eq!(status, 200, "/metrics: {page}");
        Exposition::parse(&page)
    }

    /// What it shows as soon as this holds.
    pub(crate) fn metrics_once(
        &self,
        awaited: &str,
        holds: impl Fn(&Exposition) -> bool,
    ) -> Exposition {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let page = self.metrics();
            if holds(&page) {
                return page;
            }
            assert!(
                Instant::now() < deadline,
                "never: {awaited}\n{page}its log:\n{}",
                self.log()
            );
            thread::sleep(POLL);
        }
    }

    /// Status and body of a page, read from its own host.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut answer = String::new();
        self.host.inside(|| {
            let mut stream = TcpStream::connect(self.address).expect("it listens");
            stream
                .set_read_timeout(Some(PATIENCE))
                .expect("a socket option");
            write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("it reads the request");
            stream.read_to_string(&mut answer).expect("it answers");
        });
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no HTTP answer: {answer}"));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (
            status.unwrap_or_else(|| panic!("no status: {head}")),
            body.to_owned(),
        )
    }

    /// Where it runs.
    pub(crate) fn host(&self) -> &'h Namespace {
        self.host
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What the kernel says of each of its threads.
    pub(crate) fn threads(&self) -> Vec<String> {
        let tasks =
            std::fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("it runs");
        tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
            .collect()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: Signal) {
        signal(&self.process, name);
    }

    /// Sends SIGTERM; how it ended, and after how long.
    pub(crate) fn terminate(mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        signal(&self.process, Signal::SIGTERM);
        self.ends(start)
    }

    /// Waits for it to end by itself, counted from `start`.
    pub(crate) fn ends(&mut self, start: Instant) -> (ExitStatus, Duration) {
        loop {
            if let Some(status) = self.process.try_wait().expect("it is our child") {
                return (status, start.elapsed());
            }
            assert!(
                start.elapsed() < PATIENCE,
                "does not end; its log:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Bytes of memory it had resident, at the most so far.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))
            .expect("it runs");
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .expect("the kernel says it");
        peak.trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .expect("a number")
            * 1024
    }

    /// What it said so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no reader panicked").clone()
    }
}

impl Drop for Exporter<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            let _ = writeln!(
                std::io::stderr(),
                "the log of the exporter on {}:\n{}",
                self.host.name(),
                self.log()
            );
        }
    }
}

/// What `diagnose --output metrics` with these flags makes of a capture file.
pub(crate) fn diagnose(recording: &Path, flags: &[&str]) -> Exposition {
    let output = Command::new(PROGRAM)
        .args(["diagnose", "--output", "metrics"])
        .args(flags)
        .arg(recording)
        .output()
        .expect("the program runs");
    assert!(
        output.status.success(),
        "diagnose: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Exposition::parse(&String::from_utf8_lossy(&output.stdout))
}

/// Reads the log until it says where it listens, and goes on keeping it.
fn listening_at(log: ChildStderr, kept: &Arc<Mutex<String>>) -> SocketAddr {
    let mut lines = BufReader::new(log).lines().map_while(Result::ok);
    for line in lines.by_ref() {
        keep([line.clone()], kept);
        if let Some(address) = line.split([' ', '"']).find_map(address) {
            let kept = Arc::clone(kept);
            thread::spawn(move || keep(lines, &kept));
            return address;
        }
    }
    panic!(
        "it ended without saying where it listens:\n{}",
        kept.lock().expect("nobody else")
    );
}

fn keep(lines: impl IntoIterator<Item = String>, kept: &Mutex<String>) {
    for line in lines {
        kept.lock()
            .expect("no reader panicked")
            .push_str(&(line + "\n"));
    }
}

fn address(word: &str) -> Option<SocketAddr> {
    word.strip_prefix("address=").unwrap_or(word).parse().ok()
}

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tcp_handshake_exporter");
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
