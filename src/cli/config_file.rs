//! The configuration file: YAML in which each flag is a key, nested at the dots of the flag's name.
//!
//! `precedence` reads it after the command line and the environment, and merges all three.
//!
//! Invariant: each value is parsed by the value parser of its flag. Flags and file accept the same values.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// An error in the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file does not exist or cannot be read.
    #[error("cannot read configuration file {}: {reason}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        reason: std::io::Error,
    },
    /// The content of the file is invalid.
    #[error("configuration file {}, line {line}, column {column}: {reason}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: u64,
        /// The error and its correction.
        reason: String,
    },
    /// The file conflicts with the command line or the environment.
    #[error("{0}")]
    Conflict(String),
}

/// The values of one flag in the file.
#[derive(Debug)]
pub(super) struct Setting {
    /// The flag's name, without dashes.
    pub(super) flag: String,
    /// The values as on the command line.
    pub(super) values: Vec<String>,
    /// The location of each value.
    locations: Vec<Location>,
}

/// Reads the settings in the file.
pub(super) fn read(file: &Path, command: &Command) -> Result<Vec<Setting>, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|reason| ConfigError::Read {
        file: file.to_owned(),
        reason,
    })?;
    let invalid = |error: LocatedError| error.in_file(file);
    let options = serde_saphyr::options! { with_snippet: false };
    let root: Option<Spanned<YamlNode>> = serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| invalid(LocatedError::from_yaml(&error)))?;
    let mut settings = Vec::new();
    if let Some(root) = root {
        collect_settings("", &root, command, &mut settings).map_err(invalid)?;
    }
    let mut without_environment = command.clone().mut_args(|arg| arg.env(None::<&str>));
    for setting in &settings {
        validate(setting, &mut without_environment).map_err(invalid)?;
    }
    reject_conflict(&settings, "capture.interface", "capture.file").map_err(invalid)?;
    Ok(settings)
}

/// An error and its location in the file.
struct LocatedError {
    location: Location,
    reason: String,
}

impl LocatedError {
    fn new(location: Location, reason: String) -> Self {
        Self { location, reason }
    }

    /// Extracts the first line of a YAML error. Removes the location, because [`ConfigError`] states it, and the advice to
    /// set an option of the library.
    fn from_yaml(error: &serde_saphyr::Error) -> Self {
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let (line, column) = (location.line(), location.column());
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let reason = text.lines().next().unwrap_or_default();
        let reason = reason
            .strip_prefix(&format!("line {line} column {column}: "))
            .unwrap_or(reason)
            .split(", set Dup")
            .next()
            .unwrap_or_default()
            .trim_end_matches(&format!(" at line {line}, column {column}"));
        Self::new(location, reason.to_owned())
    }

    fn in_file(self, file: &Path) -> ConfigError {
        ConfigError::Invalid {
            file: file.to_owned(),
            line: self.location.line(),
            column: self.location.column(),
            reason: self.reason,
        }
    }
}

/// A YAML node. All scalars are text, because the value parsers of the flags take text.
enum YamlNode {
    Null,
    Scalar(String),
    Sequence(Vec<Spanned<Self>>),
    Mapping(Vec<(Spanned<String>, Spanned<Self>)>),
}

/// Collects the settings in the mapping at `path`.
fn collect_settings(
    path: &str,
    node: &Spanned<YamlNode>,
    command: &Command,
    settings: &mut Vec<Setting>,
) -> Result<(), LocatedError> {
    let section = || {
        if path.is_empty() {
            "the file".to_owned()
        } else {
            path.to_owned()
        }
    };
    let entries = match &node.value {
        YamlNode::Mapping(entries) => entries,
        YamlNode::Null => return Ok(()),
        _ => {
            return Err(LocatedError::new(
                node.referenced,
                format!("{} must contain keys, not a value", section()),
            ));
        }
    };
    for (key, value) in entries {
        let name = if path.is_empty() {
            key.value.clone()
        } else {
            format!("{path}.{}", key.value)
        };
        if let Some(flag) = flags(command).find(|flag| flag.get_long() == Some(&name)) {
            let values = values(flag, value).map_err(|reason| {
                LocatedError::new(value.referenced, format!("{name}: {reason}"))
            })?;
            let (locations, values) = values.into_iter().unzip();
            settings.push(Setting {
                flag: name,
                values,
                locations,
            });
        } else if keys_below(command, &name).next().is_some() {
            collect_settings(&name, value, command, settings)?;
        } else {
            let mut known: Vec<_> = keys_below(command, path).collect();
            known.sort_unstable();
            known.dedup();
            return Err(LocatedError::new(
                key.referenced,
                format!("unknown key {name} (known keys: {})", known.join(", ")),
            ));
        }
    }
    Ok(())
}

/// Returns the flags that the file may set.
fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_key = |long: &str| !long.starts_with("config.") && long != "help" && long != "version";
    command
        .get_arguments()
        .filter(move |arg| arg.get_long().is_some_and(is_key))
}

/// Returns the keys that a section may have, with duplicates.
fn keys_below<'c>(command: &'c Command, section: &'c str) -> impl Iterator<Item = &'c str> {
    let longs = flags(command).filter_map(Arg::get_long);
    longs.filter_map(move |long| {
        let rest = if section.is_empty() {
            long
        } else {
            long.strip_prefix(section)?.strip_prefix('.')?
        };
        rest.split('.').next()
    })
}

