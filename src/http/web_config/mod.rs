//! Access control by a web configuration file: TLS, users, headers and rate limit.
//!
//! Data flow: connection tasks call [`AccessControl`] for the transport of each connection and for
//! the authorization of each request.
//!
//! Invariants:
//! - The file is read again after it, or a file that it references, has changed.
//! - While it is invalid, new connections are closed and requests get status 500.

mod basic_auth;
mod client_certs;
mod error;
mod fair_queue;
mod file;
mod rate_limit;
mod settings;
mod tls;
mod watcher;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::header::{AUTHORIZATION, HeaderMap};
use rustls::ServerConfig;
use tokio::time::Instant;

use super::client_prefix::ClientPrefix;
use super::reply::Reply;
use basic_auth::Authenticator;
pub use error::WebConfigError;
use rate_limit::TokenBucket;
use settings::{ExtraHeaders, WebSettings};
use watcher::WatchedConfig;

/// Decides which clients are served, and over which transport.
pub struct AccessControl {
    /// `None` if there is no web configuration.
    config: Option<WatchedConfig>,
    authenticator: Authenticator,
    bucket: Mutex<TokenBucket>,
}

/// Transport of a new connection.
pub(super) enum TransportMode {
    Plaintext,
    Tls(Arc<ServerConfig>),
    /// The connection is closed: the web configuration is invalid, so that the transport is
    /// unknown.
    Rejected,
}

impl AccessControl {
    /// Creates an access control that authorizes every client, in plaintext.
    pub fn disabled() -> Self {
        Self {
            config: None,
            authenticator: Authenticator::new(),
            bucket: Mutex::default(),
        }
    }

    /// Creates an access control that follows a web configuration file: its content now, and after
    /// each change of it or of the files that it references.
    ///
    /// # Errors
    /// Returns an error if the file is invalid.
    pub fn from_file(file: &Path) -> Result<Self, WebConfigError> {
        Ok(Self {
            config: Some(WatchedConfig::open(file)?),
            ..Self::disabled()
        })
    }

    /// Returns the files that are read again after a change.
    pub fn files(&self) -> Vec<PathBuf> {
        self.config
            .as_ref()
            .map(WatchedConfig::files)
            .unwrap_or_default()
    }

    /// Returns `true` if connections are encrypted.
    pub fn is_tls_enabled(&self) -> bool {
        matches!(self.transport_mode(), TransportMode::Tls(_))
    }

    /// Returns the transport of a new connection.
    pub(super) fn transport_mode(&self) -> TransportMode {
        match self.settings() {
            None => TransportMode::Plaintext,
            Some(Err(())) => TransportMode::Rejected,
            Some(Ok(settings)) => settings
                .tls
                .clone()
                .map_or(TransportMode::Plaintext, TransportMode::Tls),
        }
    }

    /// Authorizes a request. Returns the headers to add to its response, and the reply if the
    /// request is rejected.
    ///
    /// Waits while passwords of other requests are checked.
    pub(super) async fn authorize(
        &self,
        headers: &HeaderMap,
        client: ClientPrefix,
    ) -> (ExtraHeaders, Option<Reply>) {
        let settings = match self.settings() {
            None => return (ExtraHeaders::new(), None),
            Some(Err(())) => return (ExtraHeaders::new(), Some(Reply::misconfigured())),
            Some(Ok(settings)) => settings,
        };
        if !self.is_within_rate_limit(&settings) {
            return (ExtraHeaders::new(), Some(Reply::rate_limited()));
        }
        let extra_headers = settings.headers.clone();
        let authorization = headers.get(AUTHORIZATION);
        if settings.users.is_empty()
            || self
                .authenticator
                .authenticate(&settings.users, authorization, client)
                .await
        {
            (extra_headers, None)
        } else {
            (extra_headers, Some(Reply::unauthorized()))
        }
    }

    fn is_within_rate_limit(&self, settings: &WebSettings) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        settings
            .rate_limit
            .is_none_or(|limit| bucket.try_take(limit, Instant::now()))
    }

    /// Returns the current settings. `None` if there is no web configuration, an error if it is
    /// invalid.
    fn settings(&self) -> Option<Result<Arc<WebSettings>, ()>> {
        self.config.as_ref().map(WatchedConfig::settings)
    }
}
