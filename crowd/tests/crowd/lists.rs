//! Asking a seed: what is the same is there once, and what is not modified is not sent again.

use std::sync::Arc;

use evenkeel::cause::SeedFailure;
use evenkeel_crowd::lists::Lists;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::four;

/// A seed that answers this to everything, one connection after the other.
async fn answering(head: &str, body: &str) -> Lists {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!(
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Lists::new(vec![format!("http://{address}/servers").parse().unwrap()]).unwrap()
}

fn list() -> String {
    json!({ "version": "1", "age": 1, "servers": [{ "id": "a", "url": "/a", "capacity": 10 }] }).to_string()
}

#[tokio::test]
async fn all_who_are_answered_the_same_share_one_list() {
    let seed = answering("200 OK\r\nAge: 7\r\nCache-Control: max-age=30", &list()).await;
    let (one, other) = tokio::join!(seed.ask(0, None), seed.ask(0, None));
    let (one, other) = (one.list.unwrap(), other.list.unwrap());
    assert!(Arc::ptr_eq(&one, &other));
    assert_eq!(one.age.map(|age| age.as_secs()), Some(8.0));
    assert_eq!(one.ttl.as_secs(), 30.0);
    // A relative URL is one of the seed's.
    assert!(
        one.servers()[0].url.starts_with("ws://127.0.0.1:"),
        "{}",
        one.servers()[0].url
    );
}

#[tokio::test]
async fn what_is_not_modified_is_the_list_that_was_there() {
    let service = four().await;
    let seeds = Lists::new(vec![format!("{}/servers", service.url()).parse().unwrap()]).unwrap();
    // The fleet's list keeps its tag for a second of its age, and is made anew every 200 ms here.
    let patched = service
        .default_fleet()
        .change_list(json!({ "mode": "stale" }).as_object().unwrap().clone());
    assert!(patched.is_ok());
    let mut same = 0;
    let mut held = None;
    let mut before = None;
    for _ in 0..10 {
        let answer = seeds.ask(0, held).await;
        let list = answer.list.unwrap();
        same += u32::from(before.as_ref().is_some_and(|before| Arc::ptr_eq(before, &list)));
        (before, held) = (Some(list), answer.held);
    }
    // Its body tells its age in milliseconds: without 304 hardly any would be the same.
    assert!(same >= 8, "{same}");
}

#[tokio::test]
async fn a_seed_without_a_list_says_why() {
    let failure = async |head: &str, body: &str| answering(head, body).await.ask(0, None).await.list.unwrap_err();
    assert_eq!(failure("503 Busy", "").await, (SeedFailure::Overloaded, None));
    assert_eq!(failure("403 Forbidden", "").await.0, SeedFailure::Forbidden);
    assert_eq!(failure("200 OK", "no JSON").await.0, SeedFailure::BadList);
    assert_eq!(failure("200 OK", r#"{"servers":[]}"#).await.0, SeedFailure::BadList);
    assert_eq!(
        failure("200 OK", &"[".repeat((4 << 20) + 1)).await.0,
        SeedFailure::BadList
    );
    assert_eq!(failure("304 Not Modified", "").await.0, SeedFailure::Status);
    let (_, wish) = failure("429 Slowly\r\nRetry-After: 12", "").await;
    assert_eq!(wish.map(|wish| wish.as_secs()), Some(12.0));
    let soon = httpdate::fmt_http_date(std::time::SystemTime::now() + std::time::Duration::from_secs(100));
    let (_, wish) = failure(&format!("503 Later\r\nRetry-After: {soon}"), "").await;
    assert!(
        wish.is_some_and(|wish| (90.0..=100.0).contains(&wish.as_secs())),
        "{wish:?}"
    );

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let seeds = Lists::new(vec![format!("http://{nobody}/").parse().unwrap()]).unwrap();
    assert_eq!(
        seeds.ask(0, None).await.list.unwrap_err(),
        (SeedFailure::Unreachable, None)
    );
}

#[tokio::test]
async fn a_list_as_a_bare_array_will_do() {
    let body = json!([{ "url": "ws://127.0.0.1:1/" }]).to_string();
    assert_eq!(
        answering("200 OK", &body)
            .await
            .ask(0, None)
            .await
            .list
            .unwrap()
            .servers()
            .len(),
        1
    );
}
