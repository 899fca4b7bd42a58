//! Tests of the web configuration and of socket activation, with curl, promtool, and a socket as
//! systemd passes it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{CertificateParams, KeyPair};
use tcp_handshake_exporter::http::AccessControl;

use crate::program::{file, has_tool, program, run, stderr};
use crate::serving::get;

pub(crate) const TLS: &str =
    "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

/// Creates a folder with a self-signed certificate for `localhost`, and a web configuration.
pub(crate) fn folder(yaml: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    fs::write(folder.path().join("server.crt"), certificate.pem()).unwrap();
    fs::write(folder.path().join("server.key"), key.serialize_pem()).unwrap();
    let config = folder.path().join("web.yml");
    fs::write(&config, yaml).unwrap();
    (folder, config)
}

/// The running program. Dropping it kills the process.
struct Running(Child);

impl Running {
    /// Starts the program and waits until its capture is read. Returns also the URL of the metrics
    /// from its log.
    fn start(command: &mut Command) -> (Self, String) {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let url = |line: String| {
            Some(
                line.split_once("serving metrics at ")?
                    .1
                    .split_once('"')?
                    .0
                    .to_owned(),
            )
        };
        let url = lines.find_map(url).expect("the log has the URL");
        lines
            .find(|line| line.contains("capture files are read"))
            .expect("the log reports that the capture is read");
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), url)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn curl_scrapes_over_tls_with_password() {
    if !has_tool("curl") {
        return;
    }
    let hash = bcrypt::hash("wonderland", 4).unwrap();
    let (folder, config) = folder(&format!("{TLS}basic_auth_users:\n  alice: {hash}\n"));
    let mut command = program();
    command.args([
        "-r",
        &file("tests/captures/open.pcap"),
        "--web.listen-address",
        "127.0.0.1:0",
    ]);
    let (_running, url) = Running::start(command.arg("--web.config.file").arg(&config));
    let url = url.replace("127.0.0.1", "localhost");
    assert!(url.starts_with("https://localhost:"), "{url}");
    let curl = |arguments: &[&str], url: &str| {
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--max-time",
            "20",
            "--output",
            "-",
            "--write-out",
            "%{http_code}",
        ]);
        command.args([
            "--resolve",
            &format!(
                "localhost:{}:127.0.0.1",
                url.split([':', '/']).nth(4).unwrap()
            ),
        ]);
        let output = command
            .arg("--cacert")
            .arg(folder.path().join("server.crt"))
            .args(arguments)
            .arg(url);
        String::from_utf8(output.output().unwrap().stdout).unwrap()
    };
    let answer = curl(&["--user", "alice:wonderland", "--compressed"], &url);
    assert!(
        answer.contains("tcp_handshake_attempts_total{") && answer.ends_with("200"),
        "{answer}"
    );
    assert!(curl(&["--user", "alice:looking-glass"], &url).ends_with("401"));
    assert!(curl(&[], &url).ends_with("401"));
    assert!(
        curl(&["--tls-max", "1.1"], &url).ends_with("000"),
        "older versions of TLS are rejected"
    );
    assert!(curl(&[], &url.replace("https", "http")).ends_with("400"));
}

/// Compares the keys that both know. Debian's promtool is older and has no rate limit.
#[test]
fn promtool_accepts_the_same_web_configurations() {
    if !has_tool("promtool") {
        return;
    }
    let hash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";
    let users = format!("basic_auth_users:\n  alice: {hash}\n");
    let tls = |more: &str| format!("{TLS}{more}");
    let header = |line: &str| format!("http_server_config:\n  headers:\n    {line}\n");
    for yaml in [
        String::new(),
        tls(""),
        tls("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.crt\n"),
        tls("  client_auth_type: VerifyClientCertIfGiven\n"),
        tls("  client_ca_file: server.crt\n"),
        tls("  client_auth_type: Anything\n"),
        tls("  min_version: TLS13\n"),
        tls("  min_version: TLS14\n"),
        tls("  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n"),
        tls("  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n"),
        tls("  curve_preferences: [CurveP256]\n"),
        tls("  curve_preferences: [P256]\n"),
        tls("  certfile: server.crt\n"),
        tls("http_server_config:\n  http2: false\n"),
        TLS.replace("server.key", "server.crt"),
        TLS.replace("server.key", "nowhere.key"),
        TLS.replace("  key_file: server.key\n", ""),
        TLS.replace("  cert_file: server.crt\n", ""),
        users.clone(),
        tls(&users),
        users.replace(hash, "$2y$10$short"),
        "basic_auth_users:\n".to_owned(),
        "basic_auth_users:\n  alice:\n".to_owned(),
        format!("{users}  alice: {hash}\n"),
        header("X-Frame-Options: deny"),
        header("X-Frame-Options: allow"),
        header("X-Powered-By: us"),
        header("X-XSS-Protection: 1"),
        "users: {}\n".to_owned(),
        "nonsense\n".to_owned(),
    ] {
        let (_folder, config) = folder(&yaml);
        let theirs = Command::new("promtool")
            .args(["check", "web-config"])
            .arg(&config)
            .output()
            .unwrap();
        let ours = AccessControl::from_file(&config)
            .err()
            .map(|error| error.to_string());
        let error = String::from_utf8_lossy(&theirs.stderr);
        assert_eq!(
            ours.is_none(),
            theirs.status.success(),
            "{yaml}ours: {ours:?}\ntheirs: {error}"
        );
    }
}

