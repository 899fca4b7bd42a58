//! Content negotiation: which representation and content coding a request gets.

use super::*;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Starts a server with three representations, each of which contains its content type.
fn start() -> TestServer {
    let representation = |content_type: &'static str| {
        let write: WritePage = Arc::new(move |to| to.write_all(content_type.as_bytes()));
        (content_type, write)
    };
    let routes = routes()
        .with_representations(
            "/metrics",
            [TEXT, OPEN_METRICS, PROTOBUF].map(representation).into(),
        )
        .unwrap();
    TestServer::start(routes, ServerLimits::default())
}

fn request(client: &mut Client, headers: &str) -> ReceivedResponse {
    client.send(format!(
        "GET /metrics HTTP/1.1\r\nHost: test\r\n{headers}\r\n"
    ));
    client.reply()
}

#[test]
fn preferred_representation_is_selected() {
    let server = start();
    let mut client = server.client();
    let mut gets = |accept: &str| {
        let reply = request(&mut client, &format!("Accept: {accept}\r\n"));
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some(reply.text())),
            "{accept}"
        );
        assert_eq!(reply.header("vary"), Some("accept, accept-encoding"));
        reply.text().to_owned()
    };
    // Prometheus 2.42, without and with native histograms.
    let plain = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                  application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
                  text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert_eq!(
        (gets(plain).as_str(), gets(native).as_str()),
        (OPEN_METRICS, PROTOBUF)
    );
    // Prometheus 3, without and with native histograms.
    let plain = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
                  application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.2";
    assert_eq!(
        (gets(plain).as_str(), gets(native).as_str()),
        (OPEN_METRICS, PROTOBUF)
    );
    // Prometheus 3 configured to prefer text.
    assert_eq!(
        gets(
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4"
        ),
        TEXT
    );
    // curl, a browser, and clients that accept none of the representations.
    for accept in [
        "*/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "image/png",
        "",
    ] {
        assert_eq!(gets(accept), TEXT, "{accept}");
    }
    assert_eq!(gets("application/openmetrics-text"), OPEN_METRICS);
    assert_eq!(
        gets("application/openmetrics-text; version=\"1.0.0\"; charset=utf-8"),
        OPEN_METRICS
    );
    assert_eq!(gets("Application/*;q=0.9, text/plain;q=0.5"), OPEN_METRICS);
    assert_eq!(gets("application/openmetrics-text; version=0.0.1"), TEXT);
    assert_eq!(
        gets("application/openmetrics-text;q=0,*/*;q=0.1,text/*;q=0.05"),
        PROTOBUF
    );
    assert_eq!(
        gets(
            "application/openmetrics-text;q=nan,text/plain;q=-1,application/vnd.google.protobuf;q=0.001"
        ),
        PROTOBUF
    );
}

#[test]
fn accept_list_may_span_lines_and_be_long() {
    let server = start();
    let mut client = server.client();
    let reply = request(
        &mut client,
        "Accept: text/plain;q=0.1\r\nAccept: application/openmetrics-text\r\n",
    );
    assert_eq!(reply.text(), OPEN_METRICS);
    let reply = request(
        &mut client,
        &format!("Accept: {}\r\n", "a/b;".repeat(3_000)),
    );
    assert_eq!(reply.text(), TEXT);
    let reply = request(
        &mut client,
        &format!("Accept: {}\r\n", ",;=\",".repeat(2_000)),
    );
    assert_eq!(reply.text(), TEXT);
}

#[test]
fn default_is_text_without_content_coding() {
    let reply = start().client().get("/metrics");
    assert_eq!(
        (reply.text(), reply.header("content-encoding")),
        (TEXT, None)
    );
}

#[test]
fn gzip_is_sent_if_acceptable() {
    let server = start();
    let mut client = server.client();
    for accept_encoding in [
        "gzip",
        "gzip, deflate, br, zstd",
        "deflate, gzip;q=1.0, *;q=0.5",
        "GZIP",
        "*",
        "x-gzip",
    ] {
        let reply = request(
            &mut client,
            &format!("Accept-Encoding: {accept_encoding}\r\n"),
        );
        assert_eq!(
            reply.header("content-encoding"),
            Some("gzip"),
            "{accept_encoding}"
        );
        let mut text = String::new();
        flate2::read::GzDecoder::new(reply.body.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, TEXT);
    }
    for accept_encoding in ["identity", "gzip;q=0", "*;q=0", "br", "gzip;q=0, *"] {
        let reply = request(
            &mut client,
            &format!("Accept-Encoding: {accept_encoding}\r\n"),
        );
        assert_eq!(
            (reply.header("content-encoding"), reply.text()),
            (None, TEXT),
            "{accept_encoding}"
        );
    }
}

/// The body is stored with gzip, and decoded in many pieces.
#[test]
fn large_reply_is_complete_in_both_codings() {
    let line = |number: u32| {
        format!(
            "a_total{{number=\"{number}\"}} {}\n",
            number.wrapping_mul(0x9e37_79b9)
        )
    };
    let whole: String = (0..60_000).map(line).collect();
    let write: WritePage = Arc::new(move |to| {
        (0..60_000).try_for_each(|number| to.write_all(line(number).as_bytes()))
    });
    let server = TestServer::start(
        routes()
            .with_representations("/metrics", vec![(TEXT, write)])
            .unwrap(),
        ServerLimits::default(),
    );
    let mut client = server.client();
    let reply = request(&mut client, "");
    assert_eq!(
        reply.header("content-length"),
        Some(whole.len().to_string().as_str())
    );
    assert_eq!(reply.header("content-encoding"), None);
    assert!(reply.text() == whole, "without content coding");
    let reply = request(&mut client, "Accept-Encoding: gzip\r\n");
    assert!(reply.body.len() < whole.len() / 2);
    let mut text = String::new();
    flate2::read::GzDecoder::new(reply.body.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert!(text == whole, "with gzip");
}

#[test]
fn failed_write_gets_500_without_partial_body() {
    let write: WritePage = Arc::new(|to| {
        to.write_all(b"half")?;
        Err(std::io::Error::other("fails on purpose"))
    });
    let server = TestServer::start(
        routes()
            .with_representations("/metrics", vec![(TEXT, write)])
            .unwrap(),
        ServerLimits::default(),
    );
    let reply = server.client().get("/metrics");
    assert_eq!(reply.status, 500);
    assert!(!reply.text().contains("half"));
}
