//! Task of one connection: TLS handshake, requests and responses until it ends or expires.
//!
//! Data flow: reads requests from an [`HttpStream`], authorizes them, takes replies from
//! [`Routes`], and writes them.
//!
//! Invariant: no bytes of a client can keep the server longer than
//! [`ServerLimits`](super::ServerLimits) allows.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::debug;

use super::connection_limit::ConnectionPermit;
use super::negotiation::Selected;
use super::reply::{Reply, ReplyBody};
use super::routes::{Route, Routes};
use super::single_flight::SingleFlight;
use super::transport::{HttpStream, accept_tls};
use super::web_config::AccessControl;

/// Maximum size of a request's head. A longer one is answered with status 431.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// What all connections of a server share.
pub(super) struct ConnectionContext {
    pub(super) routes: Routes,
    pub(super) access_control: AccessControl,
}

/// Answers the requests of one client until it disconnects or its permit expires.
///
/// After `shutdown` is closed, only a request that is already running is answered.
pub(super) async fn serve_connection(
    stream: TcpStream,
    permit: ConnectionPermit,
    context: Arc<ConnectionContext>,
    mut shutdown: watch::Receiver<()>,
) {
    let permit = Arc::new(permit);
    let mut expired = pin!(permit.expired());
    let stream = tokio::select! {
        biased;
        () = &mut expired => return debug!("closed an HTTP connection: it timed out or was evicted during the TLS handshake"),
        stream = accept_tls(stream, &context.access_control) => stream,
        _ = shutdown.changed() => None,
    };
    let Some(stream) = stream else { return };
    let service = service_fn(|request| respond(request, &context, &permit));
    let io = TokioIo::new(MonitoredStream {
        stream,
        permit: Arc::clone(&permit),
    });
    let mut connection = pin!(protocol().serve_connection(io, service));
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            () = &mut expired => return debug!("closed an HTTP connection: it timed out or was evicted"),
            ended = &mut connection => return ended.unwrap_or_else(|error| debug!(%error, "an HTTP connection failed")),
            _ = shutdown.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn protocol() -> http1::Builder {
    let mut protocol = http1::Builder::new();
    // hyper's timeout counts idle time, too, and would close connections of Prometheus between two
    // scrapes. The permit has separate timeouts.
    protocol.header_read_timeout(None);
    // socat and `nc -N` close their sending side before the response arrives.
    protocol.half_close(true);
    protocol.max_buf_size(MAX_HEAD_BYTES);
    protocol
}

async fn respond(
    request: hyper::Request<Incoming>,
    context: &ConnectionContext,
    permit: &ConnectionPermit,
) -> Result<Response<ReplyBody>, Infallible> {
    let (extra_headers, rejection) = context
        .access_control
        .authorize(request.headers(), permit.client())
        .await;
    let reply = match rejection {
        Some(rejection) => rejection,
        None => route(&request, &context.routes, permit).await,
    };
    permit.begin_response();
    let mut response = reply.into_response(request.method());
    response.headers_mut().extend(extra_headers);
    Ok(response)
}

async fn route(
    request: &hyper::Request<Incoming>,
    routes: &Routes,
    permit: &ConnectionPermit,
) -> Reply {
    match routes.find(request.method(), request.uri().path()) {
        Route::Fixed(reply) => reply,
        Route::Ready(reply) => {
            permit.begin_unlimited_request();
            reply.render().await
        }
        Route::Page(reply) | Route::Action(reply) => render_limited(permit, &reply).await,
        Route::Representations(representations) => {
            match representations.select(request.headers()) {
                Some(Selected {
                    reply,
                    identity: true,
                }) => render_limited(permit, reply).await.into_identity(),
                Some(Selected { reply, .. }) => render_limited(permit, reply).await,
                None => Reply::internal_error(),
            }
        }
    }
}

async fn render_limited(permit: &ConnectionPermit, reply: &Arc<SingleFlight>) -> Reply {
    match permit.begin_request() {
        Ok(()) => reply.render().await,
        Err(max) => Reply::too_many_requests(max),
    }
}

/// A stream that reports its progress to the permit of its connection.
struct MonitoredStream {
    stream: HttpStream,
    permit: Arc<ConnectionPermit>,
}

impl AsyncRead for MonitoredStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.permit.bytes_received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MonitoredStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes after it has written everything it has. It gets a response as a whole, and the
    /// next request's response only after that. A completed flush therefore means that the response
    /// is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.permit.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for MonitoredStream {
    fn drop(&mut self) {
        if self.permit.is_writing_response() {
            // After an orderly close the kernel would keep the unsent bytes for a client that does
            // not read. A reset discards them.
            if let Err(error) = self.stream.socket().set_zero_linger() {
                debug!(%error, "could not reset an HTTP connection");
            }
        }
    }
}
