//! The example configuration at work in a real Alertmanager: one outage wakes one person once.

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

#[test]
fn amtool_finds_the_configuration_sound_and_every_alert_goes_where_it_should() {
    if !has_tool("amtool") {
        return;
    }
    let check = Command::new("amtool")
        .args(["check-config", &file(CONFIG)])
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
            &file(CONFIG),
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
fn an_outage_met_by_a_hundred_clients_wakes_one_person_once() {
    if !has_tool("prometheus-alertmanager") {
        return;
    }
    let alertmanager = Alertmanager::start();
    let clients = || (0..100).map(|number| format!("app{number}:10077"));
    let mut all = Alerts::default();
    // Nobody knows why.
    clients().for_each(|client| all.add("TCPHandshakeUnanswered", &client, "10.0.9.1", "33306"));
    // The server's own host knows.
    clients().for_each(|client| all.add("TCPHandshakeUnanswered", &client, "10.0.9.2", "33306"));
    all.add(
        "TCPHandshakeServerNotAnswering",
        "db2:10077",
        "10.0.9.2",
        "33306",
    );
    // The leg is known, at some of the clients; two ports are one outage.
    for port in ["33306", "22"] {
        clients().for_each(|client| all.add("TCPHandshakeUnanswered", &client, "10.0.9.3", port));
        clients()
            .take(3)
            .for_each(|client| all.add("TCPHandshakePathLossThere", &client, "10.0.9.3", port));
    }
    // A rollout breaks all exporters, and one of them has other troubles.
    clients().for_each(|client| all.add("TCPHandshakeExporterDown", &client, "", ""));
    all.add("TCPHandshakeSetsFolded", "app7:10077", "", "");
    alertmanager.post(&all);

    let mut told = BTreeMap::new();
    for notice in alertmanager.notices_within(Duration::from_secs(5)) {
        assert!(
            told.insert(notice.subject(), notice.counts()).is_none(),
            "told twice: {}",
            notice.subject()
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
    assert_eq!(told, expected);
}

/// What Prometheus would send.
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
    let facts = |alert: &super::Rule| {
        (
            alert.label("severity").to_owned(),
            alert.label("subject").to_owned(),
        )
    };
    RULES.get_or_init(|| {
        alerts()
            .iter()
            .map(|alert| (alert.name().to_owned(), facts(alert)))
            .collect()
    })
}

/// One notification, as a webhook gets it.
#[derive(Debug)]
pub(super) struct Notice {
    receiver: String,
    body: serde_json::Value,
}

impl Notice {
    /// Who is told, and about which group.
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

/// A real one with the example's routes, short times, and webhooks that end here.
pub(super) struct Alertmanager {
    process: Child,
    port: u16,
    notices: Receiver<Notice>,
    _storage: tempfile::TempDir,
}

impl Alertmanager {
    fn start() -> Self {
        // Nobody else is given this port between here and there, or the test fails loudly.
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

    /// Starts `program` on a port of its own host, where also `webhooks` listens. It waits for so long before it tells.
    pub(super) fn start_on(
        mut program: Command,
        port: u16,
        webhooks: TcpListener,
        wait: &str,
    ) -> Self {
        let storage = tempfile::tempdir().unwrap();
        let mut config = fs::read_to_string(file(CONFIG)).unwrap();
        let webhook = webhooks.local_addr().unwrap();
        for receiver in ["pager", "tickets", "log"] {
            let example = format!("http://{receiver}.example.net/");
            assert!(config.contains(&example), "{CONFIG} has no {example}");
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
            notices: receive(webhooks),
            _storage: storage,
        }
    }

    /// Sends the alerts as soon as it listens.
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

    /// What is told until nothing more comes for this long.
    pub(super) fn notices_within(&self, quiet: Duration) -> Vec<Notice> {
        std::iter::from_fn(|| self.notices.recv_timeout(quiet).ok()).collect()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A web server that takes whatever is posted to it.
fn receive(listener: TcpListener) -> Receiver<Notice> {
    let (sender, notices) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            if sender.send(take(stream.unwrap())).is_err() {
                return;
            }
        }
    });
    notices
}

fn take(mut stream: TcpStream) -> Notice {
    let (mut request, mut buffer) = (Vec::new(), [0; 65536]);
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
        if body.len() >= length.expect("a webhook's length is told") || read == 0 {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .unwrap();
            let receiver = head.split(' ').nth(1).unwrap().to_owned();
            return Notice {
                receiver,
                body: serde_json::from_str(body).unwrap(),
            };
        }
    }
}

const CONFIG: &str = "deploy/alertmanager/alertmanager.yml";
