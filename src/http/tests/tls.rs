//! TLS as the web configuration specifies it.

use std::net::IpAddr;

use rcgen::SanType;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CipherSuite, ClientConfig, NamedGroup, ProtocolVersion};

use super::web_config_fixture::{
    Authority, Identity, TLS, WebConfigFixture, configure, connect_tls, dns, get_tls,
};
use super::*;

#[test]
fn page_is_served_over_tls() {
    let fixture = WebConfigFixture::new(TLS);
    let server = fixture.serve();
    let response = get_tls(&server, &fixture.client(None), "").unwrap();
    assert!(
        response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("\r\n\r\nhere"),
        "{response}"
    );
}

#[test]
fn inline_certificate_and_key_are_accepted() {
    let fixture = WebConfigFixture::new("");
    let indent = |name: &str| {
        std::fs::read_to_string(fixture.path(name))
            .unwrap()
            .replace('\n', "\n    ")
    };
    let certificate = indent("server.pem");
    let key = indent("server.key");
    fixture.write(
        "web.yml",
        &format!("tls_server_config:\n  cert: |\n    {certificate}\n  key: |\n    {key}\n"),
    );
    let server = fixture.serve();
    assert!(
        get_tls(&server, &fixture.client(None), "")
            .unwrap()
            .ends_with("here")
    );
}

#[test]
fn one_connection_serves_many_large_replies() {
    let fixture = WebConfigFixture::new(TLS);
    let server = fixture.serve_with(
        page(|| Reply::text(vec![b'x'; 3_000_000])),
        ServerLimits::default(),
    );
    let mut stream = connect_tls(&server, &fixture.client(None)).unwrap();
    for _ in 0..3 {
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream.read_exact(&mut vec![0; 3_000_000]).unwrap();
    }
}

#[test]
fn plaintext_request_gets_400() {
    let fixture = WebConfigFixture::new(TLS);
    let server = fixture.serve();
    let mut client = server.client();
    client.request("GET", "/metrics");
    let response = String::from_utf8(client.read_to_close()).unwrap();
    assert!(
        response.starts_with("HTTP/1.0 400 Bad Request\r\n"),
        "{response}"
    );
    assert!(
        response.ends_with("Client sent an HTTP request to an HTTPS server.\n"),
        "{response}"
    );
}

#[test]
fn configured_versions_suites_and_curves_are_negotiated() {
    let negotiated = |more: &str, group: Option<NamedGroup>| {
        let fixture = WebConfigFixture::new(&format!("{TLS}{more}"));
        let server = fixture.serve();
        let mut provider = rustls::crypto::ring::default_provider();
        provider
            .kx_groups
            .retain(|known| group.is_none_or(|group| known.name() == group));
        let builder = ClientConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let config = configure(builder, &fixture.path("ca.pem"), None);
        let stream = connect_tls(&server, &config).map_err(|error| error.to_string())?;
        let suite = stream.conn.negotiated_cipher_suite().unwrap().suite();
        let group = stream.conn.negotiated_key_exchange_group().unwrap().name();
        Ok::<_, String>((stream.conn.protocol_version().unwrap(), suite, group))
    };
    let version = |more: &str| negotiated(more, None).unwrap().0;
    assert_eq!(version(""), ProtocolVersion::TLSv1_3);
    assert_eq!(version("  max_version: TLS12\n"), ProtocolVersion::TLSv1_2);
    assert_eq!(
        version("  min_version: TLS10\n  max_version: TLS13\n"),
        ProtocolVersion::TLSv1_3
    );
    let first = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
    let second = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    let suite = |suites: &str, more: &str| {
        negotiated(
            &format!("  max_version: TLS12\n  cipher_suites: [{suites}]\n{more}"),
            None,
        )
        .unwrap()
        .1
    };
    let chacha = CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    let aes = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    assert_eq!(suite(second, ""), aes);
    assert_eq!(
        suite(&format!("{first}, {second}"), ""),
        chacha,
        "the server's order"
    );
    let group = |curves: &str, only| {
        negotiated(&format!("  curve_preferences: [{curves}]\n"), only)
            .map(|negotiated| negotiated.2)
    };
    assert_eq!(group("CurveP384", None).unwrap(), NamedGroup::secp384r1);
    assert_eq!(
        group("CurveP521, CurveP256", None).unwrap(),
        NamedGroup::secp256r1
    );
    assert!(
        group("CurveP384", Some(NamedGroup::X25519))
            .unwrap_err()
            .contains("HandshakeFailure")
    );
}

