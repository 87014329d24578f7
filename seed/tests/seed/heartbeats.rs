//! What servers report, and what becomes of it.

use std::time::Duration;

use evenkeel_seed::registry::MOST_SERVERS;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{SECRET, Seed, answered, entry, options};

#[tokio::test]
async fn a_heartbeat_is_the_servers_entry_fields_of_its_own_included() {
    let seed = Seed::start(options()).await;
    let body = json!({
        "url": "wss://lon-1.example.com/ws", "users": 812, "capacity": 2000, "priority": 1, "weight": 1.5,
        "connectRate": 200, "draining": false, "ttl": 30, "region": "eu", "build": {"number": 7},
    });
    let (status, answer) = seed.put("/servers/lon-1", body).await;
    assert_eq!(status, 200);
    assert_eq!(answer["ttl"], 30.0);
    let after = answer["reportAfter"].as_f64().expect("seconds");
    assert!((8.5..=10.0).contains(&after), "a third of the ttl, spread: {after}");
    let entry = seed.entry_when("lon-1", Value::is_object).await;
    let expected = json!({
        "id": "lon-1", "url": "wss://lon-1.example.com/ws", "available": true, "users": 812, "capacity": 2000,
        "priority": 1, "weight": 1.5, "connectRate": 200, "region": "eu", "build": {"number": 7},
    });
    assert_eq!(entry, expected);
}

