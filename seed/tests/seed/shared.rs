//! Several seeds on one Redis, which dies and comes back.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evenkeel_seed::redis::Registry;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::support::{Seed, entry, options};

/// A real one, which forgets everything when it ends.
struct Redis {
    port: u16,
    process: Option<Child>,
}

impl Redis {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let mut redis = Self { port, process: None };
        redis.revive().await;
        redis
    }

    async fn revive(&mut self) {
        let port = self.port.to_string();
        let spawn = |program| {
            Command::new(program)
                .args(["--port", &port, "--bind", "127.0.0.1"])
                .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn()
        };
        let process = spawn("redis-server")
            .or_else(|_| spawn("valkey-server"))
            .expect("redis-server or valkey-server, which the set-up installs");
        self.process = Some(process);
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "Redis does not start");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn die(&mut self) {
        let mut process = self.process.take().expect("alive");
        process.kill().await.expect("killed");
    }

    fn signal(&self, signal: Signal) {
        let id = self.process.as_ref().and_then(Child::id).expect("alive");
        kill_process(Pid::from_raw(id as i32).expect("a process"), signal).expect("told");
    }

    async fn seed(&self) -> Seed {
        let mut shared = options();
        shared.registry = Some(Registry::new(&format!("redis://127.0.0.1:{}", self.port), "test").expect("an address"));
        Seed::start(shared).await
    }
}

/// How a seed stands with Redis, as its list and its metrics have it.
async fn is_stale(seed: &Seed) -> bool {
    seed.list().await["stale"] == true
}

async fn until_stale(seed: &Seed, stale: bool) {
    seed.list_when(|list| list["stale"].as_bool().unwrap_or(false) == stale && list["servers"].is_array())
        .await;
}

async fn report_for(seed: &Seed, id: &str, users: u64, ttl: u64) {
    let body = json!({"url": format!("ws://{id}"), "users": users, "ttl": ttl});
    assert_eq!(seed.put(&format!("/servers/{id}"), body).await.0, 200);
}

#[tokio::test]
async fn what_one_seed_hears_the_others_list_with_one_version() {
    let redis = Redis::start().await;
    let (one, other) = (redis.seed().await, redis.seed().await);
    until_stale(&other, false).await;
    one.report("a", 3).await;
    other.report("b", 4).await;
    for seed in [&one, &other] {
        seed.list_when(|list| entry(list, "a")["users"] == 3 && entry(list, "b")["users"] == 4)
            .await;
    }
    assert_eq!(one.list().await["version"], other.list().await["version"]);
    assert_eq!(
        other.command(Method::DELETE, "/servers/a").await,
        204,
        "any seed takes the leave of any server"
    );
    one.entry_when("a", |entry| entry["available"] == false && entry["users"] == 3)
        .await;
    assert_eq!(one.command(Method::POST, "/servers/b/drain").await, 204);
    other.entry_when("b", |entry| entry["draining"] == true).await;
}

#[tokio::test]
async fn a_seed_that_starts_later_knows_all_at_once() {
    let redis = Redis::start().await;
    let one = redis.seed().await;
    one.report("a", 3).await;
    one.command(Method::POST, "/servers/a/drain").await;
    one.entry_when("a", |entry| entry["draining"] == true).await;
    sleep(Duration::from_millis(200)).await;
    let mut shared = options();
    shared.registry = Some(Registry::new(&format!("redis://127.0.0.1:{}", redis.port), "test").expect("an address"));
    shared.times.warm_up = Duration::from_secs(3_600);
    let later = Seed::start(shared).await;
    let found = later.entry_when("a", Value::is_object).await;
    assert_eq!((&found["users"], &found["draining"]), (&json!(3), &json!(true)));
}

#[tokio::test]
async fn fleets_with_other_names_do_not_see_each_other() {
    let redis = Redis::start().await;
    let one = redis.seed().await;
    let mut elsewhere = options();
    elsewhere.registry =
        Some(Registry::new(&format!("redis://127.0.0.1:{}", redis.port), "other").expect("an address"));
    let other = Seed::start(elsewhere).await;
    one.report("a", 3).await;
    until_stale(&other, false).await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(other.list().await["servers"], json!([]));
}

