//! Command line over environment over configuration file over defaults.

use std::ffi::OsString;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::Flags;
use super::document::{self, ConfigError, Setting};
use crate::config::{Settings, Task};

/// Reads all of it.
pub(super) fn read(arguments: &[OsString]) -> Result<Task, Fault> {
    let first = command().try_get_matches_from(arguments)?;
    let flags = Flags::from_arg_matches(&first)?;
    let Some(file) = flags
        .config
        .file
        .clone()
        .filter(|_| flags.command.is_none())
    else {
        return Ok(flags.into_task(settings(&first)));
    };
    let said = document::read(&file, &command())?;
    let matches = said
        .into_iter()
        .filter(|setting| !is_overruled(setting, &first))
        .fold(command(), with_default)
        .try_get_matches_from(arguments)?;
    Ok(Flags::from_arg_matches(&matches)?.into_task(settings(&matches)))
}

/// What went wrong: usage, which clap tells and ends with, or the file.
pub(super) enum Fault {
    Usage(clap::Error),
    File(ConfigError),
}

impl From<clap::Error> for Fault {
    fn from(error: clap::Error) -> Self {
        Self::Usage(error)
    }
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        Self::File(error)
    }
}

impl From<Fault> for ConfigError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::File(error) => error,
            Fault::Usage(error) if error.kind() == ErrorKind::DisplayHelp => {
                Self::Together(String::new())
            }
            Fault::Usage(error) => Self::Together(error.to_string()),
        }
    }
}

/// The command line. A switch can also be turned off, for the environment or the file may have turned it on.
pub(super) fn command() -> Command {
    Flags::command()
        .mut_args(switch)
        .mut_subcommands(|command| command.mut_args(switch))
}

fn switch(arg: Arg) -> Arg {
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

/// The file's word counts where neither the command line nor the environment says anything.
fn with_default(command: Command, setting: Setting) -> Command {
    let Setting { flag, values, .. } = setting;
    command.mut_args(|arg| {
        if arg.get_long() == Some(&flag) {
            arg.default_values(values.clone())
        } else {
            arg
        }
    })
}

/// What was said more closely to the program also overrules what it cannot go together with.
fn is_overruled(setting: &Setting, first: &ArgMatches) -> bool {
    let command = command();
    let is_said = |flag: &str| {
        let arg = command
            .get_arguments()
            .find(|arg| arg.get_long() == Some(flag));
        let source = arg.and_then(|arg| first.value_source(arg.get_id().as_str()));
        matches!(
            source,
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        )
    };
    RIVALS.iter().any(|(one, other)| {
        (setting.flag == *one && is_said(other)) || (setting.flag == *other && is_said(one))
    })
}

fn settings(matches: &ArgMatches) -> Settings {
    let command = command();
    let said = command.get_arguments().filter_map(|arg| {
        let flag = arg
            .get_long()
            .filter(|flag| *flag != "help" && *flag != "version")?;
        let values = matches.get_raw(arg.get_id().as_str()).into_iter().flatten();
        Some((
            flag.to_owned(),
            values
                .map(|value| value.to_string_lossy().into_owned())
                .collect(),
        ))
    });
    Settings(said.collect())
}

/// Flags of which one makes the other meaningless.
const RIVALS: [(&str, &str); 2] = [
    ("capture.interface", "capture.file"),
    ("web.listen-address", "web.systemd-socket"),
];
