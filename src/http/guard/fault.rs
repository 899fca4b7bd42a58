//! Why a web configuration is refused, in the words of the toolkit where it has some, and what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What is wrong with which web configuration.
#[derive(Debug, Error)]
#[error("--web.config.file {}: {fault}", file.display())]
pub struct WebConfigError {
    pub(super) file: PathBuf,
    pub(super) fault: Fault,
}

/// What is wrong with it.
#[derive(Debug, Error)]
pub(super) enum Fault {
    #[error("cannot read it: {0}")]
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
        "client CA's have been configured without a Client Auth Policy: set client_auth_type, as a rule to RequireAndVerifyClientCert"
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
        "no TLS version from min_version to max_version can be served: there are TLS12 and TLS13"
    )]
    NoVersion,
    #[error("none of cipher_suites can be served: of TLS 1.2 there are {0}")]
    NoCipher(String),
    #[error("none of curve_preferences can be served: there are {0}")]
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
        "basic_auth_users: what stands for {0:?} is no bcrypt hash: make one with `htpasswd -nBC 10 \"\" | tr -d ':\\n'`"
    )]
    Hash(String),
    #[error("TLS went away from it: to serve without, the program must be started again")]
    TlsGone,
    #[error(
        "all basic_auth_users went away from it: to serve everybody, the program must be started again"
    )]
    UsersGone,
}
