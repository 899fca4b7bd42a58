//! Verification of client certificates: Go's `ClientAuth` policies, and lists of allowed names.
//!
//! Data flow: rustls calls the verifier during the TLS handshake.
//!
//! Invariant: a certificate is trusted only if it is listed in the client CA file, or signed by a
//! certificate that is. Without that file no certificate is trusted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{self, ClientCertVerified};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use super::error::WebConfigErrorKind;

/// What is required of client certificates. `NoClientCert`, which does not request one, has no
/// policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ClientAuthPolicy {
    /// `true` if a client without a certificate is rejected.
    pub(super) mandatory: bool,
    /// `true` if a certificate must be trusted, or signed by a trusted one.
    pub(super) verified: bool,
}

/// Returns the policy with the given name. `None` if it does not request a certificate.
///
/// # Errors
/// Returns an error if there is no such policy.
pub(super) fn client_auth_policy(
    name: &str,
) -> Result<Option<ClientAuthPolicy>, WebConfigErrorKind> {
    let policy = |mandatory, verified| {
        Ok(Some(ClientAuthPolicy {
            mandatory,
            verified,
        }))
    };
    match name {
        "" | "NoClientCert" => Ok(None),
        "RequestClientCert" => policy(false, false),
        "RequireAnyClientCert" | "RequireClientCert" => policy(true, false),
        "VerifyClientCertIfGiven" => policy(false, true),
        "RequireAndVerifyClientCert" => policy(true, true),
        other => Err(WebConfigErrorKind::ClientAuth(other.to_owned())),
    }
}

/// Verifies client certificates by a policy.
#[derive(Debug)]
pub(super) struct ClientCertVerifier {
    policy: ClientAuthPolicy,
    /// Certificates that are trusted themselves, whatever their issuer.
    trusted: Vec<CertificateDer<'static>>,
    /// Verifier of certificates that a trusted one has signed. `None` if none is trusted.
    chain_verifier: Option<Arc<dyn danger::ClientCertVerifier>>,
    /// Names of which the certificate must have at least one. `None` if any name is allowed.
    allowed_names: Option<Vec<String>>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier {
    /// Creates a verifier.
    ///
    /// # Errors
    /// Returns an error if a trusted certificate cannot be used.
    pub(super) fn new(
        policy: ClientAuthPolicy,
        trusted: Vec<CertificateDer<'static>>,
        allowed_names: Option<Vec<String>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, WebConfigErrorKind> {
        let mut roots = RootCertStore::empty();
        for certificate in &trusted {
            roots
                .add(certificate.clone())
                .map_err(|error| WebConfigErrorKind::ClientCa(error.to_string()))?;
        }
        let chain_verifier = (!roots.is_empty()).then(|| {
            let builder =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            builder
                .build()
                .map_err(|error| WebConfigErrorKind::ClientCa(error.to_string()))
        });
        Ok(Self {
            policy,
            trusted,
            chain_verifier: chain_verifier.transpose()?,
            allowed_names,
            provider,
        })
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        if self.policy.verified {
            let is_trusted =
                self.trusted.iter().any(|trusted| trusted == leaf) && is_valid_at(leaf, now);
            match &self.chain_verifier {
                _ if is_trusted => {}
                Some(verifier) => {
                    verifier.verify_client_cert(leaf, intermediates, now)?;
                }
                None => return Err(CertificateError::UnknownIssuer.into()),
            }
        }
        match &self.allowed_names {
            Some(allowed)
                if !alternative_names(leaf)
                    .iter()
                    .any(|name| allowed.contains(name)) =>
            {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(()),
        }
    }
}

impl danger::ClientCertVerifier for ClientCertVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.policy.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain_verifier
            .as_ref()
            .map_or(&[], |verifier| verifier.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(leaf, intermediates, now)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            leaf,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            leaf,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn is_valid_at(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    let now = i64::try_from(now.as_secs())
        .ok()
        .and_then(|now| ASN1Time::from_timestamp(now).ok());
    let parsed = X509Certificate::from_der(certificate).ok();
    parsed
        .zip(now)
        .is_some_and(|((_, parsed), now)| parsed.validity().is_valid_at(now))
}

/// Returns the subject alternative names of the kinds that Go checks: DNS names, e-mail addresses,
/// IP addresses, URIs.
fn alternative_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let Ok(Some(extension)) = parsed.subject_alternative_name() else {
        return Vec::new();
    };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).to_owned())
        }
        GeneralName::IPAddress(bytes) => ip_address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(name)
        .collect()
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into()))
        .ok()
}
