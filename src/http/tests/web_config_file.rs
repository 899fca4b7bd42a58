//! Web configuration files: which are accepted, and the errors of the others.

use super::web_config_fixture::{TLS, WebConfigFixture};
use super::*;

/// Returns the error of a configuration. `None` if it is accepted. Its folder has `ca.pem`,
/// `server.pem` and `server.key`.
fn error_of(yaml: &str) -> Option<String> {
    let fixture = WebConfigFixture::new(yaml);
    let error = fixture.access_control().err()?.to_string();
    let (file, message) = error.split_once(": ").unwrap();
    assert_eq!(
        file,
        format!("--web.config.file {}", fixture.path("web.yml").display())
    );
    Some(message.replace(&format!("{}/", fixture.folder.path().display()), ""))
}

#[track_caller]
fn assert_accepted(yaml: &str) {
    assert_eq!(error_of(yaml), None, "{yaml}");
}

#[track_caller]
fn assert_rejected(yaml: &str, message: &str) {
    assert_eq!(error_of(yaml).as_deref(), Some(message), "{yaml}");
}

/// Examples of the exporter-toolkit that it accepts.
#[test]
fn config_accepted_by_toolkit_is_accepted() {
    let hash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";
    for more in [
        "",
        "  client_auth_type: VerifyClientCertIfGiven\n",
        "  client_auth_type: RequireAndVerifyClientCert\n",
        "  client_auth_type: RequireAnyClientCert\n  client_ca_file: ca.pem\n",
        "  client_auth_type: NoClientCert\n  client_ca_file: \"\"\n  client_ca: \"\"\n",
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [a, b]\n",
        "  min_version: TLS13\n",
        "  min_version: TLS10\n  prefer_server_cipher_suites: false\n",
        "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]\nhttp_server_config:\n  http2: false\n",
        "  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n",
        "  cipher_suites:\n  - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\n  - TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256\n  \
           - TLS_AES_128_GCM_SHA256\n  - TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA\n  - TLS_RSA_WITH_AES_256_GCM_SHA384\n",
    ] {
        assert_accepted(&format!("{TLS}{more}"));
    }
    for yaml in [
        "",
        "# only a comment\n",
        "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n",
        "tls_server_config:\n  cert_file: ''\n  key_file: ''\n",
        "http_server_config:\n  http2: true\n",
        "rate_limit:\n  interval: 1s\n  burst: 0\n",
        "rate_limit:\n  interval: 0\n",
        "rate_limit: {interval: 1m30s, burst: 5}\n",
    ] {
        assert_accepted(yaml);
    }
    assert_accepted(&format!(
        "{TLS}basic_auth_users:\n  alice: {hash}\n  bob: {}\n",
        hash.replace("2y", "2a")
    ));
}

/// Examples of the exporter-toolkit that it rejects, with its own messages where these suffice.
#[test]
fn config_rejected_by_toolkit_is_rejected() {
    let tls = |lines: &str| format!("tls_server_config:\n{lines}");
    assert_rejected(
        &tls("  cert_file: ''\n  key_file: server.key\n"),
        "missing one of cert or cert_file",
    );
    assert_rejected(
        &tls("  client_auth_type: RequireAnyClientCert\n"),
        "missing one of cert or cert_file",
    );
    assert_rejected(
        &tls("  cert_file: server.pem\n"),
        "missing one of key or key_file",
    );
    assert_rejected(
        &tls("  cert_file: nowhere.pem\n  key_file: server.key\n"),
        "failed to read cert_file (nowhere.pem): No such file or directory (os error 2)",
    );
    assert_rejected(
        &tls("  cert_file: server.pem\n  key_file: nowhere.key\n"),
        "failed to read key_file (nowhere.key): No such file or directory (os error 2)",
    );
    assert_rejected(
        &format!("{TLS}  client_auth_type: RequireAnyClientCert\n  client_ca_file: nowhere.pem\n"),
        "failed to read client_ca_file (nowhere.pem): No such file or directory (os error 2)",
    );
    assert_rejected(
        &format!("{TLS}  client_ca_file: ca.pem\n"),
        "client CA's have been configured without a Client Auth Policy: \
         set client_auth_type, usually to RequireAndVerifyClientCert",
    );
    for policy in [
        "NoClientCert",
        "RequestClientCert",
        "VerifyClientCertIfGiven",
    ] {
        assert_rejected(
            &format!("{TLS}  client_auth_type: {policy}\n  client_allowed_sans: [x]\n"),
            "client_allowed_sans requires client_auth_type to be one of RequireAnyClientCert or \
             RequireAndVerifyClientCert",
        );
    }
    assert_rejected(
        &format!("{TLS}  client_auth_type: Unknown\n"),
        "invalid ClientAuth: Unknown: client_auth_type is NoClientCert, RequestClientCert, RequireAnyClientCert, \
         VerifyClientCertIfGiven or RequireAndVerifyClientCert",
    );
    assert_rejected(
        &format!("{TLS}  cipher_suites: [TLS_INVENTED]\n"),
        "unknown cipher: TLS_INVENTED",
    );
    assert_rejected(
        &format!("{TLS}  curve_preferences: [CurveP000]\n"),
        "unknown curve: CurveP000",
    );
    assert_rejected(
        &format!("{TLS}  min_version: TLS111\n"),
        "unknown TLS version: TLS111: write TLS12 or TLS13",
    );
    assert_rejected(
        "http_server_config:\n  headers:\n    X-Frame-Options: maybe\n",
        "invalid value for X-Frame-Options. Expected one of: [\"deny\", \"sameorigin\"], but got: \"maybe\"",
    );
    assert_rejected(
        "http_server_config:\n  headers:\n    X-Content-Type-Options: ''\n",
        "invalid value for X-Content-Type-Options. Expected one of: [\"nosniff\"], but got: \"\"",
    );
    assert_rejected(
        "http_server_config:\n  headers:\n    Server: mine\n",
        "HTTP header \"Server\" can not be configured",
    );
    assert_rejected(
        "basic_auth_users:\n  alice: wonderland\n",
        "basic_auth_users: the value of \"alice\" is not a bcrypt hash: create one with `htpasswd -nBC 10 \"\" | tr -d ':\\n'`",
    );
}

