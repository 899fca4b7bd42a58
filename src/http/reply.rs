//! Replies to requests: status, headers, and a body that many responses can share.
//!
//! Data flow: rendered by the caller's handlers or by this module, and turned into hyper responses
//! by the connection task.
//!
//! Invariant: a gzip body is decoded piece by piece while it is sent. The memory that slow readers
//! occupy is therefore small, whatever the size of the body and the number of readers.

use std::io::{self, Cursor, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use flate2::bufread::GzDecoder;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use hyper::{Method, Response, StatusCode};

/// Size of the pieces in which a decoded body is sent. A few of them are buffered for each reader.
const DECODED_CHUNK_BYTES: usize = 32 * 1024;
/// Headers that deny an HTML page everything but its own styles and embedded images.
const HTML_HEADERS: [(&str, &str); 3] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
];

/// A rendered reply. Clones share the body.
#[derive(Clone, Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: StoredBody,
}

/// How a body is stored, and with which content coding it is sent.
#[derive(Clone, Debug)]
enum StoredBody {
    /// Stored and sent without a content coding.
    Identity(Bytes),
    /// Stored and sent with gzip.
    Gzip {
        gzip: Bytes,
        /// Number of bytes after decoding.
        decoded_length: u64,
    },
    /// Stored with gzip, sent without a content coding.
    GzipToIdentity { gzip: Bytes, decoded_length: u64 },
}

impl Reply {
    /// Creates a reply with status 200. Browsers must not guess another content type.
    ///
    /// # Panics
    /// Panics if the content type is not a valid header value. It is a constant of the program, so
    /// that the first test finds a mistake.
    pub fn new(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let reply = Self {
            status: StatusCode::OK,
            headers,
            body: StoredBody::Identity(Bytes::from(body.into())),
        };
        reply.with_header("x-content-type-options", "nosniff")
    }

    /// Creates a reply with a gzip body of `decoded_length` bytes after decoding.
    pub(super) fn gzip(content_type: &'static str, gzip: Vec<u8>, decoded_length: u64) -> Self {
        let body = StoredBody::Gzip {
            gzip: gzip.into(),
            decoded_length,
        };
        Self {
            body,
            ..Self::new(content_type, []).with_header("content-encoding", "gzip")
        }
    }

    /// Sends a gzip body decoded, for a client that does not accept gzip.
    #[must_use]
    pub(super) fn into_identity(mut self) -> Self {
        if let StoredBody::Gzip {
            gzip,
            decoded_length,
        } = self.body
        {
            self.headers.remove(CONTENT_ENCODING);
            self.body = StoredBody::GzipToIdentity {
                gzip,
                decoded_length,
            };
        }
        self
    }

    /// Creates a plain text reply.
    pub fn text(body: impl Into<Vec<u8>>) -> Self {
        Self::new("text/plain; charset=utf-8", body)
    }

    /// Creates an HTML page that may bring its own styles and nothing else: no script, frame, form
    /// or request to any address. Headers that are set later replace these restrictions.
    pub fn html(body: impl Into<Vec<u8>>) -> Self {
        let reply = Self::new("text/html; charset=utf-8", body);
        HTML_HEADERS
            .iter()
            .fold(reply, |reply, (name, value)| reply.with_header(name, value))
    }

    /// Sets the status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Adds a header, or replaces its value.
    ///
    /// # Panics
    /// Panics if the name is not in lower case or the value is not a valid header value. Both are
    /// constants of the program.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        self
    }

    /// Returns status 404 with the paths that are served. The requested path is not repeated,
    /// because it comes from the client.
    pub(super) fn not_found(served: &str) -> Self {
        Self::text(format!("not found: this exporter serves {served}\n"))
            .with_status(StatusCode::NOT_FOUND)
    }

    /// Returns status 405 with the methods that the path allows.
    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        let text = format!(
            "method not allowed: use {}\n",
            allowed.replace(", ", " or ")
        );
        Self::text(text)
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
            .with_header("allow", allowed)
    }

    /// Returns status 503 for a request above the limit of concurrent requests.
    pub(super) fn too_many_requests(max: usize) -> Self {
        Self::text(format!(
            "more than {max} requests at once: try again later\n"
        ))
        .with_status(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// Returns status 401, which asks for a user and password (RFC 7617).
    pub(super) fn unauthorized() -> Self {
        let reply = Self::text("unauthorized: valid credentials required\n")
            .with_status(StatusCode::UNAUTHORIZED);
        reply.with_header(
            "www-authenticate",
            "Basic realm=\"exporter\", charset=\"UTF-8\"",
        )
    }

    /// Returns status 429 for a request above the rate limit.
    pub(super) fn rate_limited() -> Self {
        Self::text("too many requests: try again later\n")
            .with_status(StatusCode::TOO_MANY_REQUESTS)
    }

    /// Returns status 500 for any request while the web configuration is invalid.
    pub(super) fn misconfigured() -> Self {
        Self::text("the web configuration is invalid: see the exporter's log\n")
            .with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Returns status 500 for a reply that panicked or failed while it was rendered.
    pub(super) fn internal_error() -> Self {
        Self::text("this page could not be rendered: see the exporter's standard error\n")
            .with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Returns the response to a request with the given method. For HEAD it has the content length
    /// that GET would have (RFC 9110 section 9.3.2).
    pub(super) fn into_response(self, method: &Method) -> Response<ReplyBody> {
        let length = match &self.body {
            StoredBody::Identity(bytes) | StoredBody::Gzip { gzip: bytes, .. } => {
                bytes.len() as u64
            }
            StoredBody::GzipToIdentity { decoded_length, .. } => *decoded_length,
        };
        let length = HeaderValue::from(length);
        let body = match self.body {
            _ if *method == Method::HEAD => ReplyBody::Whole(Bytes::new()),
            StoredBody::Identity(bytes) | StoredBody::Gzip { gzip: bytes, .. } => {
                ReplyBody::Whole(bytes)
            }
            StoredBody::GzipToIdentity {
                gzip,
                decoded_length,
            } => ReplyBody::decoding(gzip, decoded_length),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(CONTENT_LENGTH, length);
        response
    }
}

/// The body of a response while it is sent. Its length is known from the start.
pub(super) enum ReplyBody {
    /// Sent in one piece.
    Whole(Bytes),
    /// Decoded from gzip while it is sent.
    Decoding {
        decoder: Box<GzDecoder<Cursor<Bytes>>>,
        /// Number of decoded bytes that are not yet sent.
        remaining: u64,
    },
}

impl ReplyBody {
    /// Decodes a gzip body of `decoded_length` bytes after decoding.
    fn decoding(gzip: Bytes, decoded_length: u64) -> Self {
        Self::Decoding {
            decoder: Box::new(GzDecoder::new(Cursor::new(gzip))),
            remaining: decoded_length,
        }
    }

    const fn remaining(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Decoding { remaining, .. } => *remaining,
        }
    }

    /// Takes the next bytes to send.
    fn next_chunk(&mut self) -> io::Result<Bytes> {
        match self {
            Self::Whole(bytes) => Ok(std::mem::take(bytes)),
            Self::Decoding { decoder, remaining } => {
                let length = usize::try_from(*remaining)
                    .unwrap_or(DECODED_CHUNK_BYTES)
                    .min(DECODED_CHUNK_BYTES);
                let mut chunk = vec![0; length];
                decoder.read_exact(&mut chunk)?;
                *remaining -= chunk.len() as u64;
                Ok(chunk.into())
            }
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let has_more = self.remaining() > 0;
        Poll::Ready(has_more.then(|| self.next_chunk().map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining())
    }
}