#[test]
fn client_certificate_policies_are_enforced() {
    let other = Authority::new();
    let names = vec![dns("prometheus.example")];
    for (policy, without, trusted, untrusted) in [
        ("RequestClientCert", true, true, true),
        ("RequireAnyClientCert", false, true, true),
        ("RequireClientCert", false, true, true),
        ("VerifyClientCertIfGiven", true, true, false),
        ("RequireAndVerifyClientCert", false, true, false),
    ] {
        let fixture = WebConfigFixture::new(&format!(
            "{TLS}  client_auth_type: {policy}\n  client_ca_file: ca.pem\n"
        ));
        let server = fixture.serve();
        let is_accepted = |identity: Option<Identity>| {
            get_tls(&server, &fixture.client(identity.as_ref()), "").is_ok()
        };
        assert_eq!(is_accepted(None), without, "{policy}: no certificate");
        assert_eq!(
            is_accepted(Some(fixture.sign(names.clone()))),
            trusted,
            "{policy}: a trusted one"
        );
        assert_eq!(
            is_accepted(Some(other.sign(names.clone()))),
            untrusted,
            "{policy}: one of another authority"
        );
    }
}

#[test]
fn certificate_in_client_ca_file_is_trusted_itself() {
    let fixture = WebConfigFixture::new("");
    let client = Authority::new().sign(vec![]);
    let other = Authority::new().sign(vec![]);
    fixture.write("client.pem", &client.certificate);
    let policy = format!("{TLS}  client_auth_type: RequireAndVerifyClientCert\n");
    fixture.write(
        "web.yml",
        &format!("{policy}  client_ca_file: client.pem\n"),
    );
    let server = fixture.serve();
    assert!(get_tls(&server, &fixture.client(Some(&client)), "").is_ok());
    assert!(get_tls(&server, &fixture.client(Some(&other)), "").is_err());
    fixture.write("web.yml", &policy);
    assert!(get_tls(&server, &fixture.client(Some(&client)), "").is_err());
}

#[test]
fn only_allowed_names_are_accepted() {
    let names = "  client_allowed_sans: [prometheus.example, ops@example.org, 192.0.2.7, 'spiffe://example/prometheus']\n";
    let policy = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";
    let fixture = WebConfigFixture::new(&format!("{TLS}{policy}{names}"));
    let server = fixture.serve();
    let is_accepted =
        |names| get_tls(&server, &fixture.client(Some(&fixture.sign(names))), "").is_ok();
    for name in [
        dns("prometheus.example"),
        SanType::Rfc822Name("ops@example.org".try_into().unwrap()),
        SanType::IpAddress(IpAddr::from([192, 0, 2, 7])),
        SanType::URI("spiffe://example/prometheus".try_into().unwrap()),
    ] {
        assert!(
            is_accepted(vec![dns("other.example"), name.clone()]),
            "{name:?}"
        );
    }
    for name in [
        dns("prometheus.example.org"),
        dns("*.example"),
        SanType::IpAddress(IpAddr::from([192, 0, 2, 8])),
    ] {
        assert!(!is_accepted(vec![name.clone()]), "{name:?}");
    }
    assert!(!is_accepted(vec![]));
}

