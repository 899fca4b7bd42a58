//! What a web configuration comes to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use rustls::ServerConfig;

use super::Extra;
use super::document::{Document, HttpSection, TlsSection};
use super::fault::Fault;
use super::rate::Rate;
use super::tls;
use super::users::Users;

/// How to serve.
pub(super) struct Rules {
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) users: Users,
    pub(super) headers: Extra,
    pub(super) rate: Option<Rate>,
    /// What of the wishes is not fulfilled.
    pub(super) notes: Vec<String>,
}

impl Rules {
    pub(super) fn of(document: Document) -> Result<Self, Fault> {
        let mut notes = Vec::new();
        let users = Users::new(document.basic_auth_users.unwrap_or_default())?;
        let HttpSection { http2, headers } = document.http_server_config.unwrap_or_default();
        let headers = extra(headers.unwrap_or_default())?;
        let tls = document.tls_server_config.unwrap_or_default();
        let tls = tls
            .is_enabled()
            .then(|| tls::server(&tls, &mut notes))
            .transpose()?;
        if http2 == Some(true) {
            notes.push("HTTP/2 is not served, only HTTP/1.1".to_owned());
        }
        let rate = document.rate_limit.unwrap_or_default();
        let rate = Rate {
            interval: rate.interval,
            burst: rate.burst,
        };
        let rate = (!rate.interval.is_zero()).then_some(rate);
        if rate.is_some_and(|rate| rate.burst == 0) {
            notes.push("rate_limit with a burst of 0 refuses every request".to_owned());
        }
        Ok(Self {
            tls,
            users,
            headers,
            rate,
            notes,
        })
    }
}

/// The files that a configuration names.
pub(super) fn files(document: &Document) -> Vec<&Path> {
    let Some(TlsSection {
        cert_file,
        key_file,
        client_ca_file,
        ..
    }) = &document.tls_server_config
    else {
        return Vec::new();
    };
    let files = [cert_file, key_file, client_ca_file]
        .into_iter()
        .map(AsRef::as_ref);
    files
        .filter(|file: &&Path| !file.as_os_str().is_empty())
        .collect()
}

/// One that is blank is not set.
fn extra(headers: BTreeMap<String, String>) -> Result<Extra, Fault> {
    let mut extra = Extra::new();
    for (name, value) in headers {
        let known = HEADERS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, values)| *values);
        let values = known.ok_or_else(|| Fault::Header(name.clone()))?;
        let expected = if values.is_empty() {
            "text".to_owned()
        } else {
            format!("one of: {values:?}")
        };
        let wrong = || Fault::HeaderValue {
            name: name.clone(),
            expected: expected.clone(),
            value: value.clone(),
        };
        if value.is_empty() && values.is_empty() {
            continue;
        }
        if !values.is_empty() && !values.contains(&value.as_str()) {
            return Err(wrong());
        }
        let lower = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        extra.push((lower, HeaderValue::from_str(&value).map_err(|_| wrong())?));
    }
    Ok(extra)
}

/// The headers that may be set, and their values where only some are allowed.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];
