//! Capture files of every form and in every state, given to the program as a whole.

mod broken;
mod forms;
mod many;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What `diagnose` said.
struct Said {
    code: i32,
    metrics: String,
    /// Standard error.
    words: String,
}

impl Said {
    /// The value of the series of this name and these labels; 0 where there is none.
    fn value(&self, series: &str) -> f64 {
        let line = self
            .metrics
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// The sum over all series of this name.
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

fn diagnose(files: &[&Path], arguments: &[&str]) -> Said {
    said(&command(files, arguments).output().unwrap())
}

fn diagnose_input(bytes: &[u8]) -> Said {
    let mut child = command(&[Path::new("-")], &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    said(&child.wait_with_output().unwrap())
}

/// The same for one file with these contents; its name is told as FILE.
fn diagnose_bytes(bytes: &[u8], arguments: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture");
    std::fs::write(&file, bytes).unwrap();
    let said = diagnose(&[&file], arguments);
    Said {
        words: said.words.replace(file.to_str().unwrap(), "FILE"),
        ..said
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

fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        metrics: String::from_utf8_lossy(&output.stdout).into_owned(),
        words: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
