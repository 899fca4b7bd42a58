//! The guard at the door: TLS, users, headers and rate by a file that is read again when it changes.

mod clients;
mod document;
mod fault;
mod names;
mod rate;
mod rules;
mod source;
mod tls;
mod turns;
mod users;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use rustls::ServerConfig;
use tokio::time::Instant;

use super::origin::Origin;
use super::page::Reply;
pub use fault::WebConfigError;
use rate::Bucket;
use rules::Rules;
use source::Source;
use users::Passwords;

/// Decides who comes in, and how.
pub struct AccessControl {
    source: Option<Source>,
    passwords: Passwords,
    bucket: Mutex<Bucket>,
}

/// How a connection is to be spoken with.
pub(super) enum Greeting {
    Plain,
    Tls(Arc<ServerConfig>),
    /// Nobody knows: the configuration is broken.
    Refused,
}

/// What comes with every answer to a request that was looked at.
pub(super) type Extra = Vec<(HeaderName, HeaderValue)>;

impl AccessControl {
    /// Everybody may come in, in plain text.
    pub fn disabled() -> Self {
        Self {
            source: None,
            passwords: Passwords::new(),
            bucket: Mutex::default(),
        }
    }

    /// As a web configuration file says, now and after each change of it or of the files that it names.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn from_file(file: &Path) -> Result<Self, WebConfigError> {
        Ok(Self {
            source: Some(Source::open(file)?),
            ..Self::disabled()
        })
    }

    /// The files that are read again when they change.
    pub fn files(&self) -> Vec<PathBuf> {
        self.source.as_ref().map(Source::files).unwrap_or_default()
    }

    /// Whether connections are encrypted.
    pub fn speaks_tls(&self) -> bool {
        matches!(self.greet(), Greeting::Tls(_))
    }

    /// How to speak with a new connection.
    pub(super) fn greet(&self) -> Greeting {
        match self.rules() {
            None => Greeting::Plain,
            Some(Err(())) => Greeting::Refused,
            Some(Ok(rules)) => rules.tls.clone().map_or(Greeting::Plain, Greeting::Tls),
        }
    }

    /// Lets a request in, or says with which page to answer it instead; and what to add to its answer. Waits while
    /// passwords of others are checked.
    pub(super) async fn admit(&self, headers: &HeaderMap, from: Origin) -> (Extra, Option<Reply>) {
        let rules = match self.rules() {
            None => return (Extra::new(), None),
            Some(Err(())) => return (Extra::new(), Some(Reply::misconfigured())),
            Some(Ok(rules)) => rules,
        };
        if !self.is_in_rate(&rules) {
            return (Extra::new(), Some(Reply::too_often()));
        }
        let extra = rules.headers.clone();
        let authorization = headers.get(AUTHORIZATION);
        if rules.users.is_empty()
            || self
                .passwords
                .admit(&rules.users, authorization, from)
                .await
        {
            (extra, None)
        } else {
            (extra, Some(Reply::unauthorized()))
        }
    }

    fn is_in_rate(&self, rules: &Rules) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        rules
            .rate
            .is_none_or(|rate| bucket.allows(rate, Instant::now()))
    }

    fn rules(&self) -> Option<Result<Arc<Rules>, ()>> {
        self.source.as_ref().map(Source::rules)
    }
}