#[test]
fn renewed_certificate_is_served_at_once() {
    let fixture = WebConfigFixture::new(TLS);
    let server = fixture.serve();
    for _ in 0..3 {
        let renewed = fixture.renew();
        let stream = connect_tls(&server, &fixture.client(None)).unwrap();
        let shown = stream.conn.peer_certificates().unwrap();
        assert_eq!(
            shown[0],
            CertificateDer::from_pem_slice(renewed.certificate.as_bytes()).unwrap()
        );
    }
}

#[test]
fn invalid_configuration_rejects_all_connections() {
    let fixture = WebConfigFixture::new(TLS);
    let server = fixture.serve();
    let request = || get_tls(&server, &fixture.client(None), "");
    assert!(request().is_ok());
    // A key that does not belong to the certificate, an empty file, a missing file.
    let key = std::fs::read_to_string(fixture.path("server.key")).unwrap();
    fixture.write("server.key", &fixture.sign(vec![]).key);
    assert!(request().is_err());
    fixture.write("server.key", &key);
    assert!(request().is_ok());
    fixture.write("web.yml", "");
    assert!(request().is_err(), "an empty file grants no access");
    assert_eq!(server.client().read_to_close(), b"");
    std::fs::remove_file(fixture.path("web.yml")).unwrap();
    assert!(request().is_err());
    fixture.write("web.yml", TLS);
    assert!(request().is_ok());
}

#[test]
fn endless_handshake_is_cut_off() {
    let limits = ServerLimits {
        head_timeout: Duration::from_millis(200),
        ..ServerLimits::default()
    };
    let fixture = WebConfigFixture::new(TLS);
    let server = fixture.serve_with(page(|| Reply::text("here")), limits);
    let start = Instant::now();
    let mut silent = server.client();
    let mut half = server.client();
    half.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    // Has finished the handshake, and sends nothing after it.
    let mut idle = connect_tls(&server, &fixture.client(None)).unwrap();
    assert_eq!(
        (silent.read_to_close(), half.read_to_close()),
        (vec![], vec![])
    );
    assert!(
        idle.read_to_end(&mut Vec::new())
            .is_ok_and(|length| length == 0)
            || start.elapsed() < Duration::from_secs(5)
    );
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn invalid_tls_bytes_affect_no_other_client() {
    let fixture = WebConfigFixture::new(TLS);
    let server = fixture.serve();
    let mut bytes = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        bytes = bytes.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.to_be_bytes()[0]
    })
    .take(100_000)
    .collect();
    let record = |kind: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3, length[0], length[1]], body].concat()
    };
    for bytes in [
        record(22, &noise[..500]),
        record(22, &[1, 0xff, 0xff, 0xff]),
        record(22, &noise[..16_384]).repeat(6),
        record(23, &noise[..100]),
        record(21, &[2, 40]),
        record(20, &[1]),
        vec![22; 70_000],
        vec![0x80, 0x2e, 1, 0, 2, 0, 0x15],
        noise.clone(),
    ] {
        let mut client = server.client();
        // The server may close the connection before all bytes are sent.
        let _ = client.0.write_all(&bytes);
        let _ = client.0.shutdown(std::net::Shutdown::Write);
        assert!(client.read_to_close().len() < 200);
    }
    assert!(get_tls(&server, &fixture.client(None), "").is_ok());
}

#[test]
fn endless_handshakes_do_not_lock_out_a_scrape() {
    let fixture = WebConfigFixture::new(TLS);
    let limits = ServerLimits {
        max_connections: 10,
        ..ServerLimits::default()
    };
    let server = fixture.serve_with(page(|| Reply::text("here")), limits);
    let endless: Vec<_> = (0..100)
        .map(|_| {
            let mut client = server.client();
            let _ = client
                .0
                .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
            client
        })
        .collect();
    assert!(
        get_tls(&server, &fixture.client(None), "")
            .unwrap()
            .ends_with("here")
    );
    drop(endless);
}
