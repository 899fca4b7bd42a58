//! TLS server configuration from the TLS section of a web configuration, with the names that Go
//! uses for versions, cipher suites and curves.
//!
//! Data flow: reads certificates and keys, and returns the rustls configuration for new
//! connections.
//!
//! Invariant: only TLS 1.2 and 1.3 are served, with forward secrecy and authenticated encryption.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{NamedGroup, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use super::client_certs::{ClientCertVerifier, client_auth_policy};
use super::error::WebConfigErrorKind;
use super::file::TlsSection;

/// Names of the TLS versions, oldest first.
const VERSIONS: [&str; 4] = ["TLS10", "TLS11", "TLS12", "TLS13"];
/// Index of TLS 1.2 in [`VERSIONS`].
const TLS12: usize = 2;
/// Index of TLS 1.3 in [`VERSIONS`].
const TLS13: usize = 3;

const CURVES: [(&str, NamedGroup); 4] = [
    ("X25519", NamedGroup::X25519),
    ("CurveP256", NamedGroup::secp256r1),
    ("CurveP384", NamedGroup::secp384r1),
    ("CurveP521", NamedGroup::secp521r1),
];

const TLS13_SUITES: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// Suites that Go knows and that are not served because they are weak: CBC, and RSA without forward
/// secrecy.
const UNSUPPORTED_SUITES: [&str; 8] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
];

/// Returns the TLS server configuration. Adds to `warnings` what is configured but not served.
///
/// # Errors
/// Returns an error if the section is inconsistent, or if nothing that it allows is supported.
pub(super) fn server_config(
    tls: &TlsSection,
    warnings: &mut Vec<String>,
) -> Result<Arc<ServerConfig>, WebConfigErrorKind> {
    let certificate = pem_text(&tls.cert, &tls.cert_file, "cert_file")?
        .ok_or(WebConfigErrorKind::NoCertificate)?;
    let key = pem_text(&tls.key, &tls.key_file, "key_file")?.ok_or(WebConfigErrorKind::NoKey)?;
    let client_ca = pem_text(&tls.client_ca, &tls.client_ca_file, "client_ca_file")?;
    let chain = parse_certificates(&certificate)
        .filter(|chain| !chain.is_empty())
        .ok_or(WebConfigErrorKind::NotACertificate("cert"))?;
    let key =
        PrivateKeyDer::from_pem_slice(&key).map_err(|_| WebConfigErrorKind::NotAKey("key"))?;

    let policy = client_auth_policy(&tls.client_auth_type)?;
    if client_ca.is_some() && policy.is_none() {
        return Err(WebConfigErrorKind::UnusedClientCa);
    }
    if tls.client_allowed_sans.is_some() && !policy.is_some_and(|policy| policy.mandatory) {
        return Err(WebConfigErrorKind::UnusedSans);
    }
    let versions = versions(tls)?;
    let provider = Arc::new(crypto_provider(tls, warnings)?);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder
        .with_protocol_versions(&versions)
        .map_err(WebConfigErrorKind::Pair)?;
    let builder = match policy {
        None => builder.with_no_client_auth(),
        Some(policy) => {
            let trusted = client_ca
                .map(|pem| parse_certificates(&pem).filter(|all| !all.is_empty()))
                .map(|all| all.ok_or(WebConfigErrorKind::NotACertificate("client_ca")))
                .transpose()?;
            if policy.verified && trusted.is_none() {
                warnings.push("no client_ca_file: no client certificate is trusted".to_owned());
            }
            let allowed_names = tls.client_allowed_sans.clone();
            let verifier = ClientCertVerifier::new(
                policy,
                trusted.unwrap_or_default(),
                allowed_names,
                provider,
            )?;
            builder.with_client_cert_verifier(Arc::new(verifier))
        }
    };
    let mut server = builder
        .with_single_cert(chain, key)
        .map_err(WebConfigErrorKind::Pair)?;
    server.ignore_client_order = tls.prefer_server_cipher_suites.unwrap_or(true);
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(server))
}

/// Reads a PEM text from the file, or from the configuration if no file is given. `None` if there
/// is neither.
fn pem_text(
    inline: &str,
    file: &Path,
    name: &'static str,
) -> Result<Option<Vec<u8>>, WebConfigErrorKind> {
    if file.as_os_str().is_empty() {
        return Ok(Some(inline.as_bytes().to_vec()).filter(|text| !text.is_empty()));
    }
    let read = fs::read(file).map_err(|reason| WebConfigErrorKind::File {
        name,
        file: file.to_owned(),
        reason,
    });
    read.map(Some)
}

