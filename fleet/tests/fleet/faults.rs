//! Every fault of a server.

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::SinkExt;
use reqwest::Method;
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::support::{
    A_WHILE, Harbour, assert_closed, assert_echo, assert_hears, assert_silent, assert_torn_down, next, say,
};

async fn assert_refused(address: &str) {
    let error = TcpStream::connect(address).await.expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_dead_server_refuses_connections_and_those_it_had_end_without_a_close_frame() {
    let harbour = Harbour::with(json!([{ "count": 2 }])).await;
    let (mut one, mut two) = (harbour.connect("s1").await, harbour.connect("s1").await);
    let mut elsewhere = harbour.connect("s2").await;

    let state = harbour.server("s1", json!({ "alive": false })).await;

    assert_eq!(
        (&state["connections"], &state["behaviour"]["alive"]),
        (&json!(0), &json!(false))
    );
    assert_refused(&harbour.address("s1")).await;
    assert_torn_down(&mut one).await;
    assert_torn_down(&mut two).await;
    assert_echo(&mut elsewhere, "unharmed").await;
}

#[tokio::test]
async fn a_server_can_die_and_come_back_on_its_port_again_and_again() {
    let harbour = Harbour::with(json!([{}])).await;
    for _ in 0..20 {
        let mut client = harbour.connect("s1").await;
        assert_echo(&mut client, "alive").await;
        harbour.server("s1", json!({ "alive": false })).await;
        assert_refused(&harbour.address("s1")).await;
        harbour.server("s1", json!({ "alive": true })).await;
    }
    assert_eq!(harbour.truth("s1").await["accepted"], 20);
}

#[tokio::test]
async fn the_port_of_a_dead_server_is_given_to_nobody_else() {
    let harbour = Harbour::with(json!([{}])).await;
    harbour.server("s1", json!({ "alive": false })).await;
    let address = harbour.address("s1").parse().expect("an address");
    let other = TcpSocket::new_v4().expect("a socket");
    let error = other.bind(address).expect_err("the port is kept");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    harbour.server("s1", json!({ "alive": true })).await;
    harbour.connect("s1").await;
}

#[tokio::test]
async fn a_server_can_be_dead_from_the_start() {
    let harbour = Harbour::with(json!([{ "behaviour": { "alive": false } }])).await;
    assert_refused(&harbour.address("s1")).await;
    harbour.server("s1", json!({ "alive": true })).await;
    harbour.connect("s1").await;
}

#[tokio::test]
async fn a_server_that_refuses_answers_503() {
    let harbour = Harbour::with(json!([{}])).await;
    let mut open = harbour.connect("s1").await;
    harbour.server("s1", json!({ "handshake": "refuse" })).await;
    match harbour.try_connect("s1").await {
        Err(WsError::Http(response)) => assert_eq!(response.status(), 503),
        other => panic!("expected 503, got {other:?}"),
    }
    let truth = harbour.truth("s1").await;
    assert_eq!(
        (&truth["refused"], &truth["accepted"], &truth["connections"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_echo(&mut open, "who is in is in").await;
}

#[tokio::test]
async fn a_server_that_drops_accepts_and_closes_at_once() {
    let harbour = Harbour::with(json!([{ "behaviour": { "handshake": "drop" } }])).await;
    assert_closed(&mut harbour.connect("s1").await, 1011, "").await;
    harbour.server("s1", json!({ "dropCode": 4000 })).await;
    assert_closed(&mut harbour.connect("s1").await, 4000, "").await;
    harbour.server("s1", json!({ "dropCode": null })).await;
    assert_torn_down(&mut harbour.connect("s1").await).await;
    harbour.until_connections("s1", 0).await;
    assert_eq!(harbour.truth("s1").await["accepted"], 3);
}

#[tokio::test]
async fn a_server_that_hangs_takes_the_tcp_connection_and_never_answers() {
    let harbour = Harbour::with(json!([{ "behaviour": { "handshake": "hang" } }])).await;
    let shaking = harbour.connect("s1");
    assert!(tokio::time::timeout(A_WHILE, shaking).await.is_err());
    let truth = harbour.truth("s1").await;
    assert_eq!((&truth["connections"], &truth["accepted"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_handshake_takes_as_long_as_it_is_told_to() {
    let harbour = Harbour::with(json!([{ "behaviour": { "handshakeDelay": 500 } }])).await;
    let start = Instant::now();
    harbour.connect("s1").await;
    assert!(start.elapsed() >= Duration::from_millis(500));
    harbour.server("s1", json!({ "handshakeDelay": 0 })).await;
    let start = Instant::now();
    harbour.connect("s1").await;
    assert!(start.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn a_frozen_server_answers_nothing_and_goes_on_when_it_thaws() {
    let harbour = Harbour::with(json!([{}])).await;
    let mut client = harbour.connect("s1").await;
    let mut leaving = harbour.connect("s1").await;

    harbour.server("s1", json!({ "frozen": true })).await;

    say(&mut client, "one").await;
    client.send(Message::Ping("alive?".into())).await.expect("sent");
    say(&mut client, "two").await;
    assert_silent(&mut client).await;
    leaving.close(None).await.expect("sent");
    assert_silent(&mut leaving).await;
    let newcomer = TcpStream::connect(harbour.address("s1"))
        .await
        .expect("the system accepts");
    let mut newcomer = std::pin::pin!(crate::support::shake_hands("ws://host/", newcomer));
    assert!(tokio::time::timeout(A_WHILE, &mut newcomer).await.is_err());
    assert_eq!(harbour.truth("s1").await["connections"], 2);

    harbour.server("s1", json!({ "frozen": false })).await;

    assert_hears(&mut client, "one").await;
    let pong = next(&mut client).await.expect("not the end").expect("a message");
    assert_eq!(pong, Message::Pong("alive?".into()));
    assert_hears(&mut client, "two").await;
    assert!(matches!(next(&mut leaving).await, Some(Ok(Message::Close(_)))));
    let mut newcomer = newcomer.await.expect("accepted at last");
    assert_echo(&mut newcomer, "three").await;
    harbour.until_connections("s1", 2).await;
}

#[tokio::test]
async fn a_server_can_freeze_in_the_middle_of_a_message_that_nobody_reads() {
    let harbour = Harbour::with(json!([{}])).await;
    let mut client = harbour.connect("s1").await;
    // Far more than the buffers of both sockets hold.
    let message = Message::binary(vec![9; 12 << 20]);
    client.send(message.clone()).await.expect("sent");
    harbour.server("s1", json!({ "frozen": true })).await;
    sleep(A_WHILE).await;
    harbour.server("s1", json!({ "frozen": false })).await;
    assert!(next(&mut client).await.expect("not the end").expect("a message") == message);
}

#[tokio::test]
async fn a_frozen_server_can_die() {
    let harbour = Harbour::with(json!([{ "behaviour": { "frozen": true } }])).await;
    let waiting = TcpStream::connect(harbour.address("s1"))
        .await
        .expect("the system accepts");
    harbour.server("s1", json!({ "alive": false })).await;
    assert_refused(&harbour.address("s1")).await;
    assert!(crate::support::shake_hands("ws://host/", waiting).await.is_err());
    harbour.server("s1", json!({ "alive": true, "frozen": false })).await;
    harbour.connect("s1").await;
}

#[tokio::test]
async fn every_open_connection_can_be_closed_with_a_code_and_a_reason() {
    let harbour = Harbour::with(json!([{ "count": 2 }])).await;
    let (mut one, mut two) = (harbour.connect("s1").await, harbour.connect("s1").await);
    let mut elsewhere = harbour.connect("s2").await;
    let close = "/fleets/default/servers/s1/close";

    let body = json!({ "code": 1012, "reason": "deploy" });
    let told = harbour.tell(Method::POST, close, body).await;

    assert_eq!(told, json!({ "closed": 2 }));
    assert_closed(&mut one, 1012, "deploy").await;
    assert_closed(&mut two, 1012, "deploy").await;
    harbour.until_connections("s1", 0).await;
    let mut later = harbour.connect("s1").await;
    assert_echo(&mut later, "the order was not for me").await;
    assert_echo(&mut elsewhere, "nor for me").await;
    let told = harbour.tell(Method::POST, close, json!({ "code": 4001 })).await;
    assert_eq!(told, json!({ "closed": 1 }));
    assert_closed(&mut later, 4001, "").await;
}

#[tokio::test]
async fn a_draining_server_is_listed_as_such_and_serves_on() {
    let harbour = Harbour::with(json!([{}])).await;
    let mut client = harbour.connect("s1").await;
    harbour.server("s1", json!({ "draining": true })).await;
    harbour.until_listed("s1", "draining", json!(true)).await;
    assert_eq!(harbour.listed("s1").await["available"], true);
    assert_echo(&mut client, "still served").await;
    harbour.connect("s1").await;
}

#[tokio::test]
async fn a_reset_takes_all_faults_back_and_nothing_else() {
    let harbour = Harbour::with(json!([{ "count": 3 }])).await;
    let faults = [
        ("s1", json!({ "alive": false, "report": 7 })),
        ("s2", json!({ "frozen": true, "handshake": "refuse", "feed": 5 })),
        (
            "s3",
            json!({ "baseUsers": 5, "capacity": 8, "listing": "absent", "blackhole": true, "latency": 9000 }),
        ),
    ];
    for (id, changes) in faults {
        harbour.server(id, changes).await;
    }
    harbour.list_is(json!({ "mode": "fail", "refresh": 5000 })).await;

    harbour.tell(Method::POST, "/fleets/default/reset", json!({})).await;

    for id in ["s1", "s2", "s3"] {
        assert_echo(&mut harbour.connect(id).await, "well again").await;
    }
    harbour.until_listed("s3", "users", json!(5)).await;
    let truth = harbour.truth("s3").await;
    assert_eq!(truth["capacity"], 8);
    let state: serde_json::Value = harbour.get("/fleets/default").await.json().await.expect("JSON");
    assert_eq!(
        (&state["list"]["mode"], &state["list"]["refresh"]),
        (&json!("ok"), &json!(20))
    );
}
