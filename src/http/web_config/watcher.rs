//! Web configuration on disk, read again after one of its files has changed.
//!
//! Data flow: reads the file and returns [`WebSettings`] for each connection and request.
//!
//! Invariants:
//! - While the configuration is invalid, no settings are returned.
//! - TLS and users cannot be disabled by a change: a file that is being written, and still empty,
//!   must not open access.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tracing::{error, info, warn};

use super::error::{WebConfigError, WebConfigErrorKind};
use super::file::WebConfigFile;
use super::settings::WebSettings;

/// Age from which a file counts as stable. Longer than the granularity of file timestamps.
const STABLE_AFTER: Duration = Duration::from_secs(2);

/// A web configuration file with the settings of its last read.
pub(super) struct WatchedConfig {
    file: PathBuf,
    loaded: Mutex<LoadedConfig>,
}

/// Result of the last read.
struct LoadedConfig {
    /// The file and the files that it references, as they were immediately before they were read.
    fingerprints: Vec<(PathBuf, Option<FileFingerprint>)>,
    /// The settings, or the error text, which is kept to log it once.
    settings: Result<Arc<WebSettings>, String>,
    /// `true` if the last valid configuration enabled TLS.
    had_tls: bool,
    /// `true` if the last valid configuration had users.
    had_users: bool,
}

/// Metadata that changes with the file.
#[derive(PartialEq, Eq)]
struct FileFingerprint {
    device: u64,
    inode: u64,
    size: u64,
    /// Time of the last modification: seconds and nanoseconds.
    modified: (i64, i64),
    /// Time of the last status change: seconds and nanoseconds.
    changed: (i64, i64),
    /// `true` if the last change is old enough that another one would alter the timestamps.
    is_stable: bool,
}

impl WatchedConfig {
    /// Reads a web configuration file.
    ///
    /// # Errors
    /// Returns an error if the configuration is invalid.
    pub(super) fn open(file: &Path) -> Result<Self, WebConfigError> {
        let mut fingerprints = Vec::new();
        let settings = read(file, &mut fingerprints).map_err(|kind| WebConfigError {
            file: file.to_owned(),
            kind,
        })?;
        log_settings(&settings);
        let loaded = LoadedConfig {
            fingerprints,
            had_tls: settings.tls.is_some(),
            had_users: !settings.users.is_empty(),
            settings: Ok(Arc::new(settings)),
        };
        Ok(Self {
            file: file.to_owned(),
            loaded: Mutex::new(loaded),
        })
    }

    /// Returns the file and the files that it references.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let files = loaded.fingerprints.iter();
        files.map(|(file, _)| file.clone()).collect()
    }

    /// Returns the current settings, after reading the files again if one has changed.
    ///
    /// # Errors
    /// Returns an error while the configuration is invalid. The log has the reason.
    pub(super) fn settings(&self) -> Result<Arc<WebSettings>, ()> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let may_have_changed = loaded.fingerprints.iter().any(|(file, fingerprint)| {
            !is_stable(fingerprint) || FileFingerprint::of(file) != *fingerprint
        });
        if may_have_changed {
            self.reload(&mut loaded);
        }
        loaded.settings.clone().map_err(drop)
    }

    fn reload(&self, loaded: &mut LoadedConfig) {
        loaded.fingerprints.clear();
        let read =
            read(&self.file, &mut loaded.fingerprints).and_then(|settings| match &settings {
                WebSettings { tls: None, .. } if loaded.had_tls => {
                    Err(WebConfigErrorKind::TlsRemoved)
                }
                WebSettings { users, .. } if loaded.had_users && users.is_empty() => {
                    Err(WebConfigErrorKind::UsersRemoved)
                }
                _ => Ok(settings),
            });
        match read {
            Ok(settings) => {
                if loaded
                    .settings
                    .as_ref()
                    .ok()
                    .is_none_or(|previous| previous.warnings != settings.warnings)
                {
                    log_settings(&settings);
                }
                loaded.had_tls = settings.tls.is_some();
                loaded.had_users = !settings.users.is_empty();
                loaded.settings = Ok(Arc::new(settings));
            }
            Err(kind) => {
                let reason = WebConfigError {
                    file: self.file.clone(),
                    kind,
                }
                .to_string();
                if loaded.settings.as_ref().err() != Some(&reason) {
                    error!("rejecting all HTTP requests: {reason}");
                }
                loaded.settings = Err(reason);
            }
        }
    }
}

/// Reads the configuration, and takes the fingerprint of each file before it is read.
fn read(
    file: &Path,
    fingerprints: &mut Vec<(PathBuf, Option<FileFingerprint>)>,
) -> Result<WebSettings, WebConfigErrorKind> {
    fingerprints.push((file.to_owned(), FileFingerprint::of(file)));
    let text = fs::read_to_string(file).map_err(WebConfigErrorKind::Read)?;
    let parsed = WebConfigFile::parse(&text, file.parent().unwrap_or(Path::new("")))?;
    fingerprints.extend(
        parsed
            .referenced_files()
            .into_iter()
            .map(|file| (file.to_owned(), FileFingerprint::of(file))),
    );
    WebSettings::new(parsed)
}

/// Logs the warnings, and which parts are enabled.
fn log_settings(settings: &WebSettings) {
    settings
        .warnings
        .iter()
        .for_each(|warning| warn!("web configuration: {warning}"));
    info!(
        tls = settings.tls.is_some(),
        users = !settings.users.is_empty(),
        rate_limit = settings.rate_limit.is_some(),
        "web configuration loaded"
    );
}

/// Returns `true` if a later change will alter the fingerprint. This is always so for a missing
/// file, because its creation is visible.
fn is_stable(fingerprint: &Option<FileFingerprint>) -> bool {
    fingerprint
        .as_ref()
        .is_none_or(|fingerprint| fingerprint.is_stable)
}

impl FileFingerprint {
    /// Returns the fingerprint of a file. `None` if its metadata cannot be read.
    fn of(file: &Path) -> Option<Self> {
        fs::metadata(file).ok().as_ref().map(Self::from)
    }
}

impl From<&Metadata> for FileFingerprint {
    fn from(metadata: &Metadata) -> Self {
        let age = metadata
            .modified()
            .ok()
            .and_then(|modified| SystemTime::now().duration_since(modified).ok());
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            is_stable: age.is_some_and(|age| age > STABLE_AFTER),
        }
    }
}