#[tokio::test]
async fn an_id_may_have_any_text_that_a_path_can_hold() {
    let seed = Seed::start(options()).await;
    let (status, _) = seed.put("/servers/lon%2F1%20%C3%A9", json!({"url": "ws://a"})).await;
    assert_eq!(status, 200);
    seed.entry_when("lon/1 é", Value::is_object).await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_what_is_wrong_and_what_to_do_and_costs_nothing() {
    let seed = Seed::start(options()).await;
    seed.report("good", 5).await;
    let long = "x".repeat(2_100);
    let cases = [
        (json!({}), "url"),
        (json!("a server"), "no heartbeat"),
        (json!({"url": 5}), "url"),
        (json!({"url": "good.example.com"}), "cannot be read"),
        (json!({"url": "ftp://good.example.com"}), "ftp"),
        (json!({"url": "wss://user:secret@good.example.com"}), "user name"),
        (json!({"url": format!("wss://{long}")}), "2106 bytes"),
        (json!({"url": "ws://a", "users": -1}), "users"),
        (json!({"url": "ws://a", "users": "many"}), "users"),
        (json!({"url": "ws://a", "priority": 256}), "priority"),
        (json!({"url": "ws://a", "capacity": -1}), "capacity"),
        (json!({"url": "ws://a", "connectRate": 0}), "connectRate"),
        (json!({"url": "ws://a", "weight": null, "draining": "yes"}), "draining"),
        (json!({"url": "ws://a", "ttl": 0}), "ttl"),
        (json!({"url": "ws://a", "ttl": 3601}), "ttl"),
        (json!({"url": "ws://a", "available": false}), "available"),
        (json!({"url": "ws://a", "id": "another"}), "another"),
        (json!({"url": "ws://a", "note": long}), "fields of your own"),
    ];
    for (body, said) in cases {
        let (status, answer) = seed.put("/servers/good", body.clone()).await;
        assert_eq!(status, 400, "{body}");
        let error = &answer["error"];
        assert_eq!(error["code"], "invalid", "{body}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(said), "{body}: {message}");
        assert!(!error["remedy"].as_str().unwrap_or_default().is_empty(), "{body}");
    }
    let list = seed.list_when(|list| entry(list, "good")["users"] == 5).await;
    assert_eq!(list["servers"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn no_json_and_too_much_of_it_are_told_apart() {
    let seed = Seed::start(options()).await;
    let send = |body: String| answered(seed.request(Method::PUT, "/servers/a").bearer_auth(SECRET).body(body));
    let (status, answer) = send("{\"url\": ".to_owned()).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("invalid")));
    let (status, answer) = send(format!(
        "{{\"url\": \"ws://a\", \"x\": \"{}\"}}",
        "x".repeat(17 * 1_024)
    ))
    .await;
    assert_eq!((status, &answer["error"]["code"]), (413, &json!("too-large")));
}

#[tokio::test]
async fn of_several_in_one_request_the_bad_ones_cost_the_good_ones_nothing() {
    let seed = Seed::start(options()).await;
    let servers = json!({"servers": [
        {"id": "a", "url": "ws://a", "ttl": 6},
        {"id": "b", "url": "nonsense"},
        {"url": "ws://c"},
        {"id": "d", "url": "ws://d"},
    ]});
    let (status, answer) = seed.put("/servers", servers).await;
    assert_eq!(status, 200);
    assert_eq!(answer["accepted"], 2);
    assert_eq!(
        answer["ttl"], 6.0,
        "whoever reports for several does so in time for all"
    );
    let rejected: Vec<_> = answer["rejected"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["index"].clone())
        .collect();
    assert_eq!(rejected, [1, 2]);
    seed.list_when(|list| entry(list, "a").is_object() && entry(list, "d").is_object())
        .await;
}

#[tokio::test]
async fn a_thousand_servers_that_join_at_once_are_all_in_the_list() {
    let seed = Seed::start(options()).await;
    let servers: Vec<_> = (0..1_000)
        .map(|number| json!({"id": format!("s{number}"), "url": format!("ws://s{number}")}))
        .collect();
    let (status, answer) = seed.put("/servers", json!({"servers": servers})).await;
    assert_eq!((status, &answer["accepted"]), (200, &json!(1_000)));
    seed.list_when(|list| list["servers"].as_array().map(Vec::len) == Some(1_000))
        .await;
    let too_many: Vec<_> = (0..=MOST_SERVERS)
        .map(|number| json!({"id": number.to_string(), "url": "ws://a"}))
        .collect();
    let (status, _) = seed.put("/servers", json!({"servers": too_many})).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_unavailable_with_its_last_count_once_its_ttl_is_over() {
    let seed = Seed::start(options()).await;
    seed.put("/servers/a", json!({"url": "ws://a", "users": 9, "ttl": 1}))
        .await;
    seed.entry_when("a", |entry| entry["available"] == true).await;
    let lost = seed.entry_when("a", |entry| entry["available"] == false).await;
    assert_eq!(lost["users"], 9);
}

#[tokio::test]
async fn a_server_takes_its_leave_and_another_may_have_its_name_then() {
    let seed = Seed::start(options()).await;
    seed.report("a", 9).await;
    let (status, answer) = seed.put("/servers/a", json!({"url": "ws://elsewhere"})).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("conflict")));
    assert_eq!(seed.command(Method::DELETE, "/servers/a").await, 204);
    let left = seed.entry_when("a", |entry| entry["available"] == false).await;
    assert_eq!(left["users"], 9);
    let (status, _) = seed.put("/servers/a", json!({"url": "ws://elsewhere"})).await;
    assert_eq!(status, 200);
    assert_eq!(seed.command(Method::DELETE, "/servers/nobody").await, 404);
}

#[tokio::test]
async fn an_operator_drains_a_server_whatever_it_reports_and_takes_that_back() {
    let seed = Seed::start(options()).await;
    seed.report("a", 9).await;
    assert_eq!(seed.command(Method::POST, "/servers/a/drain").await, 204);
    seed.report("a", 8).await;
    seed.entry_when("a", |entry| entry["draining"] == true && entry["users"] == 8)
        .await;
    assert_eq!(seed.command(Method::DELETE, "/servers/a/drain").await, 204);
    seed.entry_when("a", |entry| entry["draining"].is_null()).await;
    assert_eq!(seed.command(Method::POST, "/servers/nobody/drain").await, 404);
}

#[tokio::test]
async fn nothing_is_answered_until_everyone_has_had_time_to_report() {
    let mut slow = options();
    slow.times.warm_up = Duration::from_millis(700);
    let seed = Seed::start(slow).await;
    seed.report("a", 1).await;
    for path in ["/servers", "/readyz", "/watch"] {
        let answer = seed.get(path).await;
        assert_eq!(answer.status(), 503, "{path}");
        assert_eq!(answer.headers()["retry-after"], "1", "{path}");
        let body: Value = answer.json().await.expect("an error");
        assert_eq!(body["error"]["code"], "not-ready", "{path}");
    }
    assert_eq!(seed.get("/healthz").await.status(), 200);
    seed.entry_when("a", Value::is_object).await;
    assert_eq!(seed.get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn a_heartbeat_that_does_not_end_is_given_up() {
    let seed = Seed::start(options()).await;
    let mut connection = TcpStream::connect(seed.running.address()).await.expect("a connection");
    let head = format!(
        "PUT /servers/a HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {SECRET}\r\ncontent-length: 100\r\n\r\n{{"
    );
    connection.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = vec![0; 64];
    let read = timeout(Duration::from_secs(30), connection.read(&mut answer)).await;
    let length = read.expect("an answer in time").expect("an answer");
    let text = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
}

#[tokio::test]
async fn several_that_are_good_for_long_are_told_so() {
    let seed = Seed::start(options()).await;
    let servers = json!({"servers": [{"id": "a", "url": "ws://a", "ttl": 60}]});
    let (_, answer) = seed.put("/servers", servers).await;
    assert_eq!(answer["ttl"], 60.0);
}

#[tokio::test]
async fn no_reporter_makes_the_list_larger_than_clients_read() {
    let seed = Seed::start(options()).await;
    seed.report("honest", 1).await;
    let note = "x".repeat(2_000);
    for part in 0..4 {
        let servers: Vec<_> = (0..1_500)
            .map(|number| json!({"id": format!("{part}-{number}"), "url": "ws://a", "note": note}))
            .collect();
        seed.put("/servers", json!({"servers": servers})).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let bytes = seed.get("/servers").await.bytes().await.expect("a list").len();
    assert!(bytes <= 4 * 1_024 * 1_024, "{bytes}");
}