#[tokio::test]
async fn a_seed_cut_off_marks_its_list_and_lists_on_hearsay_only_until_the_ttl() {
    let mut redis = Redis::start().await;
    let (one, other) = (redis.seed().await, redis.seed().await);
    until_stale(&one, false).await;
    until_stale(&other, false).await;
    report_for(&one, "heard-by-one", 3, 2).await;
    report_for(&other, "heard-by-other", 4, 2).await;
    for seed in [&one, &other] {
        seed.list_when(|list| entry(list, "heard-by-one").is_object() && entry(list, "heard-by-other").is_object())
            .await;
    }
    redis.die().await;
    let died = Instant::now();
    let mut last_age = 0.0;
    while died.elapsed() < Duration::from_secs(4) {
        report_for(&one, "heard-by-one", 5, 2).await;
        let list = one.list().await;
        if list["stale"] == true {
            let age = list["age"].as_f64().expect("seconds");
            assert!(age >= last_age, "the list grows no younger");
            last_age = age;
        }
        assert_eq!(
            entry(&list, "heard-by-one")["available"],
            true,
            "who reports here is here"
        );
        if died.elapsed() > Duration::from_millis(2_500) {
            assert_eq!(
                entry(&list, "heard-by-other")["available"],
                false,
                "on hearsay older than its ttl"
            );
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert!(last_age > 3.0, "its true age: {last_age}");
    redis.revive().await;
    report_for(&other, "heard-by-other", 6, 2).await;
    for seed in [&one, &other] {
        seed.list_when(|list| {
            list["stale"].is_null() && list["age"].as_f64() < Some(2.0) && entry(list, "heard-by-other")["users"] == 6
        })
        .await;
    }
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_filled_again_and_nobody_is_forgotten() {
    let mut redis = Redis::start().await;
    let (one, other) = (redis.seed().await, redis.seed().await);
    until_stale(&one, false).await;
    until_stale(&other, false).await;
    report_for(&one, "a", 3, 60).await;
    other.entry_when("a", Value::is_object).await;
    redis.die().await;
    until_stale(&one, true).await;
    assert_eq!(one.command(Method::POST, "/servers/a/drain").await, 204);
    redis.revive().await;
    for seed in [&one, &other] {
        until_stale(seed, false).await;
        let found = seed.entry_when("a", |entry| entry["draining"] == true).await;
        assert_eq!(found["available"], true);
    }
}

#[tokio::test]
async fn a_redis_that_hangs_is_out_of_reach_too() {
    let redis = Redis::start().await;
    let seed = redis.seed().await;
    until_stale(&seed, false).await;
    redis.signal(Signal::STOP);
    until_stale(&seed, true).await;
    seed.report("a", 1).await;
    seed.entry_when("a", |entry| entry["available"] == true).await;
    redis.signal(Signal::CONT);
    until_stale(&seed, false).await;
    assert!(!is_stale(&seed).await);
}

#[tokio::test]
async fn a_seed_that_finds_no_redis_serves_what_it_hears_and_says_so() {
    let mut redis = Redis::start().await;
    redis.die().await;
    let seed = redis.seed().await;
    seed.report("a", 1).await;
    let list = seed.list_when(|list| entry(list, "a")["available"] == true).await;
    assert_eq!(list["stale"], true);
    redis.revive().await;
    let other = redis.seed().await;
    other.entry_when("a", |entry| entry["users"] == 1).await;
}

/// What it holds, as it is written down.
const KEY: &str = "evenkeel:{test}";

impl Redis {
    async fn command(&self, words: &[&str]) {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let () = command.query_async(&mut connection).await.expect("done");
    }
}

#[tokio::test]
async fn what_others_write_into_the_hash_harms_nobody() {
    let redis = Redis::start().await;
    let seed = redis.seed().await;
    until_stale(&seed, false).await;
    for (field, value) in [
        ("server x", "nonsense"),
        ("server y", "9 99999999999999 {\"Heard\":5}"),
        ("", ""),
        ("z", "1 2 3"),
    ] {
        redis.command(&["HSET", KEY, field, value]).await;
    }
    for message in [
        "nonsense",
        "[1,2]",
        "[\"server q\",\"-5\",\"{}\"]",
        "[\"server q\",\"99999999999999999999\",\"{}\"]",
    ] {
        redis.command(&["PUBLISH", KEY, message]).await;
    }
    seed.report("a", 1).await;
    let later = redis.seed().await;
    later.entry_when("a", Value::is_object).await;
    assert_eq!(later.list().await["servers"].as_array().map(Vec::len), Some(1));
}

/// The clock of a Redis is put back or forward by an hour, or another Redis takes its place that has another one.
#[tokio::test]
async fn a_clock_that_jumps_by_an_hour_lists_no_dead_and_loses_no_living() {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_millis() as i64;
    for jump in [-3_600_000, 3_600_000] {
        let redis = Redis::start().await;
        let said = now - jump;
        let word = |url: &str| {
            let heard = json!({"Word": {"Heard": {"report": {"url": url}, "ttl": {"secs": 10, "nanos": 0}}}});
            format!("{said} {} {heard}", said + 70_000)
        };
        redis.command(&["HSET", KEY, "server dead", &word("ws://dead")]).await;
        redis.command(&["HSET", KEY, "server alive", &word("ws://alive")]).await;
        let drained = format!("{said} {} {}", said + 7 * 86_400_000, json!({"Drain": true}));
        redis.command(&["HSET", KEY, "drain alive", &drained]).await;
        let (one, other) = (redis.seed().await, redis.seed().await);
        until_stale(&one, false).await;
        one.report("alive", 3).await;
        other
            .entry_when("alive", |entry| entry["users"] == 3 && entry["draining"] == true)
            .await;
        for seed in [&one, &other] {
            assert_eq!(entry(&seed.list().await, "dead"), Value::Null, "{jump}");
        }
        let later = redis.seed().await;
        later.entry_when("alive", |entry| entry["users"] == 3).await;
    }
}
