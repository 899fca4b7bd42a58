//! From the TLS part of a web configuration to what TLS is served with.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::clients::{Clients, policy};
use super::document::TlsSection;
use super::fault::Fault;
use super::names::{provider, versions};

/// What TLS is served with. `notes` hears what of the wishes is not served.
pub(super) fn server(
    tls: &TlsSection,
    notes: &mut Vec<String>,
) -> Result<Arc<ServerConfig>, Fault> {
    let certificate = text(&tls.cert, &tls.cert_file, "cert_file")?.ok_or(Fault::NoCertificate)?;
    let key = text(&tls.key, &tls.key_file, "key_file")?.ok_or(Fault::NoKey)?;
    let trusted = text(&tls.client_ca, &tls.client_ca_file, "client_ca_file")?;
    let chain = certificates(&certificate)
        .filter(|chain| !chain.is_empty())
        .ok_or(Fault::NotACertificate("cert"))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| Fault::NotAKey("key"))?;

    let policy = policy(&tls.client_auth_type)?;
    if trusted.is_some() && policy.is_none() {
        return Err(Fault::UnusedClientCa);
    }
    if tls.client_allowed_sans.is_some() && !policy.is_some_and(|policy| policy.mandatory) {
        return Err(Fault::UnusedSans);
    }
    let versions = versions(tls)?;
    let provider = Arc::new(provider(tls, notes)?);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder
        .with_protocol_versions(&versions)
        .map_err(Fault::Pair)?;
    let builder = match policy {
        None => builder.with_no_client_auth(),
        Some(policy) => {
            let trusted = trusted.map(|pem| certificates(&pem).filter(|all| !all.is_empty()));
            let trusted = trusted
                .map(|all| all.ok_or(Fault::NotACertificate("client_ca")))
                .transpose()?;
            if policy.verified && trusted.is_none() {
                notes.push("no client_ca_file: no client certificate is trusted".to_owned());
            }
            let allowed = tls.client_allowed_sans.clone();
            let clients = Clients::new(policy, trusted.unwrap_or_default(), allowed, provider)?;
            builder.with_client_cert_verifier(Arc::new(clients))
        }
    };
    let mut server = builder.with_single_cert(chain, key).map_err(Fault::Pair)?;
    server.ignore_client_order = tls.prefer_server_cipher_suites.unwrap_or(true);
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(server))
}

/// The file where one is named, else what stands in the configuration itself, if anything.
fn text(inline: &str, file: &Path, name: &'static str) -> Result<Option<Vec<u8>>, Fault> {
    if file.as_os_str().is_empty() {
        return Ok(Some(inline.as_bytes().to_vec()).filter(|text| !text.is_empty()));
    }
    let read = fs::read(file).map_err(|reason| Fault::File {
        name,
        file: file.to_owned(),
        reason,
    });
    read.map(Some)
}

fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .ok()
}
