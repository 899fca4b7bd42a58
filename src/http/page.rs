//! What is answered to one request: a status, headers and a body that many answers can share.

use hyper::body::Bytes;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use hyper::{Method, Response, StatusCode};

use super::body::Sent;

/// A page, rendered. A clone shares the body.
#[derive(Clone, Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Kept,
}

/// How a body is kept.
#[derive(Clone, Debug)]
enum Kept {
    /// As it is sent.
    Whole(Bytes),
    /// Compressed, which is how it is sent.
    Compressed {
        gzip: Bytes,
        /// What comes out of it, in bytes.
        length: u64,
    },
    /// Compressed, and to be sent as it was before: so many bytes.
    ToUnpack(Bytes, u64),
}

impl Reply {
    /// A page with status 200. Browsers are told not to guess another type than this one.
    ///
    /// # Panics
    /// Where the content type is no header value: it is the program's own, so the first test finds out.
    pub fn new(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let page = Self {
            status: StatusCode::OK,
            headers,
            body: Kept::Whole(Bytes::from(body.into())),
        };
        page.with_header("x-content-type-options", "nosniff")
    }

    /// A page that is kept compressed, of which so many bytes come out.
    pub(super) fn compressed(content_type: &'static str, gzip: Vec<u8>, length: u64) -> Self {
        let body = Kept::Compressed {
            gzip: gzip.into(),
            length,
        };
        Self {
            body,
            ..Self::new(content_type, []).with_header("content-encoding", "gzip")
        }
    }

    /// The same for who does not take it compressed.
    #[must_use]
    pub(super) fn unpacked(mut self) -> Self {
        if let Kept::Compressed { gzip, length } = self.body {
            self.headers.remove(CONTENT_ENCODING);
            self.body = Kept::ToUnpack(gzip, length);
        }
        self
    }

    /// Plain words.
    pub fn text(body: impl Into<Vec<u8>>) -> Self {
        Self::new("text/plain; charset=utf-8", body)
    }

    /// A page for browsers, which may bring its own styles and nothing else: no script, no frame, no form, no request
    /// to anywhere. Headers given later take the place of these.
    pub fn html(body: impl Into<Vec<u8>>) -> Self {
        let page = Self::new("text/html; charset=utf-8", body);
        HTML_HEADERS
            .iter()
            .fold(page, |page, (name, value)| page.with_header(name, value))
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with one header more, or another value for it.
    ///
    /// # Panics
    /// Where the name is not lower case or the value is no header value: both are the program's own.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        self
    }

    /// Nothing is served at that path. The path itself is not repeated: it is the client's.
    pub(super) fn not_found(served: &str) -> Self {
        Self::text(format!("not found: this exporter serves {served}\n"))
            .with_status(StatusCode::NOT_FOUND)
    }

    /// The path is served, but only to these methods.
    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        let words = format!(
            "method not allowed: use {}\n",
            allowed.replace(", ", " or ")
        );
        Self::text(words)
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
            .with_header("allow", allowed)
    }

    /// More is asked for at once than may be.
    pub(super) fn too_many_requests(max: usize) -> Self {
        Self::text(format!(
            "more than {max} requests at once: try again later\n"
        ))
        .with_status(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// A user and his password are wanted (RFC 7617).
    pub(super) fn unauthorized() -> Self {
        let page = Self::text("unauthorized: name a user and his password\n")
            .with_status(StatusCode::UNAUTHORIZED);
        page.with_header(
            "www-authenticate",
            "Basic realm=\"exporter\", charset=\"UTF-8\"",
        )
    }

    /// More requests come than the rate limit allows for.
    pub(super) fn too_often() -> Self {
        Self::text("too many requests: try again later\n")
            .with_status(StatusCode::TOO_MANY_REQUESTS)
    }

    /// Nobody can be let in.
    pub(super) fn misconfigured() -> Self {
        Self::text("the web configuration is broken: the exporter's log says why\n")
            .with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The page's own code panicked.
    pub(super) fn broken() -> Self {
        Self::text("this page could not be rendered: the exporter's standard error says why\n")
            .with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The answer to a request of that method. HEAD is told the length of what GET would get (RFC 9110 section 9.3.2).
    pub(super) fn answer(self, method: &Method) -> Response<Sent> {
        let length = match &self.body {
            Kept::Whole(bytes) | Kept::Compressed { gzip: bytes, .. } => bytes.len() as u64,
            Kept::ToUnpack(_, length) => *length,
        };
        let length = HeaderValue::from(length);
        let body = match self.body {
            _ if *method == Method::HEAD => Sent::Whole(Bytes::new()),
            Kept::Whole(bytes) | Kept::Compressed { gzip: bytes, .. } => Sent::Whole(bytes),
            Kept::ToUnpack(gzip, length) => Sent::unpacked(gzip, length),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(CONTENT_LENGTH, length);
        response
    }
}

const HTML_HEADERS: [(&str, &str); 3] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
];
