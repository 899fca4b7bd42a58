//! Test of `diagnose --output metrics` with the textfile collector of node_exporter.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{file, has_tool, run, stderr, stdout};

#[test]
fn node_exporter_accepts_metrics_of_diagnose() {
    let node_exporter = "prometheus-node-exporter";
    if !has_tool(node_exporter) {
        return;
    }
    let diagnosed = run(&[
        "diagnose",
        "--output",
        "metrics",
        &file("tests/captures/demo.pcap"),
    ]);
    assert!(diagnosed.status.success(), "{}", stderr(&diagnosed));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tcp_handshake.prom"), &diagnosed.stdout).unwrap();
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let mut command = Command::new(node_exporter);
    command.args([
        "--collector.disable-defaults",
        "--collector.textfile",
        "--web.listen-address",
        &address,
    ]);
    command
        .arg("--collector.textfile.directory")
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _running = Running(command.spawn().unwrap());
    let page = page(&address);
    assert!(page.contains("node_textfile_scrape_error 0"), "{page}");
    let diagnosed = stdout(&diagnosed);
    let ours = sums(&diagnosed);
    let theirs = sums(&page);
    assert!(
        ours.len() > 20 && ours["tcp_handshake_attempts_total"] > 10.0,
        "{ours:?}"
    );
    assert_eq!(theirs, ours);
}

/// Returns the sum of each metric over all its series, because the order of labels may differ.
fn sums(page: &str) -> BTreeMap<&str, f64> {
    let mut sums = BTreeMap::new();
    for sample in page
        .lines()
        .filter(|line| line.starts_with("tcp_handshake_"))
    {
        let name = sample.split(['{', ' ']).next().unwrap();
        let value: f64 = sample.rsplit(' ').next().unwrap().parse().unwrap();
        // Rounded, because sums of seconds depend on the order of addition.
        *sums.entry(name).or_insert(0.0) += (value * 1e6).round();
    }
    sums
}

/// A process that is killed when this value is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn page(address: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut page = String::new();
        if let Ok(mut stream) = TcpStream::connect(address) {
            write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").unwrap();
            stream.read_to_string(&mut page).unwrap();
            return page;
        }
        assert!(Instant::now() < deadline, "node_exporter does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
}