type LocatedValue = (Location, String);

/// Returns the values of a flag as on the command line.
fn values(flag: &Arg, node: &Spanned<YamlNode>) -> Result<Vec<LocatedValue>, String> {
    match &node.value {
        YamlNode::Scalar(value) => Ok(vec![(node.referenced, value.clone())]),
        YamlNode::Sequence(list) if matches!(flag.get_action(), ArgAction::Append) => {
            list.iter().map(scalar).collect()
        }
        YamlNode::Sequence(list) if has_value_name(flag, "LIST") => {
            Ok(vec![(node.referenced, join_scalars(list)?)])
        }
        YamlNode::Sequence(_) => Err("write one value".to_owned()),
        YamlNode::Mapping(entries) if has_value_name(flag, "NAME=CIDR[,CIDR...]") => {
            let entry = |(name, networks): &(Spanned<String>, Spanned<YamlNode>)| {
                let networks = match &networks.value {
                    YamlNode::Sequence(list) => join_scalars(list)?,
                    _ => scalar(networks)?.1,
                };
                Ok((name.referenced, format!("{}={networks}", name.value)))
            };
            entries.iter().map(entry).collect()
        }
        YamlNode::Mapping(_) => Err("write a value, not keys".to_owned()),
        YamlNode::Null => Err("write a value, or leave the key out".to_owned()),
    }
}

fn join_scalars(list: &[Spanned<YamlNode>]) -> Result<String, String> {
    let values = list
        .iter()
        .map(|node| scalar(node).map(|(_, value)| value))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(values.join(","))
}

fn scalar(node: &Spanned<YamlNode>) -> Result<LocatedValue, String> {
    match &node.value {
        YamlNode::Scalar(value) => Ok((node.referenced, value.clone())),
        _ => Err("write a plain value for each item of the list".to_owned()),
    }
}

fn has_value_name(flag: &Arg, value: &str) -> bool {
    flag.get_value_names()
        .is_some_and(|names| names.iter().any(|name| *name == value))
}

/// Parses each value as the only argument of a command line.
fn validate(setting: &Setting, command: &mut Command) -> Result<(), LocatedError> {
    for (value, location) in setting.values.iter().zip(&setting.locations) {
        let argument = format!("--{}={value}", setting.flag);
        if let Err(error) = command.try_get_matches_from_mut(["", &argument]) {
            return Err(LocatedError::new(
                *location,
                format!(
                    "{} cannot be `{value}`: {}",
                    setting.flag,
                    error_message(&error)
                ),
            ));
        }
    }
    Ok(())
}

/// Returns the message of the value parser, without the text that clap adds.
fn error_message(error: &clap::Error) -> String {
    use clap::error::{ContextKind, ContextValue};
    match (
        std::error::Error::source(error),
        error.get(ContextKind::ValidValue),
    ) {
        (Some(source), _) => source.to_string(),
        (None, Some(ContextValue::Strings(valid))) => format!("write one of {}", valid.join(", ")),
        (None, _) => error.kind().to_string(),
    }
}

/// Returns an error at the later of two conflicting settings.
fn reject_conflict(settings: &[Setting], one: &str, other: &str) -> Result<(), LocatedError> {
    let location_of = |flag: &str| {
        settings
            .iter()
            .find(|setting| setting.flag == flag)?
            .locations
            .first()
            .copied()
    };
    match (location_of(one), location_of(other)) {
        (Some(first), Some(second)) => {
            let later = if first.line() > second.line() {
                first
            } else {
                second
            };
            Err(LocatedError::new(
                later,
                format!("{one} cannot be used with {other}"),
            ))
        }
        _ => Ok(()),
    }
}

impl<'de> Deserialize<'de> for YamlNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlNodeVisitor)
    }
}

struct YamlNodeVisitor;

impl<'de> Visitor<'de> for YamlNodeVisitor {
    type Value = YamlNode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list of values, or keys")
    }

    fn visit_unit<E>(self) -> Result<YamlNode, E> {
        Ok(YamlNode::Null)
    }

    fn visit_none<E>(self) -> Result<YamlNode, E> {
        Ok(YamlNode::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<YamlNode, E> {
        Ok(YamlNode::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<YamlNode, E> {
        Ok(YamlNode::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<YamlNode, E> {
        Ok(YamlNode::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<YamlNode, E> {
        Ok(YamlNode::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<YamlNode, E> {
        Ok(YamlNode::Scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<YamlNode, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = from.next_element()? {
            list.push(node);
        }
        Ok(YamlNode::Sequence(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<YamlNode, A::Error> {
        let mut entries: Vec<(Spanned<String>, Spanned<YamlNode>)> = Vec::new();
        while let Some((key, value)) = from.next_entry::<Spanned<String>, Spanned<YamlNode>>()? {
            if entries.iter().any(|(known, _)| known.value == key.value) {
                return Err(A::Error::custom(format_args!(
                    "duplicate key {}",
                    key.value
                )));
            }
            entries.push((key, value));
        }
        Ok(YamlNode::Mapping(entries))
    }
}
