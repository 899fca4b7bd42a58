//! The door: see `exporter` for what happens inside.

use std::process::ExitCode;

use tcp_handshake_exporter::{cli, exporter};

#[allow(
    clippy::print_stderr,
    reason = "the one place where an error leaves the program"
)]
fn main() -> ExitCode {
    match cli::task().map_err(Into::into).and_then(exporter::run) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("tcp_handshake_exporter: {error:#}");
            ExitCode::FAILURE
        }
    }
}
