//! Basic authentication (RFC 7617): passwords are checked against bcrypt hashes.
//!
//! Data flow: access control passes the `Authorization` header of each request.
//!
//! Invariants:
//! - One password is checked at a time, on a blocking thread, and client prefixes take turns.
//! - Verified credentials are cached, so that they are not checked again.

use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use hyper::header::HeaderValue;
use ring::digest::{Digest, SHA256};
use ring::{digest, hmac, rand};
use tokio::task::spawn_blocking;

use super::super::client_prefix::ClientPrefix;
use super::error::WebConfigErrorKind;
use super::fair_queue::FairQueue;

/// Maximum number of cached credentials. Usually there are fewer users. Credentials that are
/// dropped from the cache cost one more check.
const MAX_VERIFIED: usize = 64;

/// Users that may authenticate. Without any, no authentication is required.
#[derive(Default)]
pub(super) struct Users {
    /// bcrypt hashes by user.
    hashes: BTreeMap<String, String>,
    /// Hash with the greatest cost. It is checked for unknown users, so that the response time does
    /// not reveal which users exist.
    slowest_hash: String,
}

/// Checks passwords.
pub(super) struct Authenticator {
    queue: Arc<FairQueue>,
    /// Random in each process, so that cached digests reveal nothing about passwords.
    key: hmac::Key,
    /// Digests of verified credentials, oldest first.
    verified: Mutex<VecDeque<[u8; 32]>>,
}

/// Content of an `Authorization` header.
struct Credentials {
    user: String,
    password: Vec<u8>,
}

impl Users {
    /// Creates users from bcrypt hashes by user.
    ///
    /// # Errors
    /// Returns an error if a hash is not a bcrypt hash.
    pub(super) fn new(hashes: BTreeMap<String, String>) -> Result<Self, WebConfigErrorKind> {
        let mut max_cost = 0;
        let mut slowest_hash = String::new();
        for (user, hash) in &hashes {
            let parts =
                HashParts::from_str(hash).map_err(|_| WebConfigErrorKind::Hash(user.clone()))?;
            if parts.get_cost() > max_cost {
                max_cost = parts.get_cost();
                slowest_hash.clone_from(hash);
            }
        }
        Ok(Self {
            hashes,
            slowest_hash,
        })
    }

    /// Returns `true` if no authentication is required.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

impl Authenticator {
    /// Creates an authenticator with an empty cache.
    pub(super) fn new() -> Self {
        // Without a source of randomness there would be no TLS either. A fixed key is acceptable
        // then, because the safety of the cache does not depend on the key being secret.
        let random = rand::generate::<[u8; 32]>(&rand::SystemRandom::new());
        let secret = random.map_or([0; 32], rand::Random::expose);
        Self {
            queue: Arc::default(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            verified: Mutex::default(),
        }
    }

    /// Returns `true` if an `Authorization` header has the name and password of a user.
    pub(super) async fn authenticate(
        &self,
        users: &Users,
        header: Option<&HeaderValue>,
        client: ClientPrefix,
    ) -> bool {
        let Some(Credentials { user, password }) = header.and_then(parse_credentials) else {
            return false;
        };
        let known_hash = users.hashes.get(&user);
        let is_known = known_hash.is_some();
        let hash = known_hash.unwrap_or(&users.slowest_hash).clone();
        let digest = self.credential_digest(&user, &hash, &password);
        if is_known && self.is_verified(digest) {
            return true;
        }
        let permit = self.queue.acquire(client).await;
        // A request that was checked meanwhile may have had the same credentials.
        if is_known && self.is_verified(digest) {
            return true;
        }
        let checked = spawn_blocking(move || {
            let matches = bcrypt::verify(password, &hash).unwrap_or(false);
            drop(permit);
            matches
        });
        let is_authentic = checked.await.unwrap_or(false) && is_known;
        if is_authentic {
            self.remember(digest);
        }
        is_authentic
    }

    /// Returns a digest of a user with this password and this hash. It changes when the hash in the
    /// configuration does.
    fn credential_digest(&self, user: &str, hash: &str, password: &[u8]) -> [u8; 32] {
        let digests =
            [user.as_bytes(), hash.as_bytes(), password].map(|part| digest::digest(&SHA256, part));
        let signed = hmac::sign(&self.key, &digests.each_ref().map(Digest::as_ref).concat());
        signed.as_ref().try_into().unwrap_or_default()
    }

    fn is_verified(&self, digest: [u8; 32]) -> bool {
        self.verified
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&digest)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= MAX_VERIFIED {
            verified.pop_front();
        }
        verified.push_back(digest);
    }
}

/// Parses Basic credentials (RFC 7617 section 2). `None` if the header has no valid ones.
fn parse_credentials(header: &HeaderValue) -> Option<Credentials> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    let decoded = STANDARD
        .decode(token.trim())
        .ok()
        .filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (user, password) = decoded.split_at(colon);
    Some(Credentials {
        user: String::from_utf8(user.to_vec()).ok()?,
        password: password.get(1..)?.to_vec(),
    })
}
