//! Tests of the example configuration in a real Alertmanager: one outage sends one page.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::files::alerts;
use crate::program::{file, has_tool};

const CONFIG_PATH: &str = "deploy/alertmanager/alertmanager.yml";

#[test]
fn every_alert_is_routed_by_its_severity() {
    if !has_tool("amtool") {
        return;
    }
    let check = Command::new("amtool")
        .args(["check-config", &file(CONFIG_PATH)])
        .output()
        .unwrap();
    assert!(
        check.status.success(),
        "{}",
        String::from_utf8_lossy(&check.stderr)
    );
    for alert in alerts() {
        let labels = ["severity", "subject"].map(|key| format!("{key}={}", alert.label(key)));
        let receiver = match (alert.label("severity"), alert.label("subject")) {
            ("critical", _) => "pager",
            ("info", _) => "log",
            _ => "tickets",
        };
        let arguments = [
            "config",
            "routes",
            "test",
            "--config.file",
            &file(CONFIG_PATH),
            "--verify.receivers",
            receiver,
        ];
        let name = format!("alertname={}", alert.name());
        let route = Command::new("amtool")
            .args(arguments)
            .arg(&name)
            .args(labels)
            .output()
            .unwrap();
        assert!(
            route.status.success(),
            "{name} does not go to {receiver}: {}",
            String::from_utf8_lossy(&route.stdout)
        );
    }
}

#[test]
fn outage_of_hundred_clients_sends_one_page() {
    if !has_tool("prometheus-alertmanager") {
        return;
    }
    let alertmanager = Alertmanager::start();
    let clients = || (0..100).map(|number| format!("app{number}:10077"));
    let mut all = Alerts::default();
    // Unknown cause.
    clients().for_each(|client| all.add("TCPHandshakeUnanswered", &client, "10.0.9.1", "33306"));
    // The exporter on the server's host knows the cause.
    clients().for_each(|client| all.add("TCPHandshakeUnanswered", &client, "10.0.9.2", "33306"));
    all.add(
        "TCPHandshakeServerNotAnswering",
        "db2:10077",
        "10.0.9.2",
        "33306",
    );
    // Some clients know the leg of the path. Two ports are one outage.
    for port in ["33306", "22"] {
        clients().for_each(|client| all.add("TCPHandshakeUnanswered", &client, "10.0.9.3", port));
        clients()
            .take(3)
            .for_each(|client| all.add("TCPHandshakePathLossThere", &client, "10.0.9.3", port));
    }
    // A rollout stops all exporters, and one of them has another alert.
    clients().for_each(|client| all.add("TCPHandshakeExporterDown", &client, "", ""));
    all.add("TCPHandshakeLabelSetsFull", "app7:10077", "", "");
    alertmanager.post(&all);

    let mut received = BTreeMap::new();
    for notification in alertmanager.notifications_until_quiet(Duration::from_secs(5)) {
        assert!(
            received
                .insert(notification.subject(), notification.counts())
                .is_none(),
            "received twice: {}",
            notification.subject()
        );
    }
    let expected = [
        (
            "/pager 10.0.9.1",
            BTreeMap::from([("TCPHandshakeUnanswered", 100)]),
        ),
        (
            "/pager 10.0.9.2",
            BTreeMap::from([("TCPHandshakeServerNotAnswering", 1)]),
        ),
        (
            "/pager 10.0.9.3",
            BTreeMap::from([("TCPHandshakePathLossThere", 6)]),
        ),
        (
            "/tickets TCPHandshakeExporterDown",
            BTreeMap::from([("TCPHandshakeExporterDown", 100)]),
        ),
    ];
    let owned = |counts: &BTreeMap<&str, usize>| {
        counts
            .iter()
            .map(|(name, count)| ((*name).into(), *count))
            .collect()
    };
    let expected: BTreeMap<String, BTreeMap<String, usize>> = expected
        .iter()
        .map(|(subject, counts)| ((*subject).into(), owned(counts)))
        .collect();
    assert_eq!(received, expected);
}

/// Alerts as Prometheus posts them: a list of JSON objects without brackets.
#[derive(Default)]
struct Alerts(String);

