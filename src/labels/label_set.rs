//! Label sets: the values of the four labels that attempts are counted under.
//!
//! `LabelResolver` builds them from packets, the registry stores them, metrics and diagnosis read
//! them.

use std::fmt;

use super::peers::{OTHER, Peer};
use super::vantage::Vantage;
use crate::packet::Address;

/// Number of low bits of a [`LabelSetId`] that hold the index; the other bits hold the generation.
const INDEX_BITS: u32 = 21;

/// The values of the labels `vantage`, `local_address`, `port` and `peer`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LabelSet {
    /// The capturing host's position relative to the attempts.
    pub vantage: Vantage,
    /// The local address. `None` in transit.
    pub local: Option<Address>,
    /// The server port.
    pub port: Port,
    /// The remote end.
    pub peer: Peer,
}

impl LabelSet {
    pub(super) const fn scope(&self) -> Scope {
        Scope {
            vantage: self.vantage,
            local: self.local,
            port: self.port,
        }
    }

    /// Returns the label values in the order `vantage`, `local_address`, `port`, `peer`.
    pub fn values(&self) -> [String; 4] {
        let local = self
            .local
            .map(|address| address.to_string())
            .unwrap_or_default();
        [
            self.vantage.as_str().to_owned(),
            local,
            self.port.to_string(),
            self.peer.to_string(),
        ]
    }
}

/// A label set without its peer. Consecutive attempts often share it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Scope {
    pub(super) vantage: Vantage,
    pub(super) local: Option<Address>,
    pub(super) port: Port,
}

impl Scope {
    /// Returns the label set of a peer in this scope.
    pub(super) const fn with_peer(self, peer: Peer) -> LabelSet {
        LabelSet {
            vantage: self.vantage,
            local: self.local,
            port: self.port,
            peer,
        }
    }
}

/// A server port, or all ports of an overflow set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Port {
    /// One port.
    Number(u16),
    /// All ports without an overflow set of their own.
    Other,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Other => f.write_str(OTHER),
        }
    }
}

/// The hash of a scope and a peer. The registry's index and the admission sketch share it, because
/// hashing costs more than either lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct KeyHash(pub(super) u64);

/// Identifies a registered label set: a small index, which is reused, and a generation, which
/// counts the uses of the index. The generation keeps late events of a removed label set from being
/// counted under its successor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LabelSetId(u32);

impl LabelSetId {
    /// Creates an identifier from the value that [`LabelSetId::number`] returned.
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// Returns index and generation as one number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Returns the index.
    pub const fn index(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) as usize
    }

    pub(super) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(0))
    }

    /// Returns the identifier with the same index and the next generation.
    pub(super) const fn next_generation(self) -> Self {
        Self(self.0.wrapping_add(1 << INDEX_BITS))
    }
}
