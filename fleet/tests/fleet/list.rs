//! The list: what it says, how it grows old, and how its endpoint fails.

use std::time::Duration;

use evenkeel_fleet::behaviour::{Behaviour, Listing, Load};
use evenkeel_fleet::list::{Facts, List, Loss, entry};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{A_WHILE, Harbour, eventually};

const DETECTION: Duration = Duration::from_millis(1000);

fn facts() -> Facts {
    Facts {
        id: "s1".to_owned(),
        url: "ws://host:1/".to_owned(),
        load: Load::default(),
        behaviour: Behaviour::default(),
        users: 40,
        loss: None,
    }
}

fn lost(ago: Duration) -> Facts {
    Facts {
        users: 5,
        loss: Some(Loss { ago, users: 40 }),
        ..facts()
    }
}

/// Availability and users, as listed.
fn listed(facts: &Facts) -> (bool, u64) {
    let entry = entry(facts, DETECTION).expect("the server is listed");
    (entry.available, entry.users)
}

#[test]
fn a_death_is_listed_once_it_is_detected_and_the_last_count_stays_for_a_minute() {
    let millis = Duration::from_millis;
    assert_eq!(listed(&facts()), (true, 40));
    assert_eq!(listed(&lost(millis(0))), (true, 40));
    assert_eq!(listed(&lost(millis(999))), (true, 40));
    assert_eq!(listed(&lost(millis(1000))), (false, 40));
    assert_eq!(listed(&lost(millis(59_999))), (false, 40));
    assert_eq!(listed(&lost(millis(60_000))), (false, 0));
}

#[test]
fn the_list_lies_as_it_is_told_to() {
    let with = |facts: Facts, listing, report| {
        let behaviour = Behaviour {
            listing,
            report,
            ..Behaviour::default()
        };
        Facts { behaviour, ..facts }
    };
    let dead = || lost(Duration::from_secs(90));
    assert_eq!(listed(&with(dead(), Listing::Available, None)), (true, 0));
    assert_eq!(listed(&with(facts(), Listing::Unavailable, None)), (false, 40));
    assert_eq!(listed(&with(facts(), Listing::True, Some(3))), (true, 3));
    assert_eq!(listed(&with(dead(), Listing::True, Some(3))), (false, 3));
    assert_eq!(entry(&with(facts(), Listing::Absent, None), DETECTION), None);
}

#[test]
fn version_and_tag_follow_the_content_and_the_tag_also_the_age() {
    let made = Instant::now();
    let promising = |users, heartbeat| {
        let facts = Facts { users, ..facts() };
        List::new(entry(&facts, DETECTION).into_iter().collect(), 2, heartbeat, made).expect("a list")
    };
    let list = |users| promising(users, None);
    assert_eq!(list(1).version(), list(1).version());
    assert_ne!(list(1).version(), list(2).version());
    assert_ne!(list(1).version(), promising(1, Some(1.5)).version());
    assert_ne!(promising(1, Some(2.0)).version(), promising(1, Some(1.5)).version());
    let old = made + Duration::from_millis(61_200);
    assert_eq!(list(1).etag(made), list(1).etag(made + Duration::from_millis(900)));
    assert_ne!(list(1).etag(made), list(1).etag(old));
    let body: Value = serde_json::from_str(&list(1).body(old).expect("a body")).expect("JSON");
    assert_eq!(body["age"], 61.2);
}

#[tokio::test]
async fn the_list_says_what_is_known_of_each_server_and_counts_the_open_connections() {
    let harbour = Harbour::of(json!({
        "refresh": 20,
        "ttl": 7,
        "servers": [
            { "id": "lon", "count": 2, "capacity": 60, "baseUsers": 10, "weight": 1.5, "connectRate": 200 },
            { "priority": 1, "capacity": null },
        ],
    }))
    .await;
    let _clients = [harbour.connect("lon-2").await, harbour.connect("lon-2").await];
    harbour.until_listed("lon-2", "users", json!(12)).await;

    let mut list = harbour.list().await;
    let url = |id| format!("ws://{}/", harbour.address(id));
    let expected = json!([
        { "id": "lon-1", "url": url("lon-1"), "available": true, "draining": false, "users": 10, "priority": 0,
          "capacity": 60, "weight": 1.5, "connectRate": 200.0 },
        { "id": "lon-2", "url": url("lon-2"), "available": true, "draining": false, "users": 12, "priority": 0,
          "capacity": 60, "weight": 1.5, "connectRate": 200.0 },
        { "id": "s3", "url": url("s3"), "available": true, "draining": false, "users": 0, "priority": 1 },
    ]);
    assert_eq!(list["servers"].take(), expected);
    assert_eq!(list["ttl"], 7);
}

