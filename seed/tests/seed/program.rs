//! The command.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const SECRET: &str = "0123456789abcdef";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel-seed"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn ready(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let line = timeout(Duration::from_secs(20), lines.next_line())
        .await
        .expect("in time");
    let line = line.expect("text").expect("a line");
    line.strip_prefix("seed ready: ").expect("its address").to_owned()
}

#[tokio::test]
async fn it_serves_until_it_is_told_to_end_and_logs_json_if_asked_to() {
    let mut child = command(&[
        "--listen",
        "127.0.0.1:0",
        "--token",
        SECRET,
        "--warm-up",
        "0",
        "--refresh",
        "20",
        "--log",
        "json",
    ])
    .spawn()
    .expect("started");
    let list = ready(&mut child).await;
    let client = reqwest::Client::new();
    let put = client
        .put(format!("{list}/a"))
        .bearer_auth(SECRET)
        .json(&json!({"url": "ws://a"}));
    assert_eq!(put.send().await.expect("an answer").status(), 200);
    let left = client
        .delete(format!("{list}/a"))
        .bearer_auth(SECRET)
        .send()
        .await
        .expect("an answer");
    assert_eq!(left.status(), 204);
    let id = rustix::process::Pid::from_raw(child.id().expect("running") as i32).expect("a process");
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("told");
    let status = timeout(Duration::from_secs(10), child.wait())
        .await
        .expect("in time")
        .expect("ended");
    assert!(status.success(), "{status}");
    let mut log = String::new();
    child
        .stderr
        .take()
        .expect("its log")
        .read_to_string(&mut log)
        .await
        .expect("text");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(lines.iter().any(|line| line["fields"]["id"] == "a"), "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn what_does_not_allow_a_start_is_told_in_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address").to_string();
    let cases: [(&[&str], &str); 6] = [
        (&[], "--no-auth"),
        (&["--token", "short"], "16 characters"),
        (&["--no-auth", "--registry", "postgres://a"], "--registry"),
        (&["--no-auth", "--listen", &taken], "--listen"),
        (&["--file", "/nowhere/fleet.toml"], "--file"),
        (&["--tokens", "/nowhere/tokens.toml"], "--tokens"),
    ];
    for (arguments, said) in cases {
        let output = command(arguments).output().await.expect("started");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            text.contains(said) && text.trim_end().lines().count() == 1,
            "{arguments:?}: {text}"
        );
    }
}
