//! A seed in this process, and what its clients and servers say to it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use evenkeel_seed::access::TokenSpec;
use evenkeel_seed::seed::Times;
use evenkeel_seed::service::{Options, Running};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// The secret of whom everything is allowed to.
pub(crate) const SECRET: &str = "a-secret-of-enough-length";

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A seed that makes its list every 20 ms, and takes reports with [`SECRET`].
pub(crate) fn options() -> Options {
    Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tokens: vec![token("everything", SECRET, &[], &[])],
        open: false,
        rate: NonZeroU32::new(100_000).expect("more than none"),
        file: None,
        registry: None,
        times: Times {
            heartbeat_ttl: Duration::from_secs(10),
            list_ttl: Duration::from_secs(10),
            refresh: Duration::from_millis(20),
            warm_up: Duration::ZERO,
            remembered: Duration::from_secs(600),
        },
        max_age: 1,
        stale_while_revalidate: 5,
        watch_interval: Duration::from_millis(300),
        watchers: 3,
    }
}

pub(crate) fn token(name: &str, secret: &str, ids: &[&str], hosts: &[&str]) -> TokenSpec {
    let owned = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
    TokenSpec {
        name: name.to_owned(),
        secret: secret.to_owned(),
        ids: owned(ids),
        hosts: owned(hosts),
    }
}

/// A running seed.
pub(crate) struct Seed {
    pub(crate) running: Running,
    pub(crate) client: Client,
}

impl Seed {
    pub(crate) async fn start(options: Options) -> Self {
        Self {
            running: Running::start(options).await.expect("a seed"),
            client: Client::new(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.running.address()))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    /// With the token that everything is allowed to.
    pub(crate) async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        answered(self.request(Method::PUT, path).bearer_auth(SECRET).json(&body)).await
    }

    pub(crate) async fn command(&self, method: Method, path: &str) -> u16 {
        let answer = self.request(method, path).bearer_auth(SECRET).send().await;
        answer.expect("an answer").status().as_u16()
    }

    /// A server reports, which is taken.
    pub(crate) async fn report(&self, id: &str, users: u64) {
        let body = json!({"url": format!("ws://{id}.example.com/"), "users": users, "capacity": 100});
        let (status, answer) = self.put(&format!("/servers/{id}"), body).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The list as it is.
    pub(crate) async fn list(&self) -> Value {
        self.get("/servers").await.json().await.expect("a list")
    }

    /// The server's entry, once it is so.
    pub(crate) async fn entry_when(&self, id: &str, so: impl Fn(&Value) -> bool) -> Value {
        let list = self.list_when(|list| so(&entry(list, id))).await;
        entry(&list, id)
    }

    /// The list, once it is so.
    pub(crate) async fn list_when(&self, so: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let list: Value = self.get("/servers").await.json().await.unwrap_or_default();
            if so(&list) {
                return list;
            }
            assert!(start.elapsed() < PATIENCE, "it never came to be: {list}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

pub(crate) async fn answered(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

/// A server's entry in a list, or null.
pub(crate) fn entry(list: &Value, id: &str) -> Value {
    let servers = list["servers"].as_array().cloned().unwrap_or_default();
    servers.into_iter().find(|entry| entry["id"] == id).unwrap_or_default()
}
