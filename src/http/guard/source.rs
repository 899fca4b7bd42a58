//! The web configuration on disk: read when asked for, and again when one of its files has changed.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tracing::{error, info, warn};

use super::document::Document;
use super::fault::{Fault, WebConfigError};
use super::rules::{Rules, files};

/// A file, and what it said last.
pub(super) struct Source {
    file: PathBuf,
    known: Mutex<Known>,
}

struct Known {
    /// The file and those that it names, as they were just before they were read.
    prints: Vec<(PathBuf, Option<Print>)>,
    /// Or what is wrong, which is logged once.
    rules: Result<Arc<Rules>, String>,
    /// Once on, these cannot go away: a file that is being written, and still empty, must not open the door.
    tls: bool,
    users: bool,
}

/// What changes when a file does.
#[derive(PartialEq, Eq)]
struct Print {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// It changed so long ago that one more change would show in its times.
    settled: bool,
}

impl Source {
    /// # Errors
    /// What is wrong with it.
    pub(super) fn open(file: &Path) -> Result<Self, WebConfigError> {
        let mut prints = Vec::new();
        let rules = read(file, &mut prints).map_err(|fault| WebConfigError {
            file: file.to_owned(),
            fault,
        })?;
        tell(&rules);
        let (tls, users) = (rules.tls.is_some(), !rules.users.is_empty());
        let known = Known {
            prints,
            rules: Ok(Arc::new(rules)),
            tls,
            users,
        };
        Ok(Self {
            file: file.to_owned(),
            known: Mutex::new(known),
        })
    }

    /// The file, and those that it names.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.prints.iter().map(|(file, _)| file.clone()).collect()
    }

    /// What it says now. While it is broken, nobody is let in, and the log says why.
    pub(super) fn rules(&self) -> Result<Arc<Rules>, ()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known
            .prints
            .iter()
            .any(|(file, print)| !is_settled(print) || Print::of(file) != *print)
        {
            self.read_again(&mut known);
        }
        known.rules.clone().map_err(drop)
    }

    fn read_again(&self, known: &mut Known) {
        known.prints.clear();
        let read = read(&self.file, &mut known.prints).and_then(|rules| match &rules {
            Rules { tls: None, .. } if known.tls => Err(Fault::TlsGone),
            Rules { users, .. } if known.users && users.is_empty() => Err(Fault::UsersGone),
            _ => Ok(rules),
        });
        match read {
            Ok(rules) => {
                if known
                    .rules
                    .as_ref()
                    .ok()
                    .is_none_or(|before| before.notes != rules.notes)
                {
                    tell(&rules);
                }
                (known.tls, known.users) = (rules.tls.is_some(), !rules.users.is_empty());
                known.rules = Ok(Arc::new(rules));
            }
            Err(fault) => {
                let why = WebConfigError {
                    file: self.file.clone(),
                    fault,
                }
                .to_string();
                if known.rules.as_ref().err() != Some(&why) {
                    error!("nobody is let in: {why}");
                }
                known.rules = Err(why);
            }
        }
    }
}

fn read(file: &Path, prints: &mut Vec<(PathBuf, Option<Print>)>) -> Result<Rules, Fault> {
    prints.push((file.to_owned(), Print::of(file)));
    let text = fs::read_to_string(file).map_err(Fault::Read)?;
    let document = Document::parse(&text, file.parent().unwrap_or(Path::new("")))?;
    prints.extend(
        files(&document)
            .into_iter()
            .map(|file| (file.to_owned(), Print::of(file))),
    );
    Rules::of(document)
}

/// What of the wishes is not fulfilled, and what is on.
fn tell(rules: &Rules) {
    rules
        .notes
        .iter()
        .for_each(|note| warn!("web configuration: {note}"));
    info!(
        tls = rules.tls.is_some(),
        users = !rules.users.is_empty(),
        rate_limit = rules.rate.is_some(),
        "guarding HTTP"
    );
}

/// A file that is not there may come at any moment, and shows when it does.
fn is_settled(print: &Option<Print>) -> bool {
    print.as_ref().is_none_or(|print| print.settled)
}

impl Print {
    fn of(file: &Path) -> Option<Self> {
        fs::metadata(file).ok().as_ref().map(Self::from)
    }
}

impl From<&Metadata> for Print {
    fn from(of: &Metadata) -> Self {
        let age = of
            .modified()
            .ok()
            .and_then(|modified| SystemTime::now().duration_since(modified).ok());
        Self {
            device: of.dev(),
            inode: of.ino(),
            size: of.size(),
            modified: (of.mtime(), of.mtime_nsec()),
            changed: (of.ctime(), of.ctime_nsec()),
            settled: age.is_some_and(|age| age > TICK),
        }
    }
}

/// More than the grain of a file's times.
const TICK: Duration = Duration::from_secs(2);
