//! The start of a connection: in plain text, or with a TLS handshake first.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::guard::{AccessControl, Greeting};

/// A connection over which HTTP is spoken.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Says hello as the guard wants it; none where the client does not. It takes as long as the client takes.
pub(super) async fn greet(stream: TcpStream, guard: &AccessControl) -> Option<Stream> {
    match guard.greet() {
        Greeting::Plain => Some(Stream::Plain(stream)),
        Greeting::Refused => None,
        Greeting::Tls(_) if speaks_plain(&stream).await => {
            // What was not read would turn the answer into a reset. It is in Go's words, which people search for.
            let read = stream.try_read(&mut [0; 4096]);
            let answer = stream.try_write(PLAIN_TO_TLS);
            debug!(
                ?read,
                ?answer,
                "closed an HTTP connection: its client does not speak TLS"
            );
            None
        }
        Greeting::Tls(config) => match TlsAcceptor::from(config).accept(stream).await {
            Ok(stream) => Some(Stream::Tls(Box::new(stream))),
            Err(error) => {
                debug!(%error, "closed an HTTP connection: the TLS handshake failed");
                None
            }
        },
    }
}

/// Whether the first byte is a letter: a TLS handshake begins with 22 (RFC 8446 section 5.1).
async fn speaks_plain(stream: &TcpStream) -> bool {
    let mut first = [0];
    stream.peek(&mut first).await.is_ok_and(|length| length > 0) && first[0].is_ascii_alphabetic()
}

impl Stream {
    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// One of both does it.
macro_rules! either {
    ($stream:expr, $inner:ident => $what:expr) => {
        match $stream.get_mut() {
            Stream::Plain(stream) => {
                let $inner = Pin::new(stream);
                $what
            }
            Stream::Tls(stream) => {
                let $inner = Pin::new(stream.as_mut());
                $what
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }
}

const PLAIN_TO_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
