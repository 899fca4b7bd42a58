//! Access control by the web configuration: users, headers and rate limit.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::web_config_fixture::{TLS, WebConfigFixture, get_tls};
use super::*;

/// Returns a configuration with user `alice`, password `wonderland`, hashed with the given cost.
fn users(cost: u32) -> String {
    format!(
        "basic_auth_users:\n  alice: {}\n",
        bcrypt::hash("wonderland", cost).unwrap()
    )
}

fn basic(credentials: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(credentials))
}

fn request(client: &mut Client, headers: &str) -> ReceivedResponse {
    client.send(format!(
        "GET /metrics HTTP/1.1\r\nHost: test\r\n{headers}\r\n"
    ));
    client.reply()
}

#[test]
fn only_valid_credentials_are_authorized() {
    let fixture = WebConfigFixture::new(&users(4));
    let server = fixture.serve();
    let mut client = server.client();
    for _ in 0..2 {
        assert_eq!(
            request(&mut client, &basic("alice:wonderland")).text(),
            "here"
        );
    }
    for headers in [
        String::new(),
        basic("alice:Wonderland"),
        basic("alice:"),
        basic("alice"),
        basic("bob:wonderland"),
        basic(":wonderland"),
        basic(""),
        basic("alice:wonderland\0"),
        "Authorization: Basic !!!\r\n".to_owned(),
        "Authorization: Basic\r\n".to_owned(),
        "Authorization: \r\n".to_owned(),
        basic("alice:wonderland").replace("Basic", "Bearer"),
        basic(&format!("alice:{}", "x".repeat(8_000))),
    ] {
        let reply = request(&mut client, &headers);
        assert_eq!(
            (reply.status, reply.text()),
            (401, "unauthorized: valid credentials required\n"),
            "{headers}"
        );
        assert_eq!(
            reply.header("www-authenticate"),
            Some("Basic realm=\"exporter\", charset=\"UTF-8\"")
        );
    }
    // Every path requires credentials.
    for path in ["/", "/nowhere", "/-/healthy", "/-/ready"] {
        assert_eq!(client.get(path).status, 401, "{path}");
    }
}

#[test]
fn users_and_tls_can_be_combined() {
    let fixture = WebConfigFixture::new(&format!("{TLS}{}", users(4)));
    let server = fixture.serve();
    let status =
        |headers: &str| get_tls(&server, &fixture.client(None), headers).unwrap()[9..12].to_owned();
    assert_eq!(
        (
            status("").as_str(),
            status(&basic("alice:wonderland")).as_str()
        ),
        ("401", "200")
    );
}

#[test]
fn removed_user_is_rejected_at_once() {
    let fixture = WebConfigFixture::new(&users(4));
    let server = fixture.serve();
    let mut client = server.client();
    let mut status = |credentials: &str| request(&mut client, &basic(credentials)).status;
    assert_eq!(status("alice:wonderland"), 200);
    fixture.write("web.yml", &users(4).replace("alice", "bob"));
    assert_eq!(
        (status("alice:wonderland"), status("bob:wonderland")),
        (401, 200)
    );
    let other = bcrypt::hash("looking-glass", 4).unwrap();
    fixture.write("web.yml", &format!("basic_auth_users:\n  bob: {other}\n"));
    assert_eq!(
        (status("bob:wonderland"), status("bob:looking-glass")),
        (401, 200)
    );
    for broken in [
        "",
        "basic_auth_users: {}",
        "basic_auth_users:\n  bob: plain\n",
        "nonsense",
    ] {
        fixture.write("web.yml", broken);
        assert_eq!(
            status("bob:looking-glass"),
            500,
            "{broken:?} grants no access"
        );
    }
    fixture.write("web.yml", &users(4));
    assert_eq!(status("alice:wonderland"), 200);
}

