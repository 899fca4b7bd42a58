//! A real Prometheus with the example configuration and the rules, with seconds in place of
//! minutes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::files::{ALERT_RULES, RECORDING_RULES};
use crate::netns::namespace::Namespace;
use crate::program::file;

const PORT: u16 = 9090;

/// A Prometheus on a host in a network namespace.
pub(super) struct Prometheus<'h> {
    host: &'h Namespace,
    process: Child,
    _storage: tempfile::TempDir,
}

impl<'h> Prometheus<'h> {
    /// Starts a Prometheus that scrapes these exporters every second; returns when it is ready.
    pub(super) fn start(host: &'h Namespace, targets: &[&str]) -> Self {
        let storage = tempfile::tempdir().unwrap();
        fs::create_dir(storage.path().join("rules")).unwrap();
        for rules in [RECORDING_RULES, ALERT_RULES] {
            let name = rules.rsplit('/').next().unwrap();
            fs::write(
                storage.path().join("rules").join(name),
                with_short_windows(rules),
            )
            .unwrap();
        }
        let config = storage.path().join("prometheus.yml");
        fs::write(&config, scrape_configuration(targets)).unwrap();
        let process = host
            .command("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                storage.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{PORT}"))
            .arg("--rules.alert.resend-delay=1s")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Self {
            host,
            process,
            _storage: storage,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !prometheus
            .get("/-/ready")
            .is_some_and(|answer| answer.contains(" 200 OK"))
        {
            assert!(Instant::now() < deadline, "Prometheus never becomes ready");
            thread::sleep(Duration::from_millis(100));
        }
        prometheus
    }

    /// Runs a query. Returns the labels of the resulting series.
    pub(super) fn series(&self, query: &str) -> Vec<BTreeMap<String, String>> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self
            .get(&format!("/api/v1/query?query={encoded}"))
            .expect("Prometheus runs");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let answer: serde_json::Value = serde_json::from_str(body).unwrap();
        let found = answer["data"]["result"]
            .as_array()
            .unwrap_or_else(|| panic!("{query}: {body}"));
        found
            .iter()
            .map(|series| serde_json::from_value(series["metric"].clone()).unwrap())
            .collect()
    }

    fn get(&self, path: &str) -> Option<String> {
        self.host.inside(|| {
            let mut stream = TcpStream::connect(("127.0.0.1", PORT)).ok()?;
            write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            Some(answer)
        })
    }
}

impl Drop for Prometheus<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the rules with a window of 20 s instead of 5 min, and seconds instead of minutes.
fn with_short_windows(rules: &str) -> String {
    let mut text = fs::read_to_string(file(rules)).unwrap();
    for (long, short) in [
        ("[5m]", "[20s]"),
        ("offset 5m", "offset 20s"),
        ("offset 1m", "offset 3s"),
        ("< bool 300", "< bool 20"),
        (">= 300", ">= 20"),
        ("/ 300", "/ 20"),
        ("[15m]", "[60s]"),
        ("interval: 1m", "interval: 1s"),
        ("for: 2m", "for: 2s"),
        ("for: 5m", "for: 12s"),
    ] {
        text = text.replace(long, short);
    }
    let left: Vec<_> = ["5m]", " 5m", " 1m", "300"]
        .into_iter()
        .filter(|long| text.contains(long))
        .collect();
    assert!(
        left.is_empty(),
        "{rules}: these times are not shortened: {left:?}"
    );
    text
}

fn scrape_configuration(targets: &[&str]) -> String {
    let mut config = fs::read_to_string(file("deploy/prometheus/prometheus.yml")).unwrap();
    let (head, _) = config
        .split_once("      - targets:\n          - 'app1")
        .expect("the example has targets");
    config = head.to_owned() + "      - targets:\n";
    targets
        .iter()
        .for_each(|target| config += &format!("          - '{target}'\n"));
    config
        .replace(
            "scrape_interval: 15s",
            "scrape_interval: 1s\n  scrape_timeout: 1s",
        )
        .replace("evaluation_interval: 1m", "evaluation_interval: 1s")
}
