//! Landlock sandbox: allows reading the files that a reload needs, and denies writes and new TCP
//! sockets.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, path_beneath_rules,
};

/// Paths that the program reads about itself and the interfaces of the host.
const SYSTEM_PATHS: [&str; 5] = [
    "/proc/self",
    "/proc/stat",
    "/proc/net",
    "/sys/class/net",
    "/sys/devices",
];

/// Restricts this process to reading the directories of these files, and denies TCP bind and
/// connect.
///
/// Whole directories are readable because replacing a file creates a new one in its directory. The
/// result is logged; a kernel without Landlock is not an error.
pub fn restrict_self(files: &[PathBuf]) {
    let directories = files.iter().flat_map(|file| directories_of(file));
    let readable: Vec<PathBuf> = SYSTEM_PATHS
        .iter()
        .map(PathBuf::from)
        .chain(directories)
        .collect();
    match enforce(&readable) {
        Ok(RulesetStatus::FullyEnforced) => {
            tracing::info!("Landlock enforced: configured files are readable, none is writable");
        }
        Ok(RulesetStatus::PartiallyEnforced) => {
            tracing::info!("Landlock enforced in part: this kernel does not support all rules");
        }
        Ok(RulesetStatus::NotEnforced) => {
            tracing::info!("Landlock not enforced: this kernel does not support it");
        }
        Err(error) => tracing::warn!(%error, "Landlock not enforced"),
    }
}

fn enforce(readable: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .create()?
        // Paths that do not exist are skipped.
        .add_rules(path_beneath_rules(
            readable,
            AccessFs::ReadFile | AccessFs::ReadDir,
        ))?;
    Ok(ruleset.restrict_self()?.ruleset)
}

/// Returns the directory of the file and, if the file is a symbolic link, that of its target.
fn directories_of(file: &Path) -> Vec<PathBuf> {
    let directory = |file: &Path| {
        file.parent().map(|parent| {
            if parent == Path::new("") {
                ".".into()
            } else {
                parent.to_owned()
            }
        })
    };
    let target = file.canonicalize().ok();
    [directory(file), target.as_deref().and_then(directory)]
        .into_iter()
        .flatten()
        .collect()
}