#[test]
fn unknown_user_takes_as_long_as_known() {
    let slow = bcrypt::hash("x", 8).unwrap();
    let fast = bcrypt::hash("x", 4).unwrap();
    let fixture = WebConfigFixture::new(&format!(
        "basic_auth_users:\n  alice: {slow}\n  bob: {fast}\n"
    ));
    let server = fixture.serve();
    let mut client = server.client();
    let mut time = |credentials: &str| {
        let start = Instant::now();
        assert_eq!(request(&mut client, &basic(credentials)).status, 401);
        start.elapsed()
    };
    // In turn, so that other load on the machine affects both. The fastest of each is the least
    // disturbed.
    let pairs: Vec<_> = (0..15)
        .map(|_| (time("alice:wrong"), time("unknown:wrong")))
        .collect();
    let known = pairs.iter().map(|(known, _)| *known).min().unwrap();
    let unknown = pairs.iter().map(|(_, unknown)| *unknown).min().unwrap();
    assert!(
        unknown * 2 > known && known * 2 > unknown,
        "{known:?} against {unknown:?}"
    );
}

#[test]
fn flood_of_wrong_passwords_does_not_delay_scrape() {
    let fixture = WebConfigFixture::new(&users(6));
    let server = fixture.serve();
    let mut scrape = server.client_from(2);
    let start = Instant::now();
    assert_eq!(request(&mut scrape, &basic("alice:wonderland")).status, 200);
    let one = start.elapsed();
    let mut flood: Vec<_> = (0..60).map(|_| server.client()).collect();
    for (number, client) in flood.iter_mut().enumerate() {
        let headers = basic(&format!("alice:{number}"));
        client.send(format!(
            "GET /metrics HTTP/1.1\r\nHost: test\r\n{headers}\r\n"
        ));
    }
    // Verified credentials are cached, whatever the flood sends.
    let start = Instant::now();
    for _ in 0..10 {
        assert_eq!(request(&mut scrape, &basic("alice:wonderland")).status, 200);
    }
    let known = start.elapsed();
    // Unverified ones wait for the check that runs now, and for at most one more of the flood.
    let start = Instant::now();
    assert_eq!(
        request(&mut server.client_from(3), &basic("alice:other")).status,
        401
    );
    let unknown = start.elapsed();
    assert_eq!(flood.last_mut().unwrap().reply().status, 401);
    let all = start.elapsed();
    assert!(
        known < one * 20 && known * 2 < all,
        "{known:?} of {all:?}; {one:?} alone"
    );
    assert!(unknown * 3 < all, "{unknown:?} of {all:?}");
}

#[test]
fn configured_headers_are_in_every_response() {
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection: 1\n    \
                   Content-Security-Policy: \"default-src 'self'\"\n    Strict-Transport-Security: \"\"\n";
    let fixture = WebConfigFixture::new(&format!("{headers}{}", users(4)));
    let server = fixture.serve();
    let mut client = server.client();
    for (credentials, path) in [
        ("", "/metrics"),
        ("alice:wonderland", "/metrics"),
        ("alice:wonderland", "/nowhere"),
    ] {
        client.send(format!(
            "GET {path} HTTP/1.1\r\nHost: test\r\n{}\r\n",
            basic(credentials)
        ));
        let reply = client.reply();
        assert_eq!(reply.header("x-frame-options"), Some("deny"), "{path}");
        assert_eq!(reply.header("x-xss-protection"), Some("1"));
        assert_eq!(
            reply.header("content-security-policy"),
            Some("default-src 'self'")
        );
        assert_eq!(reply.header("strict-transport-security"), None);
        assert_eq!(reply.head.matches("content-security-policy").count(), 1);
    }
}

#[test]
fn requests_above_rate_limit_get_429() {
    let fixture = WebConfigFixture::new("rate_limit:\n  interval: 1h\n  burst: 3\n");
    let server = fixture.serve();
    let mut client = server.client();
    let statuses: Vec<_> = (0..5).map(|_| client.get("/metrics").status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_eq!(
        client.get("/-/healthy").text(),
        "too many requests: try again later\n"
    );
}