#[test]
fn unsupported_web_settings_are_logged() {
    let more = "  min_version: TLS13\n  curve_preferences: [X25519, CurveP521]\n  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n  \
                client_auth_type: VerifyClientCertIfGiven\nhttp_server_config:\n  http2: true\nrate_limit:\n  interval: 1s\n";
    let (_folder, config) = folder(&format!("{TLS}{more}"));
    let output = run(&[
        "--config.check",
        "--web.config.file",
        &config.display().to_string(),
    ]);
    let log = stderr(&output);
    let logged: Vec<_> = log
        .lines()
        .filter_map(|line| line.split_once(" level="))
        .map(|(_, rest)| rest)
        .collect();
    assert_eq!(
        logged,
        [
            "warn message=\"web configuration: the cipher suite TLS_RSA_WITH_AES_128_CBC_SHA is not supported\"",
            "warn message=\"web configuration: the curve CurveP521 is not supported\"",
            "warn message=\"web configuration: no client_ca_file: no client certificate is trusted\"",
            "warn message=\"web configuration: HTTP/2 is not supported, only HTTP/1.1 is served\"",
            "warn message=\"web configuration: rate_limit with a burst of 0 rejects every request\"",
            "info message=\"web configuration loaded\" tls=true users=false rate_limit=true",
        ],
        "{log}"
    );
}

#[test]
fn invalid_web_configuration_exits_with_error() {
    let (_folder, config) = folder("tls_server_config:\n  cert_file: server.crt\n");
    let at = config.display().to_string();
    let output = run(&[
        "-r",
        &file("tests/captures/open.pcap"),
        "--web.listen-address",
        "127.0.0.1:0",
        "--web.config.file",
        &at,
    ]);
    let last = stderr(&output);
    assert_eq!(
        last.lines().last().unwrap(),
        format!("tcp_handshake_exporter: --web.config.file {at}: missing one of key or key_file")
    );
    assert_eq!(output.status.code(), Some(1));
}

/// Returns a command that starts the program as systemd does, with a listener as file descriptor 3.
fn socket_activated(listener: impl Into<OwnedFd>) -> Command {
    let mut command = program();
    let name = command.get_program().to_owned();
    command = Command::new("sh");
    command.args([
        "-c",
        "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"",
    ]);
    command.arg(name).args([
        "--web.systemd-socket",
        "-r",
        &file("tests/captures/open.pcap"),
    ]);
    command.stdin(Stdio::from(listener.into()));
    command
}

#[test]
fn systemd_socket_serves_metrics() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let (_running, url) = Running::start(&mut socket_activated(listener));
    assert_eq!(url, format!("http://{address}/metrics"));
    let (head, body) = get(address, "/metrics", "").unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains("tcp_handshake_attempts_total{")
    );
}

#[test]
fn missing_systemd_socket_exits_with_error() {
    let open = file("tests/captures/open.pcap");
    let output = run(&["--web.systemd-socket", "-r", &open]);
    assert_eq!(
        stderr(&output).lines().last().unwrap(),
        "tcp_handshake_exporter: no socket activation file descriptors found: \
         start the program by its socket unit, or omit --web.systemd-socket"
    );
    assert_eq!(output.status.code(), Some(1));
    let output = socket_activated(fs::File::open(Path::new("/dev/null")).unwrap())
        .output()
        .unwrap();
    let log = stderr(&output);
    let last = log.lines().last().unwrap();
    assert!(
        last.starts_with(
            "tcp_handshake_exporter: file descriptor 3 from systemd is not a TCP listener ("
        ),
        "{last}"
    );
    assert!(
        last.ends_with("): write ListenStream=10077 into the socket unit"),
        "{last}"
    );
}
