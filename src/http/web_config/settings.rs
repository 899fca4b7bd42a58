//! Settings that result from a web configuration file.
//!
//! Data flow: created from a [`WebConfigFile`], and read for each connection and request.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use rustls::ServerConfig;

use super::basic_auth::Users;
use super::error::WebConfigErrorKind;
use super::file::{HttpSection, WebConfigFile};
use super::rate_limit::RateLimit;
use super::tls;

/// Headers that may be configured, with their allowed values. An empty list allows any value.
const CONFIGURABLE_HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

/// Headers to add to the response of each request that passed the rate limit.
pub(super) type ExtraHeaders = Vec<(HeaderName, HeaderValue)>;

/// How to serve.
pub(super) struct WebSettings {
    /// `None` if connections are in plaintext.
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) users: Users,
    pub(super) headers: ExtraHeaders,
    /// `None` if the rate is not limited.
    pub(super) rate_limit: Option<RateLimit>,
    /// Warnings about parts of the configuration that have no effect or an unusual one.
    pub(super) warnings: Vec<String>,
}

impl WebSettings {
    /// Creates settings from the parsed file, and reads the files that it references.
    ///
    /// # Errors
    /// Returns an error if a value is invalid, or if a referenced file cannot be used.
    pub(super) fn new(file: WebConfigFile) -> Result<Self, WebConfigErrorKind> {
        let mut warnings = Vec::new();
        let users = Users::new(file.basic_auth_users.unwrap_or_default())?;
        let HttpSection { http2, headers } = file.http_server_config.unwrap_or_default();
        let headers = extra_headers(headers.unwrap_or_default())?;
        let tls = file.tls_server_config.unwrap_or_default();
        let tls = tls
            .is_enabled()
            .then(|| tls::server_config(&tls, &mut warnings))
            .transpose()?;
        if http2 == Some(true) {
            warnings.push("HTTP/2 is not supported, only HTTP/1.1 is served".to_owned());
        }
        let section = file.rate_limit.unwrap_or_default();
        let rate_limit = RateLimit {
            interval: section.interval,
            burst: section.burst,
        };
        let rate_limit = (!rate_limit.interval.is_zero()).then_some(rate_limit);
        if rate_limit.is_some_and(|limit| limit.burst == 0) {
            warnings.push("rate_limit with a burst of 0 rejects every request".to_owned());
        }
        Ok(Self {
            tls,
            users,
            headers,
            rate_limit,
            warnings,
        })
    }
}

/// Checks the configured headers. A blank value means that the header is not set, except for
/// headers with a list of allowed values.
fn extra_headers(headers: BTreeMap<String, String>) -> Result<ExtraHeaders, WebConfigErrorKind> {
    let mut extra_headers = ExtraHeaders::new();
    for (name, value) in headers {
        let allowed = CONFIGURABLE_HEADERS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, allowed)| *allowed)
            .ok_or_else(|| WebConfigErrorKind::Header(name.clone()))?;
        let expected = if allowed.is_empty() {
            "text".to_owned()
        } else {
            format!("one of: {allowed:?}")
        };
        let invalid = || WebConfigErrorKind::HeaderValue {
            name: name.clone(),
            expected: expected.clone(),
            value: value.clone(),
        };
        if value.is_empty() && allowed.is_empty() {
            continue;
        }
        if !allowed.is_empty() && !allowed.contains(&value.as_str()) {
            return Err(invalid());
        }
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        let value = HeaderValue::from_str(&value).map_err(|_| invalid())?;
        extra_headers.push((header, value));
    }
    Ok(extra_headers)
}
