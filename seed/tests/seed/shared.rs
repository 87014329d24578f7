//! Several seeds on one Redis, which dies and comes back.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evenkeel_seed::redis::Registry;
use evenkeel_seed::service::Options;
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
        Self::seed_at(self.port).await
    }

    async fn seed_at(port: u16) -> Seed {
        Self::seed_with(port, options()).await
    }

    async fn seed_with(port: u16, mut shared: Options) -> Seed {
        shared.registry = Some(Registry::new(&format!("redis://127.0.0.1:{port}"), "test").expect("an address"));
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

/// A server that died while Redis hung: its last heartbeat was on the way to Redis.
#[tokio::test]
async fn what_a_redis_was_told_before_it_hung_is_no_younger_when_it_goes_on() {
    let redis = Redis::start().await;
    let (one, other) = (redis.seed().await, redis.seed().await);
    until_stale(&one, false).await;
    until_stale(&other, false).await;
    // It knows how to write it down.
    report_for(&one, "a", 1, 3).await;
    other.entry_when("a", |entry| entry["available"] == true).await;
    redis.signal(Signal::STOP);
    report_for(&one, "a", 1, 3).await;
    sleep(Duration::from_secs(6)).await;
    assert_eq!(entry(&one.list().await, "a")["available"], false);
    redis.signal(Signal::CONT);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        for seed in [&one, &other] {
            assert_ne!(
                entry(&seed.list().await, "a")["available"],
                true,
                "it has been silent for {:?} and promised 3 s",
                start.elapsed() + Duration::from_secs(6)
            );
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn who_leaves_right_after_a_heartbeat_has_left_though_redis_is_slow() {
    let redis = Redis::start().await;
    let (one, other) = (redis.seed().await, redis.seed().await);
    until_stale(&one, false).await;
    until_stale(&other, false).await;
    redis.command(&["CLIENT", "PAUSE", "600", "ALL"]).await;
    report_for(&one, "a", 1, 10).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(one.command(Method::DELETE, "/servers/a").await, 204);
    sleep(Duration::from_millis(1_500)).await;
    for seed in [&one, &other] {
        assert_eq!(entry(&seed.list().await, "a")["available"], false);
    }
}

#[tokio::test]
async fn a_seed_does_not_take_what_another_has_just_begun_to_hear_for_all_there_is() {
    let redis = Redis::start().await;
    let waits = || {
        let mut waits = options();
        waits.times.warm_up = Duration::from_secs(3_600);
        Redis::seed_with(redis.port, waits)
    };
    let one = waits().await;
    one.report("a", 3).await;
    sleep(Duration::from_millis(1_500)).await;
    let other = waits().await;
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(one.get("/servers").await.status(), 503);
    assert_eq!(
        other.get("/servers").await.status(),
        503,
        "one of a thousand servers is no list"
    );
}

#[tokio::test]
async fn a_word_of_a_ttl_without_end_in_redis_stops_no_list() {
    let redis = Redis::start().await;
    let seed = redis.seed().await;
    until_stale(&seed, false).await;
    let word = json!({"Word": {"Heard": {"report": {"url": "ws://x"}, "ttl": {"secs": u64::MAX, "nanos": 0}}}});
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_millis();
    // Published in the form of before as well, by age.
    for said in ["0".to_owned(), now.to_string()] {
        let message = json!(["server x", said, word.to_string()]).to_string();
        redis.command(&["PUBLISH", KEY, &message]).await;
    }
    sleep(Duration::from_millis(300)).await;
    seed.report("a", 1).await;
    seed.entry_when("a", Value::is_object).await;
}

/// Between a seed and Redis: what Redis publishes is held back on demand.
async fn between(redis: u16) -> (u16, tokio::sync::watch::Sender<bool>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (hold, held) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, redis)).await.expect("Redis");
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            let subscribes = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            let seen = subscribes.clone();
            let mut held_up = held.clone();
            tokio::spawn(async move {
                let mut part = vec![0; 65_536];
                while let Ok(length @ 1..) = from_client.read(&mut part).await {
                    if part[..length]
                        .windows(9)
                        .any(|it| it.eq_ignore_ascii_case(b"SUBSCRIBE"))
                    {
                        seen.store(true, std::sync::atomic::Ordering::SeqCst);
                    }
                    if seen.load(std::sync::atomic::Ordering::SeqCst) {
                        let _ = held_up.wait_for(|held| !held).await;
                    }
                    if to_server.write_all(&part[..length]).await.is_err() {
                        return;
                    }
                }
            });
            let mut held = held.clone();
            tokio::spawn(async move {
                let mut part = vec![0; 65_536];
                while let Ok(length @ 1..) = from_server.read(&mut part).await {
                    if subscribes.load(std::sync::atomic::Ordering::SeqCst) {
                        let _ = held.wait_for(|held| !held).await;
                    }
                    if to_client.write_all(&part[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, hold)
}

/// Two seeds in touch, the other one through what may be held back.
async fn near_and_far(redis: &Redis) -> (Seed, Seed, tokio::sync::watch::Sender<bool>) {
    let (port, hold) = between(redis.port).await;
    let (one, other) = (redis.seed().await, Redis::seed_at(port).await);
    until_stale(&one, false).await;
    until_stale(&other, false).await;
    (one, other, hold)
}

#[tokio::test]
async fn a_subscription_that_has_died_in_silence_is_noticed_and_loses_no_living() {
    let redis = Redis::start().await;
    let (one, other, hold) = near_and_far(&redis).await;
    report_for(&one, "a", 1, 6).await;
    other.entry_when("a", |entry| entry["available"] == true).await;
    hold.send(true).expect("held");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(14) {
        report_for(&one, "a", 1, 6).await;
        let list = other.list().await;
        assert!(
            entry(&list, "a")["available"] == true || list["stale"] == true,
            "{:?}: it lives, and the list says it does not and that all is well: {list}",
            start.elapsed()
        );
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn news_that_were_held_up_are_no_younger_for_that() {
    let redis = Redis::start().await;
    let (one, other, hold) = near_and_far(&redis).await;
    report_for(&one, "b", 1, 60).await;
    other.entry_when("b", |entry| entry["available"] == true).await;
    hold.send(true).expect("held");
    report_for(&one, "a", 1, 2).await;
    sleep(Duration::from_secs(5)).await;
    hold.send(false).expect("released");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        assert_ne!(
            entry(&other.list().await, "a")["available"],
            true,
            "{:?}",
            start.elapsed()
        );
        sleep(Duration::from_millis(20)).await;
    }
}
