//! The command line: flags, environment variables and the configuration file, converted into a typed configuration.
//!
//! `main` calls [`task`] once; `app::reload` calls [`reload`]. Nothing else reads raw arguments.

mod arguments;
mod compare;
mod config_file;
mod diagnose;
mod flags;
mod precedence;
mod value_parsers;

use clap::CommandFactory;

use crate::config::{ServeConfig, Task};
use arguments::Arguments;
pub use config_file::ConfigError;
use precedence::LoadError;

/// Reads the command line, the environment and the configuration file.
///
/// If the command line is invalid, prints the error and exits with status 2. If it requests help or the version, prints
/// this and exits with status 0.
///
/// # Errors
///
/// Returns an error if the configuration file cannot be read or is invalid.
pub fn task() -> Result<Task, ConfigError> {
    let arguments: Vec<_> = std::env::args_os().collect();
    match precedence::load(&arguments) {
        Err(LoadError::CommandLine(error)) => error.exit(),
        loaded => loaded.map_err(ConfigError::from),
    }
}

/// Reads the command line, the environment and the configuration file again, because the file may have changed.
///
/// # Errors
///
/// Returns an error if the configuration file cannot be read or is invalid.
pub fn reload() -> Result<ServeConfig, ConfigError> {
    let arguments: Vec<_> = std::env::args_os().collect();
    match precedence::load(&arguments)? {
        Task::Serve(serve) | Task::Check(serve) => Ok(*serve),
        _ => Err(ConfigError::Conflict(
            "subcommands have no configuration file".to_owned(),
        )),
    }
}

/// Returns the definition of the command line, from which manual pages and completions are generated.
pub fn command() -> clap::Command {
    Arguments::command()
}
