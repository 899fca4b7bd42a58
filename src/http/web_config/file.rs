//! Web configuration as it is written in its file: the YAML of Prometheus' exporter-toolkit.
//!
//! Data flow: parsed from the text of the file, and turned into
//! [`WebSettings`](super::settings::WebSettings).
//!
//! Invariant: parsing is as strict as the toolkit's: an unknown or duplicate key is an error.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::error::WebConfigErrorKind;

/// The whole file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebConfigFile {
    pub(super) tls_server_config: Option<TlsSection>,
    pub(super) http_server_config: Option<HttpSection>,
    /// Password hashes by user.
    pub(super) basic_auth_users: Option<BTreeMap<String, String>>,
    pub(super) rate_limit: Option<RateLimitSection>,
}

/// The section on TLS. An empty text means that the key is not set.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsSection {
    pub(super) cert: String,
    pub(super) key: String,
    pub(super) client_ca: String,
    pub(super) cert_file: PathBuf,
    pub(super) key_file: PathBuf,
    pub(super) client_ca_file: PathBuf,
    pub(super) client_auth_type: String,
    pub(super) client_allowed_sans: Option<Vec<String>>,
    pub(super) cipher_suites: Option<Vec<String>>,
    pub(super) curve_preferences: Option<Vec<String>>,
    pub(super) prefer_server_cipher_suites: Option<bool>,
    pub(super) min_version: Option<String>,
    pub(super) max_version: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HttpSection {
    pub(super) http2: Option<bool>,
    pub(super) headers: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RateLimitSection {
    /// Minimum time between two requests. Zero disables the rate limit.
    #[serde(deserialize_with = "interval")]
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

impl WebConfigFile {
    /// Parses the text of the file. Relative paths are resolved against `folder`, the folder of the
    /// file.
    ///
    /// # Errors
    /// Returns an error with line and column if the text is not valid.
    pub(super) fn parse(text: &str, folder: &Path) -> Result<Self, WebConfigErrorKind> {
        // Without snippets of the file: they would write keys and hashes to the log.
        let options = serde_saphyr::options! { with_snippet: false };
        let parsed: Option<Self> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| WebConfigErrorKind::Yaml(error.to_string()))?;
        let mut parsed = parsed.unwrap_or_default();
        if let Some(tls) = &mut parsed.tls_server_config {
            for file in [
                &mut tls.cert_file,
                &mut tls.key_file,
                &mut tls.client_ca_file,
            ] {
                if !file.as_os_str().is_empty() {
                    *file = folder.join(&*file);
                }
            }
        }
        Ok(parsed)
    }

    /// Returns the files that the configuration references.
    pub(super) fn referenced_files(&self) -> Vec<&Path> {
        let Some(TlsSection {
            cert_file,
            key_file,
            client_ca_file,
            ..
        }) = &self.tls_server_config
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
}

impl TlsSection {
    /// Returns `true` if the section enables TLS.
    pub(super) fn is_enabled(&self) -> bool {
        let texts = [
            &self.cert,
            &self.key,
            &self.client_ca,
            &self.client_auth_type,
        ];
        let files = [&self.cert_file, &self.key_file, &self.client_ca_file];
        texts.iter().any(|text| !text.is_empty())
            || files.iter().any(|file| !file.as_os_str().is_empty())
    }
}

/// Parses a duration as Go writes it: `1s`, `500ms`, `1m30s`. Zero needs no unit.
fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct IntervalVisitor;
    impl de::Visitor<'_> for IntervalVisitor {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as 1s or 500ms")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            let zero = (text == "0").then_some(Duration::ZERO);
            let parsed = zero.or_else(|| humantime::parse_duration(text).ok());
            parsed.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
    deserializer.deserialize_str(IntervalVisitor)
}