impl Alerts {
    fn add(&mut self, name: &str, instance: &str, server: &str, port: &str) {
        let rules = alerts_by_name();
        let rule = &rules[name];
        let comma = if self.0.is_empty() { "" } else { "," };
        let connection = format!(r#","server_address":"{server}","port":"{port}""#);
        let connection = if server.is_empty() { "" } else { &connection };
        write!(
            self.0,
            r#"{comma}{{"labels":{{"alertname":"{name}","job":"tcp_handshake","instance":"{instance}","severity":"{}","subject":"{}"{connection}}}}}"#,
            rule.0, rule.1,
        )
        .unwrap();
    }
}

fn alerts_by_name() -> &'static BTreeMap<String, (String, String)> {
    static RULES: std::sync::OnceLock<BTreeMap<String, (String, String)>> =
        std::sync::OnceLock::new();
    let labels = |alert: &super::Rule| {
        (
            alert.label("severity").to_owned(),
            alert.label("subject").to_owned(),
        )
    };
    RULES.get_or_init(|| {
        alerts()
            .iter()
            .map(|alert| (alert.name().to_owned(), labels(alert)))
            .collect()
    })
}

/// One notification to a webhook.
#[derive(Debug)]
pub(super) struct Notification {
    receiver: String,
    body: serde_json::Value,
}

impl Notification {
    /// Returns the receiver and the values of the group labels.
    pub(super) fn subject(&self) -> String {
        let group = self.body["groupLabels"].as_object().unwrap();
        let group: Vec<_> = group
            .values()
            .map(|value| value.as_str().unwrap())
            .collect();
        format!("{} {}", self.receiver, group.join(" "))
    }

    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for alert in self.body["alerts"].as_array().unwrap() {
            *counts
                .entry(alert["labels"]["alertname"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        counts
    }
}

/// An Alertmanager with the routes of the example, short times, and webhooks to this test.
pub(super) struct Alertmanager {
    process: Child,
    port: u16,
    notifications: Receiver<Notification>,
    _storage: tempfile::TempDir,
}

impl Alertmanager {
    fn start() -> Self {
        // If another process takes this port in the meantime, the test fails.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let program = Command::new("prometheus-alertmanager");
        Self::start_on(
            program,
            port,
            TcpListener::bind("127.0.0.1:0").unwrap(),
            "1s",
        )
    }

    /// Starts `program` with a port of the host on which also `webhooks` listens. `wait` replaces
    /// `group_wait`.
    pub(super) fn start_on(
        mut program: Command,
        port: u16,
        webhooks: TcpListener,
        wait: &str,
    ) -> Self {
        let storage = tempfile::tempdir().unwrap();
        let mut config = fs::read_to_string(file(CONFIG_PATH)).unwrap();
        let webhook = webhooks.local_addr().unwrap();
        for receiver in ["pager", "tickets", "log"] {
            let example = format!("http://{receiver}.example.net/");
            assert!(config.contains(&example), "{CONFIG_PATH} has no {example}");
            config = config.replace(&example, &format!("http://{webhook}/{receiver}"));
        }
        let path = storage.path().join("alertmanager.yml");
        fs::write(
            &path,
            config.replace("group_wait: 90s", &format!("group_wait: {wait}")),
        )
        .unwrap();
        let process = program
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.path={}", storage.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            process,
            port,
            notifications: receive(webhooks),
            _storage: storage,
        }
    }

    /// Posts the alerts as soon as Alertmanager listens.
    fn post(&self, alerts: &Alerts) {
        let body = format!("[{}]", alerts.0);
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut stream = loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(stream) => break stream,
                Err(error) => assert!(
                    Instant::now() < deadline,
                    "Alertmanager does not listen: {error}"
                ),
            }
            thread::sleep(Duration::from_millis(50));
        };
        let head = "POST /api/v2/alerts HTTP/1.0\r\nContent-Type: application/json";
        write!(
            stream,
            "{head}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 OK"), "{answer}");
    }

    /// Returns the notifications until none has arrived for this duration.
    pub(super) fn notifications_until_quiet(&self, quiet: Duration) -> Vec<Notification> {
        std::iter::from_fn(|| self.notifications.recv_timeout(quiet).ok()).collect()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a web server that accepts every POST. Returns its notifications.
fn receive(listener: TcpListener) -> Receiver<Notification> {
    let (sender, notifications) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            if sender.send(receive_notification(stream.unwrap())).is_err() {
                return;
            }
        }
    });
    notifications
}

fn receive_notification(mut stream: TcpStream) -> Notification {
    let mut request = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
        if body.len() >= length.expect("a webhook has a Content-Length") || read == 0 {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .unwrap();
            let receiver = head.split(' ').nth(1).unwrap().to_owned();
            return Notification {
                receiver,
                body: serde_json::from_str(body).unwrap(),
            };
        }
    }
}
