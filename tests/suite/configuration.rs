//! Tests of the configuration file: its precedence below command line and environment, and errors
//! with their position.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use tempfile::{NamedTempFile, TempPath};

use crate::program::{file, program, run, stderr, stdout};

/// Writes a configuration file, which is removed when the path is dropped.
fn write_config(text: &str) -> TempPath {
    let file = NamedTempFile::new().unwrap().into_temp_path();
    std::fs::write(&file, text).unwrap();
    file
}

/// Runs `--config.check` on a file. Returns the exit status and the output.
fn check_config(text: &str) -> (Option<i32>, String) {
    let file = write_config(text);
    let output = run(&["--config.check", "--config.file", file.to_str().unwrap()]);
    let text = stdout(&output) + &stderr(&output);
    (
        output.status.code(),
        text.replace(file.to_str().unwrap(), "FILE"),
    )
}

#[test]
fn file_accepts_every_kind_of_value() {
    let text = r#"
        capture:
          interface: [lo, eth0]
          port: [80, 8000-8099]
          filter: net 10
          acks: true
          buffer-size: 4MiB
          local: 10.0.0.0/8
        handshake: {timeout: 3s, max-attempts: 1000}
        labels:
          max-sets: 20
          idle-timeout: 1h
          peer-group:
            office: [10.1.0.0/16, 10.9.0.0/16]
            lab: 10.1.7.0/24
          peer-prefix-v4: 24
        metrics: {latency-buckets: [0.1, 0.95], native-histograms: true}
        web: {listen-address: ":0", max-requests: 5, telemetry-path: /numbers}
        log: {level: debug, format: json}
    "#;
    assert_eq!(check_config(text), (Some(0), "FILE: OK\n".to_owned()));
    assert_eq!(check_config(""), (Some(0), "FILE: OK\n".to_owned()));
    assert_eq!(
        check_config("capture:\nlabels: {}\n"),
        (Some(0), "FILE: OK\n".to_owned())
    );
    assert_eq!(stdout(&run(&["--config.check"])), "flags: OK\n");
}

#[test]
fn error_names_position_and_problem() {
    let cases = [
        (
            "labels:\n  max-sets: 0",
            "2, column 13: labels.max-sets cannot be `0`: write a number from 1 to 1000000",
        ),
        (
            "capture:\n  port:\n  - 80\n  - 90-80",
            "4, column 5: capture.port cannot be `90-80`: write a port from 0 to 65535, or a range such as 8000-8099",
        ),
        (
            "labels:\n  max-set: 9",
            "2, column 3: unknown key labels.max-set (known keys: idle-timeout, max-sets, peer-group, peer-prefix-v4, peer-prefix-v6)",
        ),
        (
            "config: {file: x}",
            "1, column 1: unknown key config (known keys: ",
        ),
        (
            "labels: 3",
            "1, column 9: labels must contain keys, not a value",
        ),
        (
            "- 1",
            "1, column 1: the file must contain keys, not a value",
        ),
        (
            "labels:\n  max-sets:",
            "2, column 11: labels.max-sets: write a value, or leave the key out",
        ),
        (
            "labels: {max-sets: [1, 2]}",
            "1, column 20: labels.max-sets: write one value",
        ),
        (
            "labels: {max-sets: {a: 1}}",
            "1, column 20: labels.max-sets: write a value, not keys",
        ),
        (
            "labels:\n  max-sets: 1\n  max-sets: 2",
            "3, column 3: duplicate mapping key: max-sets\n",
        ),
        (
            "labels:\n  peer-group:\n    other: 10.0.0.0/8",
            "3, column 5: labels.peer-group cannot be `other=10.0.0.0/8`: a group cannot be called `other`: choose a name that is \
             neither an address nor `other`",
        ),
        (
            "labels: {peer-group: {office: [10.0.0.0/8, 10.x]}}",
            "1, column 23: labels.peer-group cannot be `office=10.0.0.0/8,10.x`: `10.x` is not a network: write an address or CIDR, such \
             as 10.0.0.0/8 or 2001:db8::/32",
        ),
        (
            "log: {format: xml}",
            "1, column 15: log.format cannot be `xml`: write one of logfmt, json",
        ),
        (
            "capture: {acks: maybe}",
            "1, column 17: capture.acks cannot be `maybe`: value was not a boolean",
        ),
        (
            "capture:\n  interface: lo\n  file: x",
            "3, column 9: capture.interface cannot be used with capture.file",
        ),
        ("capture: [", "1, column 10: unclosed bracket '['\n"),
    ];
    for (text, message) in cases {
        let (status, output) = check_config(text);
        let expected = format!("tcp_handshake_exporter: configuration file FILE, line {message}");
        assert!(output.starts_with(&expected), "{text}\n{output}{expected}");
        assert_eq!(status, Some(1), "{text}");
    }
}

