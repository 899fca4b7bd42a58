//! Least privilege: once captures and listeners are open, the program keeps what reopening an interface needs, and can
//! get nothing back.
//!
//! To be called before the first thread starts: capabilities and Landlock are each thread's own, and are inherited.

mod identity;
mod sandbox;

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl::{set_keepcaps, set_no_new_privs};
use nix::unistd::{getgid, getuid, setgroups, setresgid, setresuid};

pub use identity::Identity;
pub use sandbox::confine;

/// What has to go on being possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeps {
    /// Opening interfaces that come back.
    Captures,
    /// Opening capture files that only root may read, where root it is.
    Files,
}

/// Privilege that cannot be given up. Nothing is served then.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Not root, and another user is wanted.
    #[error(
        "cannot become --user {identity}: {reason}: start as root, or as that user and without --user"
    )]
    User {
        /// Who was wanted.
        identity: Identity,
        /// In the system's words.
        reason: nix::Error,
    },
    /// The kernel refuses.
    #[error("cannot give up capabilities: {0}")]
    Capabilities(#[from] caps::errors::CapsError),
    /// The kernel refuses.
    #[error("cannot give up privileges for good: {0}")]
    NoNewPrivileges(nix::Error),
}

/// Becomes another user where one is wanted, and gives up every capability but the one that is needed.
///
/// # Errors
///
/// It cannot be done.
pub fn give_up(identity: Option<&Identity>, keeps: Keeps) -> Result<(), PrivilegeError> {
    let needed = match (keeps, identity) {
        (Keeps::Captures, _) => Some(Capability::CAP_NET_RAW),
        (Keeps::Files, None) => Some(Capability::CAP_DAC_READ_SEARCH),
        (Keeps::Files, Some(_)) => None,
    };
    let had = caps::read(None, CapSet::Permitted)?;
    let kept: CapsHashSet = needed
        .into_iter()
        .filter(|capability| had.contains(capability))
        .collect();
    empty_the_bounding_set();
    if let Some(identity) = identity {
        become_user(identity).map_err(|reason| PrivilegeError::User {
            identity: identity.clone(),
            reason,
        })?;
    }
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    caps::clear(None, CapSet::Inheritable)?;
    // Kernels before 4.3 have none.
    let _none_left = caps::clear(None, CapSet::Ambient);
    set_no_new_privs().map_err(PrivilegeError::NoNewPrivileges)?;
    let names: Vec<String> = kept.iter().map(ToString::to_string).collect();
    tracing::debug!(
        uid = getuid().as_raw(),
        capabilities = names.join(","),
        "privileges are given up"
    );
    Ok(())
}

/// What no program that is started from here could get. Nothing is started, so who may not do this, need not.
fn empty_the_bounding_set() {
    for capability in caps::all() {
        let _unknown_or_not_allowed = caps::drop(None, CapSet::Bounding, capability);
    }
}

/// Permitted capabilities outlive the change of user, effective ones do not.
fn become_user(identity: &Identity) -> nix::Result<()> {
    let Identity { user, group, .. } = *identity;
    if getuid() == user && getgid() == group {
        return Ok(());
    }
    set_keepcaps(true)?;
    setgroups(&[group])?;
    setresgid(group, group, group)?;
    setresuid(user, user, user)?;
    set_keepcaps(false)
}
