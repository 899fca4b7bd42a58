//! One client, from its first byte to its last: no bytes of it can keep the server longer than the limits say.

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

use super::body::Sent;
use super::forms::Wanted;
use super::greeting::{Stream, greet};
use super::guard::AccessControl;
use super::page::Reply;
use super::routes::{Route, Routes};
use super::seats::Seat;
use super::shared::SharedPage;

/// What there is to be had, and for whom.
pub(super) struct Offer {
    pub(super) routes: Routes,
    pub(super) guard: AccessControl,
}

/// Answers one client's requests until it leaves, overstays, or, once `running` is closed, has its running request
/// answered.
pub(super) async fn attend(
    stream: TcpStream,
    seat: Seat,
    offer: Arc<Offer>,
    mut running: watch::Receiver<()>,
) {
    let seat = Arc::new(seat);
    let mut overstayed = pin!(seat.overstayed());
    let stream = tokio::select! {
        biased;
        () = &mut overstayed => return debug!("closed an HTTP connection: its client did not finish a handshake"),
        stream = greet(stream, &offer.guard) => stream,
        _ = running.changed() => None,
    };
    let Some(stream) = stream else { return };
    let service = service_fn(|request| respond(request, &offer, &seat));
    let io = TokioIo::new(Watched {
        stream,
        seat: Arc::clone(&seat),
    });
    let mut connection = pin!(protocol().serve_connection(io, service));
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            () = &mut overstayed => return debug!("closed an HTTP connection: its client kept others waiting"),
            ended = &mut connection => return ended.unwrap_or_else(|error| debug!(%error, "an HTTP connection broke")),
            _ = running.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn protocol() -> http1::Builder {
    let mut protocol = http1::Builder::new();
    // hyper's own counts idle time too, and would close under Prometheus between two scrapes: the seat keeps the time.
    protocol.header_read_timeout(None);
    // socat and `nc -N` say that they are done asking before they are answered.
    protocol.half_close(true);
    protocol.max_buf_size(HEAD_BYTES);
    protocol
}

async fn respond(
    request: hyper::Request<Incoming>,
    offer: &Offer,
    seat: &Seat,
) -> Result<Response<Sent>, Infallible> {
    let (extra, refusal) = offer.guard.admit(request.headers(), seat.from()).await;
    let page = match refusal {
        Some(refusal) => refusal,
        None => find(&request, &offer.routes, seat).await,
    };
    seat.answer();
    let mut response = page.answer(request.method());
    response.headers_mut().extend(extra);
    Ok(response)
}

async fn find(request: &hyper::Request<Incoming>, routes: &Routes, seat: &Seat) -> Reply {
    match routes.find(request.method(), request.uri().path()) {
        Route::Fixed(page) => page,
        Route::Ready(page) => {
            seat.work();
            page.fresh().await
        }
        Route::Reply(page) | Route::Action(page) => fresh(seat, &page).await,
        Route::Forms(forms) => match forms.choose(request.headers()) {
            Some(Wanted {
                page,
                unpacked: true,
            }) => fresh(seat, page).await.unpacked(),
            Some(Wanted { page, .. }) => fresh(seat, page).await,
            None => Reply::broken(),
        },
    }
}

async fn fresh(seat: &Seat, page: &Arc<SharedPage>) -> Reply {
    match seat.begin() {
        Ok(()) => page.fresh().await,
        Err(max) => Reply::too_many_requests(max),
    }
}

/// A stream that tells its seat what goes on.
struct Watched {
    stream: Stream,
    seat: Arc<Seat>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.seat.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
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

    /// hyper flushes when it has written all it has. An answer is handed to it whole, and the next request's only after
    /// that, so then the answer is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.seat.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.seat.is_answering() {
            // A reset instead of an ordinary close: else the kernel would keep the rest for a client that does not read.
            if let Err(error) = self.stream.socket().set_zero_linger() {
                debug!(%error, "could not reset an HTTP connection");
            }
        }
    }
}

/// What a request's head may take: more is answered with 431.
const HEAD_BYTES: usize = 16 * 1024;
