//! Binary entry point: parses the configuration and runs the selected command.

use std::process::ExitCode;

use tcp_handshake_exporter::{app, cli};

#[allow(
    clippy::print_stderr,
    reason = "the one place where an error leaves the program"
)]
fn main() -> ExitCode {
    match cli::task().map_err(Into::into).and_then(app::run) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("tcp_handshake_exporter: {error:#}");
            ExitCode::FAILURE
        }
    }
}
