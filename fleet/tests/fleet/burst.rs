//! Many messages at once, in each direction.

use futures_util::SinkExt;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Harbour, assert_closed, assert_echo, assert_hears, assert_silent, next, say};

const BURST: &str = "/fleets/default/servers/s1/burst";

#[tokio::test]
async fn a_burst_gives_every_open_connection_so_many_messages_of_the_size_and_kind() {
    let harbour = Harbour::with(json!([{}])).await;
    let mut clients = [harbour.connect("s1").await, harbour.connect("s1").await];
    let text = json!({ "count": 1000, "size": 64 });
    assert_eq!(harbour.tell(Method::POST, BURST, text).await, json!({ "sentTo": 2 }));
    for client in &mut clients {
        for _ in 0..1000 {
            assert_hears(client, &"x".repeat(64)).await;
        }
        assert_silent(client).await;
    }
    let binary = json!({ "count": 3, "size": 65_536, "binary": true });
    harbour.tell(Method::POST, BURST, binary).await;
    for client in &mut clients {
        for _ in 0..3 {
            let received = next(client).await.expect("not the end").expect("a message");
            assert_eq!(received, Message::binary(vec![b'x'; 65_536]));
        }
        assert_silent(client).await;
        assert_echo(client, "it goes on").await;
    }
}

#[tokio::test]
async fn who_comes_after_a_burst_gets_nothing_of_it() {
    let harbour = Harbour::with(json!([{}])).await;
    harbour
        .tell(Method::POST, BURST, json!({ "count": 5, "size": 1 }))
        .await;
    assert_silent(&mut harbour.connect("s1").await).await;
}

#[tokio::test]
async fn a_burst_does_not_keep_an_order_to_close_waiting() {
    let harbour = Harbour::with(json!([{}])).await;
    let mut client = harbour.connect("s1").await;
    harbour
        .tell(Method::POST, BURST, json!({ "count": 4_000_000_000_u32, "size": 1 }))
        .await;
    let close = json!({ "code": 4000 });
    harbour
        .tell(Method::POST, "/fleets/default/servers/s1/close", close)
        .await;
    loop {
        match next(&mut client).await {
            Some(Ok(Message::Text(_))) => {}
            Some(Ok(Message::Close(Some(frame)))) => break assert_eq!(u16::from(frame.code), 4000),
            other => panic!("expected a close frame, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_burst_that_is_too_great_or_not_understood_is_refused() {
    let harbour = Harbour::with(json!([{}])).await;
    for burst in [
        json!({ "count": 1, "size": 1_000_000_000 }),
        json!({ "count": -1, "size": 1 }),
        json!({ "count": 1, "size": 1, "colour": "red" }),
    ] {
        let response = harbour.send(Method::POST, BURST, &burst).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{burst}");
    }
}

#[tokio::test]
async fn a_sink_swallows_all_but_empty_messages_which_tell_that_the_others_have_arrived() {
    let harbour = Harbour::with(json!([{ "behaviour": { "sink": true } }])).await;
    let mut client = harbour.connect("s1").await;
    say(&mut client, "into the sink").await;
    client.send(Message::binary(vec![1])).await.expect("sent");
    assert_echo(&mut client, "").await;
    let empty = Message::binary(Vec::new());
    client.send(empty.clone()).await.expect("sent");
    assert_eq!(next(&mut client).await.expect("not the end").expect("a message"), empty);

    harbour.server("s1", json!({ "sink": false })).await;

    assert_echo(&mut client, "it echoes again").await;
    harbour
        .tell(
            Method::POST,
            "/fleets/default/servers/s1/close",
            json!({ "code": 4000 }),
        )
        .await;
    assert_closed(&mut client, 4000, "").await;
}
