//! TLS versions, cipher suites and curves by the names that Go has for them, and which of them there are here.

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::{NamedGroup, SupportedCipherSuite, SupportedProtocolVersion};

use super::document::TlsSection;
use super::fault::Fault;

/// The versions in a range, oldest first. A range may begin with one that nobody should speak any more: what is left of
/// it is served.
pub(super) fn versions(tls: &TlsSection) -> Result<Vec<&'static SupportedProtocolVersion>, Fault> {
    let rank = |name: &Option<String>, default: usize| match name {
        None => Ok(default),
        Some(name) => VERSIONS
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| Fault::Version(name.clone())),
    };
    let (min, max) = (
        rank(&tls.min_version, TLS12)?,
        rank(&tls.max_version, TLS13)?,
    );
    let served = [
        (TLS12, &rustls::version::TLS12),
        (TLS13, &rustls::version::TLS13),
    ];
    let versions: Vec<_> = served
        .into_iter()
        .filter(|(rank, _)| (min..=max).contains(rank))
        .map(|(_, version)| version)
        .collect();
    if versions.is_empty() {
        Err(Fault::NoVersion)
    } else {
        Ok(versions)
    }
}

/// The cryptography to serve with, and what of the wishes cannot be served. TLS 1.3 has its own suites, which nobody
/// chooses.
pub(super) fn provider(tls: &TlsSection, notes: &mut Vec<String>) -> Result<CryptoProvider, Fault> {
    let mut provider = ring::default_provider();
    if let Some(wanted) = tls
        .cipher_suites
        .as_deref()
        .filter(|wanted| !wanted.is_empty())
    {
        provider.cipher_suites = suites(&provider.cipher_suites, wanted, tls, notes)?;
    }
    if let Some(wanted) = tls
        .curve_preferences
        .as_deref()
        .filter(|wanted| !wanted.is_empty())
    {
        provider.kx_groups = curves(&provider.kx_groups, wanted, notes)?;
    }
    Ok(provider)
}

fn suites(
    all: &[SupportedCipherSuite],
    wanted: &[String],
    tls: &TlsSection,
    notes: &mut Vec<String>,
) -> Result<Vec<SupportedCipherSuite>, Fault> {
    let (newest, older): (Vec<_>, Vec<_>) = all.iter().partition(|suite| suite.tls13().is_some());
    let name = |suite: &SupportedCipherSuite| -> &'static str {
        suite.suite().as_str().unwrap_or_default()
    };
    let mut chosen = newest;
    for wish in wanted {
        match older.iter().find(|suite| name(suite) == wish) {
            Some(suite) => chosen.push(*suite),
            None if TLS13_SUITES.contains(&wish.as_str()) => {}
            None if OLD_SUITES.contains(&wish.as_str()) => {
                notes.push(format!("the cipher suite {wish} is not served"));
            }
            None => return Err(Fault::Cipher(wish.clone())),
        }
    }
    if chosen.iter().all(|suite| suite.tls13().is_some())
        && tls.max_version.as_deref() == Some(VERSIONS[TLS12])
    {
        return Err(Fault::NoCipher(
            older.iter().map(name).collect::<Vec<_>>().join(", "),
        ));
    }
    Ok(chosen)
}

fn curves(
    all: &[&'static dyn SupportedKxGroup],
    wanted: &[String],
    notes: &mut Vec<String>,
) -> Result<Vec<&'static dyn SupportedKxGroup>, Fault> {
    let mut chosen = Vec::new();
    for wish in wanted {
        let (_, group) = CURVES
            .iter()
            .find(|(name, _)| name == wish)
            .ok_or_else(|| Fault::Curve(wish.clone()))?;
        match all.iter().find(|known| known.name() == *group) {
            Some(known) => chosen.push(*known),
            None => notes.push(format!("the curve {wish} is not served")),
        }
    }
    if chosen.is_empty() {
        let served = CURVES
            .iter()
            .filter(|(_, group)| all.iter().any(|known| known.name() == *group));
        return Err(Fault::NoCurve(
            served.map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
        ));
    }
    Ok(chosen)
}

const VERSIONS: [&str; 4] = ["TLS10", "TLS11", "TLS12", "TLS13"];
const TLS12: usize = 2;
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

/// What Go still knows and nobody should use: CBC, and RSA without forward secrecy.
const OLD_SUITES: [&str; 8] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
];
