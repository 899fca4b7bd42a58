//! What is at which path.

use super::*;

fn served() -> Served {
    let landing = || Reply::html("<!doctype html><title>here</title>");
    let routes = page(|| Reply::new("text/plain; version=0.0.4; charset=utf-8", "up 1\n"));
    Served::start(
        routes.with_page("/", Arc::new(landing)).unwrap(),
        ServerLimits::default(),
    )
}

#[test]
fn a_page_comes_with_its_type_and_length() {
    let reply = served().client().get("/metrics?name=ignored");
    assert_eq!((reply.status, reply.text()), (200, "up 1\n"));
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(reply.header("content-length"), Some("5"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn a_page_for_browsers_may_load_nothing() {
    let reply = served().client().get("/");
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
fn a_page_has_the_last_word_on_its_headers() {
    let routes =
        page(|| Reply::html("").with_header("content-security-policy", "default-src 'self'"));
    let reply = Served::start(routes, ServerLimits::default())
        .client()
        .get("/metrics");
    assert_eq!(
        reply.header("content-security-policy"),
        Some("default-src 'self'")
    );
}

#[test]
fn something_is_done_at_each_post_and_at_nothing_else() {
    let done = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let times = Arc::clone(&done);
    let act = move || {
        Reply::text(format!(
            "{}\n",
            1 + times.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
        ))
    };
    let routes = page(|| Reply::text("up 1\n"))
        .with_action("/-/reload", Arc::new(act))
        .unwrap();
    let served = Served::start(routes, ServerLimits::default());
    let mut client = served.client();
    for method in ["GET", "HEAD", "DELETE"] {
        client.ask(method, "/-/reload");
        let (status, head) = client.head();
        assert_eq!((status, header(&head, "allow")), (405, Some("POST, PUT")));
        client = served.client();
    }
    for (method, body) in [("POST", "1\n"), ("PUT", "2\n")] {
        let mut client = served.client();
        client.ask(method, "/-/reload");
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (200, body));
    }
}

#[test]
fn head_is_get_without_the_body() {
    let served = served();
    let mut client = served.client();
    for path in ["/metrics", "/", "/-/healthy", "/-/ready", "/nowhere"] {
        let get = client.get(path);
        client.ask("HEAD", path);
        let (status, head) = client.head();
        assert_eq!(status, get.status);
        assert_eq!(
            header(&head, "content-length"),
            get.header("content-length")
        );
    }
}

#[test]
fn what_is_not_served_says_what_is() {
    let served = served();
    let mut client = served.client();
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
fn pages_are_only_to_be_read() {
    let served = served();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"] {
        let mut client = served.client();
        client.ask(method, "/metrics");
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.text()),
            (405, "method not allowed: use GET or HEAD\n")
        );
        assert_eq!(reply.header("allow"), Some("GET, HEAD"));
    }
}

#[test]
fn a_request_may_name_the_whole_address() {
    assert_eq!(
        served()
            .client()
            .get("http://exporter.example/metrics")
            .status,
        200
    );
}

#[test]
fn health_and_readiness_are_told() {
    let served = served();
    let mut client = served.client();
    for (path, text) in [("/-/healthy", "healthy\n"), ("/-/ready", "ready\n")] {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.text()), (200, text));
    }
}

#[test]
fn who_is_not_ready_says_why() {
    let served = Served::start(
        Routes::new(|| Err("eth0 is down".to_owned())),
        ServerLimits::default(),
    );
    let reply = served.client().get("/-/ready");
    assert_eq!(
        (reply.status, reply.text()),
        (503, "not ready: eth0 is down\n")
    );
    assert_eq!(served.client().get("/-/healthy").status, 200);
}

#[test]
fn a_page_that_panics_breaks_nothing_else() {
    let served = Served::start(
        page(|| panic!("a page is broken, as this test wants it")),
        ServerLimits::default(),
    );
    let mut client = served.client();
    for _ in 0..2 {
        let reply = client.get("/metrics");
        assert_eq!(reply.status, 500);
        assert_eq!(
            reply.text(),
            "this page could not be rendered: the exporter's standard error says why\n"
        );
    }
    assert_eq!(client.get("/-/healthy").status, 200);
}

#[test]
fn a_page_may_have_another_status() {
    let routes = page(|| Reply::text("gone\n").with_status(StatusCode::GONE));
    assert_eq!(
        Served::start(routes, ServerLimits::default())
            .client()
            .get("/metrics")
            .status,
        410
    );
}

#[test]
fn paths_that_cannot_be_served_are_refused() {
    let refuse = |path: &str| {
        let pages = page(|| Reply::text(""));
        pages
            .with_page(path, Arc::new(|| Reply::text("")))
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refuse("probe"),
        "no slash at the start of the path \"probe\": write /probe"
    );
    for path in ["/a b", "/a?b", "/a#b", "/a\nb"] {
        assert_eq!(
            refuse(path),
            format!(
                "no client can ask for the path {path:?}: use letters, digits, hyphens, dots and slashes"
            )
        );
    }
    for path in ["/metrics", "/-/healthy", "/-/ready"] {
        assert_eq!(
            refuse(path),
            format!("the path {path:?} is taken by another page: choose another")
        );
    }
}

#[test]
fn several_listeners_serve_the_same() {
    if !has_ipv6() {
        return;
    }
    let on = ["127.0.0.1:0", "[::1]:0", ":0"];
    let (_served, addresses) =
        Served::start_on(&on, page(|| Reply::text("here")), ServerLimits::default());
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