#[tokio::test]
async fn the_list_is_made_at_every_refresh_and_its_age_is_true() {
    let harbour = Harbour::of(json!({ "servers": [{}], "refresh": 3_600_000 })).await;
    let first = harbour.list().await;
    let _client = harbour.connect("s1").await;
    sleep(Duration::from_millis(200)).await;
    let second = harbour.list().await;
    assert_eq!(second["servers"][0]["users"], 0, "the count is of the last making");
    assert_eq!(second["version"], first["version"]);
    let age = |list: &Value| list["age"].as_f64().expect("a number");
    assert!(age(&second) >= age(&first) + 0.2, "{first} {second}");

    harbour.list_is(json!({ "refresh": 20 })).await;

    harbour.until_listed("s1", "users", json!(1)).await;
    let third = harbour.list().await;
    assert_ne!(third["version"], first["version"]);
    eventually("the list is young", async || age(&harbour.list().await) < age(&second)).await;
}

#[tokio::test]
async fn a_client_that_knows_the_list_is_told_so() {
    let harbour = Harbour::with(json!([{}])).await;
    let response = harbour.get("/servers").await;
    assert_eq!(response.headers()["cache-control"], "max-age=2");
    let etag = response.headers()["etag"].to_str().expect("text").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag} is a strong tag");

    let conditional = |etags: String| {
        harbour
            .request(Method::GET, "/servers")
            .header("if-none-match", etags)
            .send()
    };
    let known = conditional(format!("\"other\", {etag}")).await.expect("an answer");
    assert_eq!(
        (known.status().as_u16(), &known.headers()["etag"]),
        (304, &etag.parse().expect("a header"))
    );
    assert_eq!(known.text().await.expect("a body"), "");

    let _client = harbour.connect("s1").await;
    harbour.until_listed("s1", "users", json!(1)).await;
    let unknown = conditional(etag).await.expect("an answer");
    assert_eq!(unknown.status(), 200);
}

#[tokio::test]
async fn a_dead_server_is_listed_as_unavailable_after_the_detection_delay() {
    let harbour = Harbour::of(json!({ "servers": [{ "baseUsers": 3 }], "refresh": 20, "detection": 1000 })).await;
    let _client = harbour.connect("s1").await;
    harbour.until_listed("s1", "users", json!(4)).await;
    let before = Instant::now();
    harbour.server("s1", json!({ "alive": false })).await;
    let entry = harbour.listed("s1").await;
    assert_eq!((&entry["available"], &entry["users"]), (&json!(true), &json!(4)));
    harbour.until_listed("s1", "available", json!(false)).await;
    assert!(before.elapsed() >= Duration::from_millis(1000), "detected too early");
    let truth = harbour.truth("s1").await;
    assert_eq!((&truth["listed"]["users"], &truth["users"]), (&json!(4), &json!(3)));

    harbour.server("s1", json!({ "alive": true })).await;
    harbour.until_listed("s1", "available", json!(true)).await;
    harbour.until_listed("s1", "users", json!(3)).await;
}

#[tokio::test]
async fn lies_about_one_server_reach_the_list() {
    let harbour = Harbour::with(json!([{}, { "id": "honest" }])).await;
    harbour.server("s1", json!({ "report": 999 })).await;
    harbour.until_listed("s1", "users", json!(999)).await;
    harbour
        .server("s1", json!({ "listing": "unavailable", "report": null }))
        .await;
    harbour.until_listed("s1", "available", json!(false)).await;
    assert_eq!(harbour.listed("s1").await["users"], 0);
    harbour.connect("s1").await;
    harbour.server("s1", json!({ "listing": "absent" })).await;
    eventually("s1 is not listed", async || harbour.listed("s1").await.is_null()).await;
    assert_eq!(harbour.truth("s1").await["listed"], Value::Null);
    assert_eq!(harbour.listed("honest").await["available"], true);
}

#[tokio::test]
async fn a_failing_endpoint_answers_with_the_status_it_is_told() {
    let harbour = Harbour::with(json!([{}])).await;
    harbour.list_is(json!({ "mode": "fail" })).await;
    let response = harbour.get("/servers").await;
    assert_eq!(
        (response.status().as_u16(), response.headers().get("retry-after")),
        (503, None)
    );
    harbour.list_is(json!({ "status": 429, "retryAfter": 7 })).await;
    let response = harbour.get("/servers").await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
    harbour.list_is(json!({ "mode": "ok" })).await;
    assert_eq!(harbour.get("/servers").await.status(), 200);
}