fn parse_certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .ok()
}

/// Returns the supported versions from `min_version` to `max_version`, oldest first. The range may
/// include obsolete versions, which are left out.
fn versions(
    tls: &TlsSection,
) -> Result<Vec<&'static SupportedProtocolVersion>, WebConfigErrorKind> {
    let index = |name: &Option<String>, default: usize| match name {
        None => Ok(default),
        Some(name) => VERSIONS
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| WebConfigErrorKind::Version(name.clone())),
    };
    let min = index(&tls.min_version, TLS12)?;
    let max = index(&tls.max_version, TLS13)?;
    let supported = [
        (TLS12, &rustls::version::TLS12),
        (TLS13, &rustls::version::TLS13),
    ];
    let versions: Vec<_> = supported
        .into_iter()
        .filter(|(index, _)| (min..=max).contains(index))
        .map(|(_, version)| version)
        .collect();
    if versions.is_empty() {
        Err(WebConfigErrorKind::NoVersion)
    } else {
        Ok(versions)
    }
}

/// Returns the cryptography to serve with. Adds to `warnings` which configured suites and curves
/// are not supported. The suites of TLS 1.3 are separate and cannot be configured.
fn crypto_provider(
    tls: &TlsSection,
    warnings: &mut Vec<String>,
) -> Result<CryptoProvider, WebConfigErrorKind> {
    let mut provider = ring::default_provider();
    if let Some(names) = tls
        .cipher_suites
        .as_deref()
        .filter(|names| !names.is_empty())
    {
        provider.cipher_suites = cipher_suites(&provider.cipher_suites, names, tls, warnings)?;
    }
    if let Some(names) = tls
        .curve_preferences
        .as_deref()
        .filter(|names| !names.is_empty())
    {
        provider.kx_groups = curves(&provider.kx_groups, names, warnings)?;
    }
    Ok(provider)
}

fn cipher_suites(
    supported: &[SupportedCipherSuite],
    names: &[String],
    tls: &TlsSection,
    warnings: &mut Vec<String>,
) -> Result<Vec<SupportedCipherSuite>, WebConfigErrorKind> {
    let (tls13, tls12): (Vec<_>, Vec<_>) =
        supported.iter().partition(|suite| suite.tls13().is_some());
    let suite_name = |suite: &SupportedCipherSuite| -> &'static str {
        suite.suite().as_str().unwrap_or_default()
    };
    let mut selected = tls13;
    for name in names {
        match tls12.iter().find(|suite| suite_name(suite) == name) {
            Some(suite) => selected.push(*suite),
            None if TLS13_SUITES.contains(&name.as_str()) => {}
            None if UNSUPPORTED_SUITES.contains(&name.as_str()) => {
                warnings.push(format!("the cipher suite {name} is not supported"));
            }
            None => return Err(WebConfigErrorKind::Cipher(name.clone())),
        }
    }
    if selected.iter().all(|suite| suite.tls13().is_some())
        && tls.max_version.as_deref() == Some(VERSIONS[TLS12])
    {
        return Err(WebConfigErrorKind::NoCipher(
            tls12.iter().map(suite_name).collect::<Vec<_>>().join(", "),
        ));
    }
    Ok(selected)
}

fn curves(
    supported: &[&'static dyn SupportedKxGroup],
    names: &[String],
    warnings: &mut Vec<String>,
) -> Result<Vec<&'static dyn SupportedKxGroup>, WebConfigErrorKind> {
    let mut selected = Vec::new();
    for name in names {
        let (_, group) = CURVES
            .iter()
            .find(|(known, _)| known == name)
            .ok_or_else(|| WebConfigErrorKind::Curve(name.clone()))?;
        match supported.iter().find(|known| known.name() == *group) {
            Some(known) => selected.push(*known),
            None => warnings.push(format!("the curve {name} is not supported")),
        }
    }
    if selected.is_empty() {
        let available = CURVES
            .iter()
            .filter(|(_, group)| supported.iter().any(|known| known.name() == *group));
        return Err(WebConfigErrorKind::NoCurve(
            available
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(", "),
        ));
    }
    Ok(selected)
}
