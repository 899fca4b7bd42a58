//! The web configuration as it is written down: the same YAML as Prometheus' exporter-toolkit has, read as strictly.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::fault::Fault;

/// The whole file. A key that is not known, or there twice, is an error.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Document {
    pub(super) tls_server_config: Option<TlsSection>,
    pub(super) http_server_config: Option<HttpSection>,
    /// Hashes by user.
    pub(super) basic_auth_users: Option<BTreeMap<String, String>>,
    pub(super) rate_limit: Option<RateSection>,
}

/// Empty texts are as good as none.
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
pub(super) struct RateSection {
    /// Between two requests; none at all if zero.
    #[serde(deserialize_with = "interval")]
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

impl Document {
    /// Reads the text. Files are looked for beside the configuration.
    pub(super) fn parse(text: &str, folder: &Path) -> Result<Self, Fault> {
        // Snippets of the file would take keys and hashes to the log.
        let options = serde_saphyr::options! { with_snippet: false };
        let document: Option<Self> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| Fault::Yaml(error.to_string()))?;
        let mut document = document.unwrap_or_default();
        if let Some(tls) = &mut document.tls_server_config {
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
        Ok(document)
    }
}

impl TlsSection {
    /// Whether it asks for TLS at all.
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

/// As Go writes durations: `1s`, `500ms`, `1m30s`; zero may go without a unit.
fn interval<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    struct Visitor;
    impl de::Visitor<'_> for Visitor {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as 1s or 500ms")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            let zero = (text == "0").then_some(Duration::ZERO);
            let read = zero.or_else(|| humantime::parse_duration(text).ok());
            read.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
    from.deserialize_str(Visitor)
}
