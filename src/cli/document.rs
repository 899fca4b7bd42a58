//! The configuration file: each flag of the main job is a key, nested as its name is dotted.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is not there, or may not be read.
    #[error("cannot read configuration file {}: {reason}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// In the system's words.
        reason: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("configuration file {}, line {line}, column {column}: {reason}", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
        /// In words that say what to do.
        reason: String,
    },
    /// It does not go together with the command line or the environment.
    #[error("{0}")]
    Together(String),
}

/// What the file says of one flag.
#[derive(Debug)]
pub(super) struct Setting {
    /// The flag's name, without dashes.
    pub(super) flag: String,
    /// As they would be written on the command line.
    pub(super) values: Vec<String>,
    /// Where each of them stands.
    places: Vec<Location>,
}

/// All that the file says, each value read by its flag's own rules.
pub(super) fn read(file: &Path, command: &Command) -> Result<Vec<Setting>, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|reason| ConfigError::Read {
        file: file.to_owned(),
        reason,
    })?;
    let wrong = |fault: Fault| fault.of(file);
    let options = serde_saphyr::options! { with_snippet: false };
    let tree: Option<Spanned<Node>> = serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| wrong(Fault::of_yaml(&error)))?;
    let mut settings = Vec::new();
    if let Some(tree) = tree {
        walk("", &tree, command, &mut settings).map_err(wrong)?;
    }
    let mut alone = command.clone().mut_args(|arg| arg.env(None::<&str>));
    for setting in &settings {
        check(setting, &mut alone).map_err(wrong)?;
    }
    forbid_both(&settings, "capture.interface", "capture.file").map_err(wrong)?;
    Ok(settings)
}

struct Fault(Location, String);

impl Fault {
    fn of_yaml(error: &serde_saphyr::Error) -> Self {
        let (at, text) = (
            error.location().unwrap_or(Location::UNKNOWN),
            error.to_string(),
        );
        let words = text
            .strip_prefix("error: ")
            .unwrap_or(&text)
            .lines()
            .next()
            .unwrap_or_default();
        // The position is told anyway, and who reads this sets no options of a library.
        let place = format!("line {} column {}: ", at.line(), at.column());
        let words = words
            .strip_prefix(&place)
            .unwrap_or(words)
            .split(", set Dup")
            .next()
            .unwrap_or_default();
        Self(
            at,
            words
                .trim_end_matches(&format!(" at line {}, column {}", at.line(), at.column()))
                .to_owned(),
        )
    }

    fn of(self, file: &Path) -> ConfigError {
        let Self(at, reason) = self;
        ConfigError::Wrong {
            file: file.to_owned(),
            line: at.line(),
            column: at.column(),
            reason,
        }
    }
}

/// A node of the document, numbers and words alike taken as they are written.
enum Node {
    Nothing,
    Word(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

fn walk(
    path: &str,
    node: &Spanned<Node>,
    command: &Command,
    settings: &mut Vec<Setting>,
) -> Result<(), Fault> {
    let section = || {
        if path.is_empty() {
            "the file".to_owned()
        } else {
            path.to_owned()
        }
    };
    let entries = match &node.value {
        Node::Map(entries) => entries,
        Node::Nothing => return Ok(()),
        _ => {
            return Err(Fault(
                node.referenced,
                format!("{} holds keys, not a value", section()),
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
            let values = values(flag, value)
                .map_err(|reason| Fault(value.referenced, format!("{name}: {reason}")))?;
            let (places, values) = values.into_iter().unzip();
            settings.push(Setting {
                flag: name,
                values,
                places,
            });
        } else if keys_below(command, &name).next().is_some() {
            walk(&name, value, command, settings)?;
        } else {
            let mut known: Vec<_> = keys_below(command, path).collect();
            known.sort_unstable();
            known.dedup();
            return Err(Fault(
                key.referenced,
                format!("unknown key {name} (there are: {})", known.join(", ")),
            ));
        }
    }
    Ok(())
}

/// The flags that the file may set.
fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_key = |long: &str| !long.starts_with("config.") && long != "help" && long != "version";
    command
        .get_arguments()
        .filter(move |arg| arg.get_long().is_some_and(is_key))
}

/// The keys that a section may have.
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

type Placed = (Location, String);

fn values(flag: &Arg, node: &Spanned<Node>) -> Result<Vec<Placed>, String> {
    match &node.value {
        Node::Word(word) => Ok(vec![(node.referenced, word.clone())]),
        Node::List(list) if matches!(flag.get_action(), ArgAction::Append) => {
            list.iter().map(word).collect()
        }
        Node::List(list) if is_named(flag, "LIST") => Ok(vec![(node.referenced, joined(list)?)]),
        Node::List(_) => Err("write one value".to_owned()),
        Node::Map(entries) if is_named(flag, "NAME=CIDR[,CIDR...]") => {
            let entry = |(name, networks): &(Spanned<String>, Spanned<Node>)| {
                let networks = match &networks.value {
                    Node::List(list) => joined(list)?,
                    _ => word(networks)?.1,
                };
                Ok((name.referenced, format!("{}={networks}", name.value)))
            };
            entries.iter().map(entry).collect()
        }
        Node::Map(_) => Err("write a value, not keys".to_owned()),
        Node::Nothing => Err("write a value, or leave the key out".to_owned()),
    }
}

fn joined(list: &[Spanned<Node>]) -> Result<String, String> {
    let words = list
        .iter()
        .map(|node| word(node).map(|(_, word)| word))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(words.join(","))
}

fn word(node: &Spanned<Node>) -> Result<Placed, String> {
    match &node.value {
        Node::Word(word) => Ok((node.referenced, word.clone())),
        _ => Err("write a plain value in each place of the list".to_owned()),
    }
}

fn is_named(flag: &Arg, value: &str) -> bool {
    flag.get_value_names()
        .is_some_and(|names| names.iter().any(|name| *name == value))
}

/// Has each value read as if it stood on the command line, alone.
fn check(setting: &Setting, command: &mut Command) -> Result<(), Fault> {
    for (value, at) in setting.values.iter().zip(&setting.places) {
        let argument = format!("--{}={value}", setting.flag);
        if let Err(error) = command.try_get_matches_from_mut(["", &argument]) {
            return Err(Fault(
                *at,
                format!("{} cannot be `{value}`: {}", setting.flag, sentence(&error)),
            ));
        }
    }
    Ok(())
}

/// The flag's own sentence, without what clap puts around it.
fn sentence(error: &clap::Error) -> String {
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

fn forbid_both(settings: &[Setting], one: &str, other: &str) -> Result<(), Fault> {
    let set = |flag: &str| {
        settings
            .iter()
            .find(|setting| setting.flag == flag)?
            .places
            .first()
            .copied()
    };
    match (set(one), set(other)) {
        (Some(first), Some(second)) => {
            let later = if first.line() > second.line() {
                first
            } else {
                second
            };
            Err(Fault(later, format!("{one} cannot be used with {other}")))
        }
        _ => Ok(()),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list of values, or keys")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Word(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Word(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Word(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Word(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Word(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = from.next_element()? {
            list.push(node);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Node, A::Error> {
        let mut entries: Vec<(Spanned<String>, Spanned<Node>)> = Vec::new();
        while let Some((key, value)) = from.next_entry::<Spanned<String>, Spanned<Node>>()? {
            if entries.iter().any(|(known, _)| known.value == key.value) {
                return Err(A::Error::custom(format_args!(
                    "the key {} is there twice",
                    key.value
                )));
            }
            entries.push((key, value));
        }
        Ok(Node::Map(entries))
    }
}
