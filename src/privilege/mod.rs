//! Least privilege: drops capabilities and changes the user, once captures and listeners are open.
//!
//! `app` calls it. Invariants:
//!
//! - Only the capability for reopening an interface or a capture file remains. No dropped privilege
//!   can be regained.
//! - It is called before the first thread starts, because capabilities and Landlock rules belong to
//!   a thread and are inherited.

mod identity;
mod sandbox;

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl::{set_keepcaps, set_no_new_privs};
use nix::unistd::{getgid, getuid, setgroups, setresgid, setresuid};

pub use identity::Identity;
pub use sandbox::restrict_self;

/// The access that must be retained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retain {
    /// Reopening interfaces that return.
    Captures,
    /// Opening capture files that only root can read, if the program remains root.
    Files,
}

/// Privileges cannot be dropped. Nothing is served in this case.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Another user was requested, but this process is not root.
    #[error(
        "cannot become --user {identity}: {reason}: start as root, or as that user and without --user"
    )]
    User {
        /// The requested user.
        identity: Identity,
        /// The error of the system.
        reason: nix::Error,
    },
    /// The kernel does not allow changing the capabilities.
    #[error("cannot drop capabilities: {0}")]
    Capabilities(#[from] caps::errors::CapsError),
    /// The kernel does not allow setting `no_new_privs`.
    #[error("cannot set no_new_privs: {0}")]
    NoNewPrivileges(nix::Error),
}

/// Changes to the requested user, if any, and drops every capability except the one to retain.
///
/// # Errors
///
/// Returns an error if the kernel rejects one of the changes.
pub fn drop_privileges(identity: Option<&Identity>, retain: Retain) -> Result<(), PrivilegeError> {
    let needed = match (retain, identity) {
        (Retain::Captures, _) => Some(Capability::CAP_NET_RAW),
        (Retain::Files, None) => Some(Capability::CAP_DAC_READ_SEARCH),
        (Retain::Files, Some(_)) => None,
    };
    let permitted = caps::read(None, CapSet::Permitted)?;
    let retained: CapsHashSet = needed
        .into_iter()
        .filter(|capability| permitted.contains(capability))
        .collect();
    clear_bounding_set();
    if let Some(identity) = identity {
        become_user(identity).map_err(|reason| PrivilegeError::User {
            identity: identity.clone(),
            reason,
        })?;
    }
    caps::set(None, CapSet::Effective, &retained)?;
    caps::set(None, CapSet::Permitted, &retained)?;
    caps::clear(None, CapSet::Inheritable)?;
    // Kernels before 4.3 have no ambient set.
    let _unsupported = caps::clear(None, CapSet::Ambient);
    set_no_new_privs().map_err(PrivilegeError::NoNewPrivileges)?;
    let names: Vec<String> = retained.iter().map(ToString::to_string).collect();
    tracing::debug!(
        uid = getuid().as_raw(),
        capabilities = names.join(","),
        "privileges dropped"
    );
    Ok(())
}

/// Clears the bounding set, which limits the capabilities of programs started by this one.
///
/// This program starts none, so a failure for lack of CAP_SETPCAP is ignored.
fn clear_bounding_set() {
    for capability in caps::all() {
        let _unknown_or_not_permitted = caps::drop(None, CapSet::Bounding, capability);
    }
}

/// Changes user and group. Permitted capabilities survive the change; effective ones do not.
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
