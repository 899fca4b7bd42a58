//! Which client certificates are let in: Go's `ClientAuth` policies, and the names that are allowed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use super::fault::Fault;

/// What is asked of clients. Without [`Self::NoClientCert`], which asks for nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Policy {
    /// A client without a certificate is turned away.
    pub(super) mandatory: bool,
    /// A certificate must be one of those, or signed by one of those, that are trusted.
    pub(super) verified: bool,
}

/// The policy of that name; none for one that asks for nothing.
pub(super) fn policy(name: &str) -> Result<Option<Policy>, Fault> {
    let policy = |mandatory, verified| {
        Ok(Some(Policy {
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
        other => Err(Fault::ClientAuth(other.to_owned())),
    }
}

/// Checks certificates by a policy.
#[derive(Debug)]
pub(super) struct Clients {
    policy: Policy,
    /// Trusted as they are, whoever signed them.
    trusted: Vec<CertificateDer<'static>>,
    /// Trusted to sign others; none where nobody is.
    chains: Option<Arc<dyn ClientCertVerifier>>,
    /// One of these names must be in the certificate.
    allowed: Option<Vec<String>>,
    provider: Arc<CryptoProvider>,
}

impl Clients {
    pub(super) fn new(
        policy: Policy,
        trusted: Vec<CertificateDer<'static>>,
        allowed: Option<Vec<String>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Fault> {
        let mut roots = RootCertStore::empty();
        for certificate in &trusted {
            roots
                .add(certificate.clone())
                .map_err(|error| Fault::ClientCa(error.to_string()))?;
        }
        let chains = (!roots.is_empty()).then(|| {
            let builder =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            builder
                .build()
                .map_err(|error| Fault::ClientCa(error.to_string()))
        });
        Ok(Self {
            policy,
            trusted,
            chains: chains.transpose()?,
            allowed,
            provider,
        })
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        if self.policy.verified {
            let known =
                self.trusted.iter().any(|trusted| trusted == leaf) && is_valid_at(leaf, now);
            match &self.chains {
                _ if known => {}
                Some(chains) => {
                    chains.verify_client_cert(leaf, rest, now)?;
                }
                None => return Err(CertificateError::UnknownIssuer.into()),
            }
        }
        match &self.allowed {
            Some(allowed) if !names(leaf).iter().any(|name| allowed.contains(name)) => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(()),
        }
    }
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.policy.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains
            .as_ref()
            .map_or(&[], |chains| chains.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(leaf, rest, now)
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

/// The subject alternative names that Go looks at: DNS names, e-mail addresses, IP addresses, URIs.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
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
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(name)
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into()))
        .ok()
}
