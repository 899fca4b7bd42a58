//! Runs the exporter on a host, and reads its metrics and log.

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

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tcp_handshake_exporter");
const TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// An exporter that runs on a host. Dropping it kills the process.
pub(crate) struct Exporter<'h> {
    host: &'h Namespace,
    process: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl<'h> Exporter<'h> {
    /// Starts the exporter with these flags; returns when it is ready.
    pub(crate) fn start(host: &'h Namespace, flags: &[&str]) -> Self {
        Self::start_with_command(host, &[PROGRAM], flags)
    }

    /// Starts the exporter by this command: another copy, or a program that changes its privileges
    /// and executes it.
    pub(crate) fn start_with_command(
        host: &'h Namespace,
        command: &[&str],
        flags: &[&str],
    ) -> Self {
        Self::start_process(host, command, "127.0.0.1:0", flags)
    }

    /// Starts the exporter with this listen address.
    pub(crate) fn start_at(host: &'h Namespace, address: &str, flags: &[&str]) -> Self {
        Self::start_process(host, &[PROGRAM], address, flags)
    }

    fn start_process(host: &'h Namespace, command: &[&str], address: &str, flags: &[&str]) -> Self {
        let (program, arguments) = command.split_first().expect("at least the program");
        let mut process = host
            .command(program)
            .args(arguments)
            .args(["--web.listen-address", address])
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = Arc::default();
        let address = wait_for_address(process.stderr.take().expect("it is piped"), &log);
        let exporter = Self {
            host,
            process,
            address,
            log,
        };
        let deadline = Instant::now() + TIMEOUT;
        while exporter.get("/-/ready").0 != 200 {
            assert!(
                Instant::now() < deadline,
                "never ready; log:\n{}",
                exporter.log()
            );
            thread::sleep(POLL_INTERVAL);
        }
        exporter
    }

    /// Returns the HTTP port. Each scrape is itself a handshake on the loopback interface.
    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the current metrics.
    pub(crate) fn metrics(&self) -> Exposition {
        let (status, page) = self.get("/metrics");
        assert_eq!(status, 200, "/metrics: {page}");
        Exposition::parse(&page)
    }

    /// Returns the metrics as soon as `holds` is `true` for them. Panics after 10 s.
    pub(crate) fn metrics_once(
        &self,
        awaited: &str,
        holds: impl Fn(&Exposition) -> bool,
    ) -> Exposition {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let page = self.metrics();
            if holds(&page) {
                return page;
            }
            assert!(
                Instant::now() < deadline,
                "never: {awaited}\n{page}log:\n{}",
                self.log()
            );
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Returns status and body of an HTTP response, requested on the exporter's host.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut answer = String::new();
        self.host.inside(|| {
            let mut stream = TcpStream::connect(self.address).expect("it listens");
            stream
                .set_read_timeout(Some(TIMEOUT))
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

    /// Returns the host of the exporter.
    pub(crate) fn host(&self) -> &'h Namespace {
        self.host
    }

    /// Returns the process ID.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Returns `/proc/PID/task/TID/status` of each thread.
    pub(crate) fn threads(&self) -> Vec<String> {
        let tasks =
            std::fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("it runs");
        tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
            .collect()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: Signal) {
        signal(&self.process, name);
    }

    /// Sends SIGTERM. Returns the exit status and the time until the exit.
    pub(crate) fn terminate(mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        signal(&self.process, Signal::SIGTERM);
        self.wait_for_exit(start)
    }

    /// Waits for the exit. Returns the exit status and the time since `start`.
    pub(crate) fn wait_for_exit(&mut self, start: Instant) -> (ExitStatus, Duration) {
        loop {
            if let Some(status) = self.process.try_wait().expect("it is our child") {
                return (status, start.elapsed());
            }
            assert!(
                start.elapsed() < TIMEOUT,
                "does not exit; log:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Returns the peak resident memory in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))
            .expect("it runs");
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .expect("the kernel reports VmHWM");
        peak.trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .expect("a number")
            * 1024
    }

    /// Returns the log so far.
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

/// Returns the output of `diagnose --output metrics` with these flags for a capture file.
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

/// Reads the log until it contains the listen address; a thread continues to append it to `buffer`.
fn wait_for_address(log: ChildStderr, buffer: &Arc<Mutex<String>>) -> SocketAddr {
    let mut lines = BufReader::new(log).lines().map_while(Result::ok);
    for line in lines.by_ref() {
        append([line.clone()], buffer);
        if let Some(address) = line.split([' ', '"']).find_map(address) {
            let buffer = Arc::clone(buffer);
            thread::spawn(move || append(lines, &buffer));
            return address;
        }
    }
    panic!(
        "the exporter exited without logging its address:\n{}",
        buffer.lock().expect("no reader panicked")
    );
}

fn append(lines: impl IntoIterator<Item = String>, buffer: &Mutex<String>) {
    for line in lines {
        buffer
            .lock()
            .expect("no reader panicked")
            .push_str(&(line + "\n"));
    }
}

fn address(text: &str) -> Option<SocketAddr> {
    text.strip_prefix("address=").unwrap_or(text).parse().ok()
}