#[tokio::test]
async fn an_endpoint_that_hangs_never_answers() {
    let harbour = Harbour::with(json!([{}])).await;
    harbour.list_is(json!({ "mode": "hang" })).await;
    assert!(timeout(A_WHILE, harbour.get("/servers")).await.is_err());
    assert_eq!(harbour.get("/health").await.status(), 200, "only the list hangs");
}

#[tokio::test]
async fn garbage_captive_portals_and_empty_lists_come_with_status_200() {
    let harbour = Harbour::with(json!([{}])).await;
    for (mode, content_type) in [
        ("garbage", "application/json"),
        ("html", "text/html; charset=utf-8"),
        ("empty", "application/json"),
    ] {
        harbour.list_is(json!({ "mode": mode })).await;
        let response = harbour.get("/servers").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], content_type);
        let body = response.text().await.expect("a body");
        let document: Option<Value> = serde_json::from_str(&body).ok();
        let expected = (mode == "empty").then(|| json!({ "servers": [] }));
        assert_eq!(document, expected, "{mode}: {body}");
    }
}

#[tokio::test]
async fn a_stale_list_stays_as_it_is_and_its_age_grows() {
    let harbour = Harbour::with(json!([{}])).await;
    harbour.list_is(json!({ "mode": "stale" })).await;
    let first = harbour.get("/servers").await;
    let etag = first.headers()["etag"].clone();
    let first: Value = first.json().await.expect("JSON");
    let _client = harbour.connect("s1").await;
    sleep(Duration::from_millis(1000)).await;

    let request = harbour.request(Method::GET, "/servers").header("if-none-match", etag);
    let second = request.send().await.expect("an answer");
    assert_eq!(second.status(), 200, "that it has grown old is news");
    let second: Value = second.json().await.expect("JSON");
    assert_eq!(second["servers"], first["servers"]);
    assert_eq!(second["version"], first["version"]);
    let age = |list: &Value| list["age"].as_f64().expect("a number");
    assert!(age(&second) >= age(&first) + 1.0, "{first} {second}");

    harbour.list_is(json!({ "mode": "ok" })).await;
    harbour.until_listed("s1", "users", json!(1)).await;
}

#[tokio::test]
async fn an_endpoint_takes_as_long_as_it_is_told_to() {
    let harbour = Harbour::with(json!([{}])).await;
    harbour.list_is(json!({ "delay": 400 })).await;
    let start = Instant::now();
    let list = harbour.list().await;
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert!(
        list["age"].as_f64().is_some_and(|age| age < 0.4),
        "made while the request waited: {list}"
    );
}

#[tokio::test]
async fn the_list_promises_a_heartbeat_only_when_it_is_told_to() {
    let harbour = Harbour::with(json!([{}])).await;
    let before = harbour.list().await;
    assert_eq!(before.get("heartbeat"), None);
    harbour.list_is(json!({ "heartbeat": 2.5 })).await;
    eventually("a heartbeat is promised", async || {
        harbour.list().await["heartbeat"] == 2.5
    })
    .await;
    assert_ne!(harbour.list().await["version"], before["version"]);

    harbour.tell(Method::POST, "/fleets/default/reset", json!({})).await;

    eventually("the list is as it was", async || {
        harbour.list().await["version"] == before["version"]
    })
    .await;
    assert_eq!(harbour.list().await.get("heartbeat"), None);
}

#[tokio::test]
async fn an_endpoint_sends_pages_of_any_origin_on_whatever_its_mode() {
    let harbour = Harbour::with(json!([{}])).await;
    let elsewhere = json!({ "name": "elsewhere", "servers": [{ "id": "there" }] });
    let elsewhere = harbour.tell(Method::POST, "/fleets", elsewhere).await["list"].take();
    harbour.list_is(json!({ "redirect": elsewhere, "mode": "hang" })).await;

    let staying = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let request = staying
        .get(harbour.url("/servers"))
        .header("origin", "https://app.example");
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 307);
    assert_eq!(json!(response.headers()["location"].to_str().expect("text")), elsewhere);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(harbour.list().await["servers"][0]["id"], "there");

    harbour.tell(Method::POST, "/fleets/default/reset", json!({})).await;
    assert_eq!(harbour.list().await["servers"][0]["id"], "s1");
}
