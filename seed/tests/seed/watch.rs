//! The list as server-sent events.

use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::{Seed, entry, options};

/// Events as they come in.
struct Events {
    answer: reqwest::Response,
    text: String,
}

impl Events {
    async fn of(seed: &Seed) -> Self {
        let answer = seed.get("/watch").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            answer,
            text: String::new(),
        }
    }

    /// The next list; none when the stream has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let list: Option<Value> = field("data:").and_then(|data| serde_json::from_str(data).ok());
                if let Some(list) = list {
                    assert_eq!(field("event:"), Some("list"));
                    assert_eq!(field("id:"), list["version"].as_str());
                    self.text = rest.to_owned();
                    return Some(list);
                }
                self.text = rest.to_owned();
                continue;
            }
            let chunk = timeout(Duration::from_secs(20), self.answer.chunk())
                .await
                .expect("in time");
            self.text.push_str(std::str::from_utf8(&chunk.ok()??).expect("text"));
        }
    }
}

#[tokio::test]
async fn a_watcher_has_the_list_at_once_changes_of_servers_soon_and_counts_at_intervals() {
    let seed = Seed::start(options()).await;
    seed.report("a", 1).await;
    seed.entry_when("a", Value::is_object).await;
    let mut events = Events::of(&seed).await;
    let first = events.next().await.expect("a list");
    assert_eq!(entry(&first, "a")["users"], 1);
    let start = Instant::now();
    for users in 2..10 {
        seed.report("a", users).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let counted = events.next().await.expect("a list");
    assert!(
        start.elapsed() >= Duration::from_millis(240),
        "too soon for counts: {:?}",
        start.elapsed()
    );
    assert!(
        entry(&counted, "a")["users"].as_u64() >= Some(5),
        "the newest: {counted}"
    );
    seed.report("b", 1).await;
    loop {
        let list = events.next().await.expect("a list");
        if entry(&list, "b").is_object() {
            break;
        }
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_costs_the_others_nothing_and_skips_what_it_missed() {
    let seed = Seed::start(options()).await;
    let note = "x".repeat(2_000);
    let big = |users: u64| {
        let servers: Vec<_> = (0..200)
            .map(|n| serde_json::json!({"id": format!("s{n}"), "url": format!("ws://s{n}"), "users": users, "note": note, "priority": users % 2}))
            .collect();
        serde_json::json!({"servers": servers})
    };
    seed.put("/servers", big(0)).await;
    seed.entry_when("s0", Value::is_object).await;
    let mut slow = TcpStream::connect(seed.running.address()).await.expect("a connection");
    slow.write_all(b"GET /watch HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .expect("sent");
    let mut events = Events::of(&seed).await;
    for users in 1..=20 {
        seed.put("/servers", big(users)).await;
        loop {
            let list = events.next().await.expect("a list");
            if entry(&list, "s0")["users"] == users {
                break;
            }
        }
    }
    let lists = read_all(slow).await;
    assert!(lists.first().is_some_and(|list| entry(list, "s0")["users"] == 0));
    assert!(lists.len() < 21, "it has been kept {} lists", lists.len());
}

/// What had been kept for a reader until now: the lists in it.
async fn read_all(stream: TcpStream) -> Vec<Value> {
    let mut text = Vec::new();
    let mut part = vec![0; 1 << 16];
    while timeout(Duration::from_millis(500), stream.readable()).await.is_ok() {
        match stream.try_read(&mut part) {
            Ok(0) => break,
            Ok(length) => text.extend_from_slice(&part[..length]),
            Err(_) => {}
        }
    }
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
        .collect()
}

#[tokio::test]
async fn more_watchers_than_there_is_room_for_are_told_to_poll_and_those_who_leave_make_room() {
    let seed = Seed::start(options()).await;
    let mut watching = Vec::new();
    for _ in 0..3 {
        watching.push(Events::of(&seed).await);
    }
    let refused = seed.get("/watch").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "60");
    watching.pop();
    let start = Instant::now();
    while seed.get("/watch").await.status() != 200 {
        assert!(start.elapsed() < Duration::from_secs(20), "the place stays taken");
        seed.report("a", start.elapsed().as_millis() as u64).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_seed_that_ends_ends_its_streams() {
    let seed = Seed::start(options()).await;
    let mut events = Events::of(&seed).await;
    events.next().await.expect("a list");
    let start = Instant::now();
    seed.running.stop(Duration::from_secs(8)).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(events.next().await, None);
}