#[test]
fn unsupported_tls_config_is_rejected() {
    assert_rejected(
        &format!("{TLS}  max_version: TLS11\n"),
        "no supported TLS version from min_version to max_version: TLS12 and TLS13 are supported",
    );
    assert_rejected(
        &format!("{TLS}  min_version: TLS13\n  max_version: TLS12\n"),
        "no supported TLS version from min_version to max_version: TLS12 and TLS13 are supported",
    );
    assert_rejected(
        &format!("{TLS}  curve_preferences: [CurveP521]\n"),
        "none of curve_preferences is supported: choose from X25519, CurveP256, CurveP384",
    );
    let message = error_of(&format!(
        "{TLS}  max_version: TLS12\n  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n"
    ))
    .unwrap();
    assert!(
        message
            .starts_with("none of cipher_suites is supported: for TLS 1.2 choose from TLS_ECDHE_"),
        "{message}"
    );
    assert_rejected(
        &TLS.replace("server.pem", "server.key"),
        "no certificate in cert: it must be PEM, with BEGIN CERTIFICATE",
    );
    assert_rejected(
        &TLS.replace("server.key", "server.pem"),
        "no private key in key: it must be PEM, with BEGIN PRIVATE KEY (PKCS#8), RSA PRIVATE KEY or EC PRIVATE KEY",
    );
    assert_rejected(
        &format!(
            "{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.key\n"
        ),
        "no certificate in client_ca: it must be PEM, with BEGIN CERTIFICATE",
    );
    let fixture = WebConfigFixture::new(TLS);
    fixture.write("server.key", &fixture.sign(vec![]).key);
    let message = fixture.access_control().err().unwrap().to_string();
    assert!(
        message.contains("failed to load the certificate with its key: keys may not be consistent"),
        "{message}"
    );
}

#[test]
fn yaml_error_names_the_line() {
    for (yaml, line, cause) in [
        (
            "tls_server_confg: {}\n",
            "line 1",
            "unknown field `tls_server_confg`",
        ),
        (
            "tls_server_config:\n  cert_file: a\n  keyfile: b\n",
            "line 3",
            "unknown field `keyfile`",
        ),
        ("basic_auth_users:\n  a: x\n  a: y\n", "line 3", "duplicate"),
        ("http_server_config:\n  http2: maybe\n", "line 2", "bool"),
        (
            "rate_limit:\n  interval: often\n",
            "line 2",
            "a duration such as 1s or 500ms",
        ),
        ("rate_limit:\n  burst: -1\n", "line 2", ""),
        ("- a\n- b\n", "line 1", ""),
        ("junk\n", "line 1", ""),
        ("a: [\n", "line", ""),
    ] {
        let message = error_of(yaml).unwrap();
        assert!(
            message.contains(line) && message.contains(cause),
            "{yaml}: {message}"
        );
        assert_eq!(
            message.lines().count(),
            1,
            "an error contains no line of the file: {message}"
        );
    }
}

#[test]
fn missing_file_error_names_it() {
    let error = AccessControl::from_file(std::path::Path::new("/nowhere/web.yml"))
        .err()
        .unwrap()
        .to_string();
    assert_eq!(
        error,
        "--web.config.file /nowhere/web.yml: cannot read the file: No such file or directory (os error 2)"
    );
}
