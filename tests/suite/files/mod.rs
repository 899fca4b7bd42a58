//! Runs the program on capture files of every format, complete and damaged.

mod broken;
mod formats;
mod many;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Output of `diagnose --output metrics`.
struct DiagnoseOutput {
    code: i32,
    /// Standard output.
    metrics: String,
    stderr: String,
}

impl DiagnoseOutput {
    /// Returns the value of the series with this name and these labels, 0 if it is missing.
    fn value(&self, series: &str) -> f64 {
        let line = self
            .metrics
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Returns the sum over all series with this name.
    fn sum(&self, name: &str) -> f64 {
        let lines = self
            .metrics
            .lines()
            .filter(|line| line.split(['{', ' ']).next() == Some(name));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    fn undecodable(&self, reason: &str) -> f64 {
        self.value(&format!(
            "tcp_handshake_exporter_undecodable_packets_total{{reason=\"{reason}\"}}"
        ))
    }

    fn attempts(&self) -> f64 {
        self.sum("tcp_handshake_attempts_total")
    }

    fn packets(&self) -> f64 {
        self.sum("tcp_handshake_exporter_captured_packets_total")
    }
}

fn diagnose(files: &[&Path], arguments: &[&str]) -> DiagnoseOutput {
    collect(&command(files, arguments).output().unwrap())
}

fn diagnose_input(bytes: &[u8]) -> DiagnoseOutput {
    let mut child = command(&[Path::new("-")], &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    collect(&child.wait_with_output().unwrap())
}

/// Runs `diagnose` on one file with these contents. Its name is replaced by FILE in the output.
fn diagnose_bytes(bytes: &[u8], arguments: &[&str]) -> DiagnoseOutput {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture");
    std::fs::write(&file, bytes).unwrap();
    let output = diagnose(&[&file], arguments);
    DiagnoseOutput {
        stderr: output.stderr.replace(file.to_str().unwrap(), "FILE"),
        ..output
    }
}

fn command(files: &[&Path], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcp_handshake_exporter"));
    command
        .args(["diagnose", "--output", "metrics"])
        .args(arguments)
        .args(files);
    command
}

fn collect(output: &Output) -> DiagnoseOutput {
    DiagnoseOutput {
        code: output.status.code().unwrap_or(-1),
        metrics: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
