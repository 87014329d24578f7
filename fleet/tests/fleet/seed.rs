//! A fleet that reports to a real seed, and passes on what that serves.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use evenkeel_seed::access::TokenSpec;
use evenkeel_seed::seed::Times;
use evenkeel_seed::service::{Options, Running};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::Harbour;

const SECRET: &str = "a-secret-of-enough-length";

/// What takes a ttl of a second takes longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

async fn seed() -> Running {
    Running::start(Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tokens: vec![TokenSpec {
            name: "fleet".to_owned(),
            secret: SECRET.to_owned(),
            ids: Vec::new(),
            hosts: Vec::new(),
        }],
        open: false,
        rate: NonZeroU32::new(1_000).expect("more than none"),
        file: None,
        registry: None,
        times: Times {
            heartbeat_ttl: Duration::from_secs(10),
            list_ttl: Duration::from_secs(7),
            refresh: Duration::from_millis(20),
            warm_up: Duration::from_millis(500),
            remembered: Duration::from_secs(600),
        },
        max_age: 1,
        stale_while_revalidate: 5,
        watch_interval: Duration::from_secs(10),
        watchers: 1,
    })
    .await
    .expect("a seed")
}

/// A fleet of two servers that report there.
async fn reporting_to(seed: &Running) -> Harbour {
    Harbour::of(json!({
        "servers": [{ "count": 2, "capacity": 50, "connectRate": 20, "baseUsers": 7 }],
        "refresh": 20,
        "seed": { "url": format!("http://{}/servers", seed.address()), "token": SECRET },
    }))
    .await
}

/// The entry of a server in the list at this URL, once it is so.
async fn entry_when(url: &str, id: &str, so: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let list: Value = reqwest::get(url)
            .await
            .expect("an answer")
            .json()
            .await
            .unwrap_or_default();
        let servers = list["servers"].as_array().cloned().unwrap_or_default();
        let entry = servers.into_iter().find(|entry| entry["id"] == id).unwrap_or_default();
        if so(&entry) {
            return entry;
        }
        assert!(start.elapsed() < PATIENCE, "it never came to be: {list}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn servers_report_what_they_are_and_clients_get_the_list_of_the_seed() {
    let seed = seed().await;
    let harbour = reporting_to(&seed).await;
    let (of_seed, of_fleet) = (format!("http://{}/servers", seed.address()), harbour.url("/servers"));
    let client = harbour.connect("s2").await;
    for list in [&of_seed, &of_fleet] {
        let entry = entry_when(list, "s2", |entry| entry["users"] == 8).await;
        assert_eq!(entry["available"], true);
        assert_eq!((&entry["capacity"], &entry["connectRate"]), (&json!(50), &json!(20.0)));
    }
    let (one, other) = (harbour.list().await, reqwest::get(&of_seed).await);
    let other: Value = other.expect("an answer").json().await.expect("a list");
    assert_eq!((&one["ttl"], &one["version"]), (&json!(7), &other["version"]));
    drop(client);
}

#[tokio::test]
async fn a_drain_is_told_at_once_a_death_is_noticed_and_who_comes_back_reports_again() {
    let seed = seed().await;
    let harbour = reporting_to(&seed).await;
    let list = harbour.url("/servers");
    harbour.server("s1", json!({ "draining": true })).await;
    entry_when(&list, "s1", |entry| {
        entry["draining"] == true && entry["available"] == true
    })
    .await;
    harbour.server("s2", json!({ "alive": false })).await;
    entry_when(&list, "s2", |entry| entry["available"] == false && entry["users"] == 7).await;
    harbour.server("s2", json!({ "alive": true })).await;
    entry_when(&list, "s2", |entry| entry["available"] == true).await;
}

#[tokio::test]
async fn a_fleet_that_ends_takes_its_leave() {
    let seed = seed().await;
    let harbour = reporting_to(&seed).await;
    harbour.service.stop().await;
    let list = format!("http://{}/servers", seed.address());
    entry_when(&list, "s1", |entry| entry["available"] == false).await;
}

#[tokio::test]
async fn faults_of_the_list_lie_over_the_list_of_the_seed() {
    let seed = seed().await;
    let harbour = reporting_to(&seed).await;
    let list = harbour.url("/servers");
    harbour.list_is(json!({ "mode": "stale" })).await;
    harbour.server("s1", json!({ "draining": true })).await;
    entry_when(&format!("http://{}/servers", seed.address()), "s1", |entry| {
        entry["draining"] == true
    })
    .await;
    assert_ne!(entry_when(&list, "s1", Value::is_object).await["draining"], true);
    harbour.list_is(json!({ "mode": "ok" })).await;
    entry_when(&list, "s1", |entry| entry["draining"] == true).await;
}

#[tokio::test]
async fn a_list_grows_old_while_its_seed_is_gone() {
    let seed = seed().await;
    let harbour = reporting_to(&seed).await;
    seed.stop(Duration::from_secs(1)).await;
    let start = Instant::now();
    while harbour.list().await["age"].as_f64() < Some(1.0) {
        assert!(start.elapsed() < PATIENCE, "it stays young");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_cannot_be_a_seed_is_refused() {
    for url in ["servers", "ftp://127.0.0.1/servers"] {
        let harbour = Harbour::with(json!([])).await;
        let fleet = json!({ "servers": [{}], "seed": { "url": url } });
        let answer = harbour.send(Method::POST, "/fleets", &fleet).await;
        assert_eq!(answer.status(), 400, "{url}");
        assert!(answer.text().await.expect("text").contains("cannot be a seed"), "{url}");
    }
}