#[test]
fn unreadable_file_or_invalid_reference_is_an_error() {
    let output = run(&["--config.file", "/nowhere/at.yml"]);
    assert_eq!(
        stderr(&output),
        "tcp_handshake_exporter: cannot read configuration file /nowhere/at.yml: No such file or directory (os error 2)\n"
    );
    assert_eq!(output.status.code(), Some(1));
    let (status, message) = check_config("capture: {filter: prot 80}");
    assert_eq!(
        message,
        "tcp_handshake_exporter: --capture.filter `prot 80` does not compile: can't parse filter expression: syntax error \
         (the syntax is in pcap-filter(7))\n"
    );
    assert_eq!(status, Some(1));
    let (status, message) = check_config("web: {config: {file: /nowhere/web.yml}}");
    assert!(message.contains("/nowhere/web.yml"), "{message}");
    assert_eq!(status, Some(1));
}

/// Runs the program until it listens. Returns the rest of the URL in its log, after
/// `http://127.0.0.`.
fn listen_url(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    struct Killed(Child);
    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let mut command = program();
    command
        .args(arguments)
        .envs(environment.iter().copied())
        .stderr(Stdio::piped());
    let mut child = Killed(command.spawn().unwrap());
    let lines = BufReader::new(child.0.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let mut log = String::new();
    for line in lines {
        log += &line;
        if let Some((_, rest)) = line.split_once("http://127.0.0.") {
            return rest
                .trim_end_matches(|c: char| c != '"')
                .trim_end_matches('"')
                .to_owned();
        }
    }
    panic!("{log}");
}

#[test]
fn flag_overrides_environment_overrides_file_overrides_default() {
    let capture = file("tests/captures/open.pcap");
    let text = format!(
        "capture: {{file: {capture:?}}}\nweb: {{listen-address: 127.0.0.1:0, telemetry-path: /from-file}}\n"
    );
    let config = write_config(&text);
    let config_flag = ["--config.file", config.to_str().unwrap()];
    let path = |arguments: &[&str], environment: &[(&str, &str)]| {
        let address = listen_url(arguments, environment);
        let (host, path) = address
            .split_once('/')
            .map(|(host, path)| (host.to_owned(), path.to_owned()))
            .unwrap();
        (host.split(':').next().unwrap().to_owned(), path)
    };
    let host_and_path = |host: &str, path: &str| (host.to_owned(), path.to_owned());
    let variable = (
        "TCP_HANDSHAKE_EXPORTER_WEB_TELEMETRY_PATH",
        "/from-environment",
    );
    assert_eq!(path(&config_flag, &[]), host_and_path("1", "from-file"));
    assert_eq!(
        path(&config_flag, &[variable]),
        host_and_path("1", "from-environment")
    );
    let all = [
        config_flag[0],
        config_flag[1],
        "--web.telemetry-path=/from-line",
        "--web.listen-address=127.0.0.2:0",
    ];
    assert_eq!(
        path(&all, &[variable]),
        host_and_path("2", "from-line"),
        "a repeatable flag replaces the values of the file"
    );
    let config_variable = (
        "TCP_HANDSHAKE_EXPORTER_CONFIG_FILE",
        config.to_str().unwrap(),
    );
    assert_eq!(
        path(&[], &[config_variable]),
        host_and_path("1", "from-file")
    );
}

#[test]
fn flag_turns_off_a_switch_of_the_environment() {
    let metrics = |arguments: &[&str]| {
        let demo = file("tests/captures/open.pcap");
        let arguments: Vec<_> = ["diagnose", "--output", "metrics"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let mut command = program();
        command
            .env("TCP_HANDSHAKE_EXPORTER_CAPTURE_ACKS", "true")
            .args(arguments)
            .arg(demo);
        stdout(&command.output().unwrap()).contains("tcp_handshake_completed_total{")
    };
    assert!(metrics(&[]));
    assert!(!metrics(&["--capture.acks=false"]));
    assert!(metrics(&["--capture.acks"]));
}

#[test]
fn interface_flag_replaces_capture_files_of_the_file() {
    let config =
        write_config("capture: {file: /nowhere/at.pcap}\nweb: {listen-address: 127.0.0.1:0}\n");
    let output = run(&["--config.file", config.to_str().unwrap(), "-i", "nowhere0"]);
    assert!(
        stderr(&output).starts_with("tcp_handshake_exporter: no such interface nowhere0"),
        "{}",
        stderr(&output)
    );
}
