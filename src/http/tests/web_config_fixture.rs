//! Fixture: a server with a web configuration, certificates for it, and TLS clients.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use super::*;

pub(super) const TLS: &str =
    "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";

/// A folder with `web.yml` and its files: `ca.pem`, `server.pem`, `server.key`.
pub(super) struct WebConfigFixture {
    pub(super) folder: TempDir,
    authority: Authority,
}

/// A certificate authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) pem: String,
}

/// A certificate and its key, in PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Signs a certificate with these names.
    pub(super) fn sign(&self, names: Vec<SanType>) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.subject_alt_names = names;
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity {
            certificate,
            key: key.serialize_pem(),
        }
    }
}

pub(super) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

impl WebConfigFixture {
    /// Creates a folder with this configuration.
    pub(super) fn new(yaml: &str) -> Self {
        let fixture = Self {
            folder: tempfile::tempdir().unwrap(),
            authority: Authority::new(),
        };
        fixture.write("ca.pem", &fixture.authority.pem);
        fixture.renew();
        fixture.write("web.yml", yaml);
        fixture
    }

    /// Creates a new certificate for the server.
    pub(super) fn renew(&self) -> Identity {
        let server = self.authority.sign(vec![
            dns("localhost"),
            SanType::IpAddress(IpAddr::from([127, 0, 0, 1])),
        ]);
        self.write("server.pem", &server.certificate);
        self.write("server.key", &server.key);
        server
    }

    pub(super) fn sign(&self, names: Vec<SanType>) -> Identity {
        self.authority.sign(names)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn access_control(&self) -> Result<AccessControl, WebConfigError> {
        AccessControl::from_file(&self.path("web.yml"))
    }

    /// Starts a server with one page, `/metrics`, of which the body is `here`.
    pub(super) fn serve(&self) -> TestServer {
        self.serve_with(page(|| Reply::text("here")), ServerLimits::default())
    }

    pub(super) fn serve_with(&self, routes: Routes, limits: ServerLimits) -> TestServer {
        TestServer::start_with_access_control(
            &["127.0.0.1:0"],
            routes,
            limits,
            self.access_control().unwrap(),
        )
        .0
    }

    /// Returns a client's configuration: it trusts the authority, and presents this identity.
    pub(super) fn client(&self, identity: Option<&Identity>) -> ClientConfig {
        let builder =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        configure(
            builder.with_safe_default_protocol_versions().unwrap(),
            &self.path("ca.pem"),
            identity,
        )
    }
}

pub(super) fn configure(
    builder: rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>,
    authority: &Path,
    identity: Option<&Identity>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority).unwrap())
        .unwrap();
    let builder = builder.with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            builder
                .with_client_auth_cert(
                    chain,
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap()
        }
    }
}

/// Sends a request over TLS and returns the whole response.
///
/// Returns an error if the TLS handshake or the connection fails.
pub(super) fn get_tls(
    server: &TestServer,
    config: &ClientConfig,
    headers: &str,
) -> std::io::Result<String> {
    let mut stream = connect_tls(server, config)?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n"
    )?;
    let mut response = String::new();
    stream.read_to_string(&mut response).map(|_| response)
}

pub(super) fn connect_tls(
    server: &TestServer,
    config: &ClientConfig,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    let connection =
        ClientConnection::new(Arc::new(config.clone()), name).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, server.client().0);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}
