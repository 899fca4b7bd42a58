//! Users and their passwords: checked by bcrypt, one at a time, off the async threads; what was right is remembered.

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

use super::super::origin::Origin;
use super::fault::Fault;
use super::turns::Turns;

/// Who may come in. Nobody is asked where there are none.
#[derive(Default)]
pub(super) struct Users {
    hashes: BTreeMap<String, String>,
    /// Checked for users that there are not, so that they take as long.
    dearest: String,
}

/// Checks passwords.
pub(super) struct Passwords {
    turns: Arc<Turns>,
    /// New in each process: what is remembered tells nothing of a password.
    key: hmac::Key,
    right: Mutex<VecDeque<[u8; 32]>>,
}

/// What came in an `Authorization` header.
struct Credentials {
    user: String,
    password: Vec<u8>,
}

impl Users {
    pub(super) fn new(hashes: BTreeMap<String, String>) -> Result<Self, Fault> {
        let mut dearest = (0, String::new());
        for (user, hash) in &hashes {
            let parts = HashParts::from_str(hash).map_err(|_| Fault::Hash(user.clone()))?;
            if parts.get_cost() > dearest.0 {
                dearest = (parts.get_cost(), hash.clone());
            }
        }
        Ok(Self {
            hashes,
            dearest: dearest.1,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

impl Passwords {
    pub(super) fn new() -> Self {
        // Without randomness there would be no TLS either; a key that nobody can guess is not needed to be safe here.
        let random = rand::generate::<[u8; 32]>(&rand::SystemRandom::new());
        let secret = random.map_or([0; 32], rand::Random::expose);
        Self {
            turns: Arc::default(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            right: Mutex::default(),
        }
    }

    /// Whether an `Authorization` header names one of the users with his password.
    pub(super) async fn admit(
        &self,
        users: &Users,
        header: Option<&HeaderValue>,
        from: Origin,
    ) -> bool {
        let Some(Credentials { user, password }) = header.and_then(credentials) else {
            return false;
        };
        let known = users.hashes.get(&user);
        let hash = known.unwrap_or(&users.dearest).clone();
        let mark = self.mark(&user, &hash, &password);
        if known.is_some() && self.remembers(mark) {
            return true;
        }
        let turn = self.turns.take(from).await;
        // Somebody before may have had the same.
        if known.is_some() && self.remembers(mark) {
            return true;
        }
        let checked = spawn_blocking(move || {
            let right = bcrypt::verify(password, &hash).unwrap_or(false);
            drop(turn);
            right
        });
        let right = checked.await.unwrap_or(false) && known.is_some();
        if right {
            self.remember(mark);
        }
        right
    }

    /// Stands for a user with this password, as long as his hash is this one.
    fn mark(&self, user: &str, hash: &str, password: &[u8]) -> [u8; 32] {
        let digests =
            [user.as_bytes(), hash.as_bytes(), password].map(|part| digest::digest(&SHA256, part));
        let signed = hmac::sign(&self.key, &digests.each_ref().map(Digest::as_ref).concat());
        signed.as_ref().try_into().unwrap_or_default()
    }

    fn remembers(&self, mark: [u8; 32]) -> bool {
        self.right
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&mark)
    }

    fn remember(&self, mark: [u8; 32]) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED {
            right.pop_front();
        }
        right.push_back(mark);
    }
}

/// RFC 7617 section 2.
fn credentials(header: &HeaderValue) -> Option<Credentials> {
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

/// More than there are users, as a rule. One that is forgotten costs one check.
const REMEMBERED: usize = 64;
