//! What a server sends by itself.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt, future::join_all};
use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{A_WHILE, Client, Harbour, assert_hears, assert_silent, next, say};

async fn assert_fed(client: &mut Client, numbers: std::ops::Range<u64>) {
    for number in numbers {
        assert_hears(client, &format!(r#"{{"feed":{number}}}"#)).await;
    }
}

#[tokio::test]
async fn every_connection_is_fed_at_the_period_and_numbered_from_zero() {
    let harbour = Harbour::with(json!([{ "count": 2, "behaviour": { "feed": 100 } }])).await;
    harbour.server("s2", json!({ "feed": null })).await;
    let start = Instant::now();
    let mut early = harbour.connect("s1").await;
    assert_fed(&mut early, 0..4).await;
    assert!(
        start.elapsed() >= Duration::from_millis(290),
        "the first at once, then three periods"
    );
    let mut late = harbour.connect("s1").await;
    assert_fed(&mut late, 0..2).await;
    assert_fed(&mut early, 4..6).await;
    assert_silent(&mut harbour.connect("s2").await).await;
}

#[tokio::test]
async fn a_feed_begins_changes_and_ends_on_open_connections_at_once() {
    let harbour = Harbour::with(json!([{}])).await;
    let mut client = harbour.connect("s1").await;
    assert_silent(&mut client).await;
    harbour.server("s1", json!({ "feed": 3_600_000 })).await;
    assert_fed(&mut client, 0..1).await;
    harbour.server("s1", json!({ "report": 7 })).await;
    assert_silent(&mut client).await;
    harbour.server("s1", json!({ "feed": 20 })).await;
    assert_fed(&mut client, 1..5).await;

    harbour.tell(Method::POST, "/fleets/default/reset", json!({})).await;

    say(&mut client, "the end").await;
    let end = Message::text("the end");
    while next(&mut client).await.expect("not the end").expect("a message") != end {}
    assert_silent(&mut client).await;
}

#[tokio::test]
async fn a_server_that_feeds_echoes_and_closes_in_good_order() {
    let harbour = Harbour::with(json!([{ "behaviour": { "feed": 1 } }])).await;
    let mut client = harbour.connect("s1").await;
    let echo = Message::text("echo");
    client.send(echo.clone()).await.expect("sent");
    while next(&mut client).await.expect("not the end").expect("a message") != echo {}

    // As many as it takes for a close frame to come when a message is due.
    let mut clients = join_all((0..100).map(|_| harbour.connect("s1"))).await;
    for client in &mut clients {
        client.close(None).await.expect("sent");
        let mut last = None;
        while let Some(message) = client.next().await {
            last = Some(message.expect("an end in good order"));
        }
        assert!(matches!(last, Some(Message::Close(_))), "got {last:?}");
    }

    let mut client = harbour.connect("s1").await;
    assert_fed(&mut client, 0..3).await;
    let close = json!({ "code": 4000 });
    harbour
        .tell(Method::POST, "/fleets/default/servers/s1/close", close)
        .await;
    harbour.server("s1", json!({ "feed": null })).await;
    let mut number = 3;
    let closed = loop {
        match next(&mut client).await {
            Some(Ok(Message::Text(text))) => {
                assert_eq!(text.as_str(), format!(r#"{{"feed":{number}}}"#));
                number += 1;
            }
            other => break other,
        }
    };
    match closed {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 4000),
        other => panic!("expected a close frame, got {other:?}"),
    }
}

#[tokio::test]
async fn a_frozen_server_feeds_nobody_and_makes_up_for_nothing_when_it_thaws() {
    let harbour = Harbour::with(json!([{ "behaviour": { "feed": 50 } }])).await;
    let mut client = harbour.connect("s1").await;
    assert_fed(&mut client, 0..2).await;
    harbour.server("s1", json!({ "frozen": true })).await;
    // What was sent before.
    let mut number = 2;
    while let Ok(Some(message)) = tokio::time::timeout(A_WHILE, client.next()).await {
        let fed = Message::text(format!(r#"{{"feed":{number}}}"#));
        assert_eq!(message.expect("a message"), fed);
        number += 1;
    }
    sleep(Duration::from_millis(500)).await;
    assert_silent(&mut client).await;

    harbour.server("s1", json!({ "frozen": false })).await;

    let thawed = Instant::now();
    assert_fed(&mut client, number..number + 5).await;
    assert!(
        thawed.elapsed() >= Duration::from_millis(150),
        "not all at once: {:?}",
        thawed.elapsed()
    );
}
