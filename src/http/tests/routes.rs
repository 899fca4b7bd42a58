//! Routes: paths, methods and statuses.

use super::*;

fn start() -> TestServer {
    let landing = || Reply::html("<!doctype html><title>here</title>");
    let routes = page(|| Reply::new("text/plain; version=0.0.4; charset=utf-8", "up 1\n"));
    TestServer::start(
        routes.with_page("/", Arc::new(landing)).unwrap(),
        ServerLimits::default(),
    )
}

#[test]
fn page_has_content_type_and_length() {
    let reply = start().client().get("/metrics?name=ignored");
    assert_eq!((reply.status, reply.text()), (200, "up 1\n"));
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(reply.header("content-length"), Some("5"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn html_page_may_load_nothing() {
    let reply = start().client().get("/");
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(
        reply.header("content-security-policy"),
        Some(
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    );
    assert_eq!(reply.header("x-frame-options"), Some("DENY"));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
}

#[test]
fn page_headers_override_defaults() {
    let routes =
        page(|| Reply::html("").with_header("content-security-policy", "default-src 'self'"));
    let reply = TestServer::start(routes, ServerLimits::default())
        .client()
        .get("/metrics");
    assert_eq!(
        reply.header("content-security-policy"),
        Some("default-src 'self'")
    );
}

#[test]
fn action_runs_for_post_and_put_only() {
    let runs = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let action = move || {
        Reply::text(format!(
            "{}\n",
            1 + counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
        ))
    };
    let routes = page(|| Reply::text("up 1\n"))
        .with_action("/-/reload", Arc::new(action))
        .unwrap();
    let server = TestServer::start(routes, ServerLimits::default());
    let mut client = server.client();
    for method in ["GET", "HEAD", "DELETE"] {
        client.request(method, "/-/reload");
        let (status, head) = client.head();
        assert_eq!((status, header(&head, "allow")), (405, Some("POST, PUT")));
        client = server.client();
    }
    for (method, body) in [("POST", "1\n"), ("PUT", "2\n")] {
        let mut client = server.client();
        client.request(method, "/-/reload");
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (200, body));
    }
}

#[test]
fn head_response_is_get_without_body() {
    let server = start();
    let mut client = server.client();
    for path in ["/metrics", "/", "/-/healthy", "/-/ready", "/nowhere"] {
        let get = client.get(path);
        client.request("HEAD", path);
        let (status, head) = client.head();
        assert_eq!(status, get.status);
        assert_eq!(
            header(&head, "content-length"),
            get.header("content-length")
        );
    }
}

#[test]
fn not_found_lists_served_paths() {
    let server = start();
    let mut client = server.client();
    for path in ["/nowhere", "/metrics/", "//", "/-/reload", "/%6detrics"] {
        let reply = client.get(path);
        assert_eq!(
            (reply.status, reply.text()),
            (
                404,
                "not found: this exporter serves /, /-/healthy, /-/ready, /metrics\n"
            )
        );
    }
}

#[test]
fn page_allows_get_and_head_only() {
    let server = start();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"] {
        let mut client = server.client();
        client.request(method, "/metrics");
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.text()),
            (405, "method not allowed: use GET or HEAD\n")
        );
        assert_eq!(reply.header("allow"), Some("GET, HEAD"));
    }
}

#[test]
fn absolute_request_target_is_accepted() {
    assert_eq!(
        start()
            .client()
            .get("http://exporter.example/metrics")
            .status,
        200
    );
}

#[test]
fn health_and_readiness_are_reported() {
    let server = start();
    let mut client = server.client();
    for (path, text) in [("/-/healthy", "healthy\n"), ("/-/ready", "ready\n")] {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.text()), (200, text));
    }
}

#[test]
fn not_ready_has_status_503_and_reason() {
    let server = TestServer::start(
        Routes::new(|| Err("eth0 is down".to_owned())),
        ServerLimits::default(),
    );
    let reply = server.client().get("/-/ready");
    assert_eq!(
        (reply.status, reply.text()),
        (503, "not ready: eth0 is down\n")
    );
    assert_eq!(server.client().get("/-/healthy").status, 200);
}

#[test]
fn panicking_page_gets_500_and_breaks_nothing() {
    let server = TestServer::start(
        page(|| panic!("a page panics on purpose")),
        ServerLimits::default(),
    );
    let mut client = server.client();
    for _ in 0..2 {
        let reply = client.get("/metrics");
        assert_eq!(reply.status, 500);
        assert_eq!(
            reply.text(),
            "this page could not be rendered: see the exporter's standard error\n"
        );
    }
    assert_eq!(client.get("/-/healthy").status, 200);
}

#[test]
fn page_may_set_its_status() {
    let routes = page(|| Reply::text("gone\n").with_status(StatusCode::GONE));
    assert_eq!(
        TestServer::start(routes, ServerLimits::default())
            .client()
            .get("/metrics")
            .status,
        410
    );
}

#[test]
fn invalid_path_is_rejected() {
    let error = |path: &str| {
        let pages = page(|| Reply::text(""));
        pages
            .with_page(path, Arc::new(|| Reply::text("")))
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error("probe"),
        "no slash at the start of the path \"probe\": write /probe"
    );
    for path in ["/a b", "/a?b", "/a#b", "/a\nb"] {
        assert_eq!(
            error(path),
            format!("invalid path {path:?}: use letters, digits, hyphens, dots and slashes")
        );
    }
    for path in ["/metrics", "/-/healthy", "/-/ready"] {
        assert_eq!(
            error(path),
            format!("the path {path:?} is already in use: choose another")
        );
    }
}

#[test]
fn all_listeners_serve_the_same_routes() {
    if !has_ipv6() {
        return;
    }
    let on = ["127.0.0.1:0", "[::1]:0", ":0"];
    let (_server, addresses) =
        TestServer::start_on(&on, page(|| Reply::text("here")), ServerLimits::default());
    for address in addresses {
        let address = SocketAddr::new(
            if address.is_ipv4() {
                [127, 0, 0, 1].into()
            } else {
                "::1".parse().unwrap()
            },
            address.port(),
        );
        assert_eq!(Client::connect(address).get("/metrics").text(), "here");
    }
}
