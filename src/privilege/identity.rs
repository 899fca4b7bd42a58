//! The user and group to change to: parses `--user NAME|UID[:GROUP]`.

use std::fmt;
use std::str::FromStr;

use nix::unistd::{Gid, Group, Uid, User};

/// A user and a group of this host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    pub(super) user: Uid,
    pub(super) group: Gid,
    text: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, group) = text
            .split_once(':')
            .map_or((text, None), |(name, group)| (name, Some(group)));
        let known = match name.parse() {
            Ok(number) => User::from_uid(Uid::from_raw(number)),
            Err(_) => User::from_name(name),
        };
        let known = known.map_err(|error| format!("cannot look up users: {error}"))?;
        let user = known
            .as_ref()
            .map(|user| user.uid)
            .or_else(|| name.parse().ok().map(Uid::from_raw));
        let user = user.ok_or_else(|| format!("there is no user `{name}`"))?;
        let group = match (group, known) {
            (Some(group), _) => by_name_or_number(group)?,
            (None, Some(known)) => known.gid,
            (None, None) => {
                return Err(format!(
                    "user {name} has no group of its own: write {name}:GROUP"
                ));
            }
        };
        Ok(Self {
            user,
            group,
            text: text.to_owned(),
        })
    }
}

/// Returns the group of a name or a numeric ID.
fn by_name_or_number(group: &str) -> Result<Gid, String> {
    if let Ok(number) = group.parse() {
        return Ok(Gid::from_raw(number));
    }
    let known =
        Group::from_name(group).map_err(|error| format!("cannot look up groups: {error}"))?;
    known
        .map(|group| group.gid)
        .ok_or_else(|| format!("there is no group `{group}`"))
}
