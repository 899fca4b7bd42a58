//! Which form and coding of a page a request gets.

use super::*;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Each form says which one it is.
fn served() -> Served {
    let form = |content_type: &'static str| {
        let write: WritePage = Arc::new(move |to| to.write_all(content_type.as_bytes()));
        (content_type, write)
    };
    let routes = routes()
        .with_forms("/metrics", [TEXT, OPEN, PROTOBUF].map(form).into())
        .unwrap();
    Served::start(routes, ServerLimits::default())
}

fn ask(client: &mut Client, headers: &str) -> ReceivedResponse {
    client.send(format!(
        "GET /metrics HTTP/1.1\r\nHost: test\r\n{headers}\r\n"
    ));
    client.reply()
}

#[test]
fn everybody_gets_the_form_he_prefers() {
    let served = served();
    let mut client = served.client();
    let mut gets = |accept: &str| {
        let reply = ask(&mut client, &format!("Accept: {accept}\r\n"));
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
        (OPEN, PROTOBUF)
    );
    // Prometheus 3, the same.
    let plain = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
                  application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.2";
    assert_eq!(
        (gets(plain).as_str(), gets(native).as_str()),
        (OPEN, PROTOBUF)
    );
    // Prometheus 3 told to prefer text.
    assert_eq!(
        gets(
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4"
        ),
        TEXT
    );
    // curl; a browser; who wants what there is not.
    for accept in [
        "*/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "image/png",
        "",
    ] {
        assert_eq!(gets(accept), TEXT, "{accept}");
    }
    assert_eq!(gets("application/openmetrics-text"), OPEN);
    assert_eq!(
        gets("application/openmetrics-text; version=\"1.0.0\"; charset=utf-8"),
        OPEN
    );
    assert_eq!(gets("Application/*;q=0.9, text/plain;q=0.5"), OPEN);
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
fn a_list_may_be_spread_over_lines_and_be_as_long_as_a_head() {
    let served = served();
    let mut client = served.client();
    let reply = ask(
        &mut client,
        "Accept: text/plain;q=0.1\r\nAccept: application/openmetrics-text\r\n",
    );
    assert_eq!(reply.text(), OPEN);
    let reply = ask(
        &mut client,
        &format!("Accept: {}\r\n", "a/b;".repeat(3_000)),
    );
    assert_eq!(reply.text(), TEXT);
    let reply = ask(
        &mut client,
        &format!("Accept: {}\r\n", ",;=\",".repeat(2_000)),
    );
    assert_eq!(reply.text(), TEXT);
}

#[test]
fn without_a_wish_it_is_text_as_it_is() {
    let reply = served().client().get("/metrics");
    assert_eq!(
        (reply.text(), reply.header("content-encoding")),
        (TEXT, None)
    );
}

#[test]
fn who_takes_gzip_gets_it() {
    let served = served();
    let mut client = served.client();
    for wish in [
        "gzip",
        "gzip, deflate, br, zstd",
        "deflate, gzip;q=1.0, *;q=0.5",
        "GZIP",
        "*",
        "x-gzip",
    ] {
        let reply = ask(&mut client, &format!("Accept-Encoding: {wish}\r\n"));
        assert_eq!(reply.header("content-encoding"), Some("gzip"), "{wish}");
        let mut text = String::new();
        flate2::read::GzDecoder::new(reply.body.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, TEXT);
    }
    for wish in ["identity", "gzip;q=0", "*;q=0", "br", "gzip;q=0, *"] {
        let reply = ask(&mut client, &format!("Accept-Encoding: {wish}\r\n"));
        assert_eq!(
            (reply.header("content-encoding"), reply.text()),
            (None, TEXT),
            "{wish}"
        );
    }
}

/// It is kept compressed, and sent in many pieces.
#[test]
fn a_large_page_comes_whole_however_it_is_taken() {
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
    let served = Served::start(
        routes()
            .with_forms("/metrics", vec![(TEXT, write)])
            .unwrap(),
        ServerLimits::default(),
    );
    let mut client = served.client();
    let reply = ask(&mut client, "");
    assert_eq!(
        reply.header("content-length"),
        Some(whole.len().to_string().as_str())
    );
    assert_eq!(reply.header("content-encoding"), None);
    assert!(reply.text() == whole, "as it is");
    let reply = ask(&mut client, "Accept-Encoding: gzip\r\n");
    assert!(reply.body.len() < whole.len() / 2);
    let mut text = String::new();
    flate2::read::GzDecoder::new(reply.body.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert!(text == whole, "and compressed");
}

#[test]
fn what_cannot_be_written_is_no_half_page() {
    let write: WritePage = Arc::new(|to| {
        to.write_all(b"half")?;
        Err(std::io::Error::other("as this test wants it"))
    });
    let served = Served::start(
        routes()
            .with_forms("/metrics", vec![(TEXT, write)])
            .unwrap(),
        ServerLimits::default(),
    );
    let reply = served.client().get("/metrics");
    assert_eq!(reply.status, 500);
    assert!(!reply.text().contains("half"));
}
