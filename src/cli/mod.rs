//! The command line: flags, each also an environment variable, made into a typed configuration at once.

mod compare;
mod diagnose;
mod document;
mod flags;
mod layers;
mod values;

use clap::CommandFactory;

use crate::config::{ServeConfig, Task};
pub use document::ConfigError;
use flags::{CountingFlags, Flags, LogFlags};

/// Reads the command line, the environment and the configuration file. On a wrong command line it says what is wrong
/// and ends the program with status 2; asked for help or the version, with 0.
///
/// # Errors
///
/// The configuration file cannot be used.
pub fn task() -> Result<Task, ConfigError> {
    let arguments: Vec<_> = std::env::args_os().collect();
    match layers::read(&arguments) {
        Err(layers::Fault::Usage(error)) => error.exit(),
        read => read.map_err(ConfigError::from),
    }
}

/// Reads all of it again, for the main job: the file may have changed.
///
/// # Errors
///
/// The configuration file cannot be used.
pub fn serve_again() -> Result<ServeConfig, ConfigError> {
    let arguments: Vec<_> = std::env::args_os().collect();
    match layers::read(&arguments)? {
        Task::Serve(serve) | Task::Check(serve) => Ok(*serve),
        _ => Err(ConfigError::Together(
            "only the main job has a configuration file".to_owned(),
        )),
    }
}

/// The command line as such: what manual and completions are made from.
pub fn command() -> clap::Command {
    Flags::command()
}
