//! Transport of a connection: plaintext TCP, or TLS after its handshake.
//!
//! Data flow: turns an accepted TCP stream into the [`HttpStream`] that hyper reads and writes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::web_config::{AccessControl, TransportMode};

/// Response to a plaintext request on a TLS listener. The wording is that of Go's net/http, because
/// users search for it.
const PLAINTEXT_ON_TLS_RESPONSE: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// A connection that carries HTTP.
pub(super) enum HttpStream {
    Plaintext(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Performs the TLS handshake if the web configuration asks for one.
///
/// Returns `None` if the connection is rejected or the handshake fails. It has no timeout of its
/// own.
pub(super) async fn accept_tls(
    stream: TcpStream,
    access_control: &AccessControl,
) -> Option<HttpStream> {
    match access_control.transport_mode() {
        TransportMode::Plaintext => Some(HttpStream::Plaintext(stream)),
        TransportMode::Rejected => None,
        TransportMode::Tls(_) if is_plaintext(&stream).await => {
            // Unread bytes would turn the response into a reset.
            let read = stream.try_read(&mut [0; 4096]);
            let written = stream.try_write(PLAINTEXT_ON_TLS_RESPONSE);
            debug!(
                ?read,
                ?written,
                "closed an HTTP connection: the client sent plaintext to a TLS listener"
            );
            None
        }
        TransportMode::Tls(config) => match TlsAcceptor::from(config).accept(stream).await {
            Ok(stream) => Some(HttpStream::Tls(Box::new(stream))),
            Err(error) => {
                debug!(%error, "closed an HTTP connection: the TLS handshake failed");
                None
            }
        },
    }
}

/// Returns `true` if the first byte is a letter: a TLS handshake begins with 22 (RFC 8446
/// section 5.1).
async fn is_plaintext(stream: &TcpStream) -> bool {
    let mut first = [0];
    stream.peek(&mut first).await.is_ok_and(|length| length > 0) && first[0].is_ascii_alphabetic()
}

impl HttpStream {
    /// Returns the TCP socket below.
    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plaintext(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// Evaluates an expression with the pinned inner stream.
macro_rules! delegate {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream.get_mut() {
            HttpStream::Plaintext(stream) => {
                let $inner = Pin::new(stream);
                $call
            }
            HttpStream::Tls(stream) => {
                let $inner = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for HttpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plaintext(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_shutdown(cx))
    }
}
