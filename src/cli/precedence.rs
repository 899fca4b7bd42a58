//! Merges the sources of the configuration: command line over environment over configuration file over defaults.

use std::ffi::OsString;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::arguments::Arguments;
use super::config_file::{self, ConfigError, Setting};
use crate::config::{Settings, Task};

/// Pairs of flags of which only one can apply.
const CONFLICTING_FLAGS: [(&str, &str); 2] = [
    ("capture.interface", "capture.file"),
    ("web.listen-address", "web.systemd-socket"),
];

/// An error of the command line, which clap prints, or of the configuration file.
pub(super) enum LoadError {
    CommandLine(clap::Error),
    ConfigFile(ConfigError),
}

impl From<clap::Error> for LoadError {
    fn from(error: clap::Error) -> Self {
        Self::CommandLine(error)
    }
}

impl From<ConfigError> for LoadError {
    fn from(error: ConfigError) -> Self {
        Self::ConfigFile(error)
    }
}

impl From<LoadError> for ConfigError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::ConfigFile(error) => error,
            LoadError::CommandLine(error) if error.kind() == ErrorKind::DisplayHelp => {
                Self::Conflict(String::new())
            }
            LoadError::CommandLine(error) => Self::Conflict(error.to_string()),
        }
    }
}

/// Reads all sources. The arguments are parsed twice: to find the configuration file, and with its values as defaults.
pub(super) fn load(arguments: &[OsString]) -> Result<Task, LoadError> {
    let first = command().try_get_matches_from(arguments)?;
    let parsed = Arguments::from_arg_matches(&first)?;
    let Some(file) = parsed
        .config
        .file
        .clone()
        .filter(|_| parsed.command.is_none())
    else {
        return Ok(parsed.into_task(effective_settings(&first)));
    };
    let matches = config_file::read(&file, &command())?
        .into_iter()
        .filter(|setting| !is_overridden(setting, &first))
        .fold(command(), set_default)
        .try_get_matches_from(arguments)?;
    Ok(Arguments::from_arg_matches(&matches)?.into_task(effective_settings(&matches)))
}

/// Returns the command line definition. Each switch also accepts `false`, to override the environment or the file.
fn command() -> Command {
    Arguments::command()
        .mut_args(accept_false)
        .mut_subcommands(|command| command.mut_args(accept_false))
}

fn accept_false(arg: Arg) -> Arg {
    if !matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg;
    }
    arg.action(ArgAction::Set)
        .value_parser(BoolishValueParser::new())
        .num_args(0..=1)
        .require_equals(true)
        .default_value("false")
        .default_missing_value("true")
        .value_name("true|false")
        .hide_default_value(true)
        .hide_possible_values(true)
}

/// Makes the values in the file the defaults of the flag. Command line and environment therefore override them.
fn set_default(command: Command, setting: Setting) -> Command {
    let Setting { flag, values, .. } = setting;
    command.mut_args(|arg| {
        if arg.get_long() == Some(&flag) {
            arg.default_values(values.clone())
        } else {
            arg
        }
    })
}

/// Returns `true` if the command line or the environment sets a flag that conflicts with this setting in the file.
fn is_overridden(setting: &Setting, first: &ArgMatches) -> bool {
    let command = command();
    let is_set = |flag: &str| {
        let arg = command
            .get_arguments()
            .find(|arg| arg.get_long() == Some(flag));
        let source = arg.and_then(|arg| first.value_source(arg.get_id().as_str()));
        matches!(
            source,
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        )
    };
    CONFLICTING_FLAGS.iter().any(|(one, other)| {
        (setting.flag == *one && is_set(other)) || (setting.flag == *other && is_set(one))
    })
}

fn effective_settings(matches: &ArgMatches) -> Settings {
    let command = command();
    let settings = command.get_arguments().filter_map(|arg| {
        let flag = arg
            .get_long()
            .filter(|flag| *flag != "help" && *flag != "version")?;
        let values = matches.get_raw(arg.get_id().as_str()).into_iter().flatten();
        let values = values.map(|value| value.to_string_lossy().into_owned());
        Some((flag.to_owned(), values.collect()))
    });
    Settings(settings.collect())
}
