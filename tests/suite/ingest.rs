//! A real Prometheus ingests each format of the metrics.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::netns::exposition::{Exposition, Series};
use crate::program::has_tool;
use crate::serving::{Serving, get};
use crate::web;

/// A Prometheus that scrapes one target every second.
struct Prometheus {
    process: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(target: SocketAddr, features: &str) -> Self {
        Self::start_with(target, features, "")
    }

    /// Starts with additional lines of scrape configuration.
    fn start_with(target: SocketAddr, features: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let scrape =
            format!("- job_name: it\n  static_configs: [{{targets: ['{target}']}}]\n{more}");
        fs::write(
            &config,
            format!("global: {{scrape_interval: 1s}}\nscrape_configs:\n{scrape}"),
        )
        .unwrap();
        // The port was free a moment ago. Prometheus does not report which port it listens on if it is given port 0.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--enable-feature={features}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            process,
            address,
            _folder: folder,
        }
    }

    /// Returns the data of an API request as soon as it is not empty.
    fn once(&self, path: &str) -> Value {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = get(self.address, path, "")
                .and_then(|(_, body)| serde_json::from_slice::<Value>(&body).ok());
            let data = answer.as_ref().map(|answer| match &answer["data"] {
                Value::Array(found) => found.len(),
                data => data["result"].as_array().map_or(0, Vec::len),
            });
            match answer {
                Some(answer) if data > Some(0) => return answer["data"].clone(),
                answer => assert!(Instant::now() < deadline, "nothing at {path}: {answer:?}"),
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Returns the only value of a query.
    fn value(&self, query: &str) -> f64 {
        let result = self.once(&format!("/api/v1/query?query={}", encoded(query)));
        let result = result["result"].as_array().unwrap();
        assert_eq!(result.len(), 1, "{query}: {result:?}");
        result[0]["value"][1].as_str().unwrap().parse().unwrap()
    }

    /// Returns client address, client port and value of all exemplars of a query.
    fn exemplars(&self, query: &str) -> Vec<(String, String, String)> {
        let data = self.once(&format!(
            "/api/v1/query_exemplars?query={}&start=1&end=4000000000",
            encoded(query)
        ));
        let series = data
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|series| series["exemplars"].as_array().unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let labels = |of: &Value| {
            (
                text(&of["labels"]["client_address"]),
                text(&of["labels"]["client_port"]),
            )
        };
        series
            .map(|of| (labels(of).0, labels(of).1, text(&of["value"])))
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn encoded(query: &str) -> String {
    query.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Starts a proxy that requests the text format, because Prometheus 2.42 has no setting that prefers it.
fn text_format_proxy(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let forward = move |mut client: TcpStream| -> std::io::Result<()> {
        let mut lines = BufReader::new(client.try_clone()?).lines();
        while lines
            .next()
            .transpose()?
            .is_some_and(|line| !line.is_empty())
        {}
        let mut server = TcpStream::connect(target)?;
        server
            .write_all(b"GET /metrics HTTP/1.0\r\nAccept: text/plain;version=0.0.4\r\nAccept-Encoding: gzip\r\n\r\n")?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        client.write_all(&answer)
    };
    thread::spawn(move || {
        listener
            .incoming()
            .flatten()
            .for_each(|client| drop(forward(client)));
    });
    address
}

/// Panics unless Prometheus has exactly the series of the text format. Histograms are compared only if they are classic ones.
fn assert_ingested(prometheus: &Prometheus, serving: &Serving, histograms: bool) {
    assert_eq!(prometheus.value("up"), 1.0);
    assert!(prometheus.value("process_resident_memory_bytes") > 1e6);
    let data = prometheus.once(&format!(
        "/api/v1/query?query={}",
        encoded("{__name__=~\"tcp_handshake_.*\"}")
    ));
    let ingested = data["result"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|found| found.get("value").is_some())
        .map(|found| {
            let mut labels: BTreeMap<String, String> =
                serde_json::from_value(found["metric"].clone()).unwrap();
            labels.retain(|name, value| name != "job" && name != "instance" && !value.is_empty());
            let name = labels.remove("__name__").unwrap();
            (
                Series { name, labels },
                found["value"][1].as_str().unwrap().parse::<f64>().unwrap(),
            )
        });
    let ingested: Exposition = ingested.collect();
    let (_, page) = serving.get("/metrics", "");
    let shown = Exposition::parse(&String::from_utf8(page).unwrap());
    let shown = shown.only(|series| {
        series.name.starts_with("tcp_handshake_")
            && (histograms || !series.name.contains("latency_seconds"))
    });
    shown.without_empty_labels().assert_equals(
        &ingested,
        0.0,
        "the page against the series in Prometheus",
    );
    assert!(ingested.values().len() > 150, "{ingested}");
}

#[test]
fn prometheus_ingests_text_format() {
    if !(has_tool("prometheus") && has_tool("tcpdump")) {
        return;
    }
    let serving = Serving::demo(&[]);
    let prometheus = Prometheus::start(text_format_proxy(serving.address), "exemplar-storage");
    assert_ingested(&prometheus, &serving, true);
}

#[test]
fn prometheus_ingests_open_metrics_with_exemplars() {
    if !(has_tool("prometheus") && has_tool("tcpdump")) {
        return;
    }
    let serving = Serving::demo(&[]);
    let prometheus = Prometheus::start(serving.address, "exemplar-storage");
    assert_ingested(&prometheus, &serving, true);
    assert_exemplars_name_clients(
        &prometheus,
        "tcp_handshake_latency_seconds_bucket{port=\"8011\"}",
    );
    // The series are those of the text format, without start times.
    let names = prometheus.once("/api/v1/label/__name__/values");
    assert!(
        !names
            .as_array()
            .unwrap()
            .iter()
            .any(|name| name.as_str().unwrap().ends_with("_created")),
        "{names}"
    );
}

#[test]
fn prometheus_ingests_native_histograms_with_exemplars() {
    if !(has_tool("prometheus") && has_tool("tcpdump")) {
        return;
    }
    let serving = Serving::demo(&["--metrics.native-histograms"]);
    let prometheus = Prometheus::start(serving.address, "native-histograms,exemplar-storage");
    assert_ingested(&prometheus, &serving, false);
    // The two late answers of the demo took 6.13 s each. The bucket around that value is 9 % wide.
    let median =
        prometheus.value("histogram_quantile(0.5, tcp_handshake_latency_seconds{port=\"8011\"})");
    assert!((5.6..6.7).contains(&median), "{median}");
    assert_eq!(
        prometheus.value("histogram_count(tcp_handshake_latency_seconds{port=\"8001\"})"),
        10.0
    );
    assert!(
        (prometheus.value("histogram_sum(tcp_handshake_latency_seconds{port=\"8011\"})") - 12.255)
            .abs()
            < 0.001
    );
    assert_eq!(
        prometheus.value("count(tcp_handshake_latency_seconds)"),
        12.0,
        "one series a label set"
    );
    assert_exemplars_name_clients(&prometheus, "tcp_handshake_latency_seconds{port=\"8011\"}");
}

#[test]
fn protobuf_without_native_histograms_has_classic_ones() {
    if !(has_tool("prometheus") && has_tool("tcpdump")) {
        return;
    }
    let serving = Serving::demo(&[]);
    let prometheus = Prometheus::start(serving.address, "native-histograms");
    assert_ingested(&prometheus, &serving, true);
}

#[test]
fn prometheus_scrapes_with_certificate_and_password() {
    if !has_tool("prometheus") {
        return;
    }
    let hash = bcrypt::hash("wonderland", 4).unwrap();
    let policy = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.crt\n";
    let (folder, config) = web::folder(&format!(
        "{}{policy}basic_auth_users:\n  alice: {hash}\n",
        web::TLS
    ));
    let serving = Serving::demo(&["--web.config.file", &config.display().to_string()]);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let certificate = at("server.crt");
    let key = at("server.key");
    let tls = format!(
        "{{ca_file: {certificate}, cert_file: {certificate}, key_file: {key}, server_name: localhost}}"
    );
    let more = |password: &str| {
        let auth = format!("{{username: alice, password: {password}}}");
        format!("  scheme: https\n  tls_config: {tls}\n  basic_auth: {auth}\n")
    };
    let prometheus =
        Prometheus::start_with(serving.address, "exemplar-storage", &more("wonderland"));
    assert_eq!(prometheus.value("up"), 1.0);
    assert!(prometheus.value("sum(tcp_handshake_attempts_total)") > 10.0);
    let prometheus =
        Prometheus::start_with(serving.address, "exemplar-storage", &more("looking-glass"));
    assert_eq!(prometheus.value("up"), 0.0);
}

/// Checks that exemplars of failures and slow answers name client endpoints of the capture.
fn assert_exemplars_name_clients(prometheus: &Prometheus, slow: &str) {
    let failures = prometheus.exemplars("tcp_handshake_failures_total{port=\"8002\"}");
    assert!(
        failures
            .iter()
            .all(|(address, port, value)| is_client(address, port, 8_002) && value == "1"),
        "{failures:?}"
    );
    assert!(!failures.is_empty());
    let slow = prometheus.exemplars(slow);
    assert!(!slow.is_empty());
    for (address, port, value) in &slow {
        assert!(
            is_client(address, port, 8_011) && value.parse::<f64>().unwrap() > 5.0,
            "{slow:?}"
        );
    }
}

/// `true` if the demo capture has a SYN from this client to that server port.
fn is_client(address: &str, port: &str, server: u16) -> bool {
    let filter =
        format!("tcp[13] = 2 and src host {address} and src port {port} and dst port {server}");
    let demo = crate::program::file("tests/captures/demo.pcap");
    let output = Command::new("tcpdump")
        .args(["-nn", "-r", &demo, &filter])
        .output()
        .unwrap();
    output.status.success() && !output.stdout.is_empty()
}
