//! A healthy server.

use std::time::Duration;

use evenkeel_fleet::MAX_MESSAGE;
use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{Harbour, assert_echo, next, shake_hands};

#[tokio::test]
async fn text_and_binary_come_back_as_they_were_sent() {
    let harbour = Harbour::with(json!([{}])).await;
    let mut client = harbour.connect("s1").await;
    for text in ["", "?", "?help", "häfen ⚓", &"x".repeat(200_000)] {
        assert_echo(&mut client, text).await;
    }
    for bytes in [vec![], vec![0, 255, 128], vec![7; 200_000]] {
        let message = Message::binary(bytes);
        client.send(message.clone()).await.expect("the client can send");
        assert_eq!(
            next(&mut client).await.expect("not the end").expect("a message"),
            message
        );
    }
}

#[tokio::test]
async fn any_path_and_query_is_accepted_and_the_first_subprotocol_offered_is_chosen() {
    let harbour = Harbour::with(json!([{}])).await;
    let address = harbour.address("s1");
    for (offered, chosen) in [(Some("chat.v2, chat.v1"), Some("chat.v2")), (None, None)] {
        let url = format!("ws://{address}/rooms/7?token=a%20b");
        let mut request = url.into_client_request().expect("a good URL");
        if let Some(offered) = offered {
            let value = offered.parse().expect("a good header");
            request.headers_mut().insert("sec-websocket-protocol", value);
        }
        let stream = TcpStream::connect(&address).await.expect("the server listens");
        let (_client, response) = tokio_tungstenite::client_async(request, stream)
            .await
            .expect("accepted");
        let answered = response.headers().get("sec-websocket-protocol");
        assert_eq!(answered.and_then(|value| value.to_str().ok()), chosen);
    }
}

#[tokio::test]
async fn the_greatest_message_is_echoed_and_a_greater_one_closes_with_1009() {
    let harbour = Harbour::with(json!([{}])).await;
    let mut client = harbour.connect("s1").await;
    let greatest = Message::binary(vec![1; MAX_MESSAGE]);
    client.send(greatest.clone()).await.expect("the client can send");
    assert!(next(&mut client).await.expect("not the end").expect("a message") == greatest);

    let (mut sending, mut receiving) = client.split();
    let too_great = Message::binary(vec![1; MAX_MESSAGE + 1]);
    let (_, closed) = tokio::join!(sending.send(too_great), receiving.next());
    match closed {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1009),
        other => panic!("expected a close frame, got {other:?}"),
    }
    harbour.until_connections("s1", 0).await;
}

#[tokio::test]
async fn exactly_the_open_connections_are_counted_however_they_ended() {
    let harbour = Harbour::with(json!([{ "baseUsers": 10 }])).await;
    let mut closed = harbour.connect("s1").await;
    let lost = harbour.connect("s1").await;
    let reset = harbour.connect("s1").await;
    let mut staying = harbour.connect("s1").await;

    let truth = harbour.truth("s1").await;
    assert_eq!(
        (&truth["connections"], &truth["users"], &truth["accepted"]),
        (&json!(4), &json!(14), &json!(4))
    );

    closed.close(None).await.expect("the client can close");
    while next(&mut closed).await.is_some() {}
    assert_eq!(
        harbour.truth("s1").await["connections"],
        3,
        "counted down before TCP ends"
    );

    drop(lost);
    harbour.until_connections("s1", 2).await;

    reset.get_ref().set_zero_linger().expect("the option is known");
    drop(reset);
    harbour.until_connections("s1", 1).await;

    assert_echo(&mut staying, "still here").await;
    let truth = harbour.truth("s1").await;
    assert_eq!((&truth["users"], &truth["accepted"]), (&json!(11), &json!(4)));
}

#[tokio::test]
async fn what_is_no_websocket_handshake_is_not_counted() {
    let harbour = Harbour::with(json!([{}])).await;
    let address = harbour.address("s1");
    let plain = reqwest::Client::builder()
        .timeout(Duration::from_secs(2))
        .build()
        .expect("a client");
    assert!(plain.get(format!("http://{address}/")).send().await.is_err());
    let silent = TcpStream::connect(&address).await.expect("the server listens");
    let truth = harbour.truth("s1").await;
    assert_eq!((&truth["connections"], &truth["accepted"]), (&json!(0), &json!(0)));
    let client = shake_hands(format!("ws://{address}/"), silent).await;
    assert!(client.is_ok(), "a client may take its time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_at_once_are_held_counted_and_served() {
    rlimit::increase_nofile_limit(8192).expect("the limit can be raised");
    let harbour = Harbour::with(json!([{ "capacity": 2000 }])).await;
    let mut clients = join_all((0..1000).map(|_| harbour.connect("s1"))).await;
    assert_eq!(harbour.truth("s1").await["connections"], 1000);
    join_all(clients.iter_mut().map(|client| assert_echo(client, "all of us"))).await;
    harbour.until_listed("s1", "users", json!(1000)).await;
    drop(clients);
    harbour.until_connections("s1", 0).await;
}
