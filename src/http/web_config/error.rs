//! Errors of a web configuration. Where Prometheus' exporter-toolkit reports the same error, the
//! wording is that of the toolkit, followed by a remedy.
//!
//! Data flow: returned by all parts of [`web_config`](super), reported at the start and logged at a
//! failed reload.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a web configuration is invalid, with its file.
#[derive(Debug, Error)]
#[error("--web.config.file {}: {kind}", file.display())]
pub struct WebConfigError {
    pub(super) file: PathBuf,
    pub(super) kind: WebConfigErrorKind,
}

/// Why a web configuration is invalid.
#[derive(Debug, Error)]
pub(super) enum WebConfigErrorKind {
    #[error("cannot read the file: {0}")]
    Read(io::Error),
    #[error("{0}")]
    Yaml(String),
    #[error("missing one of cert or cert_file")]
    NoCertificate,
    #[error("missing one of key or key_file")]
    NoKey,
    #[error("failed to read {name} ({}): {reason}", file.display())]
    File {
        name: &'static str,
        file: PathBuf,
        reason: io::Error,
    },
    #[error("no certificate in {0}: it must be PEM, with BEGIN CERTIFICATE")]
    NotACertificate(&'static str),
    #[error(
        "no private key in {0}: it must be PEM, with BEGIN PRIVATE KEY (PKCS#8), RSA PRIVATE KEY or EC PRIVATE KEY"
    )]
    NotAKey(&'static str),
    #[error("failed to load the certificate with its key: {0}")]
    Pair(rustls::Error),
    #[error(
        "invalid ClientAuth: {0}: client_auth_type is NoClientCert, RequestClientCert, RequireAnyClientCert, \
         VerifyClientCertIfGiven or RequireAndVerifyClientCert"
    )]
    ClientAuth(String),
    #[error(
        "client CA's have been configured without a Client Auth Policy: set client_auth_type, usually to RequireAndVerifyClientCert"
    )]
    UnusedClientCa,
    #[error(
        "client_allowed_sans requires client_auth_type to be one of RequireAnyClientCert or RequireAndVerifyClientCert"
    )]
    UnusedSans,
    #[error("client CA: {0}")]
    ClientCa(String),
    #[error("unknown cipher: {0}")]
    Cipher(String),
    #[error("unknown curve: {0}")]
    Curve(String),
    #[error("unknown TLS version: {0}: write TLS12 or TLS13")]
    Version(String),
    #[error(
        "no supported TLS version from min_version to max_version: TLS12 and TLS13 are supported"
    )]
    NoVersion,
    #[error("none of cipher_suites is supported: for TLS 1.2 choose from {0}")]
    NoCipher(String),
    #[error("none of curve_preferences is supported: choose from {0}")]
    NoCurve(String),
    #[error("HTTP header {0:?} can not be configured")]
    Header(String),
    #[error("invalid value for {name}. Expected {expected}, but got: {value:?}")]
    HeaderValue {
        name: String,
        expected: String,
        value: String,
    },
    #[error(
        "basic_auth_users: the value of {0:?} is not a bcrypt hash: create one with `htpasswd -nBC 10 \"\" | tr -d ':\\n'`"
    )]
    Hash(String),
    #[error("tls_server_config was removed: restart the exporter to serve without TLS")]
    TlsRemoved,
    #[error(
        "all basic_auth_users were removed: restart the exporter to serve without authentication"
    )]
    UsersRemoved,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_section_error_names_the_remedy() {
        let error = |kind| {
            let file = PathBuf::from("web.yml");
            WebConfigError { file, kind }.to_string()
        };
        assert_eq!(
            error(WebConfigErrorKind::TlsRemoved),
            "--web.config.file web.yml: tls_server_config was removed: \
             restart the exporter to serve without TLS"
        );
        assert_eq!(
            error(WebConfigErrorKind::UsersRemoved),
            "--web.config.file web.yml: all basic_auth_users were removed: \
             restart the exporter to serve without authentication"
        );
    }
}
