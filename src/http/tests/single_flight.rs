//! Concurrent requests share a render, and none gets one that began before the request.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::{JoinSet, yield_now};

use super::super::single_flight::SingleFlight;
use super::*;

/// Returns a gated render function of which the reply is the number of renders.
fn counting_render() -> (Gate, Render) {
    let renders = AtomicUsize::new(0);
    Gate::new(move || Reply::text(format!("{}", renders.fetch_add(1, Ordering::Relaxed) + 1)))
}

async fn body(flight: Arc<SingleFlight>) -> String {
    use http_body_util::BodyExt;
    let response = flight.render().await.into_response(&hyper::Method::GET);
    String::from_utf8(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec(),
    )
    .unwrap()
}

#[tokio::test]
async fn concurrent_requests_share_one_render() {
    let (gate, render) = counting_render();
    let flight = SingleFlight::new(render);
    let first = tokio::spawn(body(Arc::clone(&flight)));
    yield_now().await;
    gate.wait_for_start();
    // The first render runs and may have read its numbers already. New requests share the second.
    let mut requests: JoinSet<_> = (0..40).map(|_| body(Arc::clone(&flight))).collect();
    yield_now().await;
    gate.release_one();
    assert_eq!(first.await.unwrap(), "1");
    gate.wait_for_start();
    gate.release_one();
    while let Some(body) = requests.join_next().await {
        assert_eq!(body.unwrap(), "2");
    }
    drop(gate);
    assert_eq!(body(flight).await, "3", "a reply is not cached");
}

#[tokio::test]
async fn abandoned_request_is_not_rendered() {
    let (gate, render) = counting_render();
    let flight = SingleFlight::new(render);
    let first = tokio::spawn(body(Arc::clone(&flight)));
    yield_now().await;
    gate.wait_for_start();
    let second = tokio::spawn(body(Arc::clone(&flight)));
    yield_now().await;
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    drop(gate);
    assert_eq!(first.await.unwrap(), "1");
    assert_eq!(body(flight).await, "2");
}

#[test]
fn slow_page_does_not_delay_others() {
    let (gate, slow) = counting_render();
    let routes = page(|| Reply::text("quick"))
        .with_page("/slow", slow)
        .unwrap();
    let server = TestServer::start(routes, ServerLimits::default());
    let mut waiting = server.client();
    waiting.request("GET", "/slow");
    gate.wait_for_start();
    assert_eq!(server.client().get("/metrics").text(), "quick");
    assert_eq!(server.client().get("/-/healthy").status, 200);
    drop(gate);
    assert_eq!(waiting.reply().text(), "1");
}

#[test]
fn requests_above_the_limit_get_503() {
    let (gate, render) = counting_render();
    let server = TestServer::start(
        routes().with_page("/metrics", render).unwrap(),
        ServerLimits::default(),
    );
    let (sender, replies) = mpsc::channel();
    for _ in 0..41 {
        let mut client = server.client();
        let sender = sender.clone();
        thread::spawn(move || sender.send(client.get("/metrics")).unwrap());
    }
    let rejected = replies.recv().unwrap();
    assert_eq!(
        (rejected.status, rejected.text()),
        (503, "more than 40 requests at once: try again later\n")
    );
    assert_eq!(server.client().get("/-/healthy").status, 200);
    assert_eq!(server.client().get("/-/ready").status, 200);
    // The gate stays closed until here, so that all forty requests run at the same time.
    drop(gate);
    for reply in replies.iter().take(40) {
        assert_eq!(reply.status, 200);
        assert!(["1", "2"].contains(&reply.text()), "{reply:?}");
    }
}
