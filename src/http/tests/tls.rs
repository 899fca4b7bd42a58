//! TLS as the web configuration asks for it.

use std::net::IpAddr;

use rcgen::SanType;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CipherSuite, ClientConfig, NamedGroup, ProtocolVersion};

use super::configured::{
    Authority, Configured, Identity, TLS, configure, connect_tls, dns, get_tls,
};
use super::*;

#[test]
fn a_page_is_served_over_tls() {
    let configured = Configured::new(TLS);
    let served = configured.serve();
    let answer = get_tls(&served, &configured.client(None), "").unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhere"),
        "{answer}"
    );
}

#[test]
fn certificate_and_key_may_stand_in_the_configuration() {
    let configured = Configured::new("");
    let indent = |name: &str| {
        std::fs::read_to_string(configured.path(name))
            .unwrap()
            .replace('\n', "\n    ")
    };
    let (certificate, key) = (indent("server.pem"), indent("server.key"));
    configured.write(
        "web.yml",
        &format!("tls_server_config:\n  cert: |\n    {certificate}\n  key: |\n    {key}\n"),
    );
    let served = configured.serve();
    assert!(
        get_tls(&served, &configured.client(None), "")
            .unwrap()
            .ends_with("here")
    );
}

#[test]
fn many_requests_and_large_pages_go_over_one_connection() {
    let configured = Configured::new(TLS);
    let served = configured.serve_with(
        page(|| Reply::text(vec![b'x'; 3_000_000])),
        ServerLimits::default(),
    );
    let mut stream = connect_tls(&served, &configured.client(None)).unwrap();
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
fn who_speaks_plain_http_is_told_so() {
    let configured = Configured::new(TLS);
    let served = configured.serve();
    let mut client = served.client();
    client.ask("GET", "/metrics");
    let answer = String::from_utf8(client.rest()).unwrap();
    assert!(
        answer.starts_with("HTTP/1.0 400 Bad Request\r\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with("Client sent an HTTP request to an HTTPS server.\n"),
        "{answer}"
    );
}

#[test]
fn versions_suites_and_curves_are_those_that_are_wanted() {
    let spoken = |more: &str, group: Option<NamedGroup>| {
        let configured = Configured::new(&format!("{TLS}{more}"));
        let served = configured.serve();
        let mut provider = rustls::crypto::ring::default_provider();
        provider
            .kx_groups
            .retain(|known| group.is_none_or(|group| known.name() == group));
        let builder = ClientConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let config = configure(builder, &configured.path("ca.pem"), None);
        let stream = connect_tls(&served, &config).map_err(|error| error.to_string())?;
        let suite = stream.conn.negotiated_cipher_suite().unwrap().suite();
        let group = stream.conn.negotiated_key_exchange_group().unwrap().name();
        Ok::<_, String>((stream.conn.protocol_version().unwrap(), suite, group))
    };
    let version = |more: &str| spoken(more, None).unwrap().0;
    assert_eq!(version(""), ProtocolVersion::TLSv1_3);
    assert_eq!(version("  max_version: TLS12\n"), ProtocolVersion::TLSv1_2);
    assert_eq!(
        version("  min_version: TLS10\n  max_version: TLS13\n"),
        ProtocolVersion::TLSv1_3
    );
    let first = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
    let second = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    let suite = |suites: &str, more: &str| {
        spoken(
            &format!("  max_version: TLS12\n  cipher_suites: [{suites}]\n{more}"),
            None,
        )
        .unwrap()
        .1
    };
    let (chacha, aes) = (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    );
    assert_eq!(suite(second, ""), aes);
    assert_eq!(
        suite(&format!("{first}, {second}"), ""),
        chacha,
        "the server's order"
    );
    let group = |curves: &str, only| {
        spoken(&format!("  curve_preferences: [{curves}]\n"), only).map(|of| of.2)
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
fn client_certificates_are_asked_for_as_the_policy_has_it() {
    let (other, leaf) = (Authority::new(), vec![dns("prometheus.example")]);
    for (policy, none, trusted, stranger) in [
        ("RequestClientCert", true, true, true),
        ("RequireAnyClientCert", false, true, true),
        ("RequireClientCert", false, true, true),
        ("VerifyClientCertIfGiven", true, true, false),
        ("RequireAndVerifyClientCert", false, true, false),
    ] {
        let configured = Configured::new(&format!(
            "{TLS}  client_auth_type: {policy}\n  client_ca_file: ca.pem\n"
        ));
        let served = configured.serve();
        let is_let_in = |identity: Option<Identity>| {
            get_tls(&served, &configured.client(identity.as_ref()), "").is_ok()
        };
        assert_eq!(is_let_in(None), none, "{policy}: no certificate");
        assert_eq!(
            is_let_in(Some(configured.sign(leaf.clone()))),
            trusted,
            "{policy}: a trusted one"
        );
        assert_eq!(
            is_let_in(Some(other.sign(leaf.clone()))),
            stranger,
            "{policy}: another's"
        );
    }
}

#[test]
fn a_certificate_may_be_trusted_itself_and_nobody_without_an_authority() {
    let configured = Configured::new("");
    let (client, other) = (Authority::new().sign(vec![]), Authority::new().sign(vec![]));
    configured.write("client.pem", &client.certificate);
    let policy = format!("{TLS}  client_auth_type: RequireAndVerifyClientCert\n");
    configured.write(
        "web.yml",
        &format!("{policy}  client_ca_file: client.pem\n"),
    );
    let served = configured.serve();
    assert!(get_tls(&served, &configured.client(Some(&client)), "").is_ok());
    assert!(get_tls(&served, &configured.client(Some(&other)), "").is_err());
    configured.write("web.yml", &policy);
    assert!(get_tls(&served, &configured.client(Some(&client)), "").is_err());
}

#[test]
fn only_allowed_names_come_in() {
    let names = "  client_allowed_sans: [prometheus.example, ops@example.org, 192.0.2.7, 'spiffe://example/prometheus']\n";
    let policy = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";
    let configured = Configured::new(&format!("{TLS}{policy}{names}"));
    let served = configured.serve();
    let is_let_in = |names| {
        get_tls(
            &served,
            &configured.client(Some(&configured.sign(names))),
            "",
        )
        .is_ok()
    };
    for name in [
        dns("prometheus.example"),
        SanType::Rfc822Name("ops@example.org".try_into().unwrap()),
        SanType::IpAddress(IpAddr::from([192, 0, 2, 7])),
        SanType::URI("spiffe://example/prometheus".try_into().unwrap()),
    ] {
        assert!(
            is_let_in(vec![dns("other.example"), name.clone()]),
            "{name:?}"
        );
    }
    for name in [
        dns("prometheus.example.org"),
        dns("*.example"),
        SanType::IpAddress(IpAddr::from([192, 0, 2, 8])),
    ] {
        assert!(!is_let_in(vec![name.clone()]), "{name:?}");
    }
    assert!(!is_let_in(vec![]));
}

#[test]
fn a_renewed_certificate_is_served_at_once() {
    let configured = Configured::new(TLS);
    let served = configured.serve();
    for _ in 0..3 {
        let renewed = configured.renew();
        let stream = connect_tls(&served, &configured.client(None)).unwrap();
        let shown = stream.conn.peer_certificates().unwrap();
        assert_eq!(
            shown[0],
            CertificateDer::from_pem_slice(renewed.certificate.as_bytes()).unwrap()
        );
    }
}

#[test]
fn while_the_configuration_is_broken_nobody_comes_in() {
    let configured = Configured::new(TLS);
    let served = configured.serve();
    let asks = || get_tls(&served, &configured.client(None), "");
    assert!(asks().is_ok());
    // A key that does not belong to the certificate, an empty file, no file.
    let key = std::fs::read_to_string(configured.path("server.key")).unwrap();
    configured.write("server.key", &configured.sign(vec![]).key);
    assert!(asks().is_err());
    configured.write("server.key", &key);
    assert!(asks().is_ok());
    configured.write("web.yml", "");
    assert!(asks().is_err(), "an empty file opens no door");
    assert_eq!(served.client().rest(), b"");
    std::fs::remove_file(configured.path("web.yml")).unwrap();
    assert!(asks().is_err());
    configured.write("web.yml", TLS);
    assert!(asks().is_ok());
}

#[test]
fn a_handshake_that_never_ends_is_cut() {
    let limits = ServerLimits {
        head: Duration::from_millis(200),
        ..ServerLimits::default()
    };
    let configured = Configured::new(TLS);
    let served = configured.serve_with(page(|| Reply::text("here")), limits);
    let start = Instant::now();
    let mut silent = served.client();
    let mut half = served.client();
    half.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    // Done with the handshake, and silent since.
    let mut idle = connect_tls(&served, &configured.client(None)).unwrap();
    assert_eq!((silent.rest(), half.rest()), (vec![], vec![]));
    assert!(
        idle.read_to_end(&mut Vec::new())
            .is_ok_and(|length| length == 0)
            || start.elapsed() < Duration::from_secs(5)
    );
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn what_is_no_tls_harms_nobody() {
    let configured = Configured::new(TLS);
    let served = configured.serve();
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
        let mut client = served.client();
        // It may be closed before it has sent all.
        let _ = client.0.write_all(&bytes);
        let _ = client.0.shutdown(std::net::Shutdown::Write);
        assert!(client.rest().len() < 200);
    }
    assert!(get_tls(&served, &configured.client(None), "").is_ok());
}

#[test]
fn endless_handshakes_do_not_lock_out_a_scrape() {
    let configured = Configured::new(TLS);
    let limits = ServerLimits {
        connections: 10,
        ..ServerLimits::default()
    };
    let served = configured.serve_with(page(|| Reply::text("here")), limits);
    let endless: Vec<_> = (0..100)
        .map(|_| {
            let mut client = served.client();
            let _ = client
                .0
                .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
            client
        })
        .collect();
    assert!(
        get_tls(&served, &configured.client(None), "")
            .unwrap()
            .ends_with("here")
    );
    drop(endless);
}
