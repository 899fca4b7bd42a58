//! Landlock: of the file system, what is read again and nothing else; of the network, no new TCP connection or listener.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, path_beneath_rules,
};

/// Confines the program to reading these files, and what else may come to stand in their folders: who writes a file
/// anew puts another in its place. Where the kernel has no Landlock, the log says so.
pub fn confine(files: &[PathBuf]) {
    let folders = files.iter().flat_map(|file| folders_of(file));
    let readable: Vec<PathBuf> = OWN.iter().map(PathBuf::from).chain(folders).collect();
    match enforce(&readable) {
        Ok(RulesetStatus::FullyEnforced) => {
            tracing::info!("confined by Landlock: files are read, none is written");
        }
        Ok(RulesetStatus::PartiallyEnforced) => {
            tracing::info!("confined by Landlock, as far as this kernel has it");
        }
        Ok(RulesetStatus::NotEnforced) => {
            tracing::info!("not confined: this kernel has no Landlock");
        }
        Err(error) => tracing::warn!(%error, "not confined"),
    }
}

fn enforce(readable: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .create()?
        // What is not there is left out.
        .add_rules(path_beneath_rules(
            readable,
            AccessFs::ReadFile | AccessFs::ReadDir,
        ))?;
    Ok(ruleset.restrict_self()?.ruleset)
}

/// Where it stands, and where it stands in truth if the name is a link.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let folder = |file: &Path| {
        file.parent().map(|folder| {
            if folder == Path::new("") {
                ".".into()
            } else {
                folder.to_owned()
            }
        })
    };
    let real = file.canonicalize().ok();
    [folder(file), real.as_deref().and_then(folder)]
        .into_iter()
        .flatten()
        .collect()
}

/// What the program reads of itself and of the host's interfaces.
const OWN: [&str; 5] = [
    "/proc/self",
    "/proc/stat",
    "/proc/net",
    "/sys/class/net",
    "/sys/devices",
];
