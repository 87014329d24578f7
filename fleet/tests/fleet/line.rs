//! The line between a client and a server, and its faults.

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::SinkExt;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::support::{
    A_WHILE, Client, Harbour, SOON, assert_closed, assert_echo, assert_hears, assert_silent, assert_torn_down, next,
    say, shake_hands,
};

async fn assert_reset(client: &mut Client) {
    match next(client).await {
        Some(Err(WsError::Io(error))) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        other => panic!("expected a reset, got {other:?}"),
    }
}

#[tokio::test]
async fn latency_is_added_in_each_direction_and_what_is_sent_together_arrives_together() {
    let latency = Duration::from_millis(200);
    let harbour = Harbour::with(json!([{ "behaviour": { "latency": 200 } }])).await;
    let start = Instant::now();
    let mut client = harbour.connect("s1").await;
    assert!(start.elapsed() >= 2 * latency, "the handshake there, and back");

    let start = Instant::now();
    for number in 0..20 {
        say(&mut client, &number.to_string()).await;
    }
    for number in 0..20 {
        assert_hears(&mut client, &number.to_string()).await;
    }
    let taken = start.elapsed();
    assert!(taken >= 2 * latency, "{taken:?}");
    assert!(taken < 20 * latency, "they were on their way at once: {taken:?}");

    client.close(None).await.expect("sent");
    assert!(matches!(next(&mut client).await, Some(Ok(Message::Close(_)))));
    assert!(next(&mut client).await.is_none());
}

#[tokio::test]
async fn latency_can_change_while_a_connection_is_open_and_nothing_is_overtaken() {
    let harbour = Harbour::with(json!([{}])).await;
    let mut client = harbour.connect("s1").await;
    assert_echo(&mut client, "fast").await;

    harbour.server("s1", json!({ "latency": 300 })).await;
    let start = Instant::now();
    say(&mut client, "slow").await;
    assert_silent(&mut client).await;
    harbour.server("s1", json!({ "latency": 0 })).await;
    say(&mut client, "behind").await;

    assert_hears(&mut client, "slow").await;
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_hears(&mut client, "behind").await;
    let start = Instant::now();
    assert_echo(&mut client, "fast again").await;
    assert!(start.elapsed() < Duration::from_millis(300));
}

#[tokio::test]
async fn what_a_server_said_last_arrives_although_it_is_late() {
    let harbour = Harbour::with(json!([{ "behaviour": { "latency": 100, "handshake": "refuse" } }])).await;
    match harbour.try_connect("s1").await {
        Err(WsError::Http(response)) => assert_eq!(response.status(), 503),
        other => panic!("expected 503, got {other:?}"),
    }
    harbour.server("s1", json!({ "handshake": "drop" })).await;
    assert_closed(&mut harbour.connect("s1").await, 1011, "").await;
    harbour.server("s1", json!({ "dropCode": null })).await;
    assert_torn_down(&mut harbour.connect("s1").await).await;
}

#[tokio::test]
async fn a_black_hole_swallows_both_directions_and_then_resets_those_who_lost_something() {
    let harbour = Harbour::with(json!([{}])).await;
    let mut speaking = harbour.connect("s1").await;
    let mut listening = harbour.connect("s1").await;
    let mut idle = harbour.connect("s1").await;
    let leaving = harbour.connect("s1").await;
    let address = harbour.address("s1");

    harbour.server("s1", json!({ "blackhole": true })).await;

    say(&mut speaking, "hello?").await;
    speaking.send(Message::Ping("alive?".into())).await.expect("sent");
    assert_silent(&mut speaking).await;
    drop(leaving);
    let mut newcomer = TcpStream::connect(&address).await.expect("the system accepts");
    newcomer.write_all(b"GET / HTTP/1.1\r\n").await.expect("sent");
    let mut byte = [0];
    assert!(timeout(A_WHILE, newcomer.read(&mut byte)).await.is_err(), "no answer");
    let quiet = TcpStream::connect(&address).await.expect("the system accepts");
    assert_eq!(
        harbour.truth("s1").await["connections"],
        4,
        "the server does not know who left"
    );

    harbour.server("s1", json!({ "blackhole": false })).await;

    assert_reset(&mut speaking).await;
    let read = timeout(SOON, newcomer.read(&mut byte)).await.expect("an end");
    assert_eq!(read.expect_err("it is reset").kind(), ErrorKind::ConnectionReset);
    harbour.until_connections("s1", 2).await;
    assert_echo(&mut listening, "nothing of mine was lost").await;
    assert_echo(&mut idle, "nor of mine").await;
    let late = shake_hands(format!("ws://{address}/"), quiet).await;
    assert!(late.is_ok(), "it had said nothing");
}

#[tokio::test]
async fn a_black_hole_swallows_what_the_server_says_by_itself_and_its_close_frames() {
    let harbour = Harbour::with(json!([{ "count": 2 }])).await;
    let mut fed = harbour.connect("s1").await;
    let mut told = harbour.connect("s2").await;
    for id in ["s1", "s2"] {
        harbour.server(id, json!({ "blackhole": true })).await;
    }

    harbour.server("s1", json!({ "feed": 10 })).await;
    let close = harbour.tell(
        Method::POST,
        "/fleets/default/servers/s2/close",
        json!({ "code": 1012 }),
    );
    assert_eq!(close.await, json!({ "closed": 1 }));
    assert_silent(&mut fed).await;
    assert_silent(&mut told).await;
    // The server has given up waiting for the other half of the closing handshake, and the client sees none of it.
    harbour.until_connections("s2", 0).await;
    assert_silent(&mut told).await;

    harbour.tell(Method::POST, "/fleets/default/reset", json!({})).await;
    assert_reset(&mut fed).await;
    assert_reset(&mut told).await;
    assert_echo(&mut harbour.connect("s1").await, "the line is whole").await;
}

#[tokio::test]
async fn a_server_in_a_black_hole_can_die_and_its_fleet_can_end() {
    let harbour = Harbour::with(json!([{ "count": 2 }])).await;
    let mut client = harbour.connect("s1").await;
    let mut other = harbour.connect("s2").await;
    for id in ["s1", "s2"] {
        harbour.server(id, json!({ "blackhole": true })).await;
    }
    say(&mut client, "lost").await;
    assert_silent(&mut client).await;
    harbour.server("s1", json!({ "alive": false })).await;
    assert_torn_down(&mut client).await;

    let stopped = timeout(Duration::from_secs(3), harbour.service.stop()).await;
    assert!(stopped.is_ok(), "it takes no more than a moment");
    assert_torn_down(&mut other).await;
}
