//! Which web configurations are taken, and what is said of the others.

use super::configured::{Configured, TLS};
use super::*;

/// What is wrong with it; nothing where it is taken. Files are those of a folder with `ca.pem`, `server.pem`, `server.key`.
fn fault(yaml: &str) -> Option<String> {
    let configured = Configured::new(yaml);
    let error = configured.guard().err()?.to_string();
    let (file, fault) = error.split_once(": ").unwrap();
    assert_eq!(
        file,
        format!("--web.config.file {}", configured.path("web.yml").display())
    );
    Some(fault.replace(&format!("{}/", configured.folder.path().display()), ""))
}

#[track_caller]
fn is_taken(yaml: &str) {
    assert_eq!(fault(yaml), None, "{yaml}");
}

#[track_caller]
fn is_refused(yaml: &str, words: &str) {
    assert_eq!(fault(yaml).as_deref(), Some(words), "{yaml}");
}

/// The shapes of the toolkit's own examples that it takes.
#[test]
fn what_the_toolkit_takes_is_taken() {
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
        is_taken(&format!("{TLS}{more}"));
    }
    for yaml in [
        "",
        "# nothing but a remark\n",
        "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n",
        "tls_server_config:\n  cert_file: ''\n  key_file: ''\n",
        "http_server_config:\n  http2: true\n",
        "rate_limit:\n  interval: 1s\n  burst: 0\n",
        "rate_limit:\n  interval: 0\n",
        "rate_limit: {interval: 1m30s, burst: 5}\n",
    ] {
        is_taken(yaml);
    }
    is_taken(&format!(
        "{TLS}basic_auth_users:\n  alice: {hash}\n  bob: {}\n",
        hash.replace("2y", "2a")
    ));
}

/// The shapes of its examples that it does not take, in its own words where these say enough.
#[test]
fn what_the_toolkit_refuses_is_refused() {
    let tls = |lines: &str| format!("tls_server_config:\n{lines}");
    is_refused(
        &tls("  cert_file: ''\n  key_file: server.key\n"),
        "missing one of cert or cert_file",
    );
    is_refused(
        &tls("  client_auth_type: RequireAnyClientCert\n"),
        "missing one of cert or cert_file",
    );
    is_refused(
        &tls("  cert_file: server.pem\n"),
        "missing one of key or key_file",
    );
    is_refused(
        &tls("  cert_file: nowhere.pem\n  key_file: server.key\n"),
        "failed to read cert_file (nowhere.pem): No such file or directory (os error 2)",
    );
    is_refused(
        &tls("  cert_file: server.pem\n  key_file: nowhere.key\n"),
        "failed to read key_file (nowhere.key): No such file or directory (os error 2)",
    );
    is_refused(
        &format!("{TLS}  client_auth_type: RequireAnyClientCert\n  client_ca_file: nowhere.pem\n"),
        "failed to read client_ca_file (nowhere.pem): No such file or directory (os error 2)",
    );
    is_refused(
        &format!("{TLS}  client_ca_file: ca.pem\n"),
        "client CA's have been configured without a Client Auth Policy: \
         set client_auth_type, as a rule to RequireAndVerifyClientCert",
    );
    for policy in [
        "NoClientCert",
        "RequestClientCert",
        "VerifyClientCertIfGiven",
    ] {
        is_refused(
            &format!("{TLS}  client_auth_type: {policy}\n  client_allowed_sans: [x]\n"),
            "client_allowed_sans requires client_auth_type to be one of RequireAnyClientCert or \
             RequireAndVerifyClientCert",
        );
    }
    is_refused(
        &format!("{TLS}  client_auth_type: Nobody\n"),
        "invalid ClientAuth: Nobody: client_auth_type is NoClientCert, RequestClientCert, RequireAnyClientCert, \
         VerifyClientCertIfGiven or RequireAndVerifyClientCert",
    );
    is_refused(
        &format!("{TLS}  cipher_suites: [TLS_INVENTED]\n"),
        "unknown cipher: TLS_INVENTED",
    );
    is_refused(
        &format!("{TLS}  curve_preferences: [CurveP000]\n"),
        "unknown curve: CurveP000",
    );
    is_refused(
        &format!("{TLS}  min_version: TLS111\n"),
        "unknown TLS version: TLS111: write TLS12 or TLS13",
    );
    is_refused(
        "http_server_config:\n  headers:\n    X-Frame-Options: maybe\n",
        "invalid value for X-Frame-Options. Expected one of: [\"deny\", \"sameorigin\"], but got: \"maybe\"",
    );
    is_refused(
        "http_server_config:\n  headers:\n    X-Content-Type-Options: ''\n",
        "invalid value for X-Content-Type-Options. Expected one of: [\"nosniff\"], but got: \"\"",
    );
    is_refused(
        "http_server_config:\n  headers:\n    Server: mine\n",
        "HTTP header \"Server\" can not be configured",
    );
    is_refused(
        "basic_auth_users:\n  alice: wonderland\n",
        "basic_auth_users: what stands for \"alice\" is no bcrypt hash: make one with `htpasswd -nBC 10 \"\" | tr -d ':\\n'`",
    );
}

#[test]
fn what_cannot_be_served_is_said() {
    is_refused(
        &format!("{TLS}  max_version: TLS11\n"),
        "no TLS version from min_version to max_version can be served: there are TLS12 and TLS13",
    );
    is_refused(
        &format!("{TLS}  min_version: TLS13\n  max_version: TLS12\n"),
        "no TLS version from min_version to max_version can be served: there are TLS12 and TLS13",
    );
    is_refused(
        &format!("{TLS}  curve_preferences: [CurveP521]\n"),
        "none of curve_preferences can be served: there are X25519, CurveP256, CurveP384",
    );
    let none = fault(&format!(
        "{TLS}  max_version: TLS12\n  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n"
    ))
    .unwrap();
    assert!(
        none.starts_with("none of cipher_suites can be served: of TLS 1.2 there are TLS_ECDHE_"),
        "{none}"
    );
    is_refused(
        &TLS.replace("server.pem", "server.key"),
        "no certificate in cert: it must be PEM, with BEGIN CERTIFICATE",
    );
    is_refused(
        &TLS.replace("server.key", "server.pem"),
        "no private key in key: it must be PEM, with BEGIN PRIVATE KEY (PKCS#8), RSA PRIVATE KEY or EC PRIVATE KEY",
    );
    is_refused(
        &format!(
            "{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.key\n"
        ),
        "no certificate in client_ca: it must be PEM, with BEGIN CERTIFICATE",
    );
    let configured = Configured::new(TLS);
    configured.write("server.key", &configured.sign(vec![]).key);
    let words = configured.guard().err().unwrap().to_string();
    assert!(
        words.contains("failed to load the certificate with its key: keys may not be consistent"),
        "{words}"
    );
}

#[test]
fn what_is_not_known_is_refused_with_its_place() {
    for (yaml, place, words) in [
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
        let fault = fault(yaml).unwrap();
        assert!(
            fault.contains(place) && fault.contains(words),
            "{yaml}: {fault}"
        );
        assert_eq!(
            fault.lines().count(),
            1,
            "no line of the file goes to the log: {fault}"
        );
    }
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let error = AccessControl::from_file(std::path::Path::new("/nowhere/web.yml"))
        .err()
        .unwrap()
        .to_string();
    assert_eq!(
        error,
        "--web.config.file /nowhere/web.yml: cannot read it: No such file or directory (os error 2)"
    );
}
