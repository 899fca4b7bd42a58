//! The commands of the program, and the only module that sees all others: starts, serves, reloads
//! and stops.

mod check;
mod compare;
mod diagnose;
mod interfaces;
mod logging;
mod progress_bar;
mod reload;
mod routes;
mod serve;
mod systemd;

use std::process::ExitCode;

use crate::config::Task;

/// Exit status of `diagnose` and `compare` if they found a problem, so that scripts can tell.
const EXIT_FINDING: u8 = 3;

/// Runs a command. Returns the exit status of the program.
///
/// # Errors
///
/// Returns an error if the command cannot be carried out; its text says what to do.
pub fn run(command: Task) -> anyhow::Result<ExitCode> {
    match command {
        Task::Serve(config) => serve::serve(&config).map(|()| ExitCode::SUCCESS),
        Task::Check(config) => check::check(&config).map(|()| ExitCode::SUCCESS),
        Task::Diagnose(config) => diagnose::diagnose(&config).map(exit_code),
        Task::Compare(config) => compare::compare(&config).map(exit_code),
        Task::Interfaces => interfaces::list().map(|()| ExitCode::SUCCESS),
    }
}

/// Returns the exit status of `diagnose` and `compare`.
fn exit_code(has_finding: bool) -> ExitCode {
    if has_finding {
        ExitCode::from(EXIT_FINDING)
    } else {
        ExitCode::SUCCESS
    }
}
