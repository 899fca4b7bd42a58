//! Many who ask for one page at once share a render, and none gets one that began before it asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::{JoinSet, yield_now};

use super::super::shared::SharedPage;
use super::*;

/// A gated page that shows how often it was rendered.
fn counted() -> (Gate, Render) {
    let renders = AtomicUsize::new(0);
    Gate::new(move || Reply::text(format!("{}", renders.fetch_add(1, Ordering::Relaxed) + 1)))
}

async fn body(page: Arc<SharedPage>) -> String {
    use http_body_util::BodyExt;
    let answer = page.fresh().await.answer(&hyper::Method::GET);
    String::from_utf8(
        answer
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
async fn forty_at_once_wait_for_one_render() {
    let (gate, render) = counted();
    let page = SharedPage::new(render);
    let first = tokio::spawn(body(Arc::clone(&page)));
    yield_now().await;
    gate.wait_for_start();
    // The first render runs: it may have read its numbers already, so those who come now share the second.
    let mut crowd: JoinSet<_> = (0..40).map(|_| body(Arc::clone(&page))).collect();
    yield_now().await;
    gate.let_one_through();
    assert_eq!(first.await.unwrap(), "1");
    gate.wait_for_start();
    gate.let_one_through();
    while let Some(body) = crowd.join_next().await {
        assert_eq!(body.unwrap(), "2");
    }
    drop(gate);
    assert_eq!(body(page).await, "3", "an old page is never kept");
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_rendered() {
    let (gate, render) = counted();
    let page = SharedPage::new(render);
    let first = tokio::spawn(body(Arc::clone(&page)));
    yield_now().await;
    gate.wait_for_start();
    let second = tokio::spawn(body(Arc::clone(&page)));
    yield_now().await;
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    drop(gate);
    assert_eq!(first.await.unwrap(), "1");
    assert_eq!(body(page).await, "2");
}

#[test]
fn pages_do_not_wait_for_each_other() {
    let (gate, slow) = counted();
    let routes = page(|| Reply::text("quick"))
        .with_page("/slow", slow)
        .unwrap();
    let served = Served::start(routes, ServerLimits::default());
    let mut waiting = served.client();
    waiting.ask("GET", "/slow");
    gate.wait_for_start();
    assert_eq!(served.client().get("/metrics").text(), "quick");
    assert_eq!(served.client().get("/-/healthy").status, 200);
    drop(gate);
    assert_eq!(waiting.reply().text(), "1");
}

#[test]
fn above_the_limit_requests_are_refused_and_the_others_share() {
    let (gate, render) = counted();
    let served = Served::start(
        routes().with_page("/metrics", render).unwrap(),
        ServerLimits::default(),
    );
    let (sender, replies) = mpsc::channel();
    for _ in 0..41 {
        let (mut client, sender) = (served.client(), sender.clone());
        thread::spawn(move || sender.send(client.get("/metrics")).unwrap());
    }
    let refused = replies.recv().unwrap();
    assert_eq!(
        (refused.status, refused.text()),
        (503, "more than 40 requests at once: try again later\n")
    );
    assert_eq!(served.client().get("/-/healthy").status, 200);
    assert_eq!(served.client().get("/-/ready").status, 200);
    // Only now may any of the forty be answered: all are in.
    drop(gate);
    for reply in replies.iter().take(40) {
        assert_eq!(reply.status, 200);
        assert!(["1", "2"].contains(&reply.text()), "{reply:?}");
    }
}
