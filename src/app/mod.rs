//! The commands of the program, and the only module that sees all others: starts, serves, reloads and stops.

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

/// Does what the command line asks for, and says with which status to end.
///
/// # Errors
///
/// What went wrong, in a sentence that says what to do.
pub fn run(task: Task) -> anyhow::Result<ExitCode> {
    match task {
        Task::Serve(task) => serve::serve(&task).map(|()| ExitCode::SUCCESS),
        Task::Check(task) => check::check(&task).map(|()| ExitCode::SUCCESS),
        Task::Diagnose(task) => diagnose::diagnose(&task),
        Task::Compare(task) => compare::compare(&task),
        Task::Interfaces => interfaces::list().map(|()| ExitCode::SUCCESS),
    }
}
